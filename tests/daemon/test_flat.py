"""Whole shoots in a project's folder: each set is made once, and doubtful sets are held."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hotfolder.control import actions
from hotfolder.crashpoints import CrashPoint
from hotfolder.rules.grouping.group import EXPORT_WITH_CAMERA_DATA
from tests.support import crashing
from tests.support.crashing import at
from tests.support.pictures import bracket, jpeg
from tests.support.rolls import exported_anew, held, held_sets, shoot, stripped
from tests.support.studio import ELM, MakeStudio, Shop, Studio, files_below

pytestmark = pytest.mark.long


def doubtful() -> dict[str, bytes]:
    """A set, and a single frame of another scene without capture data."""
    files, _, _ = shoot(rooms=2)
    last = sorted(files)[-1]
    return {**files, last: stripped(files[last])}


def filed_as(sets: list[list[str]]) -> set[str]:
    """The paths of a shoot's photos among the filed originals, for sets named by number."""
    return {f"{ELM}-{number:02}/{name}" for number, names in enumerate(sets, 1) for name in names}


async def test_each_set_of_a_shoot_becomes_a_picture_and_is_paid_once(studio: Studio, shop: Shop) -> None:
    """Sidecars and RAW files travel with their photo; unrelated files stay. A room beside the shoot is a set
    of its own."""
    files, sets, _ = shoot()
    room = bracket()
    studio.drop(ELM, "kitchen", room)
    first = sets[1][0]
    beside = {f"{Path(first).stem}.xmp": b"<x/>", f"{first}.xmp": b"<y/>", f"{Path(first).stem}.CR2": b"raw"}
    studio.drop(ELM, "", {**files, **beside, "notes.txt": b"the key is under the mat"})
    outcome = await studio.until_idle()
    assert (outcome.finished, outcome.needing_person, shop.bought()) == (4, 0, 4)
    expected = {
        f"{ELM}-{number:02}/{name}": files[name] for number, names in enumerate(sets, 1) for name in names
    }
    expected |= {f"{ELM}-02/{name}": content for name, content in beside.items()}
    expected |= {f"kitchen/{name}": content for name, content in room.items()}
    assert studio.filed() == expected
    assert sorted(path.name for path in (studio.done / ELM).glob("*.jpg")) == [
        *(f"{ELM}-{number:02}.jpg" for number in (1, 2, 3)),
        "kitchen.jpg",
    ]
    assert set(files_below(studio.inbox / ELM)) == {"notes.txt"}


async def test_a_flash_frame_stays_and_is_told_and_never_becomes_a_picture(
    studio: Studio, shop: Shop
) -> None:
    """This holds after a restart too, when the inbox sees the frame as new."""
    files, _, flash = shoot(flash=True)
    await studio.drop_and_run(ELM, "", files)
    for _ in range(2):
        assert set(files_below(studio.inbox / ELM)) == set(flash)
        async with studio.working():
            status = await studio.comes_to_say(lambda status: flash[0] in " ".join(status["notices"]))
            assert "flash" in " ".join(status["notices"])
            await studio.comes_to_say(lambda _: studio.say("status").stdout.count("Left alone") == 1)
    assert shop.bought() == 3


@pytest.mark.parametrize("by", ["approve", "Ready.TXT.txt"])
async def test_a_shoot_that_is_not_beyond_doubt_waits_for_a_person(
    studio: Studio, shop: Shop, by: str
) -> None:
    """Nothing is paid before `.ready` or `hotfolder approve`; after it, all sets are made, and `.ready` is
    removed."""
    files = doubtful()
    folder = studio.drop(ELM, "", files)
    outcome = await studio.until_idle()
    assert (outcome.finished, shop.bought()) == (0, 0)
    async with studio.working():
        status = await studio.comes_to_say(held)
        assert "lack camera data" in held(status) and "set" in held(status)
        assert 'under "Metadata", choose "All Metadata"' in held(status)
        # Until this daemon has scanned, `status` shows the overview of the one before.
        await studio.comes_to_say(lambda _: " 1 held." in studio.say("status").stdout)
        assert "still arriving" not in studio.say("status").stdout
        await studio.comes_to_say(lambda _: "(the whole shoot): held" in studio.status_page())
        if by == "approve":
            told = studio.say("approve", ELM)
            assert told.exit_code == 0 and str(folder / ".ready") in told.stdout
        else:
            (folder / by).touch()
        await studio.comes_to_say(lambda status: "done" in studio.states() and not held(status))
        await studio.comes_to_say(lambda _: set(studio.states()) == {"done"})
    assert files_below(studio.inbox / ELM) == {}
    assert {name.split("/")[1] for name in studio.filed()} == set(files)
    assert shop.bought() == len(studio.states())


