"""Moving a store from SQLite into an empty PostgreSQL database, with jobs in flight.

Three durable steps: the copy is complete, but locked for daemons; the SQLite file is marked as moved, so that
no daemon uses it any more; the copy is released. At no moment can two daemons use the same records, and an
interrupted move continues where it was when it is run again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, insert, inspect, select, text

from hotfolder import log
from hotfolder.crashpoints import MoveStep
from hotfolder.errors import StoreError
from hotfolder.jobs.database import (
    BATCH,
    MOVING,
    MOVING_WORD,
    changing_tables,
    format_of,
    open_store,
    store_trouble,
)
from hotfolder.jobs.model import DaemonState, FolderIdentity, Job, Purchase
from hotfolder.jobs.postgres import (
    OF_ITS_OWN,
    StoreServer,
    lock_migration,
    read_server_facts,
    refuse_unfit,
    set_sequences,
)
from hotfolder.jobs.sqlite import FILE_NAME, sqlite_engine
from hotfolder.jobs.upgrade import FORMAT, MOVED, bring_up_to_date
from hotfolder.paths import is_file

TABLES = Job.metadata.sorted_tables
OF_A_MACHINE = (DaemonState.__tablename__, FolderIdentity.__tablename__)

logger = log.get("storemove")


def move_store(state: Path, server: StoreServer, machine: str) -> bool:
    """Move the store in `state` to `server`, with its purchases assigned to the machine id `machine`. Returns
    False where that was done before. The caller holds the lock on `state`. Raises StoreError, LocalTrouble;
    changes nothing where the server holds other data."""
    if not is_moved(state):
        open_store(state).dispose()  # checked, and in the present format
    with opened_file(state) as source, changing_tables(server) as target:
        # Commands of people wait for this write lock, and are refused once the file is marked.
        with source.begin() as known:
            with target.begin() as copy:
                lock_migration(copy)
                refuse_unfit(read_server_facts(copy), server)
                if not to_be_done(known, copy, server):
                    return False
                if not marked(known):
                    fill(known, copy, machine)
            MoveStep.STORE_COPIED.passed()
            known.execute(text(f"PRAGMA user_version = {MOVED}"))
        MoveStep.FILE_MARKED.passed()
        with target.begin() as copy:
            stamp(copy, str(FORMAT))
        MoveStep.STORE_RELEASED.passed()
    logger.info("store_moved", to=server.title)
    return True


def is_moved(state: Path) -> bool:
    """Whether the store in `state` was moved. Raises StoreError where there is none, and LocalTrouble."""
    if not is_file(state / FILE_NAME):
        raise StoreError(f"there is no store in {state}", hint="There is nothing to move.")
    with opened_file(state) as engine, engine.connect() as connection:
        return marked(connection)


def identity_of(state: Path) -> str:
    """The id of the store in `state`, moved or not. Raises StoreError where there is none."""
    is_moved(state)
    with opened_file(state) as engine, engine.connect() as connection:
        return identity_in(connection)


def marked(file: Connection) -> bool:
    return file.execute(text("PRAGMA user_version")).scalar() == MOVED


def to_be_done(known: Connection, copy: Connection, server: StoreServer) -> bool:
    """Whether the move is not complete yet. Raises StoreError where the server holds anything but a copy of
    this store left by an earlier move, or where the store was moved to another database."""
    version, there = format_of(copy, server, moving=True), ""
    if version:
        there = identity_in(copy)
    identity, moved = identity_in(known), marked(known)
    if there not in ("", identity):
        raise StoreError(f"{server.title} is another one already", hint=OF_ITS_OWN)
    if moved and not there:
        raise StoreError("the store was moved to another database", hint="Name the one that it was moved to.")
    if not moved and version not in (0, MOVING):
        raise StoreError(
            f"{server.title} is this very store, and was moved before: the file in `state` is an older copy",
            hint="Set `store.url`, and move that file away.",
        )
    return not (moved and version == FORMAT)


def fill(source: Connection, copy: Connection, machine: str) -> None:
    """Copy all rows, replacing those of an interrupted move; the copy stays marked as MOVING_WORD."""
    if not inspect(copy).has_table(str(Job.__tablename__)):
        bring_up_to_date(copy, empty=True)
    stamp(copy, MOVING_WORD)
    for table in reversed(TABLES):
        copy.execute(delete(table))
    for table in TABLES:
        rows = source.execution_options(yield_per=BATCH).execute(select(table)).mappings()
        for some in rows.partitions(BATCH):
            copy.execute(insert(table), [row for one in some for row in as_moved(table, dict(one), machine)])
        MoveStep.TABLE_COPIED.passed()
    set_sequences(copy, TABLES)


def as_moved(table: Table, row: dict[str, Any], machine: str) -> Iterator[dict[str, Any]]:
    """The copy's rows for a row of the source. Purchases are assigned to `machine`; published states and
    folder identities are kept as shared ones and duplicated for `machine`."""
    if table.name == Purchase.__tablename__ and not row["machine"]:
        row["machine"] = machine
    yield row
    if table.name in OF_A_MACHINE and not row["machine"]:
        yield {**row, "machine": machine}


def stamp(copy: Connection, version: str) -> None:
    copy.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})


def identity_in(connection: Connection) -> str:
    return str(connection.execute(text("SELECT uid FROM storeidentity")).scalar_one())


@contextmanager
def opened_file(state: Path) -> Iterator[Engine]:
    engine = sqlite_engine(state / FILE_NAME)
    try:
        with store_trouble():
            yield engine
    finally:
        engine.dispose()
