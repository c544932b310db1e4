"""The store's database: opening it, the sessions that read and write it, and the one thread that does.

One code path for SQLite and PostgreSQL: only making and opening the engine differs. What is specific to
SQLite is in `sqlite`, what is specific to PostgreSQL in `postgres`.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.exc import DatabaseError, IntegrityError, InternalError, NoResultFound, OperationalError
from sqlalchemy.orm import sessionmaker
from sqlmodel import Session

from hotfolder import __version__, log
from hotfolder.errors import CommandHint, LocalTrouble, StoreAway, StoreError
from hotfolder.jobs.model import Job
from hotfolder.jobs.postgres import (
    OF_ITS_OWN,
    StoreServer,
    lock_migration,
    read_server_facts,
    refuse_unfit,
    rights_needed,
    server_engine,
    store_away,
)
from hotfolder.jobs.sqlite import CHECK_DISK, FILE_NAME, cant_write, open_file, read_file
from hotfolder.jobs.upgrade import FORMAT, bring_up_to_date, make_tables, refuse_format, refuse_older
from hotfolder.paths import exists

P = ParamSpec("P")
T = TypeVar("T")

logger = log.get("store")

MOVING, MOVING_WORD = -1, "moving"
"""The format of a store that is still being moved to a server, and its version in Alembic's table."""
AWAY_SECONDS = 0.5
"""How long after an error of the server the next calls fail without asking it."""
BATCH = 500
"""The most rows held in memory, or values named in one statement."""

StorePlace = Path | StoreServer
"""Where a store is: the folder `state` with SQLite's file, or a database server."""


def open_store(place: StorePlace) -> Engine:
    """Open the store at `place` for writing: created when missing, checked, migrated to the present format.

    Raises StoreError for a store that can't be used, which is left unchanged, and LocalTrouble for trouble
    outside of it."""
    return open_file(place) if isinstance(place, Path) else open_server(place)


def read_store(place: StorePlace) -> Engine | None:
    """Open the store read-only, from another process; None when there is none, or its first daemon is just
    creating it. Raises StoreError for what is no store or has another format than the present one, and
    LocalTrouble where it can't be read now."""
    return read_file(place) if isinstance(place, Path) else read_server(place)


def empty_store() -> Engine:
    """A store in memory for reading, where none has been made yet."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        make_tables(connection)
    return engine


def inode_of(place: StorePlace) -> int:
    """The inode of SQLite's file, which changes when the file is replaced; 0 without one and for a server."""
    path = place / FILE_NAME if isinstance(place, Path) else None
    return path.stat().st_ino if path is not None and exists(path) else 0


def open_server(server: StoreServer) -> Engine:
    """`open_store` for a server. One process at a time creates or migrates the tables: the others wait up to
    TURN_SECONDS."""
    engine = server_engine(server)
    try:
        with store_trouble(), rights_needed(server), engine.begin() as connection:
            refuse_unfit(read_server_facts(connection), server)
            present = format_of(connection, server) == FORMAT
        if not present:
            with changing_tables(server) as changing, changing.begin() as connection:
                lock_migration(connection)
                version = format_of(connection, server)
                if version < FORMAT:
                    bring_up_to_date(connection, empty=version == 0)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def changing_tables(server: StoreServer) -> Iterator[Engine]:
    """An engine for creating, filling or migrating tables, with long timeouts; disposed of at the end."""
    engine = server_engine(server, migrating=True)
    try:
        with store_trouble(), rights_needed(server):
            yield engine
    finally:
        engine.dispose()


def read_server(server: StoreServer) -> Engine | None:
    """`read_store` for a server."""
    engine = server_engine(server, read_only=True)
    try:
        with store_trouble(), rights_needed(server), engine.begin() as connection:
            version = format_of(connection, server)
        refuse_older(server.title, version)
    except BaseException:
        engine.dispose()
        raise
    if version:
        return engine
    engine.dispose()
    return None


def format_of(connection: Connection, server: StoreServer, *, moving: bool = False) -> int:
    """The format of the store on a server; 0 where there is none. With `moving`, MOVING for one whose move to
    the server is not complete; else that raises StoreError. Raises StoreError for a format that this release
    can't migrate, and for tables of another program."""
    there = set(inspect(connection).get_table_names())
    ours = there & Job.metadata.tables.keys()
    versions: Sequence[str] = ()
    if "alembic_version" in there:
        versions = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    if not (ours or versions):
        return 0
    if ours and list(versions) == [MOVING_WORD]:
        if moving:
            return MOVING
        raise StoreError(
            f"{server.title} is still being moved there",
            hint=CommandHint("Where `hotfolder store migrate` was broken off, run it again."),
        )
    if not (len(versions) == 1 and versions[0].isdigit() and ours):
        raise StoreError(f"{server.title} is none: another program's tables are there", hint=OF_ITS_OWN)
    version = int(versions[0])
    refuse_format(server.title, version, newer_release(connection) if version > FORMAT else "")
    return version


