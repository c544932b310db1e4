"""The race of hotfolder, the scripts that a user would write instead, and the bound: `python -m tests.bench
[--case 40] …`

With `--idle`, the daemon's CPU use while nothing happens in 2,000 set folders.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict
from pathlib import Path

from tests.bench.bound import Shoot, World
from tests.bench.page import PAGE, README, put
from tests.bench.race import Contender, Race, open_shop, ours, race, script, workspace

CASES = (40, 16, 1)
QUIET_SECONDS = 2.0
MOST_CPU_SECONDS = 0.25
"""Per set. Not checked for a single set, which bears the cost of start and end alone."""
MOST_MEMORY_BYTES = 200_000_000
IDLE_FOLDERS = 2_000
IDLE_SECONDS = 60.0
SETTLED_SECONDS = 15.0
"""The wait after the start until all start-up work is done."""


def contenders(
    names: list[str], settings: dict[str, dict[str, object]], profile: Path | None
) -> list[Contender]:
    known = {"ours": ours(settings, profile=profile), "script": script(1), "threads": script(4)}
    return [known[name] for name in names]


def goal(made: Race, world: World, faults: bool) -> str:
    """The goal for hotfolder in words, and which parts of it are missed."""
    if faults:
        most = 1.5 * made.bound + made.injected_seconds
        words = f"≤ 1.5 × + {made.injected_seconds:.0f} s injected"
    elif made.shoot.sets == 1:
        most = made.bound + QUIET_SECONDS + 0.1 * world.merge_seconds + 0.8
        words = "≤ bound + quiet + 10 % of the merge + 0.8 s"
    else:
        most, words = 1.1 * made.bound, "≤ 1.10 ×"
    missed = {
        "time": made.seconds > most,
        "CPU": made.shoot.sets > 1 and made.cpu_seconds > MOST_CPU_SECONDS * made.shoot.sets,
        "memory": made.peak_bytes > MOST_MEMORY_BYTES,
        "result": bool(made.wrong) or made.done < made.shoot.sets,
    }
    return f"{words}: {', '.join(name for name, is_missed in missed.items() if is_missed) or 'kept'}"


def table(races: list[Race], world: World, faults: bool) -> str:
    lines = [
        "| sets | who | bound | seconds | × bound | first | CPU ms a set | MB (largest child) | goal |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for made in races:
        milliseconds = 1000 * made.cpu_seconds / made.shoot.sets
        memory = f"{made.peak_bytes / 1e6:.0f} ({made.children_peak_bytes / 1e6:.0f})"
        wanted = goal(made, world, faults) if made.contender == "hotfolder" else ""
        lines.append(
            f"| {made.shoot.sets} | {made.contender} | {made.bound:.1f} | {made.seconds:.1f} |"
            f" {made.ratio:.2f} | {made.first_seconds:.1f} | {milliseconds:.0f} |"
            f" {memory} | {wanted} |"
        )
    return "\n".join(lines)


def idle(folders: int, seconds: float) -> str:
    """The daemon's share of a core while nothing happens in that many folders."""
    with workspace() as root, open_shop(World(), root, megapixels=0.1) as shop:
        for number in range(folders):
            (root / "inbox" / f"project-{number // 40}" / f"room-{number}").mkdir(parents=True)
        with ours().start(root, shop.url, shop.storage, QUIET_SECONDS) as daemon:
            time.sleep(SETTLED_SECONDS)
            before = daemon.cpu_so_far()
            time.sleep(seconds)
            used = (daemon.cpu_so_far() - before) / seconds
        return (
            f"Idle on {folders} folders: {used:.2%} of a core (goal 1 %), {daemon.peak_bytes / 1e6:.0f} MB."
        )


def told(made: Race) -> str:
    """One race in a few lines, for finding lost time."""
    lines = [
        f"{made.contender}, {made.shoot.sets} sets: {made.seconds:.2f} s = {made.ratio:.3f} ×"
        f" {made.bound:.2f}, done {made.done}, CPU {made.cpu_seconds:.1f} s, load {made.load:.1f}"
    ]
    lines += [
        f"  {name:24} median {usual:7.2f} s, most {most:7.2f} s"
        for name, (usual, most) in made.stages.items()
    ]
    lines += [f"  WRONG: {what}" for what in made.wrong]
    if made.injected:
        lines.append(f"  injected: {made.injected}")
    return "\n".join(lines)


def short_table(races: list[Race]) -> str:
    """The README's table: only how fast it is."""
    names = ("hotfolder", "4 threads", "one set at a time")
    lines = [
        "| sets at once | least possible | hotfolder | script, 4 threads | script, one set at a time |",
        "|---|---|---|---|---|",
    ]
    for sets in dict.fromkeys(made.shoot.sets for made in races):
        of_size = {made.contender: made for made in races if made.shoot.sets == sets}
        cells = [
            f"{of_size[name].seconds:.1f} s ({of_size[name].ratio:.2f} ×)" if name in of_size else "–"
            for name in names
        ]
        bound = next(iter(of_size.values())).bound
        lines.append(f"| {sets} | {bound:.1f} s | {' | '.join(cells)} |")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--case", type=int, action="append", help="sets dropped at once; may be repeated")
    asked.add_argument("--who", action="append", choices=("ours", "script", "threads"))
    asked.add_argument("--repeat", type=int, default=1, help="the median of so many races counts")
    asked.add_argument("--faults", action="store_true", help="with 429s, resets and slow answers")
    asked.add_argument("--megapixels", type=float, default=6.0, help="of each photo")
    asked.add_argument("--slower", type=float, default=1.0, help="slow motion, for a busy machine")
    asked.add_argument("--set", default="{}", help='settings for ours, as JSON, such as {"limits": {…}}')
    asked.add_argument("--profile", type=Path, help="a file for what cProfile sees in ours")
    asked.add_argument("--idle", action="store_true", help="only what it costs while nothing happens")
    asked.add_argument("--json", type=Path, help="a file for all figures")
    asked.add_argument(
        "--write",
        action="store_true",
        help="write the tables into docs/performance.md and the README; measures idle, too",
    )
    return asked.parse_args()


def main() -> None:
    given = arguments()
    if given.idle:
        print(idle(IDLE_FOLDERS, IDLE_SECONDS))
        return
    world = World().slower(given.slower)
    races: list[Race] = []
    everyone = contenders(given.who or ["ours", "script", "threads"], json.loads(given.set), given.profile)
    for sets in given.case or CASES:
        for contender in everyone:
            runs = []
            for _ in range(given.repeat):
                made = race(
                    contender,
                    Shoot(sets),
                    world,
                    quiet_seconds=QUIET_SECONDS * given.slower,
                    megapixels=given.megapixels,
                    faults=given.faults,
                )
                print(told(made), flush=True)
                runs.append(made)
            races.append(sorted(runs, key=lambda one: one.seconds)[len(runs) // 2])
    text = table(races, world, given.faults)
    text += f"\n\nMeasured on {os.cpu_count()} cores at a load of {races[-1].load:.1f}."
    print(text)
    if given.json:
        given.json.write_text(json.dumps([asdict(made) for made in races], indent=1))
    if given.write:
        put(PAGE, "race", text)
        put(README, "race", short_table(races))
        put(PAGE, "idle", idle(IDLE_FOLDERS, IDLE_SECONDS))


if __name__ == "__main__":
    main()
