"""The store's database: opening it, the sessions that read and write it, and the one thread that does.

One code path for both: by where the store is, the engine is made and opened differently, and nothing else.
What only SQLite knows is in `sqlite`, what only PostgreSQL knows in `postgres`.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, overload

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DatabaseError, IntegrityError, InternalError, OperationalError
from sqlalchemy.orm import sessionmaker
from sqlmodel import Session, col
from sqlmodel.sql.expression import Select, SelectOfScalar

from hotfolder import log
from hotfolder.errors import CommandHint, LocalTrouble, StoreAway, StoreError
from hotfolder.jobs.model import Job
from hotfolder.jobs.postgres import (
    OF_ITS_OWN,
    StoreServer,
    away,
    refuse_unfit,
    rights_needed,
    server_engine,
    take_turn,
)
from hotfolder.jobs.sqlite import CHECK_DISK, FILE_NAME, cant_write, open_file, read_file
from hotfolder.jobs.upgrade import FORMAT, bring_up_to_date, refuse_format, refuse_older

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

logger = log.get("store")

MOVING, MOVING_WORD = -1, "moving"
"""The format of a store on a server that is still being moved there, and what Alembic's table says of it."""
AWAY_SECONDS = 0.5
"""For how long a server that didn't answer isn't asked again."""
BATCH = 500
"""So many rows are held in memory, or named in one statement, at once."""

StorePlace = Path | StoreServer
"""Where a store is: the folder `state` with SQLite's file, or a database server."""


def open_store(place: StorePlace) -> Engine:
    """The store at `place`, made when missing, checked, in the present format, and ready to write.

    Raises StoreError, having changed nothing, for one that can't be used, and LocalTrouble for what isn't its
    fault."""
    return open_file(place) if isinstance(place, Path) else open_server(place)


def read_store(place: StorePlace) -> Engine | None:
    """The store, for reading only, from another process; None when there is none yet, or no more than what
    its first daemon is just filling. Raises StoreError for what is no store, and for one of another format
    than the present one."""
    return read_file(place) if isinstance(place, Path) else read_server(place)


def inode_of(place: StorePlace) -> int:
    """Tells a store's file from another that has taken its place. 0 where there is none, and of a server."""
    path = place / FILE_NAME if isinstance(place, Path) else None
    return path.stat().st_ino if path is not None and path.exists() else 0


def open_server(server: StoreServer) -> Engine:
    """As `open_store`."""
    engine = server_engine(server)
    try:
        with store_trouble(), rights_needed(server), engine.begin() as connection:
            refuse_unfit(connection, server)
            present = format_of(connection, server) == FORMAT
        if not present:
            migrate_server(server)
    except BaseException:
        engine.dispose()
        raise
    return engine


def migrate_server(server: StoreServer) -> None:
    """Make the tables, or bring them up to date. One at a time does; the others wait for it."""
    with changing_tables(server) as engine, engine.begin() as connection:
        take_turn(connection)
        version = format_of(connection, server)
        if version < FORMAT:
            bring_up_to_date(connection, empty=version == 0)


@contextmanager
def changing_tables(server: StoreServer) -> Iterator[Engine]:
    """Connections that make, fill or change tables, and may take their time."""
    engine = server_engine(server, migrating=True)
    try:
        with store_trouble(), rights_needed(server):
            yield engine
    finally:
        engine.dispose()


def read_server(server: StoreServer) -> Engine | None:
    """As `read_store`."""
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
    """The format of the store on a server, 0 where there is nothing of one, and MOVING for one that is still
    being moved there, by whom it is asked for. Raises StoreError for one that this release can't bring up to
    date, and for tables of another program."""
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
    refuse_format(server.title, version)
    return version


@contextmanager
def store_trouble() -> Iterator[None]:
    """Raise LocalTrouble for what the store can't do just now, as when its disk is full."""
    try:
        yield
    except MemoryError:
        raise cant_write("there is not enough memory") from None
    except (OperationalError, InternalError) as error:
        met = error.orig
        raise (cant_write(_first(met)) if isinstance(met, sqlite3.Error) else away(error)) from None
    except DatabaseError as error:
        if type(error) is not DatabaseError:
            raise  # a wrong statement, or a broken constraint: a defect of ours
        raise LocalTrouble(f"the job store can't be read: {error.orig}", hint=CHECK_DISK) from None