def newer_release(connection: Connection) -> str:
    """The version that another machine has run last on a store that is newer than this one; "" where its
    tables don't say so any more."""
    others = text("SELECT version FROM machine WHERE version <> :own ORDER BY heartbeat_at DESC LIMIT 1")
    with suppress(DatabaseError), connection.begin_nested():
        return connection.execute(others, {"own": __version__}).scalar() or ""
    return ""


@contextmanager
def store_trouble() -> Iterator[None]:
    """Translate errors of the database: LocalTrouble for what it can't do now, as when its disk is full, and
    StoreAway for a server; LocalTrouble, too, for a row that must be there and isn't. A wrong statement or a
    broken constraint, a defect, passes unchanged."""
    try:
        yield
    except NoResultFound:
        raise older_copy() from None
    except MemoryError:
        raise cant_write("there is not enough memory") from None
    except (OperationalError, InternalError) as error:
        met = error.orig
        raise (cant_write(_first(met)) if isinstance(met, sqlite3.Error) else store_away(error)) from None
    except DatabaseError as error:
        if type(error) is not DatabaseError:
            raise  # a wrong statement, or a broken constraint: a defect of ours
        raise LocalTrouble(f"the job store can't be read: {error.orig}", hint=CHECK_DISK) from None


def older_copy() -> LocalTrouble:
    return LocalTrouble(
        "the job store has lost what was written to it: an older copy may have taken its place",
        hint="Restart hotfolder: it takes what was paid for from its journal.",
    )


def _first(error: BaseException) -> BaseException:
    """The first error of a chain: on a full disk SQLite rolls the transaction back by itself, and rolling
    back the savepoint then fails with a second error."""
    while isinstance(before := error.__context__, OperationalError) and before.orig is not None:
        error = before.orig
    return error


def sessions(database: Engine) -> sessionmaker[Session]:
    """A session factory: `with sessions()` to read, `with sessions.begin()` to write and commit. Rows remain
    readable after the session is closed."""
    return sessionmaker(database, class_=Session, expire_on_commit=False)


def put(session: Session, row: T) -> T:
    """Upsert: `session.merge`, repeated where another process inserts the row meanwhile. The later one
    wins."""
    try:
        with session.begin_nested():
            return session.merge(row)
    except IntegrityError:
        return session.merge(row)


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """`items` in slices of at most BATCH."""
    for first in range(0, len(items), BATCH):
        yield items[first : first + BATCH]


class StoreThread:
    """An executor of one thread for calls of the store: `await store_thread(function, *args)`. A call runs to
    its end even when the awaiting task is cancelled. Raises LocalTrouble when the store or the journal can't
    be used, as when the disk is full, StoreAway when the server is away, and what the function raises."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="store")
        self.away: StoreAway | None = None
        """The last error of the database server; None once a call has succeeded."""
        self._ask_at = 0.0

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        # The context holds the names of the job for the log lines of the call.
        run = partial(copy_context().run, self._run, partial(work, *args, **kwargs))
        answer = asyncio.get_running_loop().run_in_executor(self._executor, run)
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.shield(answer)
        except OSError as error:
            reason = error.strerror or error
            raise LocalTrouble(
                f"the journal of paid calls can't be written: {reason}", hint=CHECK_DISK
            ) from None

    def _run(self, work: Callable[[], T]) -> T:
        """Runs in the thread. For AWAY_SECONDS after a StoreAway the queued calls fail with the same error at
        once, in place of a timeout each."""
        last = self.away
        if last is not None and time.monotonic() < self._ask_at:
            raise StoreAway(last.message, hint=last.hint, detail=last.detail)
        try:
            with store_trouble():
                done = work()
        except StoreAway as error:
            if last is None or last.detail != error.detail:
                logger.error("store_away", reason=error.message, detail=error.detail, hint=error.hint)
            self.away, self._ask_at = error, time.monotonic() + AWAY_SECONDS
            raise
        if last is not None:
            logger.info("store_back")
        self.away = None
        return done

    def close(self) -> None:
        """Run all queued calls, then end the thread."""
        self._executor.shutdown()
