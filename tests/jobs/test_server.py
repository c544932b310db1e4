"""The store on a PostgreSQL server: creation, refusals, and lost connections."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import InternalError

from hotfolder import __version__
from hotfolder.errors import ConfigurationError, StoreAway, StoreError
from hotfolder.jobs import postgres as settings_of_server
from hotfolder.jobs.database import open_store, read_store, store_trouble
from hotfolder.jobs.model import Job
from hotfolder.jobs.postgres import StoreServer, server_engine
from hotfolder.jobs.store import Store
from hotfolder.jobs.upgrade import FORMAT
from tests.jobs.conftest import AT, MakeJob
from tests.support.postgres import Postgres
from tests.support.proxy import Proxy, between

pytestmark = pytest.mark.long


@pytest.fixture
def server(postgres: Postgres) -> Iterator[StoreServer]:
    """An empty database."""
    with postgres.empty() as empty:
        yield empty


def run(server: StoreServer, statement: str) -> Any:
    engine = server_engine(server)
    with engine.begin() as connection:
        found = connection.execute(text(statement))
        row = found.scalar() if found.returns_rows else None
    engine.dispose()
    return row


def database_in(server: StoreServer) -> str:
    return str(run(server, "SELECT current_database()"))


def test_of_many_that_start_at_once_one_makes_the_store(server: StoreServer) -> None:
    with ThreadPoolExecutor(8) as pool:
        engines = list(pool.map(open_store, [server] * 8))
    identities = {Store(engine).identity() for engine in engines}
    for engine in engines:
        engine.dispose()
    assert len(identities) == 1
    assert run(server, "SELECT version_num FROM alembic_version") == str(FORMAT)


OF_FORMAT_10 = {
    *("job", "jobfile", "purchase", "result", "picture", "apiproject", "generation", "projectpriority"),
    *("jobevent", "storeidentity", "pause", "folderidentity", "daemonstate"),
}


def test_an_older_store_is_brought_up_to_date_once_and_only_by_who_may(server: StoreServer) -> None:
    open_store(server).dispose()
    for table in ("purchase", "folderidentity", "daemonstate"):
        run(server, f"ALTER TABLE {table} DROP COLUMN machine CASCADE")
    for table in Job.metadata.tables.keys() - OF_FORMAT_10:
        run(server, f"DROP TABLE {table} CASCADE")
    run(server, "UPDATE alembic_version SET version_num = '10'")
    with pytest.raises(StoreError, match="older hotfolder"):
        read_store(server)
    with ThreadPoolExecutor(4) as pool:
        for engine in pool.map(open_store, [server] * 4):
            engine.dispose()
    assert run(server, "SELECT count(*) FROM sharelink") == 0


def test_an_older_daemon_refuses_a_newer_store(server: StoreServer) -> None:
    open_store(server).dispose()
    run(server, "UPDATE alembic_version SET version_num = '999'")
    for opening in (open_store, read_store):
        with pytest.raises(StoreError, match="newer hotfolder"):
            opening(server)


def test_an_older_daemon_names_the_release_that_the_newer_store_takes(server: StoreServer) -> None:
    open_store(server).dispose()
    run(server, "UPDATE alembic_version SET version_num = '999'")
    for number, version in enumerate((__version__, "9.8", "9.9", __version__)):
        row = f"'{number}', '', '{version}', '', now() + interval '{number} s', now(), '[]'"
        columns = "id, name, version, place, heartbeat_at, alive_until, reaches"
        run(server, f"INSERT INTO machine ({columns}) VALUES ({row})")
    for opening in (open_store, read_store):
        with pytest.raises(StoreError) as refused:
            opening(server)
        assert refused.value.hint.startswith("Install hotfolder 9.9, which another machine runs;")
    run(server, "DROP TABLE machine")
    with pytest.raises(StoreError, match="newer hotfolder"):
        read_store(server)


def test_reading_makes_nothing_and_writes_nothing(server: StoreServer) -> None:
    assert read_store(server) is None
    assert run(server, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    open_store(server).dispose()
    database = read_store(server)
    assert database is not None
    with pytest.raises(InternalError, match="read-only"):
        Store(database).publish("daemon", {}, AT)
    database.dispose()


@pytest.mark.parametrize(
    "tables", ["CREATE TABLE job (x int)", "CREATE TABLE alembic_version AS SELECT 'abc' AS version_num"]
)
def test_another_programs_tables_are_refused_and_left_alone(server: StoreServer, tables: str) -> None:
    run(server, tables)
    for opening in (open_store, read_store):
        with pytest.raises(StoreError, match="another program"):
            opening(server)
    assert run(server, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 1


def test_a_server_that_may_lose_what_it_confirmed_is_refused(server: StoreServer) -> None:
    run(server, f"ALTER DATABASE {database_in(server)} SET synchronous_commit = off")
    with pytest.raises(StoreError, match="synchronous_commit is off"):
        open_store(server)


def test_a_user_without_the_right_is_told_what_is_missing(postgres: Postgres, server: StoreServer) -> None:
    name = f"guest_{database_in(server)}"
    postgres.run(f"CREATE USER {name}")
    guest = StoreServer(server.url.replace("//hot@", f"//{name}@"))
    with pytest.raises(StoreError, match="permission denied") as refused:
        open_store(guest)
    assert "--owner" in refused.value.hint


def test_the_password_comes_from_its_file_at_each_connection(server: StoreServer, tmp_path: Path) -> None:
    file = tmp_path / "password"
    with_file = StoreServer(server.url, file)
    with pytest.raises(ConfigurationError, match=r"store\.password_file"):
        open_store(with_file)
    file.write_text("first\n")
    seen: list[object] = []
    engine = open_store(with_file)
    event.listen(engine, "do_connect", lambda *args: seen.append(args[3]), insert=True)
    assert with_file.password() == "first"
    Store(engine).identity()
    assert "first" not in f"{seen} {engine.url} {with_file}"
    file.unlink()
    engine.dispose()
    with pytest.raises(StoreAway, match=r"store\.password_file"):
        Store(engine).identity()


def test_a_database_that_cant_be_reached_is_trouble_and_no_damage(tmp_path: Path) -> None:
    nobody = StoreServer(f"postgresql+psycopg://hot@/x?host={tmp_path}")
    for opening in (open_store, read_store):
        with pytest.raises(StoreAway, match="can't be reached"):
            opening(nobody)


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    with between(postgres.folder) as made:
        yield made


def test_a_lost_connection_is_replaced(postgres: Postgres, server: StoreServer, new_job: MakeJob) -> None:
    engine = open_store(server)
    store = Store(engine)
    store.create(new_job("a"), "origin", AT)
    postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hotfolder'"
    )
    assert len(store.active()) == 1
    engine.dispose()


def test_a_database_that_hangs_is_noticed_and_used_again_afterwards(
    proxy: Proxy, server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's own time-outs and TCP's don't notice that."""
    monkeypatch.setattr(settings_of_server, "ANSWER_SECONDS", 1.0)
    engine = open_store(proxy.server(database_in(server)))
    store = Store(engine)
    store.identity()
    proxy.hang()
    began = time.monotonic()
    for _ in range(2):  # one open connection, and one new
        with pytest.raises(StoreAway), store_trouble():
            store.publish("daemon", {}, AT)
    assert time.monotonic() - began < 30
    proxy.cut()
    with pytest.raises(StoreAway, match="can't be reached"), store_trouble():
        store.identity()
    proxy.mend()
    store.publish("daemon", {}, AT)
    engine.dispose()


