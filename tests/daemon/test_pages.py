"""STATUS.txt is written into inboxes only, and one that can't be written delays nothing else."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from hotfolder.config.load import load
from hotfolder.control.board import board
from hotfolder.control.rooms import project_view
from hotfolder.daemon import reporter as module
from hotfolder.daemon.records import tell_waiting
from hotfolder.daemon.reporter import StatusFiles
from hotfolder.errors import LocalTrouble, UsageError
from hotfolder.jobs.context import Places
from hotfolder.jobs.model import Job
from hotfolder.jobs.postgres import ONCE_BACK
from hotfolder.jobs.states import State
from hotfolder.outbox.texts import HEADLINES, REASON_NAME, STATUS_NAME
from hotfolder.telemetry.overview import Line, Overview
from hotfolder.telemetry.statusfile import status_page
from tests.support.pictures import bracket
from tests.support.studio import ELM, FILE_TIMEOUT_SECONDS, Studio, until, words_of

pytestmark = pytest.mark.long


def folders(tmp_path: Path) -> dict[str, Path]:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    return {name: tmp_path / name for name in ("a", "b")}


async def test_a_bare_mount_point_gets_no_page(tmp_path: Path) -> None:
    inboxes = folders(tmp_path)

    def confirm(inbox: Path) -> None:
        if inbox == inboxes["a"]:
            raise LocalTrouble("no marker")

    shown = StatusFiles(inboxes, confirm)
    for name in inboxes:
        shown.show(name, f"{HEADLINES[0]}\nnews\n")
    await shown.finish()
    assert list(inboxes["a"].iterdir()) == []
    assert (inboxes["b"] / STATUS_NAME).read_text().startswith(HEADLINES[0])


async def test_a_page_that_is_stuck_holds_up_nobody_and_is_followed_by_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inboxes = folders(tmp_path)
    answers = threading.Event()

    def confirm(inbox: Path) -> None:
        if inbox == inboxes["a"]:
            answers.wait(FILE_TIMEOUT_SECONDS)

    monkeypatch.setattr(module, "STOP_SECONDS", 0.2)
    shown = StatusFiles(inboxes, confirm)
    for news in ("first", "second", "third"):
        for name in inboxes:
            shown.show(name, f"{HEADLINES[0]}\n{news}\n")
        await asyncio.sleep(0.05)
    await shown.finish()
    await until(lambda: "third" in words_of(inboxes["b"] / STATUS_NAME))
    assert not (inboxes["a"] / STATUS_NAME).exists()
    answers.set()
    await until(lambda: "third" in words_of(inboxes["a"] / STATUS_NAME))
    await shown.finish()


async def test_the_page_says_that_the_disk_of_the_store_is_full(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old text would be taken for the present state; once there is room, it changes again."""

    def full(*_: object, **__: object) -> None:
        raise OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))

    def says(words: str) -> bool:
        return words in studio.status_page()

    async with studio.working() as daemon:
        await until(lambda: says("Nothing is waiting."))
        with monkeypatch.context() as patched:
            patched.setattr(daemon.store, "publish", full)
            folder = studio.drop(ELM, "kitchen", {"a.jpg": b"not a photo"})
            await until(
                lambda: says("The work waits: the job store can't be written: database or disk is full.")
            )
        await until(lambda: not says("The job store") and says("12 Elm Road / kitchen"))
        shutil.rmtree(folder)


def test_that_the_database_is_waited_for_is_told_in_the_studios_language(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"root: {tmp_path}\nlanguage: de\n")
    settings = load(config, {})
    page = settings.inbox_folder() / STATUS_NAME
    page.parent.mkdir()
    page.touch()
    tell_waiting(settings, f"the database with the job store can't be reached. {ONCE_BACK}")
    told = " ".join(page.read_text().split())
    assert "Die Datenbank mit dem Speicher der Jobs ist nicht erreichbar." in told
    assert "Es wartet nichts" not in told, "nobody knows"


