"""Format 11 becomes format 12: several machines may share a store."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "12"
down_revision = "11"


def upgrade() -> None:
    op.add_column("purchase", sa.Column("machine", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("purchase") as batch:
        batch.alter_column("machine", server_default=None)
    make_tables()
    with_machine("daemonstate", DAEMON_STATE)
    with_machine("folderidentity", FOLDER_IDENTITY)


DAEMON_STATE = (
    sa.Column("name", sa.String(), primary_key=True),
    sa.Column("content", sa.JSON(), nullable=False),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
)
FOLDER_IDENTITY = (
    sa.Column("role", sa.String(), primary_key=True),
    sa.Column("name", sa.String(), primary_key=True),
    sa.Column("path", sa.String(), nullable=False),
    sa.Column("device", sa.BigInteger(), nullable=False),
    sa.Column("inode", sa.BigInteger(), nullable=False),
    sa.Column("mount", sa.String(), nullable=False),
)


def with_machine(table: str, columns: tuple[sa.Column[Any], ...]) -> None:
    """Let the table say of each row of which machine it is: the only one there was."""
    op.rename_table(table, f"former_{table}")
    op.create_table(table, sa.Column("machine", sa.String(), primary_key=True), *columns)
    names = ", ".join(column.name for column in columns)
    op.execute(f"INSERT INTO {table} (machine, {names}) SELECT '', {names} FROM former_{table}")
    op.drop_table(f"former_{table}")


def make_tables() -> None:
    op.create_table(
        "machine",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("alive_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reaches", sa.JSON(), nullable=False),
    )
    op.create_table(
        "inboxlease",
        sa.Column("inbox", sa.String(), primary_key=True),
        sa.Column("machine", sa.String()),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_inboxlease_machine", "inboxlease", ["machine"])
    op.create_table(
        "notbefore",
        sa.Column("host", sa.String(), primary_key=True),
        sa.Column("machine", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
    )