async def test_the_rest_of_a_held_shoot_is_grouped_with_it(studio: Studio, shop: Shop) -> None:
    """The export paused for too long; once the rest arrives, nothing is doubtful any more."""
    files, sets, _ = shoot()
    late = sets[2][3:]
    folder = studio.drop(ELM, "", {name: content for name, content in files.items() if name not in late})
    async with studio.working():
        await studio.comes_to_say(held)
        for name in late:
            (folder / name).write_bytes(files[name])
        await studio.comes_to("done", "done", "done")
    assert shop.bought() == 3
    assert set(studio.filed()) == filed_as(sets)


async def test_an_export_without_camera_data_is_made_and_the_setting_to_change_is_told(
    make_studio: MakeStudio,
) -> None:
    """STATUS.txt shows it while the photos are in the inbox, and each of their sets keeps it as a note."""
    studio = make_studio(routes=[{"name": "shoots", "brackets": 5}])
    files, sets, _ = shoot(rooms=2)
    told = f"! About the photos in {ELM}: {EXPORT_WITH_CAMERA_DATA}"

    def on_page(_: object) -> bool:
        return told in studio.status_page()

    async with studio.working():
        await studio.comes_to_say(lambda _: studio.status_page())
        assert studio.say("pause").exit_code == 0
        studio.drop(ELM, "", {name: stripped(files[name]) for name in sets[0]})
        await studio.comes_to_say(on_page)
        assert studio.say("resume").exit_code == 0
        status = await studio.comes_to("done")
        assert EXPORT_WITH_CAMERA_DATA in status["jobs"][0]["reason"]
        await studio.comes_to_say(lambda _: not on_page(_))
        studio.drop(ELM, "", {name: files[name] for name in sets[1]})
        status = await studio.comes_to("done", "done")
    assert [EXPORT_WITH_CAMERA_DATA in job["reason"] for job in status["jobs"]].count(True) == 1
    notes = [json.loads(one.read_bytes())["notes"] for one in (studio.done / ELM / "receipts").iterdir()]
    assert sorted(notes) == [[], [EXPORT_WITH_CAMERA_DATA]]


async def test_more_than_seven_in_one_set_are_refused_and_the_others_made(studio: Studio, shop: Shop) -> None:
    files, sets, _ = shoot(rooms=1, stops=[0, -4, -3, -2, -1, 1, 2, 3, 4])
    studio.drop(ELM, "", files)
    async with studio.working():
        await studio.comes_to("failed")
    failed = files_below(studio.failed / ELM / f"{ELM}-01")
    assert set(failed) == {*sets[0], "REASON.txt"}
    assert b"over_seven" in failed["REASON.txt"] and f"Folder:  {ELM}-01".encode() in failed["REASON.txt"]
    assert shop.bought() == 0


async def test_over_seven_may_be_spread(make_studio: MakeStudio, shop: Shop) -> None:
    studio = make_studio(routes=[{"name": "shoots", "over_seven": "spread"}])
    files, _, _ = shoot(rooms=1, stops=[0, -4, -3, -2, -1, 1, 2, 3, 4])
    folder = studio.drop(ELM, "", files)
    (folder / ".ready").touch()
    await studio.until_idle()
    assert (len(studio.filed()), len(files_below(folder)), shop.bought()) == (7, 2, 1)


async def test_a_restart_does_not_group_what_is_under_way_again(studio: Studio, shop: Shop) -> None:
    files, sets, _ = shoot()
    studio.drop(ELM, "", files)
    assert crashing.live(studio, shop, kill_at=CrashPoint.JOB_CREATED, nth=2) < 0
    await studio.until_idle()
    assert shop.bought() == 3
    assert set(studio.filed()) == filed_as(sets)


