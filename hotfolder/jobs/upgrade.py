"""The formats of a store: which ones this release accepts, and their migration."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection
from sqlmodel import Session

from hotfolder.errors import CommandHint, StoreError
from hotfolder.jobs.model import Job, Pause, StoreIdentity

FORMAT = 12
"""The present format: the newest revision in migrations/versions, and SQLite's `user_version`, by which
releases before format 10 recognise a newer store."""
OLDEST_FORMAT = 8
"""The oldest format that this release migrates; older ones go through the release `TO_PASS_THROUGH` first."""
TO_PASS_THROUGH = "hotfolder 0.1.0 with format 9 of the store"
MOVED = 1_000_000
"""The `user_version` of a file whose store was moved to a server. Older releases take it for a newer format
and refuse it as well."""
MIGRATIONS = Path(__file__).with_name("migrations")


def refuse_format(path: Path | str, version: int, newer: str = "") -> None:
    """Raise StoreError for a store that was moved, or whose format is newer or too old to be migrated.
    `newer` is the version that it takes, where that is known."""
    if version == MOVED:
        raise StoreError(
            f"the store of {path} was moved to a database, and what was bought since is known there alone",
            hint=CommandHint("Set `store.url` to that database, as `hotfolder store migrate` has said."),
        )
    if version > FORMAT:
        raise StoreError(
            f"{path} was written by a newer hotfolder (its format is {version}, this one knows {FORMAT})",
            hint=f"Install hotfolder {newer}, which another machine runs; nothing was changed."
            if newer
            else "Install the newer hotfolder again; nothing was changed.",
        )
    if 0 < version < OLDEST_FORMAT:
        raise StoreError(
            f"{path} was written by a hotfolder that is too old (its format is {version}, this one takes"
            f" {OLDEST_FORMAT} and later)",
            hint=f"Install {TO_PASS_THROUGH} and start it once, which brings the store up to date; then"
            " install this one again. Nothing was changed.",
        )


def refuse_older(path: Path | str, version: int) -> None:
    """Raise StoreError for a store that must be migrated before it can be read."""
    if 0 < version < FORMAT:
        raise StoreError(
            f"{path} was written by an older hotfolder",
            hint=CommandHint("`hotfolder run` brings it up to date when it is started."),
        )


def bring_up_to_date(connection: Connection, *, empty: bool) -> None:
    """Create or migrate the tables to the present format, in the open transaction. An `empty` database gets
    the tables of the model; any other one runs the migrations."""
    # Imported late: it is slow, and rarely needed.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if not empty:
        command.upgrade(config, "head")
        return
    make_tables(connection)
    command.stamp(config, "head")


def make_tables(connection: Connection) -> None:
    """Create the tables of an empty store, with the rows that each store has."""
    Job.metadata.create_all(connection)
    with Session(connection) as session:
        session.add_all([StoreIdentity(), Pause()])
        session.flush()