def _first(error: BaseException) -> BaseException:
    """What SQLite met first: out of room it ends the transaction by itself, and the savepoint that is to be
    given up then isn't there."""
    while isinstance(before := error.__context__, OperationalError) and before.orig is not None:
        error = before.orig
    return error


def sessions(database: Engine) -> sessionmaker[Session]:
    """Sessions whose rows may be read after they are closed: `with` one for reading, `begin` one to write."""
    return sessionmaker(database, class_=Session, expire_on_commit=False)


Fence = Callable[[Session, str], None]
"""Takes an inbox. Raises LeaseLost where another machine works with it."""


def no_fence(_session: Session, _inbox: str) -> None:
    """Of the only machine, and of commands, which any machine may give."""


class Records:
    """What a database holds. Every method is one durable transaction; what it returns is detached.

    `machine` is whose words, folders and purchases are meant, as `Machine.id`. `fence` is asked, within the
    transaction, before what belongs to an inbox is made or changed.
    """

    def __init__(self, database: Engine, *, machine: str = "", fence: Fence = no_fence) -> None:
        self.database = database
        self.machine = machine
        self.fence = fence
        self.session = sessions(database)

    @overload
    def rows(self, query: SelectOfScalar[T]) -> list[T]: ...

    @overload
    def rows(self, query: Select[*Ts]) -> list[tuple[*Ts]]: ...

    def rows(self, query: Any) -> list[Any]:
        """All that a query finds."""
        with self.session() as session:
            return list(session.exec(query).all())

    @overload
    def rows_with(self, query: SelectOfScalar[T], column: object, values: Iterable[Any]) -> list[T]: ...

    @overload
    def rows_with(self, query: Select[*Ts], column: object, values: Iterable[Any]) -> list[tuple[*Ts]]: ...

    def rows_with(self, query: Any, column: Any, values: Iterable[Any]) -> list[Any]:
        """All that a query finds where the column has one of the values, of which there may be thousands."""
        return [row for some in batches([*values]) for row in self.rows(query.where(col(column).in_(some)))]

    def first(self, query: SelectOfScalar[T]) -> T | None:
        """The first that a query finds; None where there is nothing."""
        with self.session() as session:
            return session.exec(query.limit(1)).first()


def put(session: Session, row: T) -> T:
    """`session.merge`, for a row that another process may be putting there at this very moment: the later one
    counts."""
    try:
        with session.begin_nested():
            return session.merge(row)
    except IntegrityError:
        return session.merge(row)


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """`items` in parts of BATCH."""
    for first in range(0, len(items), BATCH):
        yield items[first : first + BATCH]


class StoreThread:
    """Runs functions of the store one after another in a thread of their own. What was asked for is done even
    when the task that asked is cancelled. Raises LocalTrouble when the store can't be used, as when its disk
    is full."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="store")
        self.away: StoreAway | None = None
        """What the store's database last answered in place of doing anything."""
        self._ask_at = 0.0

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        # The job that asks is named in what is logged meanwhile.
        run = partial(copy_context().run, self._run, partial(work, *args, **kwargs))
        answer = asyncio.get_running_loop().run_in_executor(self._executor, run)
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.shield(answer)
        except OSError as error:
            told = error.strerror or error
            raise LocalTrouble(
                f"the journal of paid calls can't be written: {told}", hint=CHECK_DISK
            ) from None

    def _run(self, work: Callable[[], T]) -> T:
        """In the thread. Whoever waits in line is told at once what the first was told after seconds."""
        away = self.away
        if away is not None and time.monotonic() < self._ask_at:
            raise StoreAway(away.message, hint=away.hint, detail=away.detail)
        try:
            with store_trouble():
                done = work()
        except StoreAway as error:
            if away is None or away.detail != error.detail:
                logger.error("store_away", reason=error.message, detail=error.detail, hint=error.hint)
            self.away, self._ask_at = error, time.monotonic() + AWAY_SECONDS
            raise
        if away is not None:
            logger.info("store_back")
        self.away = None
        return done

    def close(self) -> None:
        """Finish what was asked for, and stop."""
        self._executor.shutdown()