async def test_a_photo_that_changes_before_its_merge_is_merged_as_it_is_now(
    studio: Studio, shop: Shop
) -> None:
    """Only its set is grouped anew; the others continue, and nothing is paid twice."""
    files, sets, _ = shoot()
    folder = studio.drop(ELM, "", files)
    name = sets[0][2]
    new = files[name] + b"\0" * 10
    changed = at(CrashPoint.PHOTO_UPLOADED, lambda: (folder / name).write_bytes(new))
    async with studio.working(crash_point=changed):
        await studio.comes_to("done", "done", "done")
    assert shop.bought() == 3
    filed = {path.split("/")[1]: content for path, content in studio.filed().items()}
    assert filed == {**files, name: new}


async def test_numbers_go_on_where_an_earlier_shoot_ended_and_a_lone_latecomer_is_held(
    studio: Studio, shop: Shop
) -> None:
    async with studio.working():
        studio.drop(ELM, "", shoot(rooms=2)[0])
        await studio.comes_to("done", "done")
        later = shoot(rooms=2, seed=9, later_seconds=3600)[0]
        studio.drop(ELM, "", {f"b{name}": content for name, content in later.items()})
        await studio.comes_to(*["done"] * 4)
        studio.drop(ELM, "", {"late.jpg": jpeg()})
        status = await studio.comes_to_say(few)
    assert shop.bought() == 4
    assert {job["room"] for job in status["jobs"] if job["state"] == "done"} == {
        f"{ELM}-{number:02}" for number in (1, 2, 3, 4)
    }


def few_sets(status: dict[str, Any]) -> int:
    """The number of sets that are held as late ones."""
    return sum(job["held"] and "so few photos are not paid for" in job["reason"] for job in status["jobs"])


def few(status: dict[str, Any]) -> bool:
    return few_sets(status) > 0


async def test_late_photos_that_are_fewer_than_a_set_are_held_and_a_whole_set_is_not(
    studio: Studio, shop: Shop
) -> None:
    """Capture data don't matter: two frames of five would be paid for as a set of two."""
    files, sets, _ = shoot(rooms=3)
    late = sets[1][3:]
    early = {name: content for name, content in files.items() if name in sets[0]}
    async with studio.working():
        studio.drop(ELM, "", early)
        await studio.comes_to("done")
        folder = studio.drop(ELM, "", {name: files[name] for name in late})
        await studio.comes_to_say(few)
        studio.drop(ELM, "", {name: files[name] for name in sets[1][:3]})
        await studio.comes_to("done", "done")
        studio.drop(ELM, "", {name: files[name] for name in sets[2][:2]})
        await studio.comes_to_say(few)
        told = studio.say("approve", str(folder))
        assert told.exit_code == 0, told.stderr
        await studio.comes_to("done", "done", "done")
    assert shop.bought() == 3


async def test_a_late_photo_that_waits_is_not_paid_for_with_a_set_that_comes_later(
    studio: Studio, shop: Shop
) -> None:
    files, sets, _ = shoot(rooms=4)
    late = {sets[2][0]: files[sets[2][0]]}
    async with studio.working():
        studio.drop(ELM, "", {name: files[name] for name in sets[0] + sets[1]})
        await studio.comes_to("done", "done")
        studio.drop(ELM, "", late)
        await studio.comes_to_say(few)
        studio.drop(ELM, "", {name: files[name] for name in sets[3]})
        await studio.comes_to("done", "done", "done", "settling")
    await studio.until_idle()
    assert few(studio.status()) and shop.bought() == 3 and files_below(studio.inbox / ELM) == late


async def test_late_photos_that_came_one_after_another_are_not_paid_for_at_the_next_start(
    studio: Studio, shop: Shop
) -> None:
    """Each of the two is fewer than a set; together they are as many."""
    files, sets, _ = shoot(rooms=3)
    async with studio.working():
        studio.drop(ELM, "", {name: files[name] for name in sets[0]})
        await studio.comes_to("done")
        studio.drop(ELM, "", {name: files[name] for name in sets[1][:3]})
        await studio.comes_to_say(few)
        studio.drop(ELM, "", {name: files[name] for name in sets[2][:2]})
        await studio.comes_to_say(lambda status: few_sets(status) == 2)
    await studio.until_idle()
    assert few_sets(studio.status()) == 2 and shop.bought() == 1


