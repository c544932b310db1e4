"""Format 11 becomes format 12: several machines may share a store."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from hotfolder.outbox.names import name_key, safe_name

revision = "12"
down_revision = "11"


def upgrade() -> None:
    op.add_column("purchase", sa.Column("machine", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("purchase") as batch:
        batch.alter_column("machine", server_default=None)
    make_tables()
    with_machine("daemonstate", DAEMON_STATE)
    with_machine("folderidentity", FOLDER_IDENTITY)
    take_names()


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
    """Add the column `machine` to a table's primary key; "" for existing rows, those of the only machine."""
    op.rename_table(table, f"former_{table}")
    op.create_table(table, sa.Column("machine", sa.String(), primary_key=True), *columns)
    names = ", ".join(column.name for column in columns)
    op.execute(f"INSERT INTO {table} (machine, {names}) SELECT '', {names} FROM former_{table}")
    op.drop_table(f"former_{table}")


def take_names() -> None:
    """Create the table of reserved names, with those of the existing folders of originals."""
    names = op.create_table(
        "takenname",
        sa.Column("folder", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("spelt", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), sa.ForeignKey("job.id"), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("machine", sa.String(), nullable=False),
    )
    op.create_index("ix_takenname_job_id", "takenname", ["job_id"])
    filed = sa.text("SELECT id, project, filed_as FROM job WHERE filed_as != '' AND state != 'superseded'")
    rows = {
        (name_key(f"filed/{safe_name(project)}"), name_key(name)): (job_id, name)
        for job_id, project, name in op.get_bind().execute(filed)
    }
    op.bulk_insert(
        names,
        [
            {"folder": folder, "name": name, "spelt": spelt, "job_id": job_id, "purpose": "", "machine": ""}
            for (folder, name), (job_id, spelt) in rows.items()
        ],
    )


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
