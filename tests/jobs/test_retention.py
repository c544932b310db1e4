"""Old files and records are removed once proven unneeded; those in doubt, or that may save money, stay."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from hotfolder.control import upkeep
from hotfolder.control.opening import opened
from hotfolder.crashpoints import CrashPoint
from hotfolder.daemon.service import Daemon
from hotfolder.jobs.model import Job
from hotfolder.jobs.retention import Expired, KeptKind
from hotfolder.jobs.states import State
from hotfolder.rules.delivery import Keep
from tests.support.clocks import JumpingClock
from tests.support.crashing import at
from tests.support.pictures import bracket
from tests.support.processes import WITHOUT_RIGHTS, needs_rights_taken
from tests.support.studio import ELM, MakeStudio, Shop, Studio, environment, files_below, until

pytestmark = pytest.mark.long

LATER = datetime.now(UTC) + timedelta(days=40)
FILES: tuple[KeptKind, ...] = ("original", "receipt", "result")
Spoil = Callable[[Path], object]
ALL = Keep(originals_days=30, receipts_days=30, results_days=30)


async def done_set(studio: Studio, shop: Shop, folder: str = "kitchen") -> dict[str, bytes]:
    """A finished set's originals. A studio's first one is made once for all tests, and copied."""
    if studio.state.exists():
        return await made(studio, folder)
    once = shop.data.with_name("done-set")
    if not once.exists():
        await made(Studio(once, shop=shop), folder)
    shutil.copytree(once, studio.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("config.yaml"))
    return studio.filed(folder)


async def made(studio: Studio, folder: str) -> dict[str, bytes]:
    files = bracket(2)
    await studio.drop_and_run(ELM, folder, files)
    assert "done" in studio.states()
    return files


async def clean(
    studio: Studio, keep: Keep = ALL, *, now: datetime = LATER, dry_run: bool = False
) -> list[Expired]:
    """Run `hotfolder clean` at another time, with rules that settings may not allow; all results are old.
    Fails where a dry run says something else before."""
    age = (now - timedelta(days=40)).timestamp()
    with opened(studio.config) as installation:
        for path in installation.places.results.iterdir():
            os.utime(path, (age, age))
        told = await upkeep.clean(installation, dry_run=True, keep=keep, at=now)
        if dry_run:
            return told
        found = await upkeep.clean(installation, dry_run=False, keep=keep, at=now)
    assert [(due.path, due.kept_because) for due in found] == [(due.path, due.kept_because) for due in told]
    return found


def kept(found: list[Expired]) -> dict[KeptKind, set[str]]:
    return {kind: {due.kept_because for due in found if due.kind == kind} for kind in FILES}


async def test_a_dry_run_names_everything_and_touches_nothing(studio: Studio, shop: Shop) -> None:
    files = await done_set(studio, shop)
    before = files_below(studio.root)
    found = await clean(studio, dry_run=True)
    after = files_below(studio.root)
    assert {name: content for name, content in before.items() if "jobs.sqlite" not in name} == {
        name: content for name, content in after.items() if "jobs.sqlite" not in name
    }
    assert [(due.path.name, due.size_bytes) for due in found if due.kind == "original"] == [
        (name, len(content)) for name, content in files.items()
    ]
    assert kept(found) == {kind: {""} for kind in FILES}


async def test_what_is_old_enough_goes_and_is_not_paid_again(studio: Studio, shop: Shop) -> None:
    files = await done_set(studio, shop)
    shop.mark()
    found = await clean(studio)
    assert kept(found) == {kind: {""} for kind in FILES}
    assert set(files_below(studio.done)) == {f"{ELM}/kitchen.jpg"}
    assert not (studio.done / ELM / "originals" / "kitchen").exists()
    assert studio.kept_results() == []
    assert await clean(studio) == []
    await studio.drop_and_run(ELM, "again", files)
    assert (shop.bought(), (studio.done / ELM / "again.jpg").exists()) == (0, True)


async def test_what_is_younger_stays(studio: Studio, shop: Shop) -> None:
    await done_set(studio, shop)
    assert await clean(studio, Keep(originals_days=50, receipts_days=50, results_days=50)) == []
    assert await clean(studio, Keep(results_days=None, records_days=50)) == []
    assert await clean(studio, Keep(results_days=None)) == []


def finished(studio: Studio, at: datetime) -> None:
    """Make the only set one that was finished then, by its machine's clock."""
    with studio.store() as store:
        [job] = store.in_states([State.DONE])
        store.set_columns(job.id, finished_at=at, updated_at=at)


