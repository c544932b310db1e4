"""Stores of formats 8 to 11 (8 and 9 only in SQLite): their rows are written anew into the model's tables.

A later change of the model that does more than add columns has to be made here as well.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, MetaData, Table, text
from sqlmodel import Session, col, select, update

from hotfolder.jobs.journal import outcome_in_note
from hotfolder.jobs.model import (
    DaemonState,
    FolderIdentity,
    Generation,
    Job,
    Pause,
    Purchase,
    StoreIdentity,
    TakenName,
    UtcDateTime,
)
from hotfolder.jobs.names import FILED
from hotfolder.jobs.postgres import set_sequences
from hotfolder.jobs.states import State
from hotfolder.outbox.names import folded, safe_name

FORMER = {"purchase": "call", "jobevent": "moment", "daemonstate": "bulletin"}
FORMER_COLUMNS = {"purchase_id": "call_id", "content": "text"}
"""The names of tables and columns before format 10."""
PAY_AGAIN, INBOX, OUTPUT, ARCHIVE = "pay again ", "place of inbox ", "place of folder ", "archive "
"""How the names of states begin that have had tables of their own since format 10."""


def write_anew(connection: Connection, version: int) -> None:
    """Bring a store of format `version` to the present one, in the open transaction."""
    ours = {*Job.metadata.tables, *FORMER.values(), "alembic_version"}
    before = MetaData()
    before.reflect(connection, only=lambda name, _: name in ours)
    for name in before.tables:
        connection.execute(text(f"CREATE TEMPORARY TABLE former_{name} AS SELECT * FROM {name}"))
    before.drop_all(connection)
    Job.metadata.create_all(connection)
    for table in Job.metadata.sorted_tables:
        name = FORMER.get(table.name, table.name) if version < 10 else table.name
        if name in before.tables:
            copy_rows(connection, table, before.tables[name], version)
    with Session(connection) as session:
        if version < 10:
            split_notes(session)
            split_states(session)
        take_names(session)
        session.flush()
    if connection.dialect.name != "sqlite":
        set_sequences(connection, Job.metadata.sorted_tables)


def copy_rows(connection: Connection, table: Table, former: Table, version: int) -> None:
    """Copy the rows of a table. A column that came since is "", or empty where it is optional."""
    values: dict[str, str] = {}
    for column in table.columns:
        name = column.name if column.name in former.columns else FORMER_COLUMNS.get(column.name, "")
        if name in former.columns:
            in_text = version < 10 and isinstance(column.type, UtcDateTime)
            values[column.name] = moment(name) if in_text else name
        elif not column.nullable:
            values[column.name] = "''"
    columns, chosen = ", ".join(values), ", ".join(values.values())
    connection.execute(
        text(f"INSERT INTO {table.name} ({columns}) SELECT {chosen} FROM former_{former.name}")
    )


def moment(column: str) -> str:
    """The SQL expression that converts ISO 8601 text in UTC, with milliseconds or without, to what SQLAlchemy
    stores."""
    thousandths = f"CASE substr({column}, 20, 1) WHEN '.' THEN substr({column}, 21, 3) ELSE '000' END"
    return f"replace(substr({column}, 1, 19), 'T', ' ') || '.' || {thousandths} || '000'"


def split_notes(session: Session) -> None:
    """Move the prefix of each note into the column `outcome`."""
    for number, note in session.exec(select(Purchase.id, Purchase.note)).all():
        outcome, rest = outcome_in_note(note)
        if outcome:
            of_purchase = update(Purchase).where(col(Purchase.id) == number)
            session.exec(of_purchase.values(outcome=outcome, note=rest))


def split_states(session: Session) -> None:
    """Move the rows of `daemonstate` that are no daemon's published state into tables of their own."""
    states = {state.name: state for state in session.exec(select(DaemonState)).all()}
    known: dict[str, Any] = {name: state.content for name, state in states.items()}
    session.add(StoreIdentity(uid=known["identity"]) if known.get("identity") else StoreIdentity())
    session.add(Pause(reason=known.get("pause"), resumed_after=known.get("resumed", 0)))
    for name, content in known.items():
        if name.startswith(PAY_AGAIN):
            scope = name.removeprefix(PAY_AGAIN)
            row = session.get(Generation, scope) or Generation(scope=scope)
            row.pay_again = content
            session.add(row)
        elif name.startswith(INBOX):
            device, inode = content["place"]
            place = {"path": content["path"], "device": device, "inode": inode}
            session.add(FolderIdentity(role="inbox", name=name.removeprefix(INBOX), **place))
        elif name.startswith(OUTPUT):
            session.add(FolderIdentity(role="output", name=name.removeprefix(OUTPUT), **content))
        elif name.startswith(ARCHIVE):
            path = name.removeprefix(ARCHIVE)
            session.add(FolderIdentity(role="archive", name=path, path=path))
        elif name not in ("identity", "pause", "resumed", "wishes"):
            continue
        session.delete(states[name])


def take_names(session: Session) -> None:
    """Reserve the names of the existing folders of originals."""
    filed = (col(Job.filed_as) != "", Job.state != State.SUPERSEDED)
    for job_id, project, name in session.exec(select(Job.id, Job.project, Job.filed_as).where(*filed)).all():
        folder, spelt = folded(FILED + safe_name(project)), name or ""
        session.merge(TakenName(folder=folder, name=folded(spelt), spelt=spelt, job_id=job_id))
