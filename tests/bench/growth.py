"""What a daemon grows by while it works: `python -m tests.bench.growth`, or `--minutes 20` for a soak.

Sets arrive in waves, each a project of its own, in a world that is quick, so that the daemon works at its
full rate. After each wave its own process is looked at: memory, descriptors, threads, the store, the log.
With `--tidy` the photographer takes the emptied folders of a wave away, as one does in the long run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.bound import Shoot
from tests.bench.contenders import ours
from tests.bench.processes import Measured
from tests.bench.race import drop, stage_sets, wait_for, workspace
from tests.bench.scaling import MEGAPIXELS, QUICK
from tests.bench.shop import open_shop

PHOTO_BYTES = 30_000
PHOTOS = 3
QUIET_SECONDS = 0.5


@dataclass(frozen=True)
class Look:
    """The process after so many jobs. `store_bytes` is the database with its write-ahead log."""

    jobs: int
    seconds: float
    memory_bytes: int
    descriptors: int
    threads: int
    store_bytes: int
    log_bytes: int


def look_at(daemon: Measured, root: Path, jobs: int, seconds: float) -> Look:
    status = Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
    figures = {
        name: rest.split()[0] for name, _, rest in (line.partition(":") for line in status) if rest.split()
    }
    return Look(
        jobs=jobs,
        seconds=seconds,
        memory_bytes=int(figures["VmRSS"]) * 1024,
        descriptors=len(list(Path(f"/proc/{daemon.pid}/fd").iterdir())),
        threads=int(figures["Threads"]),
        store_bytes=sum(path.stat().st_size for path in (root / "state").glob("jobs.sqlite*")),
        log_bytes=daemon.log.stat().st_size,
    )


def soak(jobs: int, minutes: float, size: int, *, tidy: bool) -> list[str]:
    """Report after each wave, until so many jobs or minutes are over; what went wrong."""
    shoot = Shoot(size, photos=PHOTOS, photo_bytes=PHOTO_BYTES)
    wrong: list[str] = []
    looks: list[Look] = []
    with (
        workspace() as root,
        open_shop(QUICK, root, megapixels=MEGAPIXELS) as shop,
        ours().start(root, shop.url, shop.storage, QUIET_SECONDS) as daemon,
    ):
        began = time.monotonic()
        while len(looks) * size < jobs or time.monotonic() - began < minutes * 60:
            project = f"Shoot {len(looks) + 1:04d}"
            if missing := size - wave(root, shoot, project, daemon):
                wrong.append(f"{project}: {missing} of {size} not done")
                break
            looks.append(look_at(daemon, root, (len(looks) + 1) * size, time.monotonic() - began))
            report(looks[-1])
            if tidy:
                shutil.rmtree(root / "inbox" / project)
        daemon.stop()
        filed = len(list((root / "done").glob("*/originals/*/*.jpg")))
    if looks:
        middle, last = looks[len(looks) // 2], looks[-1]
        grown = (last.memory_bytes - middle.memory_bytes) / max(1, last.jobs - middle.jobs)
        print(f"From half-way on, memory grew by {grown:.0f} bytes a job.")
        if filed != last.jobs * PHOTOS:
            wrong.append(f"{filed} originals of {last.jobs * PHOTOS} are filed")
    return wrong + [f"paid twice: {what}" for what in shop.paid_twice()]


def wave(root: Path, shoot: Shoot, project: str, daemon: Measured) -> int:
    """Drop a project and wait for it; how many of its sets came out."""
    rooms = stage_sets(root, shoot, MEGAPIXELS, project)
    drop(root, rooms, project)
    there = len(wait_for(root / "done" / project, rooms, daemon, 120))
    shutil.rmtree(root / "staged")
    time.sleep(1)  # the last originals are filed after the last picture
    return there


def report(look: Look) -> None:
    print(
        f"| {look.jobs} | {look.seconds:.0f} | {look.memory_bytes / 1e6:.1f}"
        f" | {look.descriptors} | {look.threads} | {look.store_bytes / 1e6:.2f}"
        f" | {look.store_bytes / look.jobs / 1000:.1f}"
        f" | {look.log_bytes / look.jobs:.0f} | {os.getloadavg()[0]:.1f} |",
        flush=True,
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--jobs", type=int, default=1000)
    asked.add_argument("--minutes", type=float, default=0)
    asked.add_argument("--wave", type=int, default=25)
    asked.add_argument("--tidy", action="store_true")
    given = asked.parse_args()
    print(
        "| jobs | s | MB | descriptors | threads | store MB | store KB per job | log bytes per job | load |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for what in soak(given.jobs, given.minutes, given.wave, tidy=given.tidy):
        print(f"WRONG: {what}")


if __name__ == "__main__":
    main()
