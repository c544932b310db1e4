"""Format 11 becomes format 12: several machines may share a store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "12"
down_revision = "11"


def upgrade() -> None:
    op.add_column("purchase", sa.Column("machine", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("purchase") as batch:
        batch.alter_column("machine", server_default=None)
    make_tables()
    # What a daemon says of itself it says again at its start.
    op.drop_table("daemonstate")
    op.create_table(
        "daemonstate",
        sa.Column("machine", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.rename_table("folderidentity", "formeridentity")
    op.create_table(
        "folderidentity",
        sa.Column("machine", sa.String(), primary_key=True),
        sa.Column("role", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("device", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("mount", sa.String(), nullable=False),
    )
    columns = "role, name, path, device, inode, mount"
    op.execute(f"INSERT INTO folderidentity (machine, {columns}) SELECT '', {columns} FROM formeridentity")
    op.drop_table("formeridentity")


def make_tables() -> None:
    op.create_table(
        "machine",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
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
