"""The store's database: opening it, bringing it up to date, and the one thread that works on it.

One code path for both: by where the store is, the engine is made and opened differently, and nothing else.
What only SQLite knows is here and begins with a folder; what only PostgreSQL knows is in `postgres`.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, overload

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DatabaseError, IntegrityError, InternalError, OperationalError
from sqlalchemy.orm import sessionmaker
from sqlmodel import Session
from sqlmodel.sql.expression import Select, SelectOfScalar

from hotfolder import log
from hotfolder.errors import LocalTrouble, StoreAway, StoreError
from hotfolder.jobs.model import Job, Pause, StoreIdentity
from hotfolder.jobs.postgres import (
    OF_ITS_OWN,
    StoreServer,
    away,
    refuse_unfit,
    rights_needed,
    server_engine,
    take_turn,
)
from hotfolder.mounts import MOUNTS, mount_of
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.linking import sync_folder

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

logger = log.get("store")

FORMAT = 12
"""Of the store: the newest revision in migrations/versions, and SQLite's `user_version`, by which releases
before format 10 know that a store is newer than they are."""
OLDEST_FORMAT = 8
"""Older ones are brought to this one by the release that is named in `TO_PASS_THROUGH`."""
TO_PASS_THROUGH = "hotfolder 0.1.0 with format 9 of the store"
MOVED = 1_000_000
"""The `user_version` of a file whose store was moved to a server: releases before that take it for a newer
one, and refuse it, too."""
MOVING, MOVING_WORD = -1, "moving"
"""The format of a store on a server that is still being moved there, and what Alembic's table says of it."""
MIGRATIONS = Path(__file__).with_name("migrations")
BUSY_SECONDS = 15
FILE_NAME = "jobs.sqlite"
AWAY_SECONDS = 0.5
"""For how long a server that didn't answer isn't asked again."""
CHECK_DISK = "Check the disk that holds `state`."
BATCH = 500
"""So many rows are held in memory, or named in one statement, at once."""
CACHE_KIB = 512
"""Of a connection. What is read again and again fits, and the system caches the file anyway. SQLite's usual
2 MB would fill as the store grows, and the daemon's memory with it."""


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
    server.password()
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
    engine = server_engine(server, migrating=True)
    try:
        with store_trouble(), rights_needed(server), engine.begin() as connection:
            take_turn(connection)
            version = format_of(connection, server)
            if version < FORMAT:
                bring_up_to_date(connection, empty=version == 0)
    finally:
        engine.dispose()


def read_server(server: StoreServer) -> Engine | None:
    server.password()
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
            hint="Where `hotfolder store migrate` was broken off, run it again.",
        )
    if not (len(versions) == 1 and versions[0].isdigit() and ours):
        raise StoreError(f"{server.title} is none: another program's tables are there", hint=OF_ITS_OWN)
    version = int(versions[0])
    refuse_format(server.title, version)
    return version


def open_file(state: Path) -> Engine:
    """As `open_store`, in the folder `state`.

    Raises StoreError, and changes nothing, when the file is corrupt, was written by a newer hotfolder or by
    one that is too old, or would lie on a network file system, where SQLite's locks can't be trusted.
    Raises LocalTrouble for what isn't the file's fault, as when its disk is full.
    """
    refuse_network_folder(state)
    refuse_strangers(state, writing=True)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = state / FILE_NAME
    private_file(path)
    # While tables are replaced by others, nothing may look at what refers to them.
    engine = sqlite_engine(path, foreign_keys=False)
    try:
        with engine.begin() as connection:
            problem = connection.execute(text("PRAGMA quick_check(1)")).scalar()
            if problem != "ok":
                raise corrupt(path, str(problem))
            version = int(connection.execute(text("PRAGMA user_version")).scalar() or 0)
            refuse_format(path, version)
            if 0 < version < FORMAT:
                keep_copy(path, version)
            if version < FORMAT:
                bring_up_to_date(connection, empty=version == 0)
                connection.execute(text(f"PRAGMA user_version = {FORMAT}"))
    except OperationalError as error:
        raise cant_write(error.orig) from None
    except sqlite3.OperationalError as error:  # met by the copy
        raise cant_write(error) from None
    except DatabaseError as error:
        raise corrupt(path, str(error.orig)) from None
    finally:
        engine.dispose()
    opened = sqlite_engine(path)

    @event.listens_for(opened, "begin")
    def refuse_moved(connection: Connection) -> None:
        # `store migrate` may have come in between; what is written here from then on would be lost.
        refuse_format(path, connection.exec_driver_sql("PRAGMA user_version").scalar_one())

    return opened


def refuse_format(path: Path | str, version: int) -> None:
    """Raise StoreError for a store that this release can't bring up to date."""
    if version == MOVED:
        raise StoreError(
            f"the store of {path} was moved to a database, and what was bought since is known there alone",
            hint="Set `store.url` to that database, as `hotfolder store migrate` has said.",
        )
    if version > FORMAT:
        raise StoreError(
            f"{path} was written by a newer hotfolder (its format is {version}, this one knows {FORMAT})",
            hint="Install the newer hotfolder again; nothing was changed.",
        )
    if 0 < version < OLDEST_FORMAT:
        raise StoreError(
            f"{path} was written by a hotfolder that is too old (its format is {version}, this one takes"
            f" {OLDEST_FORMAT} and later)",
            hint=f"Install {TO_PASS_THROUGH} and start it once, which brings the store up to date; then"
            " install this one again. Nothing was changed.",
        )


