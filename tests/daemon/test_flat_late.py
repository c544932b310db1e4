"""Late photos of a flat drop: recognised, and never paid for as sets of their own unasked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import pytest

from hotfolder.config.load import load
from hotfolder.control import actions
from hotfolder.control.held import look_at
from hotfolder.control.lookup import place_named
from hotfolder.daemon.service import Daemon
from hotfolder.inbox.approvals import write_ready
from hotfolder.jobs.store import Store
from hotfolder.rules.drops import ChosenSet
from hotfolder.rules.late import PhotoRelations
from hotfolder.rules.shoots import relate_shoot
from tests.support.rolls import exported_anew, shoot, stripped
from tests.support.studio import ELM, MakeStudio, Shop, Studio, files_below

pytestmark = pytest.mark.long


def rooms(status: Mapping[str, Any]) -> list[str]:
    return sorted(job["room"] for job in status["jobs"] if job["state"] == "done")


def holds(*words: str) -> Any:
    """A predicate on a status: whether a held drop's reason has all these words."""
    return lambda status: any(
        job["held"] and all(word in job["reason"] for word in words) for job in status["jobs"]
    )


def copies(files: Mapping[str, bytes], *, anew: bool) -> dict[str, bytes]:
    """The files under the names that Lightroom gives a second export."""
    return {
        name.replace(".jpg", "-2.jpg"): exported_anew(content) if anew else content
        for name, content in files.items()
    }


async def pause(daemon: Daemon) -> None:
    await daemon.context.store_thread(daemon.store.pause, "for now")


async def resume(daemon: Daemon) -> None:
    await daemon.context.store_thread(daemon.store.resume)


def notes(studio: Studio) -> list[str]:
    receipts = (studio.done / ELM / "receipts").iterdir()
    return sorted(note for one in receipts for note in json.loads(one.read_bytes())["notes"])


@pytest.mark.parametrize("anew", [False, True])
async def test_a_set_that_comes_again_whole_is_a_revision_of_its_room(
    studio: Studio, shop: Shop, anew: bool
) -> None:
    """The same content is not paid for again; a new edit of all photos is, as in a room's folder."""
    files, sets, _ = shoot(rooms=2)
    await studio.drop_and_run(ELM, "", files)
    again = copies({name: files[name] for name in sets[0]}, anew=anew)
    outcome = await studio.drop_and_run(ELM, "", again)
    assert (outcome.finished, outcome.needing_person) == (1, 0)
    assert rooms(studio.status()) == [f"{ELM}-01", f"{ELM}-01", f"{ELM}-02"]
    assert shop.bought() == (3 if anew else 2)
    (note,) = notes(studio)
    assert ("new revision" in note and "5 of its photos" in note) if anew else "is used again" in note
    assert files_below(studio.inbox / ELM) == {}
    assert set(again) <= {path.split("/")[1] for path in studio.filed()}


async def test_a_part_of_a_set_that_is_paid_for_is_held_and_a_new_set_beside_it_is_made(
    studio: Studio, shop: Shop
) -> None:
    files, sets, _ = shoot(rooms=3)
    studio.drop(ELM, "", {name: files[name] for name in (*sets[0], *sets[1])})
    as_it_was, anew = (
        copies({name: files[name] for name in sets[0][place::2]}, anew=place == 1) for place in (0, 1)
    )
    first, second = (f"of {ELM}-01, which has been paid for", "like it")
    async with studio.working():
        await studio.comes_to("done", "done")
        folder = studio.drop(ELM, "", anew)
        await studio.comes_to_say(holds("IMG_0002-2.jpg is another export of IMG_0002.jpg", first, second))
        told = studio.say("explain", str(folder)).stdout
        assert "Waits: IMG_0002-2.jpg is another export of" in told and "0 sets" not in told
        studio.drop(ELM, "", {name: files[name] for name in sets[2]})
        status = await studio.comes_to_say(lambda status: len(rooms(status)) == 3 and holds(first)(status))
        assert rooms(status) == [f"{ELM}-01", f"{ELM}-02", f"{ELM}-03"]
        assert shop.bought() == 3 and set(files_below(studio.inbox / ELM)) == {*anew}
        # With its other photos the whole set is there again.
        studio.drop(ELM, "", as_it_was)
        status = await studio.comes_to(*["done"] * 4)
    assert rooms(status).count(f"{ELM}-01") == 2
    assert shop.bought() == 4


