"""Eight photos of 200 MB on their way at once: `python -m tests.bench.uploads`.

What the daemon's own process takes at its peak, and its decoding process. The photos are JPEGs with as much
behind their end as makes them so large, as cameras put previews there. The temporary folder needs 1.7 GB.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from itertools import accumulate

from tests.bench.bound import Shoot
from tests.bench.contenders import ours
from tests.bench.race import PROJECT, drop, stage_sets, wait_for, wait_for_originals, workspace, wrong_in
from tests.bench.scaling import MEGAPIXELS, QUICK
from tests.bench.shop import Shop, open_shop

MB = 1e6
SETS, PHOTOS = 2, 4
MOST_MB = 150
LINE = replace(QUICK, uplink=200e6, uplink_per_connection=25e6)
"""Slow enough for all of them to be on their way together."""


def most_at_once(shop: Shop) -> int:
    """Of the uploads, by when each began and ended."""
    steps = {"put began": 1, "put ended": -1}
    under_way = accumulate(steps[event] for _, event, _, _ in shop.record["events"] if event in steps)
    return max(under_way, default=0)


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--megabytes", type=int, default=200, help="of each photo")
    given = asked.parse_args()
    shoot = Shoot(SETS, photos=PHOTOS, photo_bytes=given.megabytes * 1_000_000)
    with workspace() as root:
        with open_shop(LINE, root, megapixels=MEGAPIXELS) as shop:
            rooms = stage_sets(root, replace(shoot, photo_bytes=100_000), MEGAPIXELS)
            for photo in (root / "staged").rglob("*.jpg"):
                with photo.open("ab") as file:
                    file.write(os.urandom(shoot.photo_bytes - photo.stat().st_size - 2) + b"\xff\xd9")
            settings = {"limits": {"uploads": SETS * PHOTOS}}
            with ours(settings).start(root, shop.url, shop.storage, 2.0) as daemon:
                began = drop(root, rooms)
                seen = wait_for(root / "done" / PROJECT, rooms, daemon, 120)
                took = time.monotonic() - began
                wait_for_originals(root, rooms, shoot)
                daemon.stop()
        wrong = wrong_in(root, rooms, shoot, shop, faults=False)
    peak = daemon.peak_bytes / MB
    print(f"{SETS * PHOTOS} photos of {given.megabytes} MB: {len(seen)} of {SETS} sets done in {took:.1f} s")
    print(f"the most of them on their way at once: {most_at_once(shop)}")
    print(f"peak of the daemon's process: {peak:.0f} MB (at most {MOST_MB})")
    print(f"peak of its decoding process: {daemon.children_peak_bytes / MB:.0f} MB")
    for what in wrong:
        print(f"WRONG: {what}")
    return 0 if peak < MOST_MB and len(seen) == SETS and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