def bring_up_to_date(connection: Connection, *, empty: bool) -> None:
    """Give the database the present tables, within the transaction that is open. One that is `empty` gets
    them as they are in the model; any other goes through the migrations."""
    # Only who needs it waits for its import.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if not empty:
        command.upgrade(config, "head")
        return
    Job.metadata.create_all(connection)
    with Session(connection) as session:
        session.add_all([StoreIdentity(), Pause()])
        session.flush()
    command.stamp(config, "head")


def keep_copy(path: Path, version: int) -> None:
    """Copy the store aside as it is, in place of any earlier copy. Whoever calls holds its write lock."""
    copy = path.with_name(f"{path.name}.format-{version}")
    part = copy.with_name(f"{copy.name}.part")
    with local_trouble(path.parent):
        part.unlink(missing_ok=True)
    private_file(part)
    with (
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(part)) as target,
    ):
        source.backup(target)
    with local_trouble(path.parent):
        part.replace(copy)
        sync_folder(path.parent)
        for older in set(path.parent.glob(f"{path.name}.format-*")) - {copy}:
            older.unlink()


def read_file(state: Path) -> Engine | None:
    """As `read_store`, in the folder `state`."""
    path = state / FILE_NAME
    refuse_strangers(state)
    if not path.exists():
        return None
    uri = f"{path.absolute().as_uri()}?mode=ro"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)

    try:
        with closing(connect()) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.OperationalError as error:  # busy, or out of reach: not a word about what is in it
        raise LocalTrouble(f"the job store can't be read: {error}", hint=CHECK_DISK) from None
    except sqlite3.DatabaseError as error:
        raise corrupt(path, str(error)) from None
    refuse_format(path, version)
    refuse_older(path, version)
    return create_engine("sqlite://", creator=connect) if version else None


def refuse_older(path: Path | str, version: int) -> None:
    """Raise StoreError for a store that has to be brought up to date before it can be read."""
    if 0 < version < FORMAT:
        raise StoreError(
            f"{path} was written by an older hotfolder",
            hint="`hotfolder run` brings it up to date when it is started.",
        )


def private_file(path: Path) -> None:
    """Make the file that SQLite is to fill; its own would be readable for all. Journals get its rights."""
    with suppress(OSError):  # SQLite says what is wrong
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def refuse_strangers(state: Path, *, writing: bool = False) -> None:
    """Raise StoreError where this user may not read, or write, the store in `state`. One that isn't there yet
    may be read by anybody."""
    path = state / FILE_NAME
    try:
        there = path.exists()
        wanted = os.R_OK | os.W_OK if writing else os.R_OK
        if not there or os.access(path, wanted, effective_ids=True):
            return
    except PermissionError:
        pass
    user, owner = user_named(os.geteuid()), user_named(owner_of(state))
    raise StoreError(
        f"{user} may not {'write' if writing else 'read'} the job store in {state}",
        hint=f"Run this as the user that hotfolder runs as: `sudo -u {owner} hotfolder ...`.",
    )


def owner_of(state: Path) -> int:
    """Whose the folder is, or the nearest above it that can be seen."""
    for folder in (state, *state.parents):
        with suppress(OSError):
            return folder.stat().st_uid
    return 0


def user_named(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def corrupt(path: Path, detail: str) -> StoreError:
    return StoreError(
        f"the job store {path} can't be read: {detail}",
        hint="It holds what was paid for, so it is never recreated by itself. Restore it from a backup.",
    )


def cant_write(told: object) -> LocalTrouble:
    return LocalTrouble(f"the job store can't be written: {told}", hint=CHECK_DISK)


@contextmanager
def store_trouble() -> Iterator[None]:
    """Raise LocalTrouble for what the store can't do just now, as when its disk is full."""
    try:
        yield
    except MemoryError:
        raise cant_write("there is not enough memory") from None
    except (OperationalError, InternalError) as error:
        raise (cant_write(error.orig) if isinstance(error.orig, sqlite3.Error) else away(error)) from None
    except DatabaseError as error:
        if type(error) is not DatabaseError:
            raise  # a wrong statement, or a broken constraint: a defect of ours
        raise LocalTrouble(f"the job store can't be read: {error.orig}", hint=CHECK_DISK) from None


def sqlite_engine(path: Path, *, foreign_keys: bool = True) -> Engine:
    """SQLite as it has to be here: durable before a paid call leaves, and no deadlock between writers.

    The rollback journal is used since WAL has a corruption bug with several connections before 3.51.3. Cut to
    nothing and synced it is as durable as deleted, and a commit costs a third less.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)), connect_args={"check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # SQLAlchemy would begin deferred, and a read that turns into a write then fails at once.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_SECONDS * 1000}",
            "journal_mode = TRUNCATE",
            "synchronous = EXTRA",
            f"foreign_keys = {'ON' if foreign_keys else 'OFF'}",
            f"cache_size = -{CACHE_KIB}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


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


def refuse_network_folder(state: Path, mounts: Path = MOUNTS) -> None:
    """Raise StoreError when `state` lies on a network file system (known on Linux only)."""
    mount = mount_of(state, mounts)
    if mount is not None and mount.network:
        raise StoreError(
            f"the state folder {state} is on a network file system ({mount.kind}); the store isn't safe"
            " there",
            hint="Set `state` to a folder on a local disk; inbox, done and failed may stay on the share.",
        )


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
