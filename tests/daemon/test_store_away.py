"""A database that can't be reached while the daemon works or starts: it is reported, and work resumes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from hotfolder.cli.run import serve
from hotfolder.config.load import SettingsFile
from hotfolder.config.settings import Settings
from hotfolder.crashpoints import CrashPoint
from hotfolder.daemon import service
from hotfolder.daemon.records import open_records
from hotfolder.daemon.reporter import WHOLE_SECONDS
from hotfolder.jobs.context import Places
from hotfolder.jobs.journal import FILE_NAME as JOURNAL
from hotfolder.jobs.journal import Journal
from hotfolder.jobs.states import PurchaseState
from hotfolder.jobs.store import Store
from hotfolder.telemetry.overview import Overview
from tests.support.crashing import at
from tests.support.pictures import bracket
from tests.support.postgres import Postgres
from tests.support.proxy import Proxy, between
from tests.support.receiver import Receiver
from tests.support.studio import ELM, KEY, MERGE, Run, Shop, Studio, begun, environment, until, wait_for

pytestmark = pytest.mark.long

SAID = "database with the job store can't be reached"


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    with between(postgres.folder) as made:
        yield made


@pytest.fixture
def studio(tmp_path: Path, postgres: Postgres, proxy: Proxy, shop: Shop) -> Iterator[Studio]:
    """A studio whose database is behind the proxy."""
    database = str(make_url(postgres.fresh().url).database)
    made = Studio(tmp_path / "studio", shop=shop, store={"url": proxy.server(database).url})
    yield made
    proxy.mend()
    made.end()


@pytest.mark.parametrize("trouble", ["cut", "hang"])
def test_nothing_is_bought_while_the_database_is_away_and_all_goes_on_by_itself(
    studio: Studio, proxy: Proxy, shop: Shop, trouble: str
) -> None:
    daemon = studio.start()
    wait_for(studio.status_page)
    getattr(proxy, trouble)()
    studio.drop(ELM, "kitchen", bracket())
    wait_for(lambda: SAID in studio.status_page())
    asked = studio.call("status")
    assert (asked.returncode, SAID in asked.stderr) == (3, True)
    assert studio.call("retry", "anything").returncode == 3
    assert shop.bought() == 0
    proxy.cut()  # this also ends what hangs
    proxy.mend()
    wait_for(lambda: shop.bought(MERGE))
    studio.wait_for_states("done")
    wait_for(lambda: studio.status_page() and SAID not in studio.status_page())
    assert daemon.stop() == 0
    assert shop.bought() == 1


def test_a_message_says_that_it_is_the_database_and_not_the_api(
    tmp_path: Path, postgres: Postgres, proxy: Proxy, shop: Shop
) -> None:
    receiver = Receiver()
    notify = {"urls": [receiver.address], "gather_seconds": 1, "unreachable_seconds": 1}
    store = {"url": proxy.server(str(make_url(postgres.fresh().url).database)).url}
    studio = Studio(tmp_path / "studio", shop=shop, store=store, notify=notify)
    daemon = studio.start()
    try:
        wait_for(studio.status_page)
        proxy.cut()
        told = wait_for(lambda: [one["title"] for one in receiver.got if SAID in one["message"]])
        assert told == ["hotfolder: The job store can't be used"]
        proxy.mend()
        assert daemon.stop() == 0
    finally:
        studio.end()
        receiver.shutdown()


async def test_status_pages_say_nothing_of_another_machine_s_api_while_the_database_is_away(
    studio: Studio, proxy: Proxy
) -> None:
    async with studio.working() as daemon:
        await until(lambda: daemon.telemetry.seen and studio.status_page())
        last = daemon.telemetry.seen or Overview((), {})
        daemon.telemetry.show(replace(last, trouble="on another machine: the API can't be reached"))
        proxy.cut()
        await until(lambda: SAID in studio.status_page())
        assert "on another machine" not in studio.status_page()
        proxy.mend()


def test_a_database_that_stays_away_is_logged_once(studio: Studio, proxy: Proxy) -> None:
    """A night without it would be ten thousand lines. Between two reports the status may have no news, and
    so not ask the database."""
    daemon = studio.start()
    wait_for(studio.status_page)
    proxy.cut()
    wait_for(lambda: SAID in studio.status_page())
    time.sleep(3 * WHOLE_SECONDS)
    assert daemon.text().count('"event": "not_reported"') == 1
    proxy.mend()
    wait_for(lambda: SAID not in studio.status_page())
    proxy.cut()
    wait_for(lambda: daemon.text().count('"event": "not_reported"') == 2)


async def test_an_answer_that_arrives_meanwhile_is_in_the_journal_and_then_in_the_database(
    studio: Studio, proxy: Proxy, shop: Shop
) -> None:
    def in_journal() -> list[str]:
        return [one["call"]["state"] for one in Journal(studio.state / JOURNAL).read()]

    studio.drop(ELM, "kitchen", bracket())
    async with studio.working(crash_point=at(CrashPoint.ANSWER_RECEIVED, proxy.cut)):
        await until(lambda: in_journal() == [PurchaseState.ANSWERED])
        proxy.mend()
        await studio.comes_to("done")
    assert in_journal() == [PurchaseState.SUCCEEDED]
    assert shop.bought() == 1


def begun_in_vain(studio: Studio) -> Run:
    """A daemon that waits for its database."""
    run = begun(studio.command("run"), studio.root / "waiting.log", environment(KEY), really=True)
    studio.runs.append(run)
    wait_for(lambda: '"event": "waits_for_store"' in run.text(), run.text)
    return run


def test_a_daemon_that_finds_no_database_waits_for_it_and_says_so(studio: Studio, proxy: Proxy) -> None:
    """Exiting would make systemd restart it in a loop, and give up in the end."""
    first = studio.start()
    wait_for(studio.status_page)
    assert first.stop() == 0
    proxy.cut()
    daemon = begun_in_vain(studio)
    wait_for(lambda: SAID in studio.status_page())
    assert daemon.process.poll() is None
    proxy.mend()
    wait_for(lambda: '"event": "started"' in daemon.text())
    studio.drop(ELM, "kitchen", bracket())
    studio.wait_for_states("done")
    assert daemon.stop() == 0


def test_a_daemon_that_waits_for_its_database_can_be_stopped(studio: Studio, proxy: Proxy) -> None:
    proxy.cut()
    assert begun_in_vain(studio).stop() == 0


async def test_one_that_goes_away_just_as_a_daemon_opens_it_is_waited_for(
    studio: Studio, proxy: Proxy, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answered a moment before, and all that was opened by then is closed again."""

    def cut(settings: Settings, places: Places) -> Store:
        monkeypatch.setattr(service, "open_records", open_records)
        proxy.cut()
        threading.Timer(1.0, proxy.mend).start()
        return open_records(settings, places)

    monkeypatch.setattr(service, "open_records", cut)
    studio.drop(ELM, "kitchen", bracket())
    file = SettingsFile(studio.config, {})
    serving = serve(file.load(), shop.access(), file, until_idle=True)
    assert await asyncio.wait_for(serving, 180) == 0
    assert shop.bought(MERGE) == 1