@pytest.mark.parametrize("folder", ["", "kitchen"])
async def test_late_photos_stay_held_where_their_project_is_renamed(
    studio: Studio, shop: Shop, folder: str
) -> None:
    """To rename it approves nothing; what was approved and came back is not held again."""
    files, sets, _ = shoot(rooms=2)
    late = {name: files[name] for name in sets[1][:2]}
    await studio.drop_and_run(ELM, folder, {name: files[name] for name in sets[0]})
    await studio.drop_and_run(ELM, folder, late)
    renamed = (studio.inbox / ELM).rename(studio.inbox / "14 Oak Road") / folder
    await studio.until_idle()
    assert studio.status()["jobs"][0]["held"] and files_below(renamed) == late and shop.bought() == 1
    assert studio.say("approve", str(renamed)).exit_code == 0
    async with studio.working() as daemon:
        daemon.store.pause("the boss is away")
        await studio.comes_to_say(lambda status: "boss" in str(status["jobs"]))
        studio.by_hand(actions.cancel, "14 Oak Road", by="ann")
        await studio.comes_to("failed", "done")
        daemon.store.resume()
        [back] = (studio.failed / "14 Oak Road").iterdir()
        renamed.mkdir(parents=True, exist_ok=True)
        for name in late:
            (back / name).rename(renamed / name)
        shutil.rmtree(back)
        await studio.comes_to("done", "done")
    assert shop.bought() == 2


@pytest.mark.parametrize("folder", ["", "scullery"])
async def test_parts_of_a_set_that_is_paid_for_stay_held_where_their_project_is_renamed(
    studio: Studio, shop: Shop, folder: str
) -> None:
    files, sets, _ = shoot(rooms=1)
    await studio.drop_and_run(ELM, folder and "kitchen", files)
    parts = {name: files[name] for name in sets[0][:2]}
    await studio.drop_and_run(ELM, folder, parts)
    renamed = (studio.inbox / ELM).rename(studio.inbox / "14 Oak Road") / folder
    for _ in range(2):
        await studio.until_idle()
        assert shop.bought() == 1 and files_below(renamed) == parts
        assert "which has been paid for" in studio.status()["jobs"][0]["reason"]


async def test_photos_that_wait_are_stored_once_however_often_they_are_judged(studio: Studio) -> None:
    files, sets, _ = shoot(rooms=1)
    await studio.drop_and_run(ELM, "", files)
    await studio.drop_and_run(ELM, "", {name: files[name] for name in sets[0][:2]})
    for _ in range(2):
        await studio.until_idle()
    with studio.store() as store:
        [held] = store.published_of_inboxes("held in ").values()
    assert [[*one["photos"]] for one in held] == [[name] for name in sets[0][:2]]


async def test_a_shoot_waits_where_one_of_its_sets_is_under_review(
    make_studio: MakeStudio, shop: Shop
) -> None:
    routes = [{"name": "second", "match": {"room": "*-02"}, "group": "review"}]
    studio = make_studio(routes=routes)
    await studio.drop_and_run(ELM, "", shoot(rooms=2)[0])
    assert shop.bought() == 0 and "review" in held(studio.status())
    (studio.inbox / ELM / ".ready").touch()
    await studio.until_idle()
    assert shop.bought() == 2


async def test_explain_subtracts_what_a_shoot_has_bought_already(studio: Studio) -> None:
    files, sets, _ = shoot(rooms=2)
    await studio.drop_and_run(ELM, "hall", {name: files[name] for name in sets[0]})
    folder = studio.drop("another", "", files)
    told = json.loads(studio.say("explain", str(folder), "--json").stdout)
    assert (told["paid_calls"], told["remembered_calls"]) == (2, 1)
    assert sorted(one["remembered_calls"] for one in told["sets"]) == [0, 1]
    assert "1 paid call (1 more paid already)." in studio.say("explain", str(folder)).stdout


async def test_an_unreadable_photo_holds_its_shoot_until_it_is_mended(studio: Studio, shop: Shop) -> None:
    """A shoot is never refused as a whole, and never made without a frame that may belong to it."""
    files, _, _ = shoot()
    folder = studio.drop(ELM, "", {**files, "view.webp": b"not a picture"})
    await studio.until_idle()
    assert shop.bought() == 0 and set(files_below(folder)) == {*files, "view.webp"}
    page = studio.status_page()
    assert page.index("Needs a person") < page.index("view.webp") and "Waiting:" not in page
    (folder / "view.webp").unlink()
    outcome = await studio.until_idle()
    assert (outcome.finished, shop.bought()) == (3, 3)


