"""Drops of rooms, from the inbox to done/ or failed/, with the daemon in this process and the API over
HTTP."""

from __future__ import annotations

import json
import unicodedata
from datetime import timedelta

import pytest

from hotfolder.control import actions
from hotfolder.crashpoints import CrashPoint
from hotfolder.errors import UsageError
from tests.support.clocks import JumpingClock
from tests.support.crashing import at
from tests.support.pictures import bracket, jpeg
from tests.support.rolls import exported_anew, shoot
from tests.support.studio import ELM, MERGE, SKY, MakeStudio, Shop, Studio, files_below

pytestmark = pytest.mark.long

ROOM = "living-room__sky-twilight"


async def test_a_set_becomes_pictures_a_receipt_and_filed_originals(studio: Studio, shop: Shop) -> None:
    """Files beside the photos are filed with them; the emptied folder stays."""
    photos = {**bracket(), "notes.txt": b"mind the dog", "DSC0001.xmp": b"<x/>"}
    folder = studio.drop(ELM, ROOM, photos)
    outcome = await studio.until_idle()
    assert (outcome.finished, outcome.needing_person) == (1, 0)
    assert list(folder.iterdir()) == []
    assert studio.filed(ROOM) == photos
    delivered = files_below(studio.done / ELM)
    assert {"living-room.jpg", f"{ROOM}.png", f"receipts/{ROOM}.json"} <= delivered.keys()
    receipt = json.loads(delivered[f"receipts/{ROOM}.json"])
    assert receipt["altered"] == ["sky"] and receipt["originals"] == {
        "rule": "keep",
        "folder": f"{ELM}/originals/{ROOM}",
        "deleted": [],
        "removed": [],
        "kept_because": "",
        "note": "",
    }
    assert (shop.bought(MERGE), shop.bought(SKY), shop.bought()) == (1, 1, 2)


async def test_an_operation_that_is_refused_leaves_the_paid_merge_in_done_and_never_buys_it_twice(
    studio: Studio, shop: Shop
) -> None:
    photos = bracket()
    studio.drop(ELM, "garden__lawn-medium", photos)
    assert (await studio.until_idle()).needing_person == 1
    found = files_below(studio.failed / ELM / "garden__lawn-medium")
    page = " ".join(found.pop("REASON.txt").decode().split())
    assert found == photos
    assert "no lawn" in page and "Paid for: the HDR merge." in page
    assert (studio.done / ELM / "garden.jpg").is_file()
    (studio.failed / ELM / "garden__lawn-medium").rename(studio.inbox / ELM / "garden__sky-twilight")
    await studio.until_idle()
    assert studio.states() == ["done"]
    assert (shop.bought(MERGE), shop.bought(SKY), shop.bought()) == (1, 1, 2)


async def test_a_merge_that_fails_needs_a_person_and_is_bought_again_only_when_that_is_asked_for(
    studio: Studio, shop: Shop
) -> None:
    photos = {f"DSC{number}.jpg": jpeg(size=(161, 120)) for number in range(3)}
    studio.drop(ELM, "kitchen", photos)
    assert (await studio.until_idle()).needing_person == 1
    assert studio.states() == ["needs_attention"]
    (studio.failed / ELM / "kitchen").rename(studio.inbox / ELM / "kitchen (2)")
    await studio.until_idle()
    assert (studio.states(), shop.bought()) == (["needs_attention"], 1)
    [folder] = (studio.failed / ELM).iterdir()
    folder.rename(studio.inbox / ELM / "kitchen__again")
    await studio.until_idle()
    assert (studio.states(), shop.bought()) == (["needs_attention"], 2)


