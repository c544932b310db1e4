"""Files that people remove from hotfolder's folders: results are downloaded again, and never paid again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hotfolder.crashpoints import CrashPoint
from tests.support import crashing
from tests.support.crashing import at
from tests.support.pictures import bracket, jpeg
from tests.support.receiver import Receiver
from tests.support.studio import ELM, MERGE, SKY, MakeStudio, Shop, Studio, files_below, until

pytestmark = pytest.mark.long

ROOM = "living-room__sky-twilight"


@pytest.mark.parametrize("nth", [1, 2])
async def test_results_that_vanish_before_they_are_used_are_fetched_again(
    studio: Studio, shop: Shop, nth: int
) -> None:
    def vanish() -> None:
        for path in studio.kept_results():
            path.unlink()

    studio.drop(ELM, ROOM, bracket())
    async with studio.working(crash_point=at(CrashPoint.RESULTS_RECORDED, vanish, nth)):
        await studio.comes_to("done")
    assert (studio.done / ELM / "living-room.jpg").is_file()
    assert (studio.done / ELM / f"{ROOM}.png").is_file()
    assert (shop.bought(MERGE), shop.bought(SKY)) == (1, 1)


async def test_a_result_that_lies_there_otherwise_than_it_came_is_fetched_again(
    studio: Studio, shop: Shop
) -> None:
    """A picture can be intact and still differ from the one that was paid for."""
    spoilt: list[Path] = []

    def spoil() -> None:
        spoilt.extend(studio.results.glob("*.part"))
        spoilt[0].write_bytes(spoilt[0].read_bytes() + b"behind the end, which no decoder looks at")

    studio.drop(ELM, "kitchen", bracket())
    async with studio.working(crash_point=at(CrashPoint.RESULT_DOWNLOADED, spoil)):
        await studio.comes_to("done")
    assert spoilt
    (kept,) = studio.kept_results()
    assert b"behind the end" not in kept.read_bytes()
    assert shop.bought(MERGE) == 1


@pytest.mark.parametrize("nth", [1, 3])
async def test_a_folder_that_is_taken_away_while_its_photos_are_filed_holds_nothing_up(
    studio: Studio, nth: int
) -> None:
    """The folder is renamed after the first photo was moved, or after the last one."""
    folder = studio.drop(ELM, "kitchen", bracket())
    taken = studio.root / "elsewhere"
    take_away = at(CrashPoint.ORIGINAL_MOVED, lambda: folder.rename(taken), nth)
    async with studio.working(crash_point=take_away):
        await studio.comes_to("done")
    originals = studio.done / ELM / "originals" / "kitchen"
    assert {path.name for path in (*originals.iterdir(), *taken.iterdir())} == bracket().keys()
    assert len(list(originals.iterdir())) == nth


@pytest.mark.parametrize("nth", [0, 1])
async def test_originals_that_are_removed_before_they_are_filed_are_told_of_everywhere(
    make_studio: MakeStudio, receiver: Receiver, nth: int
) -> None:
    """All of them are removed during the merge, or the remaining ones when the first was filed."""
    studio = make_studio(notify={"urls": [receiver.address], "gather_seconds": 1})
    folder = studio.drop(ELM, "kitchen", bracket())
    point = CrashPoint.ORIGINAL_MOVED if nth else CrashPoint.ANSWER_RECORDED
    words = "The 3 originals were removed" if nth == 0 else "2 of the 3 originals were removed"
    async with studio.working(crash_point=at(point, lambda: shutil.rmtree(folder))):
        [job] = (await studio.comes_to("done"))["jobs"]
        await until(lambda: any(words in body for body in receiver.bodies()))
        await until(lambda: words in studio.status_page())
    assert job["reason"].startswith(words)
    assert (studio.done / ELM / "kitchen.jpg").is_file()
    told = studio.receipt("kitchen")["originals"]
    assert told["note"].startswith(words) and len(told["removed"]) == 3 - nth
    assert told["folder"] == (f"{ELM}/originals/kitchen" if nth else "")
    assert (studio.done / ELM / "originals" / "kitchen").exists() == bool(nth)
    history = studio.say("logs", job["job"]).stdout
    assert words in history and "are filed" not in history
    assert studio.say("verify").exit_code == 0


async def test_a_folder_in_the_place_of_a_photo_holds_nothing_up(studio: Studio) -> None:
    folder = studio.drop(ELM, "kitchen", bracket())

    def put_a_folder_there() -> None:
        (folder / "DSC0002.jpg").unlink()
        (folder / "DSC0002.jpg").mkdir()

    async with studio.working(crash_point=at(CrashPoint.ANSWER_RECORDED, put_a_folder_there)):
        await studio.comes_to("done")
    assert studio.receipt("kitchen")["originals"]["removed"] == ["DSC0002.jpg"]


async def test_a_photo_that_is_replaced_while_its_set_is_made_is_told_of(studio: Studio, shop: Shop) -> None:
    """The dropped photo is gone, and its replacement, no original of the set, stays and is explained."""
    folder = studio.drop(ELM, "kitchen", {**bracket(), "DSC0001.xmp": b"<x/>"})

    def export_again() -> None:
        (folder / "DSC0002.jpg").write_bytes(jpeg(seed=99))
        (folder / "DSC0001.xmp").write_bytes(b"<x>edited</x>")

    async with studio.working(crash_point=at(CrashPoint.ANSWER_RECORDED, export_again)):
        status = await studio.comes_to("done", "settling")
    [reason] = [job["reason"] for job in status["jobs"] if job["state"] == "done"]
    assert reason == "1 of the 3 originals was removed or replaced before it could be filed."
    told = studio.receipt("kitchen")["originals"]
    assert sorted(told["removed"]) == ["DSC0001.xmp", "DSC0002.jpg"]
    assert files_below(folder) == {"DSC0001.xmp": b"<x>edited</x>", "DSC0002.jpg": jpeg(seed=99)}
    assert shop.bought(MERGE) == 1
    assert studio.say("verify").exit_code == 0


async def test_originals_that_are_removed_on_their_way_to_failed_are_told_of_in_the_reason(
    studio: Studio,
) -> None:
    folder = studio.drop(ELM, "kitchen__sky-blu", bracket())
    removed = at(CrashPoint.FOLDER_RESERVED, (folder / "DSC0002.jpg").unlink)
    async with studio.working(crash_point=removed):
        await studio.comes_to("failed")
    page = studio.reason_page("kitchen__sky-blu")
    assert "1 of the 3 originals was removed or replaced before it could be filed." in page
    assert "The others lie beside this page, unchanged: DSC0001.jpg DSC0003.jpg" in page
    assert "Every file that you dropped" not in page


async def test_photos_that_were_taken_away_while_it_was_off_are_let_go(studio: Studio, shop: Shop) -> None:
    folder = studio.drop(ELM, "kitchen", bracket())
    assert crashing.live(studio, shop, kill_at=CrashPoint.GROUP_COMPLETE, nth=1) < 0
    taken: Path = studio.root / "elsewhere"
    folder.rename(taken)
    outcome = await studio.until_idle()
    assert (outcome.finished, outcome.needing_person, shop.bought()) == (0, 0, 0)
    assert studio.states() == []
    taken.rename(folder)
    assert (await studio.until_idle()).finished == 1


async def test_a_set_whose_inbox_left_the_settings_waits_and_says_so(studio: Studio, shop: Shop) -> None:
    studio.drop(ELM, "kitchen", bracket())
    assert crashing.live(studio, shop, kill_at=CrashPoint.GROUP_COMPLETE, nth=1) < 0
    before = studio.config.read_text()
    studio.config.write_text(before + "inbox: other\n")
    async with studio.working():
        status = await studio.comes_to_say(lambda status: "settings" in str(status["jobs"]))
        assert status["jobs"][0]["state"] == "merging"
    studio.config.write_text(before)
    assert (await studio.until_idle()).finished == 1
