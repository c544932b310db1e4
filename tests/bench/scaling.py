"""Seconds, CPU and memory for each set, from few sets to many: `python -m tests.bench.scaling`.

The world is quick, so that what is measured is ours. With `--first-only`, how long the first result takes
while so many sets wait.
"""

from __future__ import annotations

import argparse
import os
import time

from tests.bench.bound import Shoot, World
from tests.bench.contenders import ours
from tests.bench.race import PROJECT, WARM_SECONDS, drop, race, stage_sets, wait_for_first, workspace
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


def every_size(sizes: list[int], photo_bytes: int) -> None:
    print("| sets | seconds | s per set | CPU s per set | MB | KB per further set | load |")
    print("|---|---|---|---|---|---|---|")
    least = None
    for sets in sizes:
        made = race(
            ours(),
            Shoot(sets, photos=3, photo_bytes=photo_bytes),
            QUICK,
            megapixels=MEGAPIXELS,
            quiet_seconds=1.0,
        )
        least = least or made
        more = (made.peak_bytes - least.peak_bytes) / max(1, sets - least.shoot.sets) / 1000
        print(
            f"| {sets} | {made.seconds:.1f} | {made.seconds / sets:.3f} | {made.cpu_seconds / sets:.3f} |"
            f" {made.peak_bytes / 1e6:.0f} | {more:.1f} | {made.load:.1f} |",
            flush=True,
        )
        for what in made.wrong:
            print(f"WRONG: {what}")


def first_result(sizes: list[int], photo_bytes: int) -> None:
    """Sets of one photo, all waiting when the daemon has begun to watch."""
    for sets in sizes:
        shoot = Shoot(sets, photos=1, photo_bytes=photo_bytes)
        with workspace() as root, open_shop(QUICK, root, megapixels=MEGAPIXELS) as shop:
            rooms = stage_sets(root, shoot, MEGAPIXELS)
            with ours().start(root, shop.url, shop.storage, 1.0) as daemon:
                time.sleep(WARM_SECONDS)
                began = drop(root, rooms)
                dropped = time.monotonic()
                first = wait_for_first(root / "done" / PROJECT, daemon, 900)
                memory = daemon.peak_bytes
            print(
                f"{sets} sets waiting: first result {first - began:.2f} s after the drop began,"
                f" {first - dropped:.2f} s after it ended; {memory / 1e6:.0f} MB,"
                f" load {os.getloadavg()[0]:.1f}",
                flush=True,
            )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--sets", type=int, action="append")
    asked.add_argument("--photo-bytes", type=int, default=30_000)
    asked.add_argument("--first-only", action="store_true")
    given = asked.parse_args()
    if given.first_only:
        first_result(given.sets or [10, 10_000], given.photo_bytes)
    else:
        every_size(given.sets or [10, 30, 100, 300, 1000], given.photo_bytes)


if __name__ == "__main__":
    main()