async def test_a_doubtful_set_is_held_by_itself_and_the_others_go_ahead(studio: Studio, shop: Shop) -> None:
    """It stays doubtful when the sets it was compared with are gone, and keeps its name."""
    files, sets, _ = shoot(rooms=7, by_hand=(3,))
    name = f"{ELM}-04"
    folder = studio.drop(ELM, "", files)
    assert f"HELD: 1 set, held for a person: {name}" in studio.say("explain", str(folder)).stdout
    for _ in range(2):
        await studio.until_idle()
        assert shop.bought() == 6 and set(files_below(folder)) == set(sets[3])
        page = studio.status_page()
        assert f"{ELM} / {name}: held 6 photos, {sets[3][0]} to {sets[3][-1]}, held for a person" in page
    async with studio.working():
        await studio.comes_to_say(held_sets)
        assert studio.say("approve", f"{ELM}/{name}").exit_code == 0
        await studio.comes_to(*["done"] * 7)
    assert shop.bought() == 7 and files_below(folder) == {}
    assert set(studio.filed(name)) == set(sets[3])


async def test_what_waits_or_is_kept_out_stays_so_where_only_its_inode_and_ctime_are_new(
    studio: Studio, shop: Shop
) -> None:
    """As on a share that numbers its files anew when it is mounted, or after `chmod`. Alone the set isn't
    doubtful."""
    files, sets, flash = shoot(rooms=4, flash=True)
    folder = studio.drop(ELM, "", {name: files[name] for name in files if name not in sets[3][3:]})
    await studio.until_idle()
    waiting = set(files_below(folder))
    assert shop.bought() == 3 and waiting == {*sets[3][:3], *flash}
    for name in waiting:
        shutil.copy2(folder / name, folder / f".{name}")
        (folder / f".{name}").replace(folder / name)
    await studio.until_idle()
    assert shop.bought() == 3 and set(files_below(folder)) == waiting
    assert "was taken with flash" not in studio.status_page()


async def test_of_two_exports_in_a_held_set_the_older_is_used_once_the_newer_is_gone(
    studio: Studio, shop: Shop
) -> None:
    """A person tidies up before approving."""
    files, sets, _ = shoot(rooms=7, by_hand=(3,))
    older = sets[3][1]
    newer = f"{Path(older).stem}-2.jpg"
    folder = studio.drop(ELM, "", {**files, newer: exported_anew(files[older])})
    await studio.until_idle()
    assert shop.bought() == 6 and set(files_below(folder)) == {*sets[3], newer}
    assert f"{older} is an earlier export of {newer}" in studio.status_page()
    (folder / newer).unlink()
    studio.say("approve", ELM)
    await studio.until_idle()
    assert shop.bought() == 7 and files_below(folder) == {}
    assert {name.split("/")[1] for name in studio.filed()} == set(files)


async def test_the_older_exports_of_a_held_set_wait_when_the_newer_ones_are_gone(
    studio: Studio, shop: Shop
) -> None:
    """Whoever deletes a set's photos doesn't want it."""
    files, sets, _ = shoot(rooms=7)
    lacking = {sets[4][4], *(sets[number][frame] for number in (5, 6) for frame in (1, 4))}
    newer = {f"{Path(name).stem}-2.jpg": exported_anew(files[name]) for name in sets[4][:4]}
    folder = studio.drop(ELM, "", {name: files[name] for name in files if name not in lacking} | newer)
    await studio.until_idle()
    assert shop.bought() == 6 and set(files_below(folder)) == {*sets[4][:4], *newer}
    for name in newer:
        (folder / name).unlink()
    await studio.until_idle()
    assert shop.bought() == 6 and set(files_below(folder)) == set(sets[4][:4])
    assert held_sets(studio.status())


async def test_late_photos_and_their_older_exports_wait_together(studio: Studio, shop: Shop) -> None:
    await studio.drop_and_run(ELM, "", shoot(rooms=2)[0])
    few = shoot(rooms=1, seed=9, later_seconds=4000, stops=[0.0, -2.0, 2.0])[0]
    late = {f"L{name}": content for name, content in few.items()}
    newer = {f"{Path(name).stem}-2.jpg": exported_anew(content) for name, content in late.items()}
    folder = studio.drop(ELM, "", {**late, **newer})
    await studio.until_idle()
    assert shop.bought() == 2 and set(files_below(folder)) == {*late, *newer}


