"""Format 12, the first that is migrated by Alembic: `hotfolder.jobs.upgrade` writes older ones anew."""

revision = "12"
down_revision = None


def upgrade() -> None:
    """Nothing comes before it."""
