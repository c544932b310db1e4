"""Deleting an original for good: the one place where that happens."""

from __future__ import annotations

from pathlib import Path

from hotfolder.errors import SetChanged
from hotfolder.outbox import linking
from hotfolder.outbox.faults import local_trouble, shown
from hotfolder.outbox.placing import confirm_unchanged, drop_source
from hotfolder.outbox.temporary import sha256_of


def remove(path: Path, *, sha256: str) -> bool:
    """Delete the file at `path`, durably; False where none is.

    Raises `SetChanged` where it isn't a regular file with this SHA-256, and `LocalTrouble`. It is untouched
    then.
    """
    with local_trouble(path):
        found = linking.status(path)
        if found is None:
            return False
        confirm_unchanged(path, found, None)
        if sha256_of(path) != sha256:
            raise SetChanged(f"{shown(path)} has changed since its set was made")
        drop_source(path, found)
        return True