async def test_a_late_bracket_is_held_once_its_set_is_paid_for(studio: Studio, shop: Shop) -> None:
    files, sets, _ = shoot(rooms=1)
    late = sets[0][4]
    studio.drop(ELM, "", {name: files[name] for name in sets[0][:4]})
    async with studio.working():
        await studio.comes_to("done")
        studio.drop(ELM, "", {late: files[late]})
        told = f"{late} belongs, by what the camera recorded, to {ELM}-01, which has been paid for"
        await studio.comes_to_say(holds(told))
        assert shop.bought() == 1 and set(files_below(studio.inbox / ELM)) == {late}
        (studio.inbox / ELM / late).unlink()
        await studio.comes_to_say(lambda status: not any(job["held"] for job in status["jobs"]))


async def test_late_photos_stay_held_when_a_person_has_another_of_them_made_by_itself(
    studio: Studio, shop: Shop
) -> None:
    """They are as many as that set, which is the latest now, and fewer than the others."""
    files, sets, _ = shoot(rooms=3)
    alone, late = sets[2][0], set(sets[1][:2])
    studio.drop(ELM, "", {name: files[name] for name in sets[0]})
    async with studio.working():
        await studio.comes_to("done")
        folder = studio.drop(ELM, "", {name: files[name] for name in (*late, alone)})
        await studio.comes_to_say(holds("so few photos"))
        write_ready(studio.inbox, [ELM], [ChosenSet("hall", {alone: sha256(files[alone]).hexdigest()})])
        await studio.comes_to_say(lambda status: len(rooms(status)) == 2)
    await studio.until_idle()
    assert shop.bought() == 2 and files_below(folder).keys() == late


def to_be_made(studio: Studio) -> dict[str, set[str]]:
    """The photos of each active job, by room."""

    def look(store: Store) -> dict[str, set[str]]:
        return {job.room: {file.name for file in store.files(job.id)} for job in store.active()}

    return studio.reading(look) or {}


async def test_a_late_bracket_reopens_a_set_that_is_not_paid_for(studio: Studio, shop: Shop) -> None:
    """The other sets continue unchanged, it keeps its name, and is paid for once."""
    files, sets, _ = shoot(rooms=2)
    late = sets[0][4]
    async with studio.working() as daemon:
        await pause(daemon)
        studio.drop(ELM, "", {name: files[name] for name in sets[0] if name != late})
        await studio.comes_to_say(lambda _: to_be_made(studio))
        studio.drop(ELM, "", {name: files[name] for name in sets[1]})
        await studio.comes_to_say(lambda _: len(to_be_made(studio)) == 2)
        studio.drop(ELM, "", {late: files[late]})
        expected = {f"{ELM}-{number:02}": set(one) for number, one in enumerate(sets, 1)}
        await studio.comes_to_say(lambda _: to_be_made(studio) == expected)
        await resume(daemon)
        await studio.comes_to("done", "done")
    assert shop.bought() == 2
    assert set(studio.filed()) == {f"{room}/{name}" for room, names in expected.items() for name in names}


async def test_a_late_bracket_that_came_while_nothing_ran_reopens_its_set_too(studio: Studio) -> None:
    files, sets, _ = shoot(rooms=1)
    late = sets[0][4]
    async with studio.working() as daemon:
        await pause(daemon)
        studio.drop(ELM, "", {name: files[name] for name in sets[0] if name != late})
        await studio.comes_to_say(lambda _: to_be_made(studio))
    studio.drop(ELM, "", {late: files[late]})
    async with studio.working():
        await studio.comes_to_say(lambda _: to_be_made(studio) == {f"{ELM}-01": set(sets[0])})


async def test_a_photo_exported_anew_before_its_set_is_paid_for_takes_the_place_of_the_old(
    studio: Studio, shop: Shop
) -> None:
    files, sets, _ = shoot(rooms=2)
    old = sets[0][2]
    again = copies({old: files[old]}, anew=True)
    async with studio.working() as daemon:
        await pause(daemon)
        studio.drop(ELM, "", files)
        await studio.comes_to_say(lambda _: len(to_be_made(studio)) == 2)
        studio.drop(ELM, "", again)
        expected = {f"{ELM}-01": {*sets[0], *again} - {old}, f"{ELM}-02": set(sets[1])}
        await studio.comes_to_say(lambda _: to_be_made(studio) == expected)
        told = f"{old} is an earlier export of"
        await studio.comes_to_say(lambda status: told in " ".join(status["notices"]))
    assert shop.bought() == 0


