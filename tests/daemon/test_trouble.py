"""Bad worlds and internal errors: what waits, what resumes by itself, and the run's outcome."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NoReturn

import pytest

from hotfolder.cli.run import exit_code
from hotfolder.crashpoints import CrashPoint
from hotfolder.daemon import reporter
from hotfolder.daemon.service import ApiAccess
from hotfolder.errors import StoreAway
from hotfolder.telemetry.overview import NOBODY, Overview, overview
from tests.support.clocks import JumpingClock
from tests.support.crashing import at
from tests.support.pictures import bracket
from tests.support.receiver import Receiver
from tests.support.studio import ELM, MakeStudio, Shop, Studio, files_below, until

pytestmark = pytest.mark.long


DEAD = ApiAccess("nobody", "http://127.9.9.9:9", ("127.0.0.2",), lambda: "any-key")
"""An API that doesn't answer: port 9 of an own loopback address."""


async def test_until_idle_gives_up_after_a_minute_of_bad_world_and_the_next_run_finishes(
    studio: Studio,
) -> None:
    photos = bracket()
    folder = studio.drop(ELM, "kitchen", photos)
    outcome = await studio.until_idle(DEAD, clock=JumpingClock(100))
    assert exit_code(outcome) == 3
    assert files_below(folder) == photos
    [job] = studio.status()["jobs"]
    # With time this fast, the minute can be over before the job was started.
    assert job["state"] == "queued" or (job["state"] == "uploading" and job["reason"])
    assert exit_code(await studio.until_idle()) == 0
    [job] = studio.status()["jobs"]
    assert (job["state"], job["reason"]) == ("done", "")


async def test_a_failed_set_outranks_a_bad_world(studio: Studio) -> None:
    studio.drop(ELM, "kitchen", bracket())
    studio.drop(ELM, "hall__sky-twilihgt", bracket())
    assert exit_code(await studio.until_idle(DEAD, clock=JumpingClock(100))) == 1


AWAY = StoreAway("the database is away")


@pytest.mark.parametrize("then", [AWAY, {"inbox": NOBODY}], ids=["twice away", "a lease ran out"])
async def test_a_page_that_was_passed_over_while_the_store_was_away_is_written_once_it_is_back(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, then: StoreAway | dict[str, str]
) -> None:
    """The first connections may still be dead then, and the renewal of a lease is no change of a job."""
    first = iter([AWAY, then])

    def failing(*arguments: Any, **named: Any) -> Overview:
        now = next(first, None)
        if isinstance(now, StoreAway):
            raise now
        seen = overview(*arguments, **named)
        return replace(seen, degraded=now) if now is not None else seen

    monkeypatch.setattr(reporter, "overview", failing)
    async with studio.working():
        await until(lambda: "the database is away" in studio.status_page())
        await until(lambda: "away" not in studio.status_page())


async def test_a_store_that_cant_be_written_for_a_while_is_waited_for(studio: Studio, shop: Shop) -> None:
    studio.drop(ELM, "kitchen", bracket())
    failed = asyncio.Event()

    def fail() -> None:
        rename_table("job", "elsewhere")
        failed.set()

    def rename_table(old: str, new: str) -> None:
        with sqlite3.connect(studio.state / "jobs.sqlite", isolation_level=None) as connection:
            connection.execute(f"ALTER TABLE {old} RENAME TO {new}")
        connection.close()

    async with studio.working(crash_point=at(CrashPoint.GROUP_CREATED, fail)):
        await failed.wait()
        await asyncio.sleep(1.5)
        rename_table("elsewhere", "job")
        await studio.comes_to("done")
    assert shop.bought() == 1


async def test_a_defect_leaves_its_set_alone_is_told_and_stops_no_other(
    make_studio: MakeStudio, shop: Shop, receiver: Receiver
) -> None:
    studio = make_studio(notify={"urls": [receiver.address], "gather_seconds": 1})
    studio.drop(ELM, "kitchen", bracket())
    studio.drop(ELM, "hall", bracket())

    def defect() -> NoReturn:
        raise ZeroDivisionError

    async with studio.working(crash_point=at(CrashPoint.PICTURE_PLACED, defect)) as daemon:
        await studio.comes_to("done", "publishing")
        await studio.comes_to_say(lambda status: "error of its own" in str(status))
        await until(lambda: "hotfolder met an error of its own" in str(receiver.bodies()))
    assert exit_code(daemon.outcome) == 1
    assert exit_code(await studio.until_idle()) == 0
    assert studio.states() == ["done", "done"]
    assert shop.bought() == 2


async def test_what_a_step_meets_as_the_daemon_stops_is_no_error_of_ours(studio: Studio, shop: Shop) -> None:
    asked = asyncio.Event()

    async def fails_as_it_ends(group_id: str) -> NoReturn:
        asked.set()
        try:
            await asyncio.sleep(60)
        finally:
            raise ZeroDivisionError

    async with studio.working() as daemon:
        daemon.context.client.group = fails_as_it_ends  # type: ignore[method-assign]
        studio.drop(ELM, "kitchen", bracket())
        await asked.wait()
    assert (exit_code(daemon.outcome), studio.states()) == (0, ["merging"])
    await studio.until_idle()
    assert (studio.states(), shop.bought()) == (["done"], 1)


@pytest.mark.parametrize("state", ["done", "failed"])
async def test_a_folder_of_ours_that_is_missing_at_the_start_is_made_again(
    studio: Studio, state: str
) -> None:
    await studio.until_idle()
    (studio.root / state).rmdir()
    await studio.until_idle()
    assert (studio.root / state).is_dir()


async def test_how_long_the_api_asks_to_wait_is_told_as_the_time_of_the_next_try(
    studio: Studio, shop: Shop
) -> None:
    studio.drop(ELM, "kitchen", bracket())
    shop.goes_wrong({"endpoint": "group-create", "fault": 429, "retry_after": 1800})
    async with studio.working():
        told = await studio.comes_to_say(lambda status: "next try" in status["api"]["hint"])
        await until(lambda: "next try" in studio.status_page())
    at = re.search(r"The next try is at about (\d\d:\d\d)\.$", told["api"]["hint"])
    due = datetime.now().astimezone() + timedelta(minutes=30)
    assert at is not None and at[1] in {f"{due - timedelta(minutes=m):%H:%M}" for m in range(2)}
