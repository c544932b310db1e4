"""A flood of files that overruns the system's event queue: `python -m tests.scenarios.flood`.

Exits 1 unless every photo was found and taken for its own set.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from hotfolder.clock import SystemClock
from hotfolder.inbox.events import InboxOptions, SetArriving
from hotfolder.inbox.guard import Root
from hotfolder.inbox.inbox import Inbox
from hotfolder.pictures.decoder import Decoder
from hotfolder.rules.routing import Defaults, Rulebook
from hotfolder.rules.sets import BracketSet
from tests.support.pictures import jpeg

PHOTOS_A_SET = 5


async def flood(root: Path, files: int, patience_seconds: float) -> int:
    """Write that many photos as fast as possible; how many were found."""
    found: set[Path] = set()
    complete = asyncio.Event()
    decoder = Decoder()
    inbox = Inbox(
        Root(root, "flood", first_start=True),
        claimed=lambda *_: frozenset(),
        settings=InboxOptions(rulebook=Rulebook(defaults=Defaults(quiet_seconds=1.0))),
        decoder=decoder,
        clock=SystemClock(),
    )

    async def listen() -> None:
        async for event in inbox.events():
            if isinstance(event, SetArriving):
                continue
            assert isinstance(event, BracketSet)
            found.update(photo.path for photo in event.photos)
            if len(found) >= files:
                complete.set()

    running = asyncio.create_task(listen())
    await asyncio.sleep(1.0)
    await asyncio.to_thread(pour, root, files)
    with suppress(TimeoutError):
        await asyncio.wait_for(complete.wait(), patience_seconds)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await decoder.close()
    return len(found)


def pour(root: Path, files: int) -> None:
    photo = jpeg(1, (16, 12))
    for number in range(0, files, PHOTOS_A_SET):
        folder = root / "flood" / f"room {number}"
        folder.mkdir(parents=True)
        for position in range(min(PHOTOS_A_SET, files - number)):
            (folder / f"DSC{position}.jpg").write_bytes(photo)


def main() -> int:
    parser = argparse.ArgumentParser(description="Drop a flood of photos at once and see that all are found.")
    parser.add_argument("--files", type=int, default=30_000)
    files: int = parser.parse_args().files
    with tempfile.TemporaryDirectory(prefix="hotfolder-flood-") as root:
        began = time.monotonic()
        found = asyncio.run(flood(Path(root), files, patience_seconds=900))
        print(f"{found} of {files} files found in {time.monotonic() - began:.0f} s")
    return 0 if found == files else 1


if __name__ == "__main__":
    sys.exit(main())
