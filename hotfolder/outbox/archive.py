"""The archive: a folder that is somebody else's, on a disk that may not be there."""

from __future__ import annotations

import os
from pathlib import Path

from hotfolder.errors import LocalTrouble
from hotfolder.newfiles import make_marker, open_folder
from hotfolder.outbox.faults import local_trouble, shown
from hotfolder.outbox.linking import sync_folder

MARKER = ".hotfolder-archive"


def confirm_archive(folder: Path, *, met_before: bool) -> None:
    """Raise `LocalTrouble` unless the archive is there. One that is met for the first time gets a marker, so
    that the bare folder of a disk that isn't mounted is never taken for it later."""
    with local_trouble(folder):
        if not folder.is_dir():
            raise LocalTrouble(
                f"the archive {shown(folder)} is not there",
                hint="Connect its disk, or make the folder; the work goes on by itself.",
            )
        marker = folder / MARKER
        if marker.exists():
            return
        if met_before:
            raise LocalTrouble(
                f"{shown(folder)} is not the archive that was used before: it holds no {MARKER}",
                hint="Connect its disk; the work goes on by itself. If this is the right folder all the same,"
                " put an empty file of that name into it.",
            )
        place = open_folder(folder)
        try:
            make_marker(place, MARKER)
        finally:
            os.close(place)
        sync_folder(folder)