def test_a_database_that_falls_silent_while_a_daemon_starts_is_noticed(
    proxy: Proxy, server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only tables that are being changed are waited for patiently."""
    monkeypatch.setattr(settings_of_server, "ANSWER_SECONDS", 1.0)
    open_store(server).dispose()
    behind = proxy.server(database_in(server))

    @event.listens_for(Engine, "begin")
    def hang(_connection: Connection) -> None:
        proxy.hang()

    try:
        began = time.monotonic()
        with pytest.raises(StoreAway):
            open_store(behind)
        assert time.monotonic() - began < 30
    finally:
        event.remove(Engine, "begin", hang)


def test_a_connection_is_watched_from_its_first_moment(server: StoreServer) -> None:
    """A machine that dies while it connects, or while it holds locks, keeps nobody waiting for long."""
    url = f"{server.url}&options=-c%20work_mem%3D1234kB"  # options in the URL apply, too
    engine = server_engine(StoreServer(url))
    names = ("idle_in_transaction_session_timeout", "statement_timeout", "lock_timeout", "work_mem")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        found = [
            connection.execute(
                text("SELECT reset_val, source FROM pg_settings WHERE name = :name"), {"name": name}
            ).one()
            for name in names
        ]
    engine.dispose()
    assert [tuple(one) for one in found] == [(value, "client") for value in ("8000", "8000", "5000", "1234")]
