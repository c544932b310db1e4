"""Stores of earlier formats are migrated, with a copy kept, also when killed meanwhile.

`format_9` was left by a killed daemon of that format: a job that has bought a merge and a sky, and has
delivered neither.
"""

from __future__ import annotations

import shutil
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine
from sqlmodel import SQLModel
from structlog.testing import capture_logs

from hotfolder.daemon.service import ApiAccess
from hotfolder.errors import StoreError
from hotfolder.jobs.database import open_store, read_store
from hotfolder.jobs.generations import present_generation
from hotfolder.jobs.journal import FILE_NAME as JOURNAL_FILE
from hotfolder.jobs.journal import Journal
from hotfolder.jobs.model import TakenName
from hotfolder.jobs.sqlite import FILE_NAME, sqlite_engine
from hotfolder.jobs.states import State
from hotfolder.jobs.store import Store
from hotfolder.jobs.upgrade import FORMAT, MIGRATIONS, OLDEST_FORMAT
from hotfolder.outbox.outputs import MountIdentity
from tests.support.crashing import migrate
from tests.support.forking import Forked
from tests.support.studio import Shop, Studio

pytestmark = pytest.mark.long

OLD = Path(__file__).with_name("format_9")
PROJECT, FOLDER = "12 Elm Road", "living-room__sky-twilight"
ORIGIN = "http://127.0.0.1:28801"


def old_store(state: Path, *statements: str, version: int = 9) -> Path:
    """The store, the journal and the kept results in the folder `state`."""
    (state / "results").mkdir(parents=True)
    shutil.copy(OLD / JOURNAL_FILE, state)
    for result in (OLD / "results").iterdir():
        shutil.copy(result, state / "results")
    with closing(sqlite3.connect(state / FILE_NAME)) as connection:
        connection.executescript((OLD / "store.sql").read_text())
        for statement in (*statements, f"PRAGMA user_version = {version}"):
            connection.execute(statement)
        connection.commit()
    return state


def differences(database: Engine) -> list[object]:
    """Differences between the store's tables and the model's."""
    with database.connect() as connection:
        found = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(found, SQLModel.metadata))


def copies(state: Path) -> list[str]:
    return sorted(path.name for path in state.glob(f"{FILE_NAME}.*"))


def test_a_fresh_store_has_the_tables_of_the_model(database: Engine) -> None:
    assert differences(database) == []


MORE = (
    "INSERT INTO bulletin VALUES ('pause', '\"by hand\"', '2026-05-04T12:00:00.000+00:00')",
    "INSERT INTO bulletin VALUES ('resumed', '1', '2026-05-04T12:00:00.000+00:00')",
    "INSERT INTO bulletin VALUES ('pay again s1', 'true', '2026-05-04T12:00:00.000+00:00')",
    "INSERT INTO bulletin VALUES ('archive /mnt/archive', '{}', '2026-05-04T12:00:00.000+00:00')",
    "UPDATE bulletin SET text = '\"0123\"' WHERE name = 'identity'",
    "INSERT INTO generation (scope, number) VALUES ('s2', 3)",
    "UPDATE call SET state = 'unknown', note = 'given up: it was not completed' WHERE id = 1",
    "UPDATE job SET finished_at = '2026-05-04T12:00:07+00:00', filed_as = 'Living-Room'",
)


@pytest.mark.parametrize("version", [8, 9])
def test_an_earlier_store_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    """Format 8 is format 9 without its additions, and with what it removed."""
    older = ("ALTER TABLE generation DROP COLUMN let_go_at", "CREATE INDEX ix_call_key ON call (key)")
    before = older if version == 8 else ()
    state = old_store(tmp_path / "state", *before, *MORE, version=version)
    with pytest.raises(StoreError, match="older hotfolder"):
        read_store(state)
    database = open_store(state)
    store = Store(database)
    [job] = store.active()
    assert job.created_at == datetime(2026, 11, 26, 22, 30, 50, 942_000, UTC)
    assert job.finished_at == datetime(2026, 5, 4, 12, 0, 7, tzinfo=UTC)
    assert [event.state for event in store.history(job.id)][:2] == [State.QUEUED, State.UPLOADING]
    assert [(one.state, one.outcome, one.note) for one in store.ledger.all_purchases()] == [
        ("unknown", "given_up", "it was not completed"),
        ("succeeded", "", ""),
    ]
    assert [len(store.ledger.results(number)) for number in (1, 2)] == [1, 1]
    assert (store.identity(), store.paused()) == ("0123", "by hand")
    assert store.resume() and store.paused() is None
    assert store.folder_identity("inbox", "inbox") is not None
    assert store.folder_identity("archive", "/mnt/archive") is not None
    assert present_generation(store, "s2") == 3
    with store.session() as session:
        filed = session.get(TakenName, ("filed/12 elm road", "living-room"))
        assert filed is not None and (filed.job_id, filed.spelt) == (job.id, "Living-Room")
    assert differences(database) == []
    with database.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    database.dispose()
    assert copies(state) == [f"{FILE_NAME}.format-{version}"]