async def test_a_review_for_one_set_of_a_shoot_holds_the_others_once_that_is_approved(
    make_studio: MakeStudio, shop: Shop
) -> None:
    studio = make_studio(routes=[{"name": "second", "match": {"room": "*-02"}, "group": "review"}])
    await studio.drop_and_run(ELM, "", shoot()[0])
    assert studio.say("approve", f"{ELM}/{ELM}-02").exit_code == 0
    for _ in range(2):
        await studio.until_idle()
        assert shop.bought() == 1 and held_sets(studio.status()).keys() == {f"{ELM}-01", f"{ELM}-03"}


async def test_a_held_set_stays_held_when_its_project_is_renamed(studio: Studio, shop: Shop) -> None:
    """Alone the set isn't doubtful, and a new project name is no approval."""
    files, sets, _ = shoot(rooms=4)
    last = set(sets[3][:3])
    folder = studio.drop(ELM, "", {name: files[name] for name in files if name not in sets[3][3:]})
    await studio.until_idle()
    assert shop.bought() == 3 and set(files_below(folder)) == last
    renamed = folder.rename(studio.inbox / "14 Elm Road")
    assert "HELD: 1 set, held for a person: 14 Elm Road-01" in studio.say("explain", str(renamed)).stdout
    for _ in range(2):
        await studio.until_idle()
        assert shop.bought() == 3 and set(files_below(renamed)) == last
    assert studio.say("approve", "14 Elm Road").exit_code == 0
    await studio.until_idle()
    assert shop.bought() == 4 and files_below(renamed) == {}


async def test_a_finished_project_that_is_copied_back_is_not_paid_for(studio: Studio, shop: Shop) -> None:
    """Neither its pictures nor its originals are bought again until a person approves."""
    await studio.drop_and_run(ELM, "kitchen__sky-blue", bracket())
    bought = shop.bought()
    shutil.copytree(studio.done / ELM, folder := studio.inbox / "12 Elm Road again")
    shutil.copytree(studio.done / ELM, studio.inbox / "finished" / "12 Elm Road")
    assert "finished pictures that hotfolder made" in studio.say("explain", str(folder)).stdout
    await studio.until_idle()
    held = str([job["reason"] for job in studio.status()["jobs"]])
    assert shop.bought() == bought and held.count("finished pictures that hotfolder made") == 2
    (studio.inbox / "finished" / "12 Elm Road" / "READY.txt").touch()
    await studio.until_idle()
    assert shop.bought() > bought and files_below(folder).keys() >= {"kitchen.jpg"}


async def test_a_finished_picture_stays_held_when_a_copy_of_it_is_approved_elsewhere(
    studio: Studio, shop: Shop
) -> None:
    await studio.drop_and_run(ELM, "kitchen", bracket())
    picture = {"kitchen.jpg": (studio.done / ELM / "kitchen.jpg").read_bytes()}
    folder = studio.drop("again", "kitchen", {**picture, "another.jpg": jpeg()})
    studio.drop("finished", "", picture)
    await studio.until_idle()
    assert shop.bought() == 1 and studio.say("approve", "finished").exit_code == 0
    for _ in range(2):
        await studio.until_idle()
    assert shop.bought() == 2 and files_below(folder).keys() == {"kitchen.jpg", "another.jpg"}


async def test_a_finished_picture_that_was_approved_is_not_held_again_when_it_is_retried(
    studio: Studio, shop: Shop
) -> None:
    await studio.drop_and_run(ELM, "kitchen", bracket())
    studio.drop("14 Oak", "", {"hall.jpg": (studio.done / ELM / "kitchen.jpg").read_bytes()})
    await studio.until_idle()
    assert studio.say("approve", "14 Oak").exit_code == 0
    async with studio.working() as daemon:
        daemon.store.pause("the boss is away")
        await studio.comes_to_say(lambda status: "boss" in str(status["jobs"]))
        studio.by_hand(actions.cancel, "14 Oak", by="ann")
        await studio.comes_to("done", "failed")
        daemon.store.resume()
    [failed] = [job["job"] for job in studio.status()["jobs"] if job["state"] == "failed"]
    assert studio.say("retry", failed).exit_code == 0
    await studio.until_idle()
    assert studio.states() == ["done", "done"]


