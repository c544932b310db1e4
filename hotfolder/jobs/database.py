"""The store's database: opening it, and the one thread that works on it.

Everything that only SQLite needs lives in `tune_sqlite`.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, InternalError, OperationalError

from hotfolder.errors import LocalTrouble, StoreError
from hotfolder.jobs.model import Job
from hotfolder.mounts import MOUNTS, mount_of

P = ParamSpec("P")
T = TypeVar("T")

MIGRATIONS: Mapping[int, Sequence[str]] = {
    2: (
        "ALTER TABLE jobfile ADD COLUMN let_go_at VARCHAR",
        "ALTER TABLE picture ADD COLUMN rendition VARCHAR NOT NULL DEFAULT ''",
        "ALTER TABLE picture ADD COLUMN look VARCHAR NOT NULL DEFAULT ''",
    ),
    3: (
        "ALTER TABLE picture RENAME COLUMN look TO variant",
        "ALTER TABLE job ADD COLUMN receipt VARCHAR NOT NULL DEFAULT ''",
        "ALTER TABLE job ADD COLUMN receipt_sha256 VARCHAR NOT NULL DEFAULT ''",
    ),
    4: (
        "ALTER TABLE job ADD COLUMN cancelled_by VARCHAR NOT NULL DEFAULT ''",
        "ALTER TABLE job ADD COLUMN priority INTEGER NOT NULL DEFAULT 1",
    ),
    5: ("ALTER TABLE jobfile ADD COLUMN develop VARCHAR NOT NULL DEFAULT ''",),
    6: ("ALTER TABLE call ADD COLUMN photos VARCHAR NOT NULL DEFAULT ''",),
    7: ("ALTER TABLE call ADD COLUMN job_let_go_at VARCHAR",),
    8: ("ALTER TABLE jobfile ADD COLUMN shot VARCHAR NOT NULL DEFAULT ''",),
    9: (
        "ALTER TABLE generation ADD COLUMN let_go_at VARCHAR",
        "DROP INDEX IF EXISTS ix_call_key",
        # As `lean` has it since.
        "UPDATE call SET answer = NULL, note = '' WHERE job_let_go_at IS NOT NULL AND"
        " (state = 'not_executed' OR"
        " state = 'succeeded' AND operation = 'merge' AND note NOT LIKE 'resolved: %')",
        "UPDATE call SET parameters = '', photos = '', image_id = NULL, api_project_id = NULL"
        " WHERE job_let_go_at IS NOT NULL AND state IN ('succeeded', 'not_executed')",
    ),
}
"""What brings a store to each version, from the one before."""
SCHEMA_VERSION = max(MIGRATIONS)
BEGIN = "BEGIN IMMEDIATE"
BUSY_SECONDS = 15
FILE_NAME = "jobs.sqlite"
CHECK_DISK = "Check the disk that holds `state`."
CACHE_KIB = 512
"""Of a connection. What is read again and again fits, and the system caches the file anyway. SQLite's usual
2 MB would fill as the store grows, and the daemon's memory with it."""


def open_store(state: Path) -> Engine:
    """The store in folder `state` (made when missing), checked and ready to write.

    Raises StoreError, and changes nothing, when the file is corrupt, was written by a newer hotfolder, or
    would lie on a network file system, where SQLite's locks can't be trusted. Raises LocalTrouble for what
    isn't the file's fault, as when its disk is full.
    """
    refuse_network_folder(state)
    refuse_strangers(state, writing=True)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = state / FILE_NAME
    private_file(path)
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})
    tune_sqlite(engine)
    try:
        with engine.begin() as connection:
            problem = connection.execute(text("PRAGMA quick_check(1)")).scalar()
            if problem != "ok":
                raise corrupt(path, str(problem))
            version = int(connection.execute(text("PRAGMA user_version")).scalar() or 0)
            if version > SCHEMA_VERSION:
                raise StoreError(
                    f"{path} was written by a newer hotfolder (its format is {version}, this one knows"
                    f" {SCHEMA_VERSION})",
                    hint="Install the newer hotfolder again; nothing was changed.",
                )
            if version < SCHEMA_VERSION:
                migrate(connection, path, version)
    except OperationalError as error:
        engine.dispose()
        raise cant_write(error.orig) from None
    except DatabaseError as error:
        engine.dispose()
        raise corrupt(path, str(error.orig)) from None
    return engine


def migrate(connection: Connection, path: Path, version: int) -> None:
    """Bring the store from `version` (0: empty) to ours, in the transaction that is open. One that holds
    something is copied aside before."""
    if version:
        private_file(path.with_name(f"{path.name}.format-{version}"))
        with (
            closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(f"{path}.format-{version}")) as copy,
        ):
            source.backup(copy)
        for step in range(version + 1, SCHEMA_VERSION + 1):
            for statement in MIGRATIONS[step]:
                connection.execute(text(statement))
    Job.metadata.create_all(connection)
    connection.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION}"))


def read_store(state: Path) -> Engine | None:
    """The store, for reading only, from another process; None when there is none yet, or no more than a file
    that its first daemon is just filling. Raises StoreError for a file that is no store, and for one of an
    older hotfolder that hasn't been brought up to date yet."""
    path = state / FILE_NAME
    refuse_strangers(state)
    if not path.exists():
        return None
    uri = f"file:{path}?mode=ro"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)

    try:
        with closing(connect()) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.OperationalError as error:  # busy, or out of reach: not a word about what is in it
        raise LocalTrouble(f"the job store can't be read: {error}", hint=CHECK_DISK) from None
    except sqlite3.DatabaseError as error:
        raise corrupt(path, str(error)) from None
    if 0 < version < SCHEMA_VERSION:
        raise StoreError(
            f"{path} was written by an older hotfolder",
            hint="`hotfolder run` brings it up to date when it is started.",
        )
    return create_engine("sqlite://", creator=connect) if version else None


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
    except (OperationalError, InternalError, MemoryError) as error:
        told = "there is not enough memory" if isinstance(error, MemoryError) else error.orig
        raise cant_write(told) from None
    except DatabaseError as error:
        if type(error) is not DatabaseError:
            raise  # a wrong statement, or a broken constraint: a defect of ours
        raise LocalTrouble(f"the job store can't be read: {error.orig}", hint=CHECK_DISK) from None


def tune_sqlite(engine: Engine) -> None:
    """SQLite as it has to be here: durable before a paid call leaves, and no deadlock between writers.

    The rollback journal is used since WAL has a corruption bug with several connections before 3.51.3. Cut to
    nothing and synced it is as durable as deleted, and a commit costs a third less.
    """

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # SQLAlchemy would begin deferred, and a read that turns into a write then fails at once.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_SECONDS * 1000}",
            "journal_mode = TRUNCATE",
            "synchronous = EXTRA",
            "foreign_keys = ON",
            f"cache_size = -{CACHE_KIB}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # Not by the connection itself, which would take several times as long as the statement does.
        try:
            connection.connection.driver_connection.execute(BEGIN)
        except sqlite3.OperationalError as error:
            raise OperationalError(BEGIN, None, error) from error


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

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        # The job that asks is named in what is logged meanwhile.
        run = partial(copy_context().run, work, *args, **kwargs)
        answer = asyncio.get_running_loop().run_in_executor(self._executor, run)
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            with store_trouble():
                return await asyncio.shield(answer)
        except OSError as error:
            told = error.strerror or error
            raise LocalTrouble(
                f"the journal of paid calls can't be written: {told}", hint=CHECK_DISK
            ) from None

    def close(self) -> None:
        """Finish what was asked for, and stop."""
        self._executor.shutdown()
