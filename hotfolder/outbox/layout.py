"""Where things lie in done/ and failed/."""

from __future__ import annotations

from pathlib import Path

from hotfolder.outbox.names import folded, safe_name
from hotfolder.rules.delivery import Folders

OURS = frozenset({"originals", "receipts"})
"""Folders in a project's folder that are no room's."""


def pictures_folder(done: Path, project: str, room: str, folders: Folders) -> Path:
    """Where the pictures of a room lie; `project` and `room` are names of folders in the inbox."""
    folder = done / safe_name(project)
    if folders is Folders.FLAT:
        return folder
    name = safe_name(room)
    return folder / (f"{name}_" if folded(name) in OURS else name)


def originals_folder(done: Path, project: str, folder: str) -> Path:
    """Where the originals of a finished set go; `folder` is one that `reserve_folder` gave."""
    return done / project / "originals" / folder


def archived_folder(archive: Path, project: str, folder: str) -> Path:
    """Where they go under `originals: archive`."""
    return archive / project / folder


def receipts_folder(done: Path, project: str) -> Path:
    """Where the receipts of a project lie."""
    return done / project / "receipts"