async def test_a_photo_that_is_judged_while_its_set_ends_is_not_said_to_wait_for_it(
    studio: Studio, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sorting late photos takes a while on a busy machine, and what it read about the set may be outdated by
    then."""
    files, sets, _ = shoot(rooms=1)
    late = sets[0][4]

    def slowly(*given: Any) -> PhotoRelations:
        found = relate_shoot(*given)
        if found.waiting and rooms(studio.status()) == []:
            resume_and_wait()
        return found

    def resume_and_wait() -> None:
        with studio.store() as store:
            store.resume()
        studio.wait_until(rooms)

    monkeypatch.setattr("hotfolder.daemon.shoots.relate_shoot", slowly)
    async with studio.working() as daemon:
        await pause(daemon)
        studio.drop(ELM, "", {name: files[name] for name in sets[0][:4]})
        await studio.comes_to_say(lambda _: to_be_made(studio))
        monkeypatch.setattr(daemon.intake.shoots, "glimpse", no_glimpse)
        studio.drop(ELM, "", {f"{late}": files[late]})
        await studio.comes_to_say(holds(late, "which has been paid for"))
    assert shop.bought() == 1


async def no_glimpse(*_: object) -> None:
    pass


def one_removed(studio: Studio, late: Mapping[str, bytes]) -> dict[str, bytes]:
    (studio.inbox / ELM / min(late)).unlink()
    return {}


def exported_again_over_them(_: Studio, late: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: exported_anew(content) for name, content in late.items()}


def exported_again_beside_one(_: Studio, late: Mapping[str, bytes]) -> dict[str, bytes]:
    return copies({min(late): late[min(late)]}, anew=True)


@pytest.mark.parametrize("then", [one_removed, exported_again_over_them, exported_again_beside_one])
async def test_late_photos_stay_held_whatever_becomes_of_one_of_them(
    studio: Studio, shop: Shop, then: Callable[[Studio, Mapping[str, bytes]], dict[str, bytes]]
) -> None:
    files, sets, _ = shoot(rooms=2)
    late = {name: files[name] for name in sets[1][:3]}
    await studio.drop_and_run(ELM, "", {name: files[name] for name in sets[0]})
    await studio.drop_and_run(ELM, "", late)
    await studio.drop_and_run(ELM, "", then(studio, late))
    assert holds("so few photos")(studio.status()) and shop.bought() == 1


async def test_a_late_bracket_that_comes_frame_by_frame_is_one_picture(studio: Studio, shop: Shop) -> None:
    files, sets, _ = shoot(rooms=2)
    await studio.drop_and_run(ELM, "", {name: files[name] for name in sets[0]})
    for name in sets[1]:
        assert shop.bought() == 1
        await studio.drop_and_run(ELM, "", {name: files[name]})
    assert shop.bought() == 2 and set(studio.filed(f"{ELM}-02")) == set(sets[1])


async def test_the_page_says_that_late_photos_are_looked_at(studio: Studio) -> None:
    files, sets, _ = shoot(rooms=2)
    await studio.drop_and_run(ELM, "", {name: files[name] for name in sets[0]})
    studio.drop(ELM, "", {name: files[name] for name in sets[1][:3]})
    settings = load(studio.config, {})
    view = look_at(settings, place_named(settings, ELM))
    assert view.why and "so few photos" in str(view.explained.sets[0].doubts)


async def test_a_part_that_waits_does_not_go_with_a_part_of_another_set(studio: Studio, shop: Shop) -> None:
    files, sets, _ = shoot(rooms=3)
    await studio.drop_and_run(ELM, "", {name: files[name] for name in sets[0]})
    await studio.drop_and_run(ELM, "", {name: files[name] for name in sets[1][:3]})
    more = (sets[1][3], *sets[2][:4])
    await studio.drop_and_run(ELM, "", {name: files[name] for name in more})
    assert shop.bought() == 1 and set(files_below(studio.inbox / ELM)) == {*sets[1][:3], *more}


async def test_another_photo_does_not_release_the_late_one_of_a_room_whose_project_was_renamed(
    studio: Studio, shop: Shop
) -> None:
    files, sets, _ = shoot(rooms=1)
    await studio.drop_and_run(ELM, "kitchen", {name: files[name] for name in sets[0][:3]})
    await studio.drop_and_run(ELM, "kitchen", {sets[0][3]: files[sets[0][3]]})
    (studio.inbox / ELM).rename(studio.inbox / "14 Oak Road")
    await studio.until_idle()
    await studio.drop_and_run("14 Oak Road", "kitchen", {sets[0][4]: files[sets[0][4]]})
    assert holds(f'known from "{ELM}"')(studio.status()) and shop.bought() == 1


async def test_a_whole_shoot_is_held_as_one_though_a_late_photo_was_held_before(studio: Studio) -> None:
    files, sets, _ = shoot(rooms=1)
    await studio.drop_and_run(ELM, "", {name: files[name] for name in sets[0][:4]})
    await studio.drop_and_run(ELM, "", {sets[0][4]: files[sets[0][4]]})
    (studio.inbox / ELM / sets[0][4]).rename(studio.root / sets[0][4])
    new, parts, _ = shoot(rooms=4, seed=5, later_seconds=4000, of_nine=(1,))
    told = {f"N{name}": stripped(one) if name in parts[-1] else one for name, one in new.items()}
    await studio.drop_and_run(ELM, "", told)
    assert [job["room"] for job in studio.status()["jobs"] if job["held"]] == ["(the whole shoot)"]
    assert files_below(studio.inbox / ELM).keys() == told.keys()


@pytest.mark.parametrize("how", ["renamed", "with other permissions"])
async def test_what_a_cancel_left_behind_stays_held_also_where_the_whole_shoot_was(
    make_studio: MakeStudio, shop: Shop, how: str
) -> None:
    studio = make_studio(settle={"quiet_seconds": 6})
    files, sets, _ = shoot(rooms=4, by_hand=(3,))
    async with studio.working() as daemon:
        daemon.store.pause("the boss is away")
        folder = studio.drop(ELM, "", {name: files[name] for name in sets[0]})
        (folder / ".ready").touch()
        await studio.comes_to_say(lambda status: "boss" in str(status["jobs"]))
        studio.drop(ELM, "", {name: files[name] for name in sets[1] + sets[2]})
        studio.by_hand(actions.cancel, ELM, by="ann")
        await studio.comes_to_say(lambda status: "failed" in [job["state"] for job in status["jobs"]])
        studio.drop(ELM, "", {name: files[name] for name in sets[3]})
        await studio.comes_to_say(holds("when the set was cancelled"))
        daemon.store.resume()
    if how == "renamed":
        folder.rename(studio.inbox / "14 Oak Road")
    else:
        for one in folder.iterdir():
            one.chmod(0o600)
    await studio.until_idle()
    assert shop.bought() == 0


@pytest.mark.parametrize("times", ["new", "kept"])
async def test_a_renamed_project_s_late_photo_stays_held_when_its_set_is_made_anew_under_the_first_name(
    studio: Studio, shop: Shop, times: str
) -> None:
    files, sets, _ = shoot(rooms=1)
    late = sets[0][4]
    async with studio.working():
        studio.drop(ELM, "kitchen", {name: files[name] for name in sets[0][:4]})
        await studio.comes_to("done")
        studio.drop(ELM, "kitchen", {late: files[late]})
        await studio.comes_to_say(holds("came after the set had been paid for"))
        renamed = (studio.inbox / ELM).rename(studio.inbox / "14 Oak Road")
        await studio.comes_to_say(
            lambda status: any(job["held"] and job["project"] == "14 Oak Road" for job in status["jobs"])
        )
        for name, content in files.items():
            (studio.root / name).write_bytes(content)
        if times == "kept":
            shutil.copystat(renamed / "kitchen" / late, studio.root / late)
        again = studio.inbox / ELM / "kitchen"
        again.mkdir(parents=True)
        for name in files:
            (studio.root / name).rename(again / name)
        await studio.comes_to("done", "done", "settling")
    await studio.until_idle()
    assert shop.bought() == 2 and files_below(renamed).keys() == {f"kitchen/{late}"}