def test_a_table_that_another_program_keeps_in_the_file_stays(tmp_path: Path) -> None:
    """As those that replicate SQLite do."""
    state = old_store(tmp_path / "state", "CREATE TABLE replica AS SELECT 7 AS position")
    database = open_store(state)
    with database.connect() as connection:
        assert connection.exec_driver_sql("SELECT position FROM replica").all() == [(7,)]
    database.dispose()


UNDONE = {
    12: (
        "ALTER TABLE purchase DROP COLUMN machine",
        *(f"DROP TABLE {table}" for table in ("machine", "inboxlease", "notbefore", "takenname")),
        "CREATE TABLE said AS SELECT name, content, updated_at FROM daemonstate",
        "DROP TABLE daemonstate",
        "CREATE TABLE daemonstate (name VARCHAR PRIMARY KEY, content JSON, updated_at DATETIME NOT NULL)",
        "INSERT INTO daemonstate SELECT * FROM said",
        "DROP TABLE said",
        "CREATE TABLE kept AS SELECT role, name, path, device, inode, mount FROM folderidentity",
        "DROP TABLE folderidentity",
        "CREATE TABLE folderidentity (role VARCHAR NOT NULL, name VARCHAR NOT NULL, path VARCHAR NOT NULL,"
        " device BIGINT NOT NULL, inode BIGINT NOT NULL, mount VARCHAR NOT NULL, PRIMARY KEY (role, name))",
        "INSERT INTO folderidentity SELECT * FROM kept",
        "DROP TABLE kept",
    ),
    11: tuple(f"DROP TABLE {table}" for table in ("pagepassword", "pagesession", "sharelink")),
}
"""Statements that turn a store of a format into one of the format before."""


@pytest.mark.parametrize("version", range(10, FORMAT))
def test_a_store_of_a_recent_format_gets_the_tables_that_came_since(tmp_path: Path, version: int) -> None:
    database = open_store(tmp_path)
    Store(database).remember_folder("inbox", "inbox", MountIdentity("/srv/inbox", inode=7))
    Store(database).publish("kept out", ["a.jpg"], datetime(2026, 5, 4, 12, tzinfo=UTC))
    database.dispose()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        for statement in (each for later in range(FORMAT, version, -1) for each in UNDONE.get(later, ())):
            connection.execute(statement)
        connection.execute(f"UPDATE alembic_version SET version_num = '{version}'")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.commit()
        [(identity,)] = connection.execute("SELECT uid FROM storeidentity").fetchall()
    with capture_logs() as told:
        database = open_store(tmp_path)
    [line] = [one for one in told if one["event"] == "store_copied_before_migration"]
    assert line["copy"] == str(tmp_path / f"{FILE_NAME}.format-{version}")
    assert differences(database) == []
    assert Store(database).identity() == identity
    met = Store(database).folder_identity("inbox", "inbox")
    assert met is not None and (met.path, met.inode) == ("/srv/inbox", 7)
    assert Store(database).published("kept out") == ["a.jpg"]
    database.dispose()
    assert copies(tmp_path) == [f"{FILE_NAME}.format-{version}"]