async def test_what_somebody_has_put_back_is_not_given_up(studio: Studio, shop: Shop) -> None:
    """As from a page that was opened before."""
    shop.goes_wrong({"endpoint": "sky", "fault": "reset-after"})
    await studio.drop_and_run(ELM, ROOM, bracket())
    shop.goes_wrong()
    job = newest(studio)
    studio.by_hand(actions.resolve, job, paid_result=None)
    with pytest.raises(UsageError, match="don't lie in failed any more"):
        studio.by_hand(actions.give_up, job)
    await studio.until_idle()
    assert (studio.states(), shop.bought(SKY)) == (["done"], 2)


async def test_explain_says_that_what_nobody_knows_the_end_of_is_not_bought_again(
    studio: Studio, shop: Shop
) -> None:
    shop.goes_wrong({"endpoint": "sky", "fault": "reset-after"})
    await studio.drop_and_run(ELM, ROOM, bracket())
    shop.goes_wrong()
    folder = studio.inbox / ELM / ROOM
    (studio.failed / ELM / ROOM).rename(folder)
    told = " ".join(studio.say("explain", str(folder)).stdout.split())
    assert "To pay 0 paid calls (1 more paid already)" in told
    assert "COMES BACK: Nobody here can tell whether the sky replacement was charged" in told
    await studio.until_idle()
    assert (studio.states(), shop.bought()) == (["needs_attention"], 2)


@pytest.mark.parametrize("status", [400, 409])
async def test_a_merge_that_is_refused_although_it_is_made_is_taken_from_its_group(
    studio: Studio, shop: Shop, status: int
) -> None:
    """As where a proxy sends a request twice, and the answer to the second comes."""
    shop.goes_wrong(
        {"endpoint": "enhance", "fault": status, "processed": True},
        {"endpoint": "group-get", "fault": 503, "when": 1},
    )
    await studio.drop_and_run(ELM, "hall", bracket())
    assert (studio.states(), shop.bought()) == (["done"], 1)


async def test_an_operation_that_is_refused_as_being_under_way_is_not_bought_again(
    studio: Studio, shop: Shop
) -> None:
    """The same; nothing tells of an operation, so a person must."""
    shop.goes_wrong({"endpoint": "sky", "fault": 409, "processed": True})
    await studio.drop_and_run(ELM, ROOM, bracket())
    assert studio.states() == ["needs_attention"]
    shop.goes_wrong()
    (studio.failed / ELM / ROOM).rename(studio.inbox / ELM / ROOM)
    await studio.until_idle()
    assert shop.bought(SKY) == 1


async def test_again_is_obeyed_once_however_often_its_set_is_tried(studio: Studio, shop: Shop) -> None:
    photos = bracket()
    await studio.drop_and_run(ELM, ROOM, photos)
    shop.goes_wrong({"endpoint": "sky", "fault": "reset-after"})
    await studio.drop_and_run(ELM, f"{ROOM}__again", photos)
    shop.goes_wrong()
    assert (shop.bought(MERGE), shop.bought(SKY)) == (2, 2)
    page = studio.reason_page(f"{ROOM}__again")
    assert 'Do what is said under "What to do" first: as it is, the folder would come back again.' in page
    (studio.failed / ELM / f"{ROOM}__again").rename(studio.inbox / ELM / f"{ROOM}__again")
    await studio.until_idle()
    studio.by_hand(actions.retry, newest(studio), pay_again=False)
    await studio.until_idle()
    assert (shop.bought(MERGE), shop.bought(SKY)) == (2, 2)
    studio.by_hand(actions.resolve, newest(studio), paid_result=None)
    await studio.until_idle()
    assert (shop.bought(MERGE), shop.bought(SKY)) == (2, 3)


async def test_a_set_is_not_put_back_where_a_file_has_its_name(studio: Studio) -> None:
    await studio.drop_and_run(ELM, "hall__no-such-tag", bracket(1))
    [job] = studio.status()["jobs"]
    before = files_below(studio.failed)
    (studio.inbox / ELM / "hall__no-such-tag").write_text("notes")
    with pytest.raises(UsageError, match="in the way: it is not a folder"):
        studio.by_hand(actions.retry, job["job"], pay_again=False)
    assert files_below(studio.failed) == before


