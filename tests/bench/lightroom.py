"""From the last photo closed to `hdr-enhance` sent, at an exporter's pace: `python -m tests.bench.lightroom`.

Many rooms are exported side by side, so that one run gives a p99; each gets a photo every so many seconds.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

from tests.bench import photos
from tests.bench.bound import World
from tests.bench.contenders import ours
from tests.bench.race import PROJECT, TAG, WARM_SECONDS, wait_for, workspace
from tests.bench.shop import Shop, open_shop

WORLD = replace(World(), merge_slots=64, merge_seconds=0.5, edit_seconds=0.2, result_bytes=300_000)
PHOTO_BYTES, MEGAPIXELS = 300_000, 0.5


def export(folder: Path, room: str, count: int, pace_seconds: float, closed: dict[str, float]) -> None:
    """Write one room's photos, one every `pace_seconds`; `closed` learns when the last one was closed."""
    folder.mkdir(parents=True)
    for number, jpeg in enumerate(photos.bracket(count, PHOTO_BYTES, MEGAPIXELS), start=1):
        if number > 1:
            time.sleep(pace_seconds)
        (folder / f"IMG_{number:04d}.jpg").write_bytes(photos.marked(jpeg, f"{room}/{number}"))
    closed[room] = time.monotonic()


def delays(shop: Shop, closed: dict[str, float], world: World) -> list[float]:
    """Seconds from the last photo closed to the request sent, in order."""
    moments = shop.moments()
    return sorted(
        moments[room]["enhance"][0] - world.round_trip / 2 - at
        for room, at in closed.items()
        if "enhance" in moments[room]
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rooms", type=int, default=40)
    asked.add_argument("--photos", type=int, default=5)
    asked.add_argument("--pace-seconds", type=float, default=2.0)
    asked.add_argument("--stagger-seconds", type=float, default=1.0, help="between two rooms' first photos")
    asked.add_argument("--quiet-seconds", type=float, default=2.5)
    given = asked.parse_args()
    photos.bracket(given.photos, PHOTO_BYTES, MEGAPIXELS)
    closed: dict[str, float] = {}
    rooms = [f"room-{number:04d}" for number in range(1, given.rooms + 1)]
    with workspace() as root, open_shop(WORLD, root, megapixels=0.5) as shop:
        with ours().start(root, shop.url, shop.storage, given.quiet_seconds) as daemon:
            time.sleep(WARM_SECONDS)
            exporters = []
            for room in rooms:
                target = root / "inbox" / PROJECT / (room + TAG)
                exporter = threading.Thread(
                    target=export, args=(target, room, given.photos, given.pace_seconds, closed)
                )
                exporter.start()
                exporters.append(exporter)
                time.sleep(given.stagger_seconds)
            for exporter in exporters:
                exporter.join()
            wait_for(root / "done" / PROJECT, rooms, daemon, 120)
        shop_seen = shop
    found = [seconds - given.quiet_seconds for seconds in delays(shop_seen, closed, WORLD)]
    print(f"{len(found)} of {given.rooms} rooms; beyond the quiet time of {given.quiet_seconds:g} s:")
    for share in (0.5, 0.9, 0.99):
        print(f"  p{share * 100:g}: {found[min(len(found) - 1, int(share * len(found)))]:.2f} s")
    print(f"  goal: p99 at most 0.30 s; paid twice: {shop_seen.paid_twice()}; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