def test_what_holds_up_everything_is_said_once() -> None:
    """The reason stands above all sets and is not repeated for each; a reason of one set alone stays with
    it."""
    refused = "the API can't be reached: the connection was refused"
    rooms = [("kitchen", refused), ("hall", refused), ("bath", "the photos are on a share that is away")]
    lines = tuple(Line("j", "a", "12 Elm Road", room, room, State.UPLOADING, why) for room, why in rooms)
    seen = Overview(lines=lines, counts={}, trouble=refused, trouble_hint="It goes on by itself.")
    told = " ".join(status_page(seen, "a", {}, datetime(2026, 5, 4, 17, 8, tzinfo=UTC)).split())
    assert told.count("the connection was refused") == told.count("It goes on by itself.") == 1
    assert "the photos are on a share that is away" in told


def test_that_it_goes_on_by_itself_is_said_once() -> None:
    seen = Overview(
        (), {}, trouble="the database with the job store can't be reached", trouble_hint=ONCE_BACK
    )
    told = " ".join(status_page(seen, "a", {}, datetime(2026, 5, 4, 17, 8, tzinfo=UTC)).split())
    assert told.count("by itself") == 1


@pytest.mark.usefixtures("berlin")
def test_what_was_finished_before_the_clocks_went_back_is_told_by_the_time_of_then() -> None:
    now = datetime(2026, 10, 25, 8, tzinfo=UTC).astimezone()
    ended = {"12 Elm Road": {"kitchen": datetime(2026, 10, 24, 15, 8, tzinfo=UTC)}}
    told = status_page(Overview((), {}), "a", ended, now)
    assert "12 Elm Road: 1 room, at 17:08, 24 October 2026" in told


def test_what_came_back_long_ago_is_told_and_not_called_late() -> None:
    """It is listed until its folder is removed from failed/, however old it is."""
    old = Line("j", "a", "12 Elm Road", "kitchen", "kitchen", State.FAILED, updated_at="2026-01-01T00:00:00Z")
    told = status_page(Overview((old,), {}), "a", {}, datetime(2026, 5, 4, 17, 8, tzinfo=UTC))
    assert "Came back (see REASON.txt in failed): 1" in told and "12 Elm Road / kitchen: failed" in told


