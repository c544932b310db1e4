"""Where things lie in done/ and failed/."""

from __future__ import annotations

from pathlib import Path


def originals_folder(done: Path, project: str, folder: str) -> Path:
    """Where the originals of a finished set go; `folder` is one that `reserve_folder` gave."""
    return done / project / "originals" / folder


def receipts_folder(done: Path, project: str) -> Path:
    """Where the receipts of a project lie."""
    return done / project / "receipts"
