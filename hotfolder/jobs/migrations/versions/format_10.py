"""Formats 8 and 9, which only SQLite has, become format 10.

Moments become aware columns, a call becomes a purchase with an outcome of its own, and what was kept as JSON
by name (the pause, the store's id, the folders' identities, `--pay-again`) gets tables.
"""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

from hotfolder.jobs.journal import outcome_in_note

revision = "10"
down_revision = None

MOMENTS = {
    "job": ("created_at", "updated_at", "finished_at"),
    "jobfile": ("let_go_at",),
    "purchase": ("started_at", "answered_at", "job_let_go_at"),
    "jobevent": ("at",),
    "daemonstate": ("updated_at",),
}
OPTIONAL = ("finished_at", "let_go_at", "answered_at", "job_let_go_at")
RENAMED = {"call": "purchase", "moment": "jobevent", "bulletin": "daemonstate"}
INDEXES = {"purchase": ("job_id", "project", "started_at"), "jobevent": ("job_id",)}
HOLDS_KEY = sa.text("state IN ('started', 'answered', 'succeeded', 'unknown')")
PAY_AGAIN, INBOX, OUTPUT, ARCHIVE = "pay again ", "place of inbox ", "place of folder ", "archive "


def upgrade() -> None:
    connection = op.get_bind()
    rename_tables(connection)
    rewrite_moments()
    make_tables()
    split_notes(connection)
    split_states(connection)
    for table, indexed in INDEXES.items():
        for column in indexed:
            op.create_index(f"ix_{table}_{column}", table, [column])
    op.create_index("one_purchase_per_key", "purchase", ["key"], unique=True, sqlite_where=HOLDS_KEY)


def rename_tables(connection: sa.Connection) -> None:
    """Rename tables and drop their indexes, whose names contain the old table names."""
    inspector = sa.inspect(connection)
    for old, new in RENAMED.items():
        for index in inspector.get_indexes(old):
            op.drop_index(str(index["name"]), old)
        op.rename_table(old, new)


def rewrite_moments() -> None:
    """Convert datetimes to SQLAlchemy's format for SQLite, and their columns to DateTime."""
    for table, columns in MOMENTS.items():
        for column in columns:
            op.execute(f"UPDATE {table} SET {column} = {moment(column)} WHERE {column} <> ''")
        # By reflect_args and not by alter_column, which would cast the values to numbers.
        as_moments = (sa.Column(one, sa.DateTime(timezone=True), nullable=one in OPTIONAL) for one in columns)
        with op.batch_alter_table(table, recreate="always", reflect_args=tuple(as_moments)):
            pass


def moment(column: str) -> str:
    """The SQL expression that converts ISO 8601 text in UTC, with milliseconds or without."""
    thousandths = f"CASE substr({column}, 20, 1) WHEN '.' THEN substr({column}, 21, 3) ELSE '000' END"
    return f"replace(substr({column}, 1, 19), 'T', ' ') || '.' || {thousandths} || '000'"


def make_tables() -> None:
    op.add_column("purchase", sa.Column("outcome", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("purchase") as batch:
        batch.alter_column("outcome", server_default=None)
    with op.batch_alter_table("result") as batch:
        batch.alter_column("call_id", new_column_name="purchase_id")
    with op.batch_alter_table("daemonstate") as batch:
        batch.alter_column("text", new_column_name="content", type_=sa.JSON())
    op.add_column("job", sa.Column("open_as", sa.String()))
    op.create_index("ix_job_open_as", "job", ["open_as"], unique=True)
    op.rename_table("generation", "generation_before")
    op.create_table(
        "generation",
        sa.Column("scope", sa.String(), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("pay_again", sa.JSON()),
    )
    op.execute("INSERT INTO generation SELECT scope, number, NULL FROM generation_before")
    op.drop_table("generation_before")
    op.create_table("storeidentity", sa.Column("uid", sa.String(), primary_key=True))
    op.create_table(
        "pause",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("reason", sa.String()),
        sa.Column("resumed_after", sa.Integer(), nullable=False),
    )
    op.create_table(
        "folderidentity",
        sa.Column("role", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("device", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("mount", sa.String(), nullable=False),
    )


def split_notes(connection: sa.Connection) -> None:
    """Move the prefix of each note into the column `outcome`."""
    purchase = sa.table("purchase", sa.column("id"), sa.column("note"), sa.column("outcome"))
    for number, note in connection.execute(sa.select(purchase.c.id, purchase.c.note)).all():
        outcome, rest = outcome_in_note(note)
        if outcome:
            changed = sa.update(purchase).where(purchase.c.id == number)
            connection.execute(changed.values(outcome=outcome, note=rest))


def split_states(connection: sa.Connection) -> None:
    """Move the rows of `daemonstate` that are no daemon's published state into tables of their own."""
    state = sa.table("daemonstate", sa.column("name"), sa.column("content", sa.JSON()))
    known: dict[str, Any] = dict(connection.execute(sa.select(state.c.name, state.c.content)).all())
    identity = known.get("identity") or secrets.token_hex(16)
    insert(connection, "storeidentity", uid=identity)
    insert(connection, "pause", id=1, reason=known.get("pause"), resumed_after=known.get("resumed", 0))
    gone = {"identity", "pause", "resumed", "wishes"}
    for name, content in known.items():
        if name.startswith(PAY_AGAIN):
            pay_again(connection, name.removeprefix(PAY_AGAIN), content)
        elif name.startswith(INBOX):
            device, inode = content["place"]
            place = {"path": content["path"], "device": device, "inode": inode, "mount": ""}
            insert(connection, "folderidentity", role="inbox", name=name.removeprefix(INBOX), **place)
        elif name.startswith(OUTPUT):
            insert(connection, "folderidentity", role="output", name=name.removeprefix(OUTPUT), **content)
        elif name.startswith(ARCHIVE):
            path = name.removeprefix(ARCHIVE)
            nowhere = {"path": path, "device": 0, "inode": 0, "mount": ""}
            insert(connection, "folderidentity", role="archive", name=path, **nowhere)
        else:
            continue
        gone.add(name)
    connection.execute(sa.delete(state).where(state.c.name.in_(gone)))


def pay_again(connection: sa.Connection, scope: str, files: object) -> None:
    generation = sa.table(
        "generation", sa.column("scope"), sa.column("number"), sa.column("pay_again", sa.JSON())
    )
    asked = sa.update(generation).where(generation.c.scope == scope).values(pay_again=files)
    if connection.execute(asked).rowcount == 0:
        connection.execute(sa.insert(generation).values(scope=scope, number=0, pay_again=files))


def insert(connection: sa.Connection, table: str, **values: object) -> None:
    into = sa.table(table, *map(sa.column, values))
    connection.execute(sa.insert(into).values(**values))
