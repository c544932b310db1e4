"""Seconds, CPU and memory for each set, from few sets to many: `python -m tests.bench.scaling`.

The world is quick, so that what is measured is ours. With `--first-only`, how long the first result takes
while so many sets wait.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.bench.bound import Shoot, World
from tests.bench.contenders import ours
from tests.bench.page import PAGE, PLOT, put
from tests.bench.plot import Panel, svg
from tests.bench.race import PROJECT, WARM_SECONDS, Race, drop, race, stage_sets, wait_for_first, workspace
from tests.bench.shop import open_shop

QUICK = World(
    uplink=1e9,
    uplink_per_connection=1e9,
    downlink=1e9,
    round_trip=0.002,
    merge_slots=64,
    merge_seconds=0.05,
    edit_slots=64,
    edit_seconds=0.05,
    result_bytes=60_000,
)
MEGAPIXELS = 0.1
PHOTO_BYTES = 30_000
QUIET_SECONDS = 1.0
FIRST_QUIET_SECONDS = 2.0
"""As in the races: what thousands of sets need at first, such as a watch for each, hides behind it."""
SIZES = (10, 30, 100, 300, 1000)


def every_size(sizes: Sequence[int], photo_bytes: int) -> list[Race]:
    print(HEAD, flush=True)
    races: list[Race] = []
    for sets in sizes:
        made = race(
            ours(),
            Shoot(sets, photos=3, photo_bytes=photo_bytes),
            QUICK,
            megapixels=MEGAPIXELS,
            quiet_seconds=QUIET_SECONDS,
        )
        races.append(made)
        print(row(made, races[0]), flush=True)
        for what in made.wrong:
            print(f"WRONG: {what}")
    return races


HEAD = "| sets | seconds | s per set | CPU s per set | MB | KB per further set | load |\n" + 7 * "|---" + "|"


def row(made: Race, least: Race) -> str:
    sets = made.shoot.sets
    more = (made.peak_bytes - least.peak_bytes) / max(1, sets - least.shoot.sets) / 1000
    return (
        f"| {sets} | {made.seconds:.1f} | {made.seconds / sets:.3f} | {made.cpu_seconds / sets:.3f} |"
        f" {made.peak_bytes / 1e6:.0f} | {more:.1f} | {made.load:.1f} |"
    )


def write(races: Sequence[Race]) -> None:
    """Table and plot into docs/. A few sets are dominated by the quiet time, so they are drawn without it."""
    put(PAGE, "scaling", "\n".join([HEAD, *(row(made, races[0]) for made in races)]))
    sets = [made.shoot.sets for made in races]
    panels = [
        Panel("seconds per set", [(made.seconds - QUIET_SECONDS) / made.shoot.sets for made in races]),
        Panel("CPU seconds per set", [made.cpu_seconds / made.shoot.sets for made in races]),
        Panel("MB of the daemon", [made.peak_bytes / 1e6 for made in races]),
    ]
    PLOT.write_text(svg(sets, "sets dropped at once", panels), encoding="utf-8")


def first_result(sizes: list[int], photo_bytes: int) -> None:
    """Sets of one photo: dropped while the daemon watches, and lying there when it starts."""
    for sets in sizes:
        for before in (False, True):
            shoot = Shoot(sets, photos=1, photo_bytes=photo_bytes)
            with workspace() as root, open_shop(QUICK, root, megapixels=MEGAPIXELS) as shop:
                rooms = stage_sets(root, shoot, MEGAPIXELS)
                if before:
                    drop(root, rooms)
                with (
                    ThreadPoolExecutor(1) as beside,
                    ours().start(root, shop.url, shop.storage, FIRST_QUIET_SECONDS) as daemon,
                ):
                    if not before:
                        time.sleep(WARM_SECONDS)
                    began = time.monotonic()
                    watching = beside.submit(wait_for_first, root / "done" / PROJECT, daemon, 900)
                    if not before:
                        drop(root, rooms)
                    dropped = time.monotonic()
                    first = watching.result()
                    memory = daemon.peak_bytes
                told = (
                    f"lying there: first result {first - began:.2f} s after it has begun to watch"
                    if before
                    else f"dropped in {dropped - began:.2f} s: first result {first - began:.2f} s after"
                    " the drop began"
                )
                load = os.getloadavg()[0]
                print(f"{sets} sets {told}; {memory / 1e6:.0f} MB, load {load:.1f}", flush=True)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--sets", type=int, action="append")
    asked.add_argument("--photo-bytes", type=int, default=PHOTO_BYTES)
    asked.add_argument("--first-only", action="store_true")
    asked.add_argument("--write", action="store_true", help="write table and plot into docs/")
    given = asked.parse_args()
    if given.first_only:
        first_result(given.sets or [10, 10_000], given.photo_bytes)
    else:
        races = every_size(given.sets or SIZES, given.photo_bytes)
        if given.write:
            write(races)


if __name__ == "__main__":
    main()