async def test_a_failed_set_whose_folder_is_deleted_is_listed_no_more(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It isn't listed after a restart either, and is listed again where the folder comes back."""
    monkeypatch.setattr(module, "FAILED_SECONDS", 0.5)
    for room in ("bath", "hall"):
        studio.drop(ELM, f"{room}__sky-twilihgt", bracket())
    folder = studio.failed / ELM / "hall__sky-twilihgt"

    def listed(status: dict[str, Any]) -> list[str]:
        return sorted(job["room"].partition("__")[0] for job in status["jobs"])

    async with studio.working() as daemon:
        await studio.comes_to("failed", "failed")
        jobs = daemon.store.in_states([State.FAILED])
        assert module.missing_failed_jobs(daemon.context.places, jobs) == {}
        mended = folder.rename(folder.with_name("hall__sky-twilight"))  # as REASON.txt advises
        assert module.missing_failed_jobs(daemon.context.places, jobs) == {}
        mended.rename(folder)
        folder.rename(studio.root / "kept")
        told = await studio.comes_to_say(lambda status: listed(status) == ["bath"])
        assert told["counts"] == {"failed": 1}
        await until(lambda: "Came back" in (text := studio.status_page()) and "hall" not in text)
        [project] = board(load(studio.config, {})).projects
        assert [card.folder for card in project.cards] == ["bath__sky-twilihgt"]
        seen = project_view(load(studio.config, {}), project.id)
        assert seen.project.cards == project.cards
        with pytest.raises(LocalTrouble):  # its disk is gone, as far as can be seen
            module.missing_failed_jobs(replace(daemon.context.places, guard=refuse), jobs)
    assert listed(studio.status()) == ["bath"]
    (studio.root / "kept").rename(folder)
    async with studio.working():
        await studio.comes_to_say(lambda status: listed(status) == ["bath", "hall"])


async def test_each_deleted_failed_set_is_found_however_many_there_are(studio: Studio) -> None:
    at = datetime.now(UTC)
    named: dict[str, Any] = {"inbox": "inbox", "project": ELM, "title": ELM, "state": State.FAILED}
    with studio.store() as store, store.session.begin() as session:
        for number in range(1001):
            room, when = f"hall {number}", at - timedelta(days=number)
            places: dict[str, Any] = {"folder": room, "room": room, "filed_as": room}
            session.add(Job(id=room, created_at=when, updated_at=when, **named, **places))
    async with studio.working():
        await studio.comes_to_say(lambda status: not status["jobs"] and not status["counts"])


def test_a_set_that_needs_a_person_keeps_no_deleted_one_listed(tmp_path: Path) -> None:
    """Its folder isn't taken for that of the other, renamed."""
    places = Places({}, done=tmp_path / "done", failed=tmp_path / "failed", state=tmp_path / "state")
    folder = places.failed / "12 Elm Road" / "bath"
    folder.mkdir(parents=True)
    (folder / REASON_NAME).touch()

    def job(room: str, state: State) -> Job:
        at, elm = datetime.now(UTC), "12 Elm Road"
        found = Job(
            id=room,
            inbox="inbox",
            project=elm,
            folder=room,
            room=room,
            title=elm,
            created_at=at,
            updated_at=at,
        )
        found.state, found.filed_as = state, room
        return found

    jobs = [job("bath", State.NEEDS_ATTENTION), job("hall", State.FAILED)]
    assert module.missing_failed_jobs(places, jobs) == {"inbox": ["hall"]}
    shutil.rmtree(folder)  # what may have been charged isn't forgotten with it
    assert module.missing_failed_jobs(places, jobs) == {"inbox": ["hall"]}


async def test_a_start_is_refused_while_failed_sets_lie_in_the_former_folder(studio: Studio) -> None:
    """The settings name another folder `failed`: the sets there would be taken for deleted ones."""
    await studio.drop_and_run("12 Elm Road", "hall__sky-twilihgt", bracket())
    await studio.drop_and_run("12 Elm Road", "bath__sky-twilihgt", bracket())
    studio.edit(failed="rejected")
    now = studio.root / "rejected"
    for _ in range(2):
        with pytest.raises(UsageError, match="still has 2 failed sets") as refused:
            async with studio.working():
                pass
        assert str(studio.failed) in refused.value.message and str(now) in refused.value.hint
    checked = studio.say("check", columns=500)
    assert (checked.exit_code, refused.value.message in checked.output) == (2, True)
    (studio.failed / "12 Elm Road").rename(now / "12 Elm Road")
    async with studio.working():
        await studio.comes_to("failed", "failed")
    assert studio.say("retry", studio.status()["jobs"][0]["job"]).exit_code == 0


async def test_the_same_folder_by_another_path_is_not_taken_for_a_former_one(studio: Studio) -> None:
    await studio.drop_and_run("12 Elm Road", "hall__sky-twilihgt", bracket())
    (studio.root / "rejected").symlink_to(studio.failed)
    studio.edit(failed="rejected")
    async with studio.working():
        await studio.comes_to("failed")


async def test_a_copied_root_knows_nothing_of_the_folder_of_the_one_it_was_copied_from(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A set that is taken out of the copy's folder is gone there, though it still lies in the original's."""
    monkeypatch.setattr(module, "FAILED_SECONDS", 0.5)
    await studio.drop_and_run("12 Elm Road", "hall__sky-twilihgt", bracket())
    shutil.copytree(studio.root, tmp_path / "copy")
    copy = Studio(tmp_path / "copy", shop=studio.shop)
    shutil.rmtree(copy.failed / "12 Elm Road")
    for _ in range(2):
        said = copy.say("retry", "12 Elm Road/hall__sky-twilihgt")
        assert said.exit_code == 2 and "is not there any more" in said.stderr
        async with copy.working():
            await copy.comes_to()
            assert copy.status()["notices"] == []
    assert (studio.failed / "12 Elm Road" / "hall__sky-twilihgt").is_dir()


async def test_a_deleted_set_of_an_inbox_that_is_in_the_settings_no_more_is_listed_no_more(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FAILED_SECONDS", 0.5)
    for room in ("bath", "hall"):
        studio.drop("12 Elm Road", f"{room}__sky-twilihgt", bracket())
    async with studio.working():
        await studio.comes_to("failed", "failed")
    shutil.rmtree(studio.failed / "12 Elm Road" / "hall__sky-twilihgt")
    studio.edit(inboxes=[{"path": "another"}])
    async with studio.working():
        await studio.comes_to("failed")


def refuse(_: Path) -> None:
    raise LocalTrouble("it is not mounted")
