"""`hotfolder store migrate` with jobs in flight, killed at every step: nothing is paid again."""

from __future__ import annotations

import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import create_engine, inspect, select, text
from typer.testing import CliRunner

from hotfolder.cli.app import app
from hotfolder.config.load import load
from hotfolder.control.access import set_password
from hotfolder.control.upkeep import move_to_server
from hotfolder.crashpoints import MoveStep
from hotfolder.errors import StoreError, UsageError
from hotfolder.jobs.database import open_store
from hotfolder.jobs.model import PageRole
from hotfolder.jobs.postgres import StoreServer, server_engine
from hotfolder.jobs.sqlite import FILE_NAME
from hotfolder.jobs.store import Store
from hotfolder.jobs.storemove import TABLES
from tests.support import crashing
from tests.support.audit import Audit, Originals
from tests.support.pictures import bracket
from tests.support.postgres import Postgres
from tests.support.studio import ELM, MERGE, Shop, Studio, files_below

pytestmark = pytest.mark.long


@pytest.fixture
def in_flight(studio: Studio, shop: Shop) -> tuple[Studio, Originals]:
    """A studio whose daemon was killed with one merge answered, one being sent, and one set done."""
    originals = Originals()

    def drop(room: str) -> None:
        files = {f"{room}-{name}": content + room.encode() for name, content in bracket().items()}
        originals.take(ELM, room, files)
        studio.drop(ELM, room, files)

    drop("hall")
    assert crashing.live(studio, shop, speed=4.0) == 0
    drop("kitchen")
    assert crashing.live(studio, shop, speed=4.0, kill_at="answer_recorded", nth=1) == -signal.SIGKILL
    drop("bath")
    assert crashing.live(studio, shop, speed=4.0, kill_at="photo_uploaded", nth=2) == -signal.SIGKILL
    name_results(studio)
    return studio, originals


@pytest.fixture
async def idle(studio: Studio) -> Studio:
    """A studio whose daemon had nothing to do."""
    await studio.until_idle()
    name_results(studio)
    return studio


def name_results(studio: Studio) -> None:
    """Name the folder of results that all machines will share, which the move requires."""
    studio.edit(results="results")
    (studio.root / "results").mkdir()


def killed_at(studio: Studio, server: StoreServer, step: MoveStep, nth: int) -> None:
    code = crashing.killed(move_to_server, studio.config, {}, server.url, kill_at=step, nth=nth)
    assert code == -signal.SIGKILL


def daemon_can_have(studio: Studio, server: StoreServer) -> int:
    """The number of stores that a daemon could continue with."""
    engine, usable = server_engine(server), 0
    empty = not inspect(engine).get_table_names()
    engine.dispose()
    for place in (studio.state,) if empty else (studio.state, server):
        with suppress(StoreError):
            open_store(place).dispose()
            usable += 1
    return usable


def switched(studio: Studio, server: StoreServer) -> Studio:
    """The studio with its settings changed as the command advises."""
    studio.edit(store={"url": server.url})
    studio.place, studio.results = server, studio.root / "results"
    return studio


EACH_STEP = [
    (MoveStep.TABLE_COPIED, 1),
    (MoveStep.TABLE_COPIED, len(TABLES)),
    *((step, 1) for step in MoveStep),
]


@pytest.mark.parametrize(("step", "nth"), EACH_STEP[:2] + EACH_STEP[3:])
async def test_it_may_be_killed_at_any_step_and_said_again_and_nothing_is_paid_again(
    in_flight: tuple[Studio, Originals], shop: Shop, postgres: Postgres, step: MoveStep, nth: int
) -> None:
    (studio, originals), server = in_flight, postgres.fresh()
    killed_at(studio, server, step, nth)
    assert daemon_can_have(studio, server) <= 1
    assert move_to_server(studio.config, {}, server.url) is (step is not MoveStep.STORE_RELEASED)
    assert not move_to_server(studio.config, {}, server.url)
    with pytest.raises(StoreError, match="was moved to a database"):
        open_store(studio.state)
    bought = files_below(studio.state / "results")
    assert bought.items() <= files_below(studio.root / "results").items()
    await switched(studio, server).until_idle()
    assert studio.states() == ["done"] * 3
    assert Audit(studio, shop.charged()).faults(originals, bound=3) == []
    assert shop.bought(MERGE) == 3


def rows_of(url: str) -> dict[str, list[tuple[object, ...]]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: sorted(tuple(map(repr, row)) for row in connection.execute(select(table)))
            for table in TABLES
        }
    engine.dispose()
    return found  # type: ignore[return-value]


