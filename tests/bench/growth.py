"""What a daemon grows by while it works: `python -m tests.bench.growth`, or `--minutes 20` for a soak.

Sets arrive in waves, each a project of its own, in a world that is quick, so that the daemon works at its
full rate. After each wave its own process is looked at: memory, descriptors, threads, the store, the log.
With `--tidy` the photographer takes the emptied folders of a wave away, as one does in the long run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression

from hotfolder.jobs.journal import FILE_NAME as LEDGER_FILE
from tests.bench.bound import Shoot, World
from tests.bench.processes import Measured
from tests.bench.race import drop, open_shop, ours, stage_sets, wait_for, workspace

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
PHOTOS = 3
QUIET_SECONDS = 0.5
LATEST = 1000
"""Growth is computed over this many latest sets, since bounded caches fill at first."""
MOST_MEMORY_BYTES = 200_000_000


@dataclass(frozen=True)
class Look:
    """Measurements of the process after that many jobs. `store_bytes` is the database with its journal,
    `ledger_bytes` the ledger's file."""

    jobs: int
    seconds: float
    memory_bytes: int
    descriptors: int
    threads: int
    store_bytes: int
    ledger_bytes: int
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
        ledger_bytes=(root / "state" / LEDGER_FILE).stat().st_size,
        log_bytes=daemon.log.stat().st_size,
    )


def soak(jobs: int, minutes: float, size: int, *, tidy: bool) -> list[str]:
    """Report after each wave until that many jobs or minutes are over; the errors found."""
    shoot = Shoot(size, photos=PHOTOS, photo_bytes=PHOTO_BYTES)
    wrong: list[str] = []
    looks: list[Look] = []
    filed = 0
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
            filed += len(list((root / "done" / project / "originals").glob("*/*.jpg")))
            if tidy:
                shutil.rmtree(root / "inbox" / project)
        daemon.stop()
    if looks:
        tell_growth(looks)
        if max(look.memory_bytes for look in looks) > MOST_MEMORY_BYTES:
            wrong.append(f"its memory was over {MOST_MEMORY_BYTES / 1e6:.0f} MB")
        if filed != looks[-1].jobs * PHOTOS:
            wrong.append(f"{filed} originals of {looks[-1].jobs * PHOTOS} are filed")
    return wrong + [f"paid twice: {what}" for what in shop.paid_twice()]


def wave(root: Path, shoot: Shoot, project: str, daemon: Measured) -> int:
    """Drop a project and wait for it; the number of its finished sets."""
    rooms = stage_sets(root, shoot, MEGAPIXELS, project)
    drop(root, rooms, project)
    there = len(wait_for(root / "done" / project, rooms, daemon, 120))
    shutil.rmtree(root / "staged")
    time.sleep(1)  # the last originals are filed after the last picture
    return there


def tell_growth(looks: Sequence[Look]) -> None:
    """Print how much memory and store grew with each of the latest sets: a linear fit through all
    measurements."""
    latest = [look for look in looks if look.jobs > looks[-1].jobs - LATEST]
    if len(latest) < 2:
        return

    def slope(of: Callable[[Look], int]) -> float:
        return linear_regression([look.jobs for look in latest], [of(look) for look in latest]).slope / 1000

    memory, store = slope(lambda look: look.memory_bytes), slope(lambda look: look.store_bytes)
    ledger = slope(lambda look: look.ledger_bytes)
    print(
        f"From {latest[0].jobs} to {latest[-1].jobs} sets memory grew by {memory:.2f} KB a set, the store by"
        f" {store:.2f} ({megabytes(latest, lambda look: look.store_bytes)}), the ledger's file by"
        f" {ledger:.2f} ({megabytes(latest, lambda look: look.ledger_bytes)});"
        f" descriptors {spread(latest, lambda look: look.descriptors)},"
        f" threads {spread(latest, lambda look: look.threads)}."
    )


def spread(looks: Sequence[Look], of: Callable[[Look], int]) -> str:
    return f"{min(map(of, looks))} to {max(map(of, looks))}"


def megabytes(looks: Sequence[Look], of: Callable[[Look], int]) -> str:
    return f"{of(looks[0]) / 1e6:.2f} to {of(looks[-1]) / 1e6:.2f} MB"


def report(look: Look) -> None:
    print(
        f"| {look.jobs} | {look.seconds:.0f} | {look.memory_bytes / 1e6:.1f}"
        f" | {look.descriptors} | {look.threads} | {look.store_bytes / 1e6:.2f}"
        f" | {look.store_bytes / look.jobs / 1000:.1f} | {look.ledger_bytes / 1e6:.2f}"
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
        "| jobs | s | MB | descriptors | threads | store MB | store KB per job | ledger MB"
        " | log bytes per job | load |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    wrong = soak(given.jobs, given.minutes, given.wave, tidy=given.tidy)
    for what in wrong:
        print(f"WRONG: {what}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
