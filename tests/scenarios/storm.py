"""Random crash-and-fault runs: `python -m tests.scenarios.storm --runs 500 --seed 1`.

Each run drops a few sets, makes the API fail and kills the daemon by its plan, starts it again until nothing
is left to do, and then calls the judge. Exits 1 when any promise was broken. With `--machines 3`: several
daemons with one database, see `clusterstorm`.
"""

from __future__ import annotations

import argparse
import queue
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotfolder.jobs.states import ACTIVE, NEEDS_PERSON, State
from tests.scenarios.bench import Bench
from tests.scenarios.weather import Plan, plan
from tests.support.audit import Audit, Originals
from tests.support.studio import Shop, Studio

LANES = 5
MOST_CALM_LIVES = 6
SETTINGS: dict[str, Any] = {
    "api": {"merge_timeout_seconds": 40.0, "read_timeout_seconds": 0.8, "paid_timeout_seconds": 1.0},
    "settle": {"give_up_seconds": 30.0},
}


@dataclass(frozen=True)
class Lane:
    """Resources of one run at a time; `root` is a folder for studios."""

    root: Path
    shop: Shop


@dataclass
class Story:
    """Outcome of one run. `exit_codes` has one for each process of its daemon."""

    number: int
    plan: Any
    exit_codes: list[int] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    paid: int = 0
    faults_met: int = 0
    originals: int = 0
    need_a_person: int = 0


def play(number: int, planned: Plan, lane: Lane) -> Story:
    """Play one run. Its folder stays only if a promise was broken."""
    story = Story(number, planned)
    bench = Bench(Studio(lane.root / f"run-{number}", **SETTINGS), lane.shop)
    for drop in story.plan.drops:
        bench.drop(drop.folder, drop.files, project=drop.project)
    lane.shop.goes_wrong(*story.plan.faults)
    for kill in story.plan.kills:
        live(story, bench, **kill)
    if story.plan.faults:
        live(story, bench)
    lane.shop.goes_wrong()
    calm_down(story, bench)
    if story.plan.dragged_back and drag_back(bench):
        calm_down(story, bench)
    judge(story, bench)
    if not story.broken and not story.lost:
        shutil.rmtree(bench.studio.root)
    return story


def live(story: Story, bench: Bench, **kill: object) -> None:
    story.exit_codes.append(bench.live(**kill))
    story.lost += bench.originals.missing(bench.studio)


def calm_down(story: Story, bench: Bench) -> None:
    """Start the daemon again until it has nothing left to do; end pauses that wait for a person."""
    for _ in range(MOST_CALM_LIVES):
        live(story, bench)
        with bench.studio.store() as store:
            paused, waiting = store.resume(), store.in_states(ACTIVE)
        if not paused and not waiting:
            return


def drag_back(bench: Bench) -> bool:
    """Move every set in failed/ back into the inbox, as a photographer would; whether there was one."""
    with bench.studio.store() as store:
        failed = [job for job in store.in_states(NEEDS_PERSON) if job.filed_as]
    for job in failed:
        source = bench.studio.failed / job.project / str(job.filed_as)
        target = bench.studio.inbox / job.project / job.folder
        target.mkdir(exist_ok=True)  # an empty one is removed
        for path in source.iterdir():
            if path.name == "REASON.txt":
                path.unlink()
            else:
                path.rename(target / path.name)
        source.rmdir()
    return bool(failed)


def audited(
    story: Story, studio: Studio, shop: Shop, originals: Originals, sets: Sequence[Counter[str]]
) -> Audit:
    """Judge jobs, photos and payments; the audit, for what is judged besides."""
    charged = shop.charged()
    audit = Audit(studio, charged)
    story.paid = len(charged)
    story.originals = originals.count.total()
    story.need_a_person = sum(job.state == State.NEEDS_ATTENTION for job in audit.jobs)
    story.lost += audit.lost(originals)
    story.broken += audit.faults(originals, story.plan.bound)
    story.broken += [f"a merge of other photos: {group}" for group in shop.ghosts(charged, sets)]
    story.broken += [f"{job.folder} is still {job.state}: {job.reason}" for job in audit.active()]
    return audit


def judge(story: Story, bench: Bench) -> None:
    audit = audited(story, bench.studio, bench.shop, bench.originals, bench.sets)
    story.faults_met = sum(entry.event == "faulted" for entry in bench.shop.page())
    story.broken += [f"{line.folder} is still arriving" for line in audit.seen.lines if not line.job]
    if any(code not in (0, -9) for code in story.exit_codes):
        story.broken.append(f"the daemon ended with {story.exit_codes}")
    story.broken += [
        f"an exception: {line[:500]}" for line in bench.text().splitlines() if '"exception"' in line
    ]
    finished = {(job.project, job.folder) for job in audit.jobs if State(job.state) not in ACTIVE}
    for drop in story.plan.drops:
        if (drop.project, drop.folder) not in finished:
            story.broken.append(f"no job was ever made of {drop.folder}")