async def test_a_set_that_was_finished_under_a_clock_in_the_past_is_as_old_as_its_photos(
    studio: Studio, shop: Shop
) -> None:
    """The machine began with its clock at 2020, which was set later; results were written under it, too."""
    await done_set(studio, shop)
    before = files_below(studio.done)
    finished(studio, datetime(2020, 1, 1, tzinfo=UTC))
    keep = Keep(originals_days=30, receipts_days=30, results_days=30, records_days=30)
    soon = datetime.now(UTC) + timedelta(minutes=1)
    why = f"kitchen of {ELM} is younger than the clock said when it was finished"
    found = await clean(studio, keep, now=soon)
    assert {due.kind: due.kept_because for due in found} == {
        "original": why,
        "receipt": "its originals are still there, and are never deleted without it",
        "result": why,
        "record": why,
    }
    assert files_below(studio.done) == before and studio.kept_results()
    assert kept(await clean(studio, keep)) == {kind: {""} for kind in FILES}


async def test_the_receipt_keeps_what_it_says_of_originals_that_a_person_removed(studio: Studio) -> None:
    folder = studio.drop(ELM, "kitchen", bracket(3))
    removed = at(CrashPoint.ANSWER_RECORDED, (folder / "DSC0001.jpg").unlink)
    async with studio.working(crash_point=removed):
        await studio.comes_to("done")
    receipt = studio.done / ELM / "receipts" / "kitchen.json"
    before = json.loads(receipt.read_text())["originals"]
    await clean(studio, Keep(originals_days=30, results_days=None))
    after = json.loads(receipt.read_text())["originals"]
    assert after["deleted"] == ["DSC0002.jpg", "DSC0003.jpg"]
    assert {**after, "deleted": []} == before and before["removed"] == ["DSC0001.jpg"]
    assert studio.say("verify").exit_code == 0


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda done: (done / "kitchen.jpg").write_bytes(b"\xff\xd8\xffx"), "can't be read"),
        (lambda done: (done / "kitchen.jpg").unlink(), "can't be read"),
        (lambda done: (done / "receipts" / "kitchen.json").write_text("{}"), "receipt of its set"),
        (lambda done: (done / "receipts" / "kitchen.json").unlink(), "receipt of its set"),
    ],
)
async def test_originals_stay_where_what_was_made_of_them_is_in_doubt(
    studio: Studio, shop: Shop, spoil: Spoil, why: str
) -> None:
    files = await done_set(studio, shop)
    spoil(studio.done / ELM)
    found = [due for due in await clean(studio) if due.kind == "original"]
    assert len(found) == len(files) and all(why in due.kept_because for due in found)
    assert studio.filed("kitchen") == files


async def test_a_photo_whose_every_picture_is_altered_stays(studio: Studio) -> None:
    photos = bracket(1)
    await studio.drop_and_run(ELM, "solo__sky-blue", photos)
    [due] = [due for due in await clean(studio) if due.kind == "original"]
    assert "only the originals show the room as it was" in due.kept_because
    assert studio.filed("solo__sky-blue") == photos


