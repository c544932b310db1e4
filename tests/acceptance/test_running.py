"""`hotfolder run --sandbox` as a user starts it: real processes, real signals, the real sandbox."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

from hotfolder.sandbox.ledger import charges
from tests.support.studio import MERGE, SKY, Studio, files_below

ELM = "12 Elm Road"
ROOM = "living-room__sky-twilight"


def bought(studio: Studio, route: str | None = None) -> int:
    return len(charges(studio.state / "sandbox", route))


def assert_delivered(studio: Studio, photos: Mapping[str, bytes]) -> None:
    """One merge, one sky, receipt, and the originals byte for byte."""
    assert files_below(studio.done / ELM / "originals" / ROOM) == photos
    assert (studio.done / ELM / "living-room.jpg").stat().st_size > 10_000
    assert list((studio.done / ELM).glob(f"{ROOM}.*"))
    receipt = json.loads((studio.done / ELM / "receipts" / f"{ROOM}.json").read_text())
    assert [photo["name"] for photo in receipt["photos"]] == sorted(photos)
    assert (bought(studio, MERGE), bought(studio, SKY)) == (1, 1)


def copy_slowly(folder: Path, photos: Mapping[str, bytes], seconds_between: float) -> None:
    """A file after the other, each in 64 KiB pieces."""
    folder.mkdir(parents=True)
    for name, content in photos.items():
        with (folder / name).open("wb", buffering=0) as stream:
            for start in range(0, len(content), 65536):
                stream.write(content[start : start + 65536])
                time.sleep(0.01)
        time.sleep(seconds_between)


def test_real_brackets_copied_in_slowly_are_one_job(make_studio, house: dict[str, bytes]) -> None:
    studio = make_studio(settle={"quiet_seconds": 3})
    run = studio.start("--sandbox")
    copy_slowly(studio.inbox / ELM / ROOM, house, seconds_between=2)
    status = studio.wait_for_states("done", within_seconds=90)
    assert len(status["jobs"]) == 1
    assert_delivered(studio, house)
    assert run.stop() == 0