def test_an_older_store_is_refused_with_the_release_to_pass_through(tmp_path: Path) -> None:
    state = old_store(tmp_path / "state", version=OLDEST_FORMAT - 1)
    content = (state / FILE_NAME).read_bytes()
    for opening in (open_store, read_store):
        with pytest.raises(StoreError, match="too old") as refused:
            opening(state)
        assert "Install hotfolder 0.1.0 with format 9 of the store and start it once" in refused.value.hint
    assert ((state / FILE_NAME).read_bytes(), copies(state)) == (content, [])


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    open_store(tmp_path).dispose()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    content = (tmp_path / FILE_NAME).read_bytes()
    for opening in (open_store, read_store):
        with pytest.raises(StoreError, match="newer hotfolder"):
            opening(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == content


@pytest.mark.parametrize("words", [("verify",), ("pause",), ("retry", "m4kd7wxa"), ("clean",)])
def test_a_command_leaves_the_store_to_the_older_daemon_that_may_still_run(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """It couldn't record any more what it has just paid for."""
    studio = Studio(tmp_path / "studio")
    content = (old_store(studio.state) / FILE_NAME).read_bytes()
    refused = studio.say(*words)
    assert refused.exit_code == 2 and "was written by an older hotfolder" in refused.output
    assert ((studio.state / FILE_NAME).read_bytes(), copies(studio.state)) == (content, [])


def test_only_one_copy_of_an_earlier_store_is_kept(tmp_path: Path) -> None:
    state = old_store(tmp_path / "state")
    (state / f"{FILE_NAME}.format-7").touch()
    (state / f"{FILE_NAME}.format-9.part").write_text("cut off when its process was killed")
    open_store(state).dispose()
    assert copies(state) == [f"{FILE_NAME}.format-9"]
    with closing(sqlite3.connect(state / f"{FILE_NAME}.format-9")) as copy:
        assert copy.execute("SELECT count(*) FROM call").fetchone() == (2,)


def killed_migrations(state: Path, first: int, step: int) -> int:
    """The number of processes that were killed, each one statement later, until one finished."""
    killed = 0
    while (code := Forked(migrate, state, first + killed * step).wait()) == -signal.SIGKILL:
        killed += 1
    assert code == 0
    return killed


def resumed(root: Path) -> Studio:
    """A studio with the old store, whose inbox has the photos that the killed daemon saw."""
    studio = Studio(root)
    photos = {path.name: path.read_bytes() for path in sorted((OLD / "photos").iterdir())}
    folder = studio.drop(PROJECT, FOLDER, photos)
    seen = [(name, (folder / name).stat()) for name in photos]
    old_store(
        studio.state,
        *(
            f"UPDATE jobfile SET mtime_ns = {facts.st_mtime_ns}, ctime_ns = {facts.st_ctime_ns},"
            f" inode = {facts.st_ino} WHERE name = '{name}'"
            for name, facts in seen
        ),
    )
    return studio


def brought_to(state: Path, version: int) -> None:
    """The store of format 9 as left by the release whose latest format was `version`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = sqlite_engine(state / FILE_NAME, foreign_keys=False)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, str(version))
        connection.exec_driver_sql(f"PRAGMA user_version = {version}")
    engine.dispose()


@pytest.mark.parametrize(
    ("version", "first", "step"), [(9, 1, 7), (9, 4, 7), (FORMAT - 2, 1, 3), (FORMAT - 1, 1, 3)]
)
async def test_a_job_in_flight_goes_on_and_pays_nothing_again_wherever_its_migration_is_killed(
    tmp_path: Path, shop: Shop, version: int, first: int, step: int
) -> None:
    """The last two formats, and the oldest one that a daemon was killed with."""
    studio = resumed(tmp_path)
    if version > 9:
        brought_to(studio.state, version)
    assert killed_migrations(studio.state, first, step) > 5
    assert copies(studio.state) == [f"{FILE_NAME}.format-{version}"]
    access = ApiAccess(ORIGIN, shop.url, (shop.storage_host,), lambda: "any-key")
    await studio.until_idle(access)
    assert (studio.states(), shop.bought()) == (["done"], 0)
    assert (studio.done / PROJECT / "living-room__sky-twilight.png").is_file()
    verified = studio.say("verify")
    assert verified.exit_code == 0, verified.stdout
    written = Journal(studio.state / JOURNAL_FILE).read()
    assert [entry["call"]["state"] for entry in written] == ["succeeded", "succeeded"]