async def test_ok_at_the_folder_s_name_lets_go_of_what_is_held(studio: Studio, shop: Shop) -> None:
    """Other sets of the project are being made at that time: nothing is lost, paid twice or renamed."""
    files, sets, _ = shoot(rooms=4, by_hand=(2,))
    folder = studio.drop(ELM, "", files)
    studio.drop(ELM, "kitchen_sky-twilight", bracket())
    async with studio.working():
        status = await studio.comes_to_say(lambda status: len(held_sets(status)) == 2)
        assert all("__ok" in job["hint"] for job in status["jobs"] if job["held"])
        assert not any("__ok" in reason for reason in held_sets(status).values())
        folder.rename(studio.inbox / f"{ELM}__ok")
        await studio.comes_to(*["done"] * 5)
    assert shop.bought() == 5 and {job["project"] for job in studio.status()["jobs"]} == {ELM}
    assert studio.filed().keys() == filed_as(sets) | {f"kitchen_sky-twilight/{name}" for name in bracket()}
    assert [path.name for path in studio.done.iterdir() if not path.name.startswith(".")] == [ELM]
    assert files_below(studio.inbox / ELM) == {} and not (studio.inbox / f"{ELM}__ok").exists()


async def test_commands_say_of_a_held_set_why_and_what_decides_it(studio: Studio) -> None:
    """It has no job yet. The folder's new name approves all that is held, which its hint says."""
    files, _, _ = shoot(rooms=4, by_hand=(2,))
    studio.drop(ELM, "", files)
    async with studio.working():
        [(name, why)] = held_sets(await studio.comes_to_say(held_sets)).items()
        for command in (["cancel"], ["retry"], ["logs"], ["priority", "high"], ["resolve", "--not-charged"]):
            said = studio.say(command[0], f"{ELM}/{name}", *command[1:])
            assert said.exit_code == 2 and f"{ELM}/{name} is no job yet: {why}." in said.stderr
            assert f'hotfolder approve "{ELM}/{name}"`, or, where all that is held of {ELM} is' in said.stderr


async def test_commands_say_so_of_a_held_room_by_its_folder_s_name_too(make_studio: MakeStudio) -> None:
    """Its folder lies in the inbox, as that of a room that is still arriving."""
    studio = make_studio(routes=[{"name": "all", "match": {"room": "*"}, "group": "review"}])
    studio.drop(ELM, "front__sky-blue", bracket())
    studio.drop(ELM, "kitchen", bracket(4))
    async with studio.working():
        await studio.comes_to_say(lambda status: len(held_sets(status)) == 2)
        for name in ("front", "front__sky-blue", "kitchen"):
            for command in (["cancel"], ["retry"], ["logs"], ["priority", "high"]):
                said = studio.say(command[0], f"{ELM}/{name}", *command[1:])
                told = f"{ELM}/{name} is no job yet: its route asks for a review."
                assert said.exit_code == 2 and told in said.stderr


async def test_a_room_goes_ahead_under_its_name_once_its_folder_says_ok(make_studio: MakeStudio) -> None:
    """This also works where a folder of that name exists, and while photos still arrive."""
    studio = make_studio(routes=[{"name": "all", "match": {"room": "*"}, "group": "review"}])
    folder = studio.drop(ELM, "front__sky-blue", bracket())
    async with studio.working():
        await studio.comes_to_say(held_sets)
        folder.rename(studio.inbox / ELM / "front__sky-blue__OK")
        await studio.comes_to("done")
        photos = {name: jpeg(size=(64, 48)) for name in bracket()}
        studio.drop(ELM, "front__sky-blue", {"notes.txt": b"the key is under the mat"})
        second = studio.drop(ELM, "front__ok__sky-blue", photos)
        assert "HELD" not in studio.say("explain", str(second)).stdout
        # A status from after this may list the folder of the notes, which waits for photos for a while.
        done = await studio.comes_to("done", "done")
    assert sorted(job["room"] for job in done["jobs"]) == ["front", "front-2"]
    assert not [path for path in files_below(studio.root) if "__ok" in path.lower()]
    assert files_below(studio.inbox / ELM) == {"front__sky-blue/notes.txt": b"the key is under the mat"}


async def test_a_folder_that_can_t_be_renamed_is_told_and_waits(studio: Studio, shop: Shop) -> None:
    folder = studio.drop(ELM, "kitchen__ok", bracket())
    (folder / ".ready").mkdir()
    await studio.until_idle()
    page = studio.status_page()
    assert shop.bought() == 0 and "could not rename 'kitchen__ok' to 'kitchen' (Is a directory)" in page
    (folder / ".ready").rmdir()
    await studio.until_idle()
    assert (studio.states(), shop.bought()) == (["done"], 1)
