"""Alembic's environment script: runs the migrations in the transaction of the given connection.

`hotfolder.jobs.upgrade` gives it the connection. To write a migration, see "A change of the store" in
docs/architecture.md.
"""

from alembic import context
from sqlmodel import SQLModel

from hotfolder.jobs import model  # noqa: F401  (the tables)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
