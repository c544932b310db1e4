"""Everything specific to SQLite: creating, checking and opening the store's private file in `state`."""

from __future__ import annotations

import os
import pwd
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError

from hotfolder import log
from hotfolder.errors import CommandHint, LocalTrouble, StoreError
from hotfolder.jobs.upgrade import FORMAT, bring_up_to_date, refuse_format, refuse_older
from hotfolder.mounts import MOUNTS, mount_of
from hotfolder.outbox.faults import local_trouble, trouble_of
from hotfolder.outbox.linking import sync_folder
from hotfolder.paths import entries, exists

logger = log.get("store")

BUSY_SECONDS = 15
FILE_NAME = "jobs.sqlite"
CHECK_DISK = "Check the disk that holds `state`. If it was mounted anew, restart hotfolder."


def open_file(state: Path) -> Engine:
    """`open_store` for the file in the folder `state`.

    Raises StoreError, and changes nothing, when the file is corrupt, has a newer or too old a format, belongs
    to another user, or would lie on a network file system, where SQLite's locks are not reliable. Raises
    LocalTrouble for trouble outside of the file, as when its disk is full.
    """
    refuse_network_folder(state)
    refuse_other_users(state, writing=True)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = state / FILE_NAME
    private_file(path)
    # Foreign keys are off, since a migration replaces tables that others refer to.
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
        # `store migrate` may have moved the store meanwhile; later writes to this file would be lost.
        refuse_format(path, connection.exec_driver_sql("PRAGMA user_version").scalar_one())

    return opened


def read_file(state: Path) -> Engine | None:
    """`read_store` for the file in the folder `state`. What a process wrote that was killed before its commit
    is taken back, as SQLite has to before anything can be read."""
    path = state / FILE_NAME
    refuse_other_users(state)
    if not exists(path):
        return None

    def connect() -> sqlite3.Connection:
        uri = f"{path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
        connection.execute("PRAGMA query_only = ON")
        return connection

    try:
        with closing(connect()) as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.OperationalError as error:  # busy or out of reach, not corrupt
        raise LocalTrouble(f"the job store can't be read: {error}", hint=CHECK_DISK) from None
    except sqlite3.DatabaseError as error:
        raise corrupt(path, str(error)) from None
    refuse_format(path, version)
    refuse_older(path, version)
    return create_engine("sqlite://", creator=connect) if version else None


def sqlite_engine(path: Path, *, foreign_keys: bool = True) -> Engine:
    """An engine with durable commits (synchronous = EXTRA) and no deadlocks between writers (BEGIN
    IMMEDIATE).

    The rollback journal is used since WAL has a corruption bug with several connections before 3.51.3.
    Truncating it is as durable as deleting it, and a commit costs a third less.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)), connect_args={"check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # SQLAlchemy would begin deferred; upgrading a read transaction to a write then fails at once.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_SECONDS * 1000}",
            "journal_mode = TRUNCATE",
            "synchronous = EXTRA",
            f"foreign_keys = {'ON' if foreign_keys else 'OFF'}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def keep_copy(path: Path, version: int) -> None:
    """Back up the store before its migration, atomically, in place of any earlier backup. The caller holds
    the write lock."""
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
        for older in entries(path.parent):
            if older.name.startswith(f"{path.name}.format-") and older != copy:
                older.unlink()
    logger.info("store_copied_before_migration", copy=str(copy), format=version, new_format=FORMAT)


def private_file(path: Path) -> None:
    """Create the file with mode 0600 before SQLite does, which would make it world-readable. SQLite's
    journals get the same mode."""
    with suppress(OSError):  # SQLite says what is wrong
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def refuse_other_users(state: Path, *, writing: bool = False) -> None:
    """Raise StoreError where this user may not read, or with `writing` write, the store in `state`, and
    LocalTrouble where `state` can't be reached. A store that doesn't exist yet passes."""
    path = state / FILE_NAME
    try:
        there = exists(path)
        wanted = os.R_OK | os.W_OK if writing else os.R_OK
        if not there or os.access(path, wanted, effective_ids=True):
            return
    except PermissionError:
        pass
    except OSError as error:
        trouble = trouble_of(error, path)
        assert trouble is not None
        hint = "Check the disk of `state`, or name another folder in the settings."
        raise LocalTrouble(f"the job store can't be reached: {trouble.message}", hint=hint) from None
    user, owner = user_named(os.geteuid()), user_named(owner_of(state))
    raise StoreError(
        f"{user} may not {'write' if writing else 'read'} the job store in {state}",
        hint=CommandHint(f"Run this as the user that hotfolder runs as: `sudo -u {owner} hotfolder ...`."),
    )


def owner_of(state: Path) -> int:
    """The uid of the folder's owner, or of its nearest accessible parent's."""
    for folder in (state, *state.parents):
        with suppress(OSError):
            return folder.stat().st_uid
    return 0


def user_named(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def refuse_network_folder(state: Path, mounts: Path = MOUNTS) -> None:
    """Raise StoreError when `state` lies on a network file system (known on Linux only)."""
    mount = mount_of(state, mounts)
    if mount is not None and mount.network:
        raise StoreError(
            f"the state folder {state} is on a network file system ({mount.kind}); the store isn't safe"
            " there",
            hint="Set `state` to a folder on a local disk; inbox, done and failed may stay on the share.",
        )


def corrupt(path: Path, detail: str) -> StoreError:
    return StoreError(
        f"the job store {path} can't be read: {detail}",
        hint="It holds what was paid for, so it is never recreated by itself. Restore it from a backup.",
    )


def cant_write(reason: object) -> LocalTrouble:
    return LocalTrouble(f"the job store can't be written: {reason}", hint=CHECK_DISK)