def newest(studio: Studio) -> str:
    """The id of the latest job that needs a person."""
    return str([job["job"] for job in studio.status()["jobs"] if job["state"] == "needs_attention"][-1])


async def test_stragglers_of_a_set_that_needs_a_person_are_held_too(studio: Studio, shop: Shop) -> None:
    """The set isn't done, but its merge is paid for."""
    names = ("DSC0001.jpg", "DSC0009.jpg", "DSC0010.jpg")
    shop.goes_wrong({"endpoint": "sky", "fault": "reset-after"})
    folder = studio.drop(ELM, ROOM, bracket())
    async with studio.working():
        await studio.comes_to("needs_attention")
        for name in names:
            (folder / name).write_bytes(jpeg())
        await studio.comes_to_say(lambda status: "came after the set" in status["jobs"][0]["reason"])
    assert {path.name for path in folder.iterdir()} == set(names)
    assert shop.bought() == 2


@pytest.mark.both_stores
async def test_a_straggler_is_held_and_explained_and_one_set_with_the_photos_that_join_it(
    studio: Studio, shop: Shop
) -> None:
    photos = bracket()
    folder = studio.drop(ELM, "kitchen", photos)
    async with studio.working():
        await studio.comes_to("done")
        (folder / "DSC0004.jpg").write_bytes(jpeg())
        status = await studio.comes_to_say(lambda status: "came after the set" in str(status["jobs"]))
        [held] = [job for job in status["jobs"] if job["held"]]
        assert "DSC0004.jpg came after the set had been paid for" in held["reason"]
        for way in ("__ok", "READY.txt", "hotfolder approve"):
            assert way in held["hint"] and way not in held["reason"]
        await studio.comes_to_say(lambda _: held["hint"] in studio.status_page())
        explained = " ".join(studio.say("explain", str(folder)).stdout.split())
        assert "HELD: DSC0004.jpg came after the set had been paid for" in explained
        assert (folder / "DSC0004.jpg").is_file() and shop.bought() == 1
        originals = studio.done / ELM / "originals" / "kitchen"
        for name in photos:
            (originals / name).rename(folder / name)
        await studio.comes_to("done", "done")
    assert shop.bought(MERGE) == 2
    [filed] = (studio.done / ELM / "originals").glob("*/DSC0004.jpg")
    assert len(files_below(filed.parent)) == 4


async def test_a_copy_that_stalls_is_seen_in_a_folder_that_was_made_under_a_clock_ahead(
    studio: Studio,
) -> None:
    clock = JumpingClock(2)
    clock.jump(timedelta(days=365))
    folder = studio.drop(ELM, "kitchen", bracket())
    async with studio.working(clock=clock):
        await studio.comes_to("done")
        clock.jump(timedelta(days=-365))
        (folder / "DSC0004.jpg").write_bytes(jpeg()[:-99])
        await studio.comes_to("done", "settling")
        await studio.comes_to_say(lambda _: "still arriving" in studio.status_page())


async def test_a_straggler_is_held_where_the_clock_of_the_share_is_hours_ahead(
    studio: Studio, shop: Shop
) -> None:
    """As a NAS whose clock is set to local time: it came an hour later by that alone."""
    clock = JumpingClock(2)
    clock.jump(timedelta(hours=-2))
    folder = studio.drop(ELM, "kitchen", bracket())
    async with studio.working(clock=clock):
        await studio.comes_to("done")
        (folder / "DSC0004.jpg").write_bytes(jpeg())
        status = await studio.comes_to_say(
            lambda status: any(job["held"] or job["state"] == "merging" for job in status["jobs"])
        )
    assert "came after the set had been paid for" in str(status["jobs"])
    assert shop.bought() == 1


