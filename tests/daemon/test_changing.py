"""Photographers don't wait: photos join, change, vanish and move while their set is being worked on."""

from __future__ import annotations

from pathlib import Path

from hotfolder.jobs.context import CrashPoint
from tests.support.crashing import at
from tests.support.pictures import bracket, jpeg
from tests.support.studio import MERGE, Shop, Studio, files_below

ELM = "12 Elm Road"


async def test_a_photo_that_joins_before_the_merge_is_in_the_merge(studio: Studio, shop: Shop) -> None:
    photos = bracket()
    folder = studio.drop(ELM, "kitchen", photos)
    late = jpeg()
    crash_point = at(CrashPoint.GROUP_COMPLETE, lambda: (folder / "DSC0004.jpg").write_bytes(late))
    async with studio.working(shop.access(), crash_point=crash_point):
        await studio.comes_to("done")
    assert shop.bought() == 1
    filed = files_below(studio.done / ELM / "originals" / "kitchen")
    assert filed == {**photos, "DSC0004.jpg": late}


async def test_a_folder_renamed_during_its_merge_is_delivered_under_both_names_and_paid_once(
    studio: Studio, shop: Shop
) -> None:
    photos = bracket()
    folder = studio.drop(ELM, "kitchen", photos)
    crash_point = at(CrashPoint.ANSWER_RECEIVED, lambda: folder.rename(folder.with_name("scullery")))
    async with studio.working(shop.access(), crash_point=crash_point):
        await studio.comes_to("done", "done")
    assert shop.bought() == 1
    assert files_below(studio.done / ELM / "originals") == {
        f"scullery/{name}": content for name, content in photos.items()
    }
    assert (studio.done / ELM / "kitchen.jpg").is_file() and (studio.done / ELM / "scullery.jpg").is_file()


async def test_a_photo_deleted_during_the_merge_stops_nothing(studio: Studio, shop: Shop) -> None:
    photos = bracket()
    folder = studio.drop(ELM, "kitchen", photos)
    crash_point = at(CrashPoint.ANSWER_RECEIVED, (folder / "DSC0002.jpg").unlink)
    async with studio.working(shop.access(), crash_point=crash_point):
        await studio.comes_to("done")
    del photos["DSC0002.jpg"]
    assert files_below(studio.done / ELM / "originals" / "kitchen") == photos
    assert (studio.done / ELM / "kitchen.jpg").is_file()


async def test_a_photo_overwritten_during_the_merge_stays_and_is_explained(
    studio: Studio, shop: Shop
) -> None:
    photos = bracket()
    folder = studio.drop(ELM, "kitchen", photos)
    new = jpeg()
    crash_point = at(CrashPoint.ANSWER_RECEIVED, lambda: (folder / "DSC0002.jpg").write_bytes(new))
    async with studio.working(shop.access(), crash_point=crash_point):
        await studio.comes_to("done", "settling")
        assert (folder / "DSC0002.jpg").read_bytes() == new
    assert shop.bought(MERGE) == 1


async def test_two_folders_with_the_same_photos_are_paid_once_and_both_delivered(
    studio: Studio, shop: Shop
) -> None:
    photos = bracket()
    studio.drop(ELM, "kitchen", photos)
    studio.drop("Oak House", "kitchen", photos)
    outcome = await studio.until_idle(shop.access())
    assert (outcome.finished, shop.bought()) == (2, 1)
    for project in (ELM, "Oak House"):
        assert (studio.done / project / "kitchen.jpg").is_file()
        assert files_below(studio.done / project / "originals" / "kitchen") == photos


async def test_a_misspelt_tag_delivers_nothing_even_if_the_photos_were_merged_before(
    studio: Studio, shop: Shop
) -> None:
    photos = bracket()
    studio.drop(ELM, "kitchen", photos)
    await studio.until_idle(shop.access())
    (studio.done / ELM / "kitchen.jpg").unlink()
    studio.drop(ELM, "kitchen__sky-twilihgt", photos)
    outcome = await studio.until_idle(shop.access())
    assert outcome.needing_person == 1
    assert not (studio.done / ELM / "kitchen.jpg").exists()
    page = (studio.failed / ELM / "kitchen__sky-twilihgt" / "REASON.txt").read_text()
    assert "Nothing was charged." in page


async def test_photos_dragged_back_without_their_folder_forget_the_failure(
    studio: Studio, shop: Shop
) -> None:
    photos = bracket()
    studio.drop(ELM, "kitchen__sky-twilihgt", photos)
    await studio.until_idle(shop.access())
    back: Path = studio.inbox / ELM / "big kitchen"
    back.mkdir()
    for name in photos:
        (studio.failed / ELM / "kitchen__sky-twilihgt" / name).rename(back / name)
    await studio.until_idle(shop.access())
    assert studio.states() == ["done"]