@contextmanager
def opened(root: Path) -> Iterator[Lane]:
    root.mkdir(parents=True)
    with Shop(root / "shop") as shop:
        yield Lane(root, shop)


Open = Callable[[Path], AbstractContextManager[Any]]
"""Makes a lane in a folder, in which runs are played one after the other."""
Play = Callable[[int, Any, Any], Story]
"""Takes a run's number, its plan and its lane."""


def storm(
    root: Path, plans: Mapping[int, Any], lanes: int = LANES, *, play: Play = play, opened: Open = opened
) -> list[Story]:
    """Play these runs, several at a time, each in a free lane."""
    free: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run(number: int) -> Story:
        lane = free.get()
        try:
            lane.shop.mark()
            return play(number, plans[number], lane)
        finally:
            free.put(lane)

    lanes = min(lanes, len(plans))
    stories = []
    with ExitStack() as stack:
        for number in range(lanes):
            free.put(stack.enter_context(opened(root / f"lane-{number}")))
        pool = stack.enter_context(ThreadPoolExecutor(lanes))
        for ended in as_completed([pool.submit(run, number) for number in plans]):
            stories.append(ended.result())
            tell(stories[-1], len(stories), len(plans))
    return sorted(stories, key=lambda story: story.number)


def tell(story: Story, ended: int, of: int) -> None:
    for broken in dict.fromkeys((*story.lost, *story.broken)):
        print(f"run {story.number} ({story.plan.kind}, {story.exit_codes}): {broken}", file=sys.stderr)
    if ended % 50 == 0:
        print(f"{ended} of {of} runs", file=sys.stderr)


HEAD = (
    *("scenario", "runs", "lives", "faults met", "originals", "lost", "paid", "bound"),
    *("need a person", "broken"),
)


def table(stories: Iterable[Story]) -> str:
    """A line for each kind of run, and one for all."""
    kinds: dict[str, list[Story]] = {}
    everything = list(stories)
    for story in everything:
        kinds.setdefault(story.plan.kind, []).append(story)
    rows = [HEAD, *(row(kind, kinds[kind]) for kind in sorted(kinds)), row("all", everything)]
    widths = [max(len(str(one[column])) for one in rows) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            str(cell).ljust(width) if place == 0 else str(cell).rjust(width)
            for place, (cell, width) in enumerate(zip(one, widths, strict=True))
        )
        for one in rows
    )


def row(kind: str, stories: list[Story]) -> tuple[object, ...]:
    return (
        kind,
        len(stories),
        sum(len(story.exit_codes) for story in stories),
        sum(story.faults_met for story in stories),
        sum(story.originals for story in stories),
        sum(len(story.lost) for story in stories),
        sum(story.paid for story in stories),
        sum(story.plan.bound for story in stories),
        sum(story.need_a_person for story in stories),
        sum(bool(story.broken) for story in stories),
    )


def report(plans: Mapping[int, Any], title: str, lanes: int, **how: Any) -> int:
    """Play, print the table, and give the exit code: 0 when every promise was kept."""
    root = Path(tempfile.mkdtemp(prefix="hotfolder-storm-"))
    began = time.monotonic()
    stories = storm(root, plans, lanes, **how)
    print(table(stories))
    print(f"{title}, {time.monotonic() - began:.0f} s")
    if any(story.lost or story.broken for story in stories):
        print(f"What broke lies in {root}.")
        return 1
    shutil.rmtree(root)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Random crash-and-fault runs against the sandbox.")
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="play this run of the seed alone")
    parser.add_argument("--lanes", type=int, default=LANES, help="how many at a time")
    parser.add_argument("--machines", type=int, default=1, help="how many share one database")
    chosen = parser.parse_args()
    numbers = range(1, chosen.runs + 1) if chosen.only is None else [chosen.only]
    if chosen.machines > 1:
        from tests.scenarios import clusterstorm  # which imports this module

        several = {number: clusterstorm.plan(chosen.seed, number, chosen.machines) for number in numbers}
        how = {"play": clusterstorm.play, "opened": clusterstorm.opened}
        return report(several, f"seed {chosen.seed}, {chosen.machines} machines", chosen.lanes, **how)
    plans = {number: plan(chosen.seed, number) for number in numbers}
    return report(plans, f"seed {chosen.seed}", chosen.lanes)


if __name__ == "__main__":
    sys.exit(main())
