"""`hotfolder run` as a user starts it: real processes, signals and sandbox; and starts that fail."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.colours import profile
from tests.support.sandboxledger import charges
from tests.support.studio import ELM, MERGE, SKY, MakeStudio, Shop, Studio, wait_for
from tests.support.tiffs import tiff

ROOM = "living-room__sky-twilight"


def bought(studio: Studio, route: str | None = None) -> int:
    return len(charges(studio.state / "sandbox", route))


def assert_delivered(studio: Studio, photos: Mapping[str, bytes]) -> None:
    """Assert that there are one merge, one sky, a receipt, and all originals byte for byte."""
    assert studio.filed(ROOM) == photos
    assert (studio.done / ELM / "living-room.jpg").stat().st_size > 10_000
    assert list((studio.done / ELM).glob(f"{ROOM}.*"))
    receipt = studio.receipt(ROOM)
    assert [photo["name"] for photo in receipt["photos"]] == sorted(photos)
    assert (bought(studio, MERGE), bought(studio, SKY)) == (1, 1)


def copy_slowly(folder: Path, photos: Mapping[str, bytes], seconds_between: float) -> None:
    """Copy one file after the other in pieces of 64 KiB."""
    folder.mkdir(parents=True)
    for name, content in photos.items():
        with (folder / name).open("wb", buffering=0) as stream:
            for start in range(0, len(content), 65536):
                stream.write(content[start : start + 65536])
                time.sleep(0.01)
        time.sleep(seconds_between)


def test_real_brackets_copied_in_slowly_are_one_job(make_studio: MakeStudio, house: dict[str, bytes]) -> None:
    studio = make_studio(settle={"quiet_seconds": 3})
    run = studio.start("--sandbox")
    copy_slowly(studio.inbox / ELM / ROOM, house, seconds_between=2)
    status = studio.wait_for_states("done")
    assert len(status["jobs"]) == 1
    assert_delivered(studio, house)
    assert run.stop() == 0


@pytest.mark.parametrize(("name", "options"), [("state", ()), ("inbox", ("--sandbox",))])
def test_a_file_where_a_folder_has_to_be_is_said_and_nothing_is_traced(
    studio: Studio, name: str, options: tuple[str, ...]
) -> None:
    (studio.root / name).write_text("in the way")
    run = studio.start(*options)
    assert run.wait() == 3
    assert f"{studio.root / name}: a file stands where a folder is needed" in run.text()
    assert "Traceback" not in run.text()


def test_a_place_where_no_folder_can_be_made_is_said(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "s", state="/proc/hotfolder")
    run = studio.start()
    assert run.wait() == 3
    assert "/proc/hotfolder: the folder can't be made" in run.text() and "Traceback" not in run.text()


def test_a_daemon_that_is_killed_over_its_tiffs_makes_them_once(shop: Shop, studio: Studio) -> None:
    """Files left in state/developed are made anew, paid for once, and cleared away."""
    size = (1200, 900)
    files = {
        f"{number}.tif": tiff(
            pixels=os.urandom(3 * size[0] * size[1]), size=size, profile=profile("Adobe RGB")
        )
        for number in range(4)
    }
    shop.goes_wrong({"endpoint": "put", "fault": "hang", "seconds": 3600})  # they stay until they are up
    run = studio.start()
    studio.drop(ELM, "kitchen", files)
    darkroom: Path = studio.state / "developed"
    wait_for(lambda: any(darkroom.iterdir()), run.text)
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()
    shop.goes_wrong()
    assert studio.start("--until-idle").wait() == 0
    assert (studio.states(), shop.bought()) == (["done"], 1)
    assert studio.filed("kitchen") == files
    assert list(darkroom.iterdir()) == []