async def test_every_row_of_every_table_is_moved_and_numbers_go_on_behind_them(
    in_flight: tuple[Studio, Originals], postgres: Postgres
) -> None:
    (studio, _), server = in_flight, postgres.fresh()
    before = rows_of(f"sqlite:///{studio.state / FILE_NAME}")
    assert move_to_server(studio.config, {}, server.url)
    after = rows_of(server.url)
    own = {"purchase", "daemonstate", "folderidentity"}
    assert {name for name, rows in before.items() if rows != after[name]} <= own
    assert len(after["purchase"]) == len(before["purchase"]) == 2
    engine = server_engine(server)
    with engine.begin() as connection:
        for name in ("purchase", "jobevent"):
            following = connection.execute(text(f"SELECT nextval('{name}_id_seq')")).scalar_one()
            assert following == 1 + connection.execute(text(f"SELECT max(id) FROM {name}")).scalar_one()
    engine.dispose()


def test_another_store_there_is_refused_and_neither_is_changed(idle: Studio, postgres: Postgres) -> None:
    studio, server = idle, postgres.fresh()
    open_store(server).dispose()
    before = rows_of(server.url)
    with pytest.raises(StoreError, match="another one already"):
        move_to_server(studio.config, {}, server.url)
    assert rows_of(server.url) == before
    open_store(studio.state).dispose()


def test_without_a_folder_for_results_nothing_is_moved(idle: Studio, postgres: Postgres) -> None:
    studio, server = idle, postgres.fresh()
    studio.edit(results=None)
    with pytest.raises(UsageError, match="no folder `results`"):
        move_to_server(studio.config, {}, server.url)
    assert daemon_can_have(studio, server) == 1


async def test_a_daemon_at_work_is_left_alone(studio: Studio, postgres: Postgres) -> None:
    server = postgres.fresh()
    async with studio.working():
        with pytest.raises(UsageError, match="already works with"):
            move_to_server(studio.config, {}, server.url)


@pytest.mark.parametrize("step", [MoveStep.TABLE_COPIED, MoveStep.STORE_COPIED, MoveStep.FILE_MARKED])
def test_what_a_person_asks_meanwhile_is_refused_and_not_lost(
    idle: Studio, postgres: Postgres, step: MoveStep
) -> None:
    """The command began before the move, and writes in the middle of it."""
    studio, server, asked = idle, postgres.fresh(), list[Future[None]]()
    store = Store(open_store(studio.state))

    def ask(passed: MoveStep) -> None:
        if passed is step and not asked:
            asked.append(pool.submit(store.pause, "closed on Sunday"))
            time.sleep(0.2)

    with ThreadPoolExecutor(1) as pool:
        with crashing.hooked(ask):
            assert move_to_server(studio.config, {}, server.url)
        with pytest.raises(StoreError, match="was moved to a database"):
            asked[0].result()
    store.database.dispose()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://a@b/c", "--to must begin"),
        ("postgresql+psycopg://hot:secret@/x", "must not hold a password"),
    ],
)
def test_an_address_that_is_none_is_told(studio: Studio, url: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as refused:
        move_to_server(studio.config, {}, url)
    assert "secret" not in str(refused.value)


def test_a_server_is_refused_where_state_still_has_a_store_of_its_own(
    idle: Studio, postgres: Postgres
) -> None:
    studio, server = idle, postgres.fresh()
    switched(studio, server)
    ended = studio.start()
    assert ended.wait() == 2
    assert "hotfolder store migrate" in ended.text()
    checked = studio.say("check")
    assert checked.exit_code == 2 and "names another one" in checked.stderr
    with pytest.raises(StoreError, match="names another one"):
        set_password(load(studio.config, {}), PageRole.FULL, "correct horse battery")
    assert move_to_server(studio.config, {}, server.url), "neither has made a store of its own there"


@pytest.mark.parametrize("gone", [(), ("developed", "work", "results")], ids=["ran", "never ran"])
def test_it_says_what_to_write_into_the_settings(
    idle: Studio, postgres: Postgres, gone: tuple[str, ...]
) -> None:
    """This also works for a state folder made by `page set-password` without any daemon."""
    studio, server = idle, postgres.fresh()
    for name in gone:
        (studio.state / name).rmdir()
    words = ["store", "migrate", "--to", server.url, "--config", str(studio.config)]
    told = CliRunner().invoke(app, words)
    assert (told.exit_code, f"url: {server.url}" in told.output) == (0, True)