async def test_what_somebody_has_changed_stays(studio: Studio, shop: Shop) -> None:
    await done_set(studio, shop)
    originals = studio.done / ELM / "originals" / "kitchen"
    (originals / "DSC0001.jpg").write_bytes(b"edited")
    (originals / "notes.txt").write_text("mine")
    [result] = studio.kept_results()
    result.write_bytes(b"damaged")
    found = await clean(studio)
    stay = {due.path.name for due in found if due.kept_because}
    assert {"DSC0001.jpg", result.name, "kitchen.json"} == stay
    assert set(files_below(originals)) == {"DSC0001.jpg", "notes.txt"}


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda picture: picture.unlink(), "can't be read"),
        (lambda picture: picture.write_bytes(picture.read_bytes()[:-9000]), "can't be read"),
        (lambda picture: picture.write_bytes(bracket(1).popitem()[1]), "has changed"),
    ],
)
async def test_results_stay_where_their_picture_is_not_as_it_was_delivered(
    studio: Studio, shop: Shop, spoil: Spoil, why: str
) -> None:
    """Only the set in doubt keeps them."""
    await done_set(studio, shop)
    of_kitchen = {path.name for path in studio.kept_results()}
    await done_set(studio, shop, "hall")
    spoil(studio.done / ELM / "kitchen.jpg")
    found = [due for due in await clean(studio) if due.kind == "result"]
    stay = {due.path.name: due.kept_because for due in found if due.kept_because}
    assert len(found) == 2 and set(stay) == of_kitchen == {path.name for path in studio.kept_results()}
    assert all(f"the picture {ELM}/kitchen.jpg {why}" in reason for reason in stay.values())


async def test_results_of_a_set_that_is_not_done_stay(studio: Studio, shop: Shop) -> None:
    await done_set(studio, shop)
    with studio.store() as store, store.session() as session:
        job = session.get(Job, store.in_states([State.DONE])[0].id)
        assert job is not None
        job.state = State.NEEDS_ATTENTION
        session.add(job)
        session.commit()
    [due] = await clean(studio)
    assert due.kind == "result" and "isn't done" in due.kept_because


async def test_a_file_in_results_that_nobody_knows_stays(studio: Studio, shop: Shop) -> None:
    await done_set(studio, shop)
    (studio.results / "mine.jpg").write_bytes(b"x")
    found = await clean(studio, Keep(results_days=30))
    assert {due.path.name for due in found if due.kept_because} == {"mine.jpg"}


def record_as_gone(studio: Studio, files: Iterable[str]) -> None:
    """Record that the originals of the only set are deleted, as is done before they are."""
    with studio.store() as store:
        [job] = store.in_states([State.DONE])
        for name in files:
            store.record_deletion(job.id, name, datetime.now(UTC))


async def test_where_the_folder_of_results_is_missing_none_would_go(studio: Studio) -> None:
    await studio.drop_and_run(ELM, "kitchen", bracket(2))
    studio.edit(results="elsewhere")
    told = studio.say("clean", "--dry-run")
    assert told.exit_code == 0 and "elsewhere" not in told.output, told


async def test_the_daemon_cleans_by_itself_and_a_command_shows_what_would_go(make_studio: MakeStudio) -> None:
    studio = make_studio(keep={"originals_days": 1, "results_days": 1})
    files = bracket(2)
    folder = studio.drop(ELM, "kitchen", files)
    for name in files:
        os.utime(folder / name, (0, 0))
    await studio.until_idle()
    finished(studio, datetime.now(UTC) - timedelta(days=2))
    told = studio.say("clean", "--dry-run")
    assert told.exit_code == 0 and "Would go: 2 files" in told.stdout, told
    assert all(name in told.stdout for name in files)
    assert len(json.loads(studio.say("clean", "--dry-run", "--json").stdout)["files"]) == 2
    async with studio.working() as daemon:
        assert isinstance(daemon, Daemon)
        await studio.comes_to_say(lambda _: not (studio.done / ELM / "originals" / "kitchen").exists())
    assert (studio.done / ELM / "kitchen.jpg").exists()


