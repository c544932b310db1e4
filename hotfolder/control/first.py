"""The first settings: the smallest configuration, and the key in a file of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from hotfolder.newfiles import new_temporary, open_folder
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.linking import put

OWNERS_ALONE = 0o600


def smallest(root: Path, state: Path, key_file: Path | None, page: Mapping[str, object] | None = None) -> str:
    """The text of a configuration that says these and leaves everything else as it is by default."""
    said: dict[str, object] = {"root": str(root), "state": str(state)}
    if key_file is not None:
        said["api"] = {"key_file": str(key_file)}
    if page:
        said["page"] = dict(page)
    return yaml.safe_dump(said, sort_keys=False, allow_unicode=True)


def write_once(path: Path, text: str, mode: int, owner: tuple[int, int] | None = None) -> bool:
    """Make the file, whole and with these rights from its first moment on; False, with nothing changed, where
    anything has its name. Raises LocalTrouble."""
    with local_trouble(path):
        folder = open_folder(path.parent)
        try:
            name, descriptor = new_temporary(folder)
        finally:
            os.close(folder)
        temporary = path.with_name(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                os.fchmod(descriptor, mode)
                if owner is not None:
                    os.fchown(descriptor, *owner)
                stream.write(text)
                stream.flush()
                os.fsync(descriptor)
            put(temporary, path)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
    return True
