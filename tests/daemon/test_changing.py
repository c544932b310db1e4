"""Photos that are added, changed, deleted and moved while their set is made."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from hotfolder.config.load import load
from hotfolder.control.rooms import all_projects
from hotfolder.crashpoints import CrashPoint
from hotfolder.jobs.model import FileRole, NewJob, job_file
from hotfolder.jobs.previous import dragged_back
from hotfolder.jobs.states import State
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.sets import FileIdentity
from tests.support.crashing import at
from tests.support.pictures import bracket, jpeg
from tests.support.studio import ELM, MERGE, SKY, Shop, Studio, files_below, until

pytestmark = pytest.mark.long


async def test_a_photo_that_joins_before_the_merge_is_in_the_merge(studio: Studio, shop: Shop) -> None:
    photos = bracket()
    folder = studio.drop(ELM, "kitchen", photos)
    late = jpeg()
    crash_point = at(CrashPoint.GROUP_COMPLETE, lambda: (folder / "DSC0004.jpg").write_bytes(late))
    async with studio.working(crash_point=crash_point):
        await studio.comes_to("done")
    assert shop.bought() == 1
    filed = studio.filed("kitchen")
    assert filed == {**photos, "DSC0004.jpg": late}


@pytest.mark.parametrize(
    ("point", "nth"),
    [(CrashPoint.ANSWER_RECEIVED, 1), (CrashPoint.IMAGE_UPLOADED, 1), (CrashPoint.ANSWER_RECEIVED, 2)],
)
async def test_a_folder_renamed_while_it_is_made_is_one_picture_under_its_new_name(
    studio: Studio, shop: Shop, point: CrashPoint, nth: int
) -> None:
    """The bought results are used under the new name, and the old name's operations are not bought any
    more."""
    photos = bracket()
    folder = studio.drop(ELM, "kitchen__sky-twilight", photos)
    crash_point = at(point, lambda: folder.rename(folder.with_name("scullery__sky-blue")), nth)
    async with studio.working(crash_point=crash_point):
        await studio.comes_to("done")
    assert (shop.bought(MERGE), shop.bought(SKY)) == (1, 2 if nth == 2 else 1)
    assert studio.filed() == {f"scullery__sky-blue/{name}": content for name, content in photos.items()}
    pictures = {path.name for path in (studio.done / ELM).iterdir() if path.is_file()}
    assert pictures == {"scullery.jpg", "scullery__sky-blue.png"}
    assert studio.say("verify").exit_code == 0


async def test_a_project_renamed_while_it_is_made_is_made_under_its_new_name(
    studio: Studio, shop: Shop
) -> None:
    folder = studio.drop(ELM, "kitchen", bracket())
    rename = at(CrashPoint.ANSWER_RECEIVED, lambda: folder.parent.rename(studio.inbox / "14 Elm Road"))
    async with studio.working(crash_point=rename):
        await studio.comes_to("done")
    assert shop.bought() == 1
    assert (studio.done / "14 Elm Road" / "kitchen.jpg").is_file() and not (studio.done / ELM).exists()
    assert [one.name for one in all_projects(load(studio.config, {}), "")] == ["14 Elm Road"]
    assert ELM not in studio.status_page() and ELM not in studio.say("status").output


async def test_two_rooms_whose_names_are_exchanged_while_they_are_made_are_made_under_their_new_names(
    studio: Studio, shop: Shop
) -> None:
    """The photos in each have the same names. The sky is for the room that is called so by now."""
    photos, others = bracket(), bracket()
    front = studio.drop(ELM, "front__sky-blue", photos)
    bath = studio.drop(ELM, "bath", others)

    def exchange() -> None:
        front.rename(front.with_name("x"))
        bath.rename(front)
        front.with_name("x").rename(bath)

    async with studio.working(crash_point=at(CrashPoint.ANSWER_RECEIVED, exchange, 2)):
        await studio.comes_to("done", "done")
    assert (shop.bought(MERGE), shop.bought(SKY)) == (2, 1)
    assert (studio.filed("front__sky-blue"), studio.filed("bath")) == (others, photos)
    assert {path.name for path in (studio.done / ELM).glob("*.*")} == {
        "bath.jpg",
        "front.jpg",
        "front__sky-blue.png",
    }


async def test_photos_that_leave_their_room_during_its_merge_for_a_shoot_are_no_renamed_room(
    studio: Studio,
) -> None:
    """How the shoot will be grouped is unknown: what is paid for is delivered."""
    folder = studio.drop(ELM, "kitchen", bracket())

    def move_up() -> None:
        for photo in list(folder.iterdir()):
            photo.rename(studio.inbox / ELM / photo.name)

    async with studio.working(crash_point=at(CrashPoint.ANSWER_RECEIVED, move_up)):
        await until((studio.done / ELM / "kitchen.jpg").is_file)


async def test_two_folders_with_the_same_photos_are_paid_once_and_both_delivered(
    studio: Studio, shop: Shop
) -> None:
    photos = bracket()
    studio.drop(ELM, "kitchen", photos)
    outcome = await studio.drop_and_run("Oak House", "kitchen", photos)
    assert (outcome.finished, shop.bought()) == (2, 1)
    for project in (ELM, "Oak House"):
        assert (studio.done / project / "kitchen.jpg").is_file()
        assert files_below(studio.done / project / "originals" / "kitchen") == photos


async def test_a_misspelt_tag_delivers_nothing_even_if_the_photos_were_merged_before(studio: Studio) -> None:
    photos = bracket()
    await studio.drop_and_run(ELM, "kitchen", photos)
    (studio.done / ELM / "kitchen.jpg").unlink()
    outcome = await studio.drop_and_run(ELM, "kitchen__sky-twilihgt", photos)
    assert outcome.needing_person == 1
    assert not (studio.done / ELM / "kitchen.jpg").exists()
    page = (studio.failed / ELM / "kitchen__sky-twilihgt" / "REASON.txt").read_text()
    assert "Nothing was charged." in page


@pytest.mark.parametrize("attempts", [0, 2])
async def test_photos_dragged_back_without_their_folder_forget_the_failure(
    studio: Studio, attempts: int
) -> None:
    """Even if the whole folder, with its page, has come back before and failed once more."""
    photos = bracket()
    await studio.drop_and_run(ELM, "kitchen__sky-twilihgt", photos)
    failed = studio.failed / ELM / "kitchen__sky-twilihgt"
    for _ in range(attempts):
        failed.rename(studio.inbox / ELM / failed.name)
        await studio.until_idle()
    back: Path = studio.inbox / ELM / "big kitchen"
    back.mkdir()
    for name in photos:
        (failed / name).rename(back / name)
    await studio.until_idle()
    assert studio.states() == ["done"]


async def test_however_many_sets_of_a_project_failed_one_that_comes_back_is_found_at_once(
    studio: Studio,
) -> None:
    """With a query for each of them, a project of hundreds that comes back would keep the store busy."""
    now = datetime.now(UTC)
    asked: list[str] = []

    def ask(*arguments: Any) -> None:
        asked.append(arguments[2])

    async with studio.working() as daemon:
        for number in range(20):
            room, photo = (
                f"room {number}",
                job_file(f"{number}.jpg", FileIdentity(1, 1, 1, 1), FileRole.PHOTO),
            )
            new = NewJob("inbox", ELM, room, room, ELM, (photo,), Recipe(), reason="Unknown tag")
            job = daemon.store.create(new, daemon.context.origin, now)
            daemon.store.advance(job.id, State.FAILED, now, filed_as=room)
        event.listen(daemon.store.database, "before_cursor_execute", ask)
        assert await dragged_back(daemon.context, new) == [job.id]
    assert len([query for query in asked if "FROM jobfile" in query]) == 1


async def test_the_photos_of_a_failed_set_that_are_back_and_held_are_not_missed(studio: Studio) -> None:
    """Another file of that name there is none of them."""
    photos = bracket()
    await studio.drop_and_run(ELM, "kitchen__sky-twilihgt", photos)
    back = studio.inbox / ELM / "kitchen_sky-twilight"  # an underscore is lacking, so it is asked about
    (studio.failed / ELM / "kitchen__sky-twilihgt").rename(back)
    await studio.until_idle()
    assert studio.states() == ["settling"]
    assert studio.say("verify").stdout == "Store, ledger and folders agree.\n"
    name = next(iter(photos))
    (back / name).write_bytes(b"another")
    assert f"the original {name} is not where it was put" in studio.say("verify", columns=999).stdout