@pytest.mark.parametrize("made_before", [False, True], ids=["by its name", "as a straggler"])
async def test_an_unusable_photo_that_is_refused_releases_nothing_that_is_held_beside_it(
    studio: Studio, shop: Shop, made_before: bool
) -> None:
    room = "kitchen" if made_before else "kitchen_sky-blue"
    if made_before:
        await studio.drop_and_run(ELM, room, bracket())
    folder = studio.drop(ELM, room, {"DSC0009.jpg": jpeg()})
    async with studio.working():
        await studio.comes_to_say(lambda status: any(job["held"] for job in status["jobs"]))
        (folder / "view.webp").write_bytes(b"not a picture")
        await studio.comes_to_say(lambda status: "failed" in [job["state"] for job in status["jobs"]])
    await studio.until_idle()
    assert shop.bought() == made_before and (folder / "DSC0009.jpg").is_file()


async def test_explain_says_that_an_approved_straggler_waits_for_the_end_of_its_set(
    make_studio: MakeStudio,
) -> None:
    studio = make_studio(limits={"paid_calls_per_day": 1})
    folder = studio.drop(ELM, ROOM, bracket())
    await studio.until_idle()
    (folder / "DSC0009.jpg").write_bytes(jpeg())
    (folder / "READY.txt").touch()
    explained = " ".join(studio.say("explain", str(folder)).stdout.split())
    assert "HELD: DSC0009.jpg came while the rest of the set is being worked on" in explained


async def test_explain_counts_what_is_paid_for_also_where_its_picture_is_not_here(
    studio: Studio, shop: Shop
) -> None:
    shop.goes_wrong({"endpoint": "result-get", "fault": "html", "when": {"from": 2}})
    await studio.drop_and_run(ELM, ROOM, bracket())
    shop.goes_wrong()
    folder = studio.inbox / ELM / ROOM
    (studio.failed / ELM / ROOM).rename(folder)
    told = " ".join(studio.say("explain", str(folder)).stdout.split())
    assert "To pay 0 paid calls (2 more paid already)" in told and "COMES BACK" not in told
    await studio.until_idle()
    assert (studio.states(), shop.bought()) == (["done"], 2)


@pytest.mark.parametrize("copy", ["", "-2"])
async def test_a_whole_set_exported_anew_is_made_anew(studio: Studio, shop: Shop, copy: str) -> None:
    folder = studio.drop(ELM, "kitchen", bracket())
    async with studio.working():
        await studio.comes_to("done")
        for name in bracket():
            (folder / name.replace(".jpg", f"{copy}.jpg")).write_bytes(jpeg())
        await studio.comes_to("done", "done")
    assert shop.bought(MERGE) == 2


async def test_photos_exported_anew_are_known_however_late_and_however_they_are_called(
    studio: Studio, shop: Shop
) -> None:
    """By what the camera recorded: some of them are held, and all of them are made anew."""
    photos, _, _ = shoot(rooms=1)
    clock = JumpingClock(4)
    clock.jump(timedelta(hours=-2))
    studio.drop(ELM, "hall", photos)
    await studio.until_idle(clock=clock)
    anew = {f"hall-{number}.jpg": exported_anew(content) for number, content in enumerate(photos.values())}
    for number in (4, 5):
        await studio.drop_and_run(ELM, "hall", dict([*anew.items()][:number]))
        assert studio.states().count("settling") == (number == 4)
        assert shop.bought(MERGE) == number - 3


async def test_a_part_of_a_set_that_is_paid_for_is_held_in_any_room_and_a_person_decides(
    studio: Studio, shop: Shop
) -> None:
    """The whole set may be dropped again, under another tag and with more photos."""
    photos = bracket()
    await studio.drop_and_run(ELM, "kitchen", photos)
    first, second, _ = photos
    folder = studio.drop(ELM, "scullery", {one: photos[one] for one in (first, second)})
    explained = studio.say("explain", str(folder)).stdout
    assert f"HELD: {first}, {second} are a part of kitchen, which has been paid for" in " ".join(
        explained.split()
    )
    await studio.drop_and_run(ELM, "kitchen__sky-blue", photos)
    [held] = [job["reason"] for job in studio.status()["jobs"] if job["held"]]
    assert f"{first}, {second} are a part of kitchen, which has been paid for" in held
    assert (shop.bought(MERGE), shop.bought()) == (1, 2) and len(files_below(folder)) == 2
    (folder / "READY.txt").touch()
    await studio.until_idle()
    assert studio.states() == ["done"] * 3 and shop.bought(MERGE) == 2