async def test_nothing_is_old_by_a_clock_that_the_api_contradicts_or_can_not_confirm(
    studio: Studio, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A computer without a clock of its own may start decades ahead, and before its network is there."""
    await done_set(studio, shop)
    before, results = files_below(studio.done), studio.kept_results()
    studio.edit(keep={"originals_days": 30, "receipts_days": 30, "records_days": 30})
    with monkeypatch.context() as patched:
        patched.setattr(upkeep, "now", lambda: LATER)
        found = json.loads(studio.say("clean", "--json").stdout)["files"]
        assert {one["kind"] for one in found} == {"original", "receipt", "result", "record"}
        told = {one["kept_because"] for one in found if one["kind"] != "receipt"}
        assert len(told) == 1 and told.pop().endswith("days ahead of the API's")
        studio.edit(api={"base_url": "http://127.0.0.1:9"})
        found = json.loads(studio.say("clean", "--json").stdout)["files"]
        assert all(one["kept_because"] for one in found)
        assert sum("clock is right: the API can't be reached" in one["kept_because"] for one in found) > 3
    shop.mark()
    clock = JumpingClock(2)
    clock.jump(LATER - datetime.now(UTC))
    async with studio.working(clock=clock):
        await until(lambda: shop.asked("/api/hdr-image-group/{groupId}"), 30)
        await asyncio.sleep(0.5)
    assert files_below(studio.done) == before and studio.kept_results() == results


@pytest.mark.parametrize("linked", ["originals", "receipts"])
async def test_what_lies_behind_a_link_stays(studio: Studio, shop: Shop, tmp_path: Path, linked: str) -> None:
    """Somebody has moved a project's originals or receipts to another disk, and put a link in their place."""
    files = await done_set(studio, shop)
    folder, elsewhere = studio.done / ELM / linked, tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    before = files_below(elsewhere)
    found = [due for due in await clean(studio) if due.kind != "result"]
    assert len(found) == len(files) + 1 and all("is a link" in due.kept_because for due in found)
    assert files_below(elsewhere) == before and studio.filed("kitchen") == files


@pytest.mark.parametrize("gone", [False, True], ids=["about to go", "gone"])
async def test_what_was_going_when_a_process_was_killed_goes_later_and_the_receipt_says_so(
    studio: Studio, shop: Shop, gone: bool
) -> None:
    files = await done_set(studio, shop)
    record_as_gone(studio, files)
    for name in files if gone else ():
        (studio.done / ELM / "originals" / "kitchen" / name).unlink()
    await clean(studio, Keep(originals_days=30, results_days=None))
    assert set(studio.receipt("kitchen")["originals"]["deleted"]) == set(files)
    assert not (studio.done / ELM / "originals" / "kitchen").exists()


@needs_rights_taken
async def test_a_folder_that_may_not_be_read_keeps_no_other_set(make_studio: MakeStudio) -> None:
    studio, files = make_studio(keep={"originals_days": 1}), bracket(2)
    for room in ("bath", "kitchen"):
        folder = studio.drop(ELM, room, files)
        for name in files:
            os.utime(folder / name, (0, 0))
    await studio.until_idle()
    with studio.store() as store:
        for job in store.in_states([State.DONE]):
            store.set_columns(job.id, finished_at=datetime.now(UTC) - timedelta(days=2))
    originals = studio.done / ELM / "originals"
    (originals / "bath").chmod(0)
    command = [*WITHOUT_RIGHTS, *studio.command("clean", "--json")]
    run = partial(subprocess.run, command, capture_output=True, text=True, env=environment(None))
    ended = await asyncio.to_thread(run)
    found = json.loads(ended.stdout)["files"]
    assert sorted(Path(one["path"]).name for one in found if not one["kept_because"]) == sorted(files)
    [why] = [one["kept_because"] for one in found if one["kept_because"]]
    assert why.startswith(f"{originals / 'bath'}") and why.endswith("no permission")
    assert not (originals / "kitchen").exists()
