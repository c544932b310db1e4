"""Deleting a file for good, behind its hash: the one place where that happens."""

from __future__ import annotations

from pathlib import Path

from hotfolder import log
from hotfolder.errors import LocalTrouble, SetChanged
from hotfolder.outbox import linking
from hotfolder.outbox.faults import local_trouble, shown
from hotfolder.outbox.placing import confirm_unchanged, drop_source
from hotfolder.outbox.temporary import sha256_of

logger = log.get("removing")


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


def unlike(path: Path, sha256: str) -> str:
    """Why the file isn't the one with that hash; empty where it is."""
    with local_trouble(path):
        if path.is_symlink() or not path.is_file():
            return "it isn't there any more"
        return "" if sha256_of(path) == sha256 else "it has changed since it was put there"


def deleted_or_why(path: Path, sha256: str) -> str:
    """Delete the file if it has that hash; else why it stays."""
    try:
        remove(path, sha256=sha256)
    except (SetChanged, LocalTrouble) as error:
        return error.message
    return ""


def drop_empty_folder(folder: Path) -> None:
    """Remove it unless something is in it, such as a sidecar."""
    try:
        folder.rmdir()
    except OSError as error:
        logger.debug("folder_stays", folder=str(folder), reason=error.strerror or str(error))