async def test_a_part_of_a_set_is_known_where_the_projects_name_is_spelled_otherwise(
    studio: Studio, shop: Shop
) -> None:
    """A Mac's spelling of an accent, and a PC's."""
    photos = bracket()
    await studio.drop_and_run(unicodedata.normalize("NFD", "Café"), "kitchen", photos)
    photos.popitem()
    await studio.drop_and_run("Café", "scullery", photos)
    assert sorted(studio.states()) == ["done", "settling"] and shop.bought() == 1


async def test_sets_that_come_back_together_with_the_same_names_in_them_are_told_apart(
    studio: Studio, shop: Shop
) -> None:
    """Each export numbers its photos from one, and two looks share the same photos. An `__again` that was
    obeyed is not obeyed again because another set came back first."""
    rooms = {"front__sky-blue__again": 0, "front__sky-twilight__again": 0, "back__sky-blue__again": 40}
    photos = {room: {f"DSC{n}.jpg": jpeg(seed=seed + n) for n in range(3)} for room, seed in rooms.items()}
    shop.goes_wrong({"endpoint": "sky", "fault": "reset-after"})
    for room, files in photos.items():
        studio.drop(ELM, room, files)
    await studio.until_idle()
    assert (shop.bought(MERGE), shop.bought(SKY)) == (2, 3)
    shop.goes_wrong()
    studio.by_hand(actions.resume)
    for room in rooms:
        (studio.failed / ELM / room).rename(studio.inbox / ELM / room)
    await studio.until_idle()
    assert (shop.bought(MERGE), shop.bought(SKY)) == (2, 3)
    assert studio.states() == ["needs_attention"] * 3


async def test_files_without_a_photo_are_named_and_stay(studio: Studio) -> None:
    studio.drop(ELM, "plans", {"floor plan.pdf": b"%PDF"})
    studio.drop(ELM, "den", {"IMG_1": jpeg()})
    studio.drop(ELM, "kitchen", bracket())
    (studio.inbox / ELM / "walkthrough.mov").write_bytes(b"moov")
    async with studio.working():
        await studio.comes_to("done")
        await studio.comes_to_say(lambda status: "'plans'" in str(status["notices"]))
        await studio.comes_to_say(
            lambda status: (
                "'den', where no photo is: IMG_1. A photo is known by the end" in str(status["notices"])
            )
        )
    told = studio.status_page()
    assert "since no photo there has the same name: walkthrough.mov. " in told
    assert f"{ELM}: Left alone in the room 'plans', where no photo is: floor plan.pdf. If they" in told
    assert files_below(studio.inbox / ELM).keys() == {"den/IMG_1", "plans/floor plan.pdf", "walkthrough.mov"}


async def test_a_sidecar_that_is_rewritten_or_comes_while_its_set_is_made_is_named_at_its_end(
    studio: Studio,
) -> None:
    folder = studio.drop(ELM, "kitchen", {**bracket(), "DSC0001.xmp": b"<x/>"})

    def edit() -> None:
        (folder / "DSC0001.xmp").write_bytes(b"<x>edited in Lightroom</x>")
        (folder / "DSC0002.xmp").write_bytes(b"<x>new</x>")

    async with studio.working(crash_point=at(CrashPoint.INTENT_RECORDED, edit)):
        await studio.comes_to("done")
        await studio.comes_to_say(lambda status: "DSC0001.xmp, DSC0002.xmp" in str(status["notices"]))
    assert files_below(folder).keys() == {"DSC0001.xmp", "DSC0002.xmp"}
