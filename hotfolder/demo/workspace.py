"""The demonstration's workspace: a folder with settings and an inbox, like a studio's own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hotfolder.errors import UsageError
from hotfolder.paths import entries, exists, is_dir, is_file
from hotfolder.pictures.formats import is_photo_name

PROJECT = "my photos"
EXAMPLE_BRACKETS = Path(__file__).parent / "photos"
"""Brackets of three rooms; `docs/render_demo.py` made them."""

SETTINGS = """\
# The demonstration's settings. `hotfolder run --sandbox --config THIS-FILE` goes on with them:
# drop more folders into inbox/<project>/ while it runs.
root: .
settle:
  quiet_seconds: 2
  give_up_seconds: 15
"""


@dataclass(frozen=True)
class Workspace:
    """The paths of one demonstration."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def done(self) -> Path:
        return self.folder / "done"

    @property
    def failed(self) -> Path:
        return self.folder / "failed"

    @property
    def log(self) -> Path:
        return self.folder / "hotfolder.log"

    @property
    def contact_sheet(self) -> Path:
        return self.folder / "contact-sheet.png"


def make_workspace(target: Path) -> Workspace:
    """Create a folder at `target`, or `target-2` … beside it where that exists: nothing is overwritten."""
    candidate, number = target, 1
    while exists(candidate):
        number += 1
        candidate = target.with_name(f"{target.name}-{number}")
    candidate.mkdir(parents=True)
    workspace = Workspace(candidate)
    workspace.config.write_text(SETTINGS, encoding="utf-8")
    workspace.inbox.mkdir()
    return workspace


OwnSet = tuple[Path, Sequence[Path]]
"""A folder of brackets, and the photos in it."""


def find_sets(source: Path) -> list[OwnSet]:
    """The folder, if it holds brackets, and each folder in it that does. Raises UsageError when none does."""
    if not is_dir(source):
        raise UsageError(
            f"{source} is not a folder.", hint="Give the folder that holds the brackets of a room."
        )
    folders = [source, *sorted(path for path in source.iterdir() if is_dir(path))]
    sets = [(folder, found) for folder in folders if (found := find_photos(folder))]
    if not sets:
        raise UsageError(
            f"There are no photos in {source}, nor in its folders.",
            hint="Give a folder that holds the 1 to 7 exposures of one room, or a folder of such folders.",
        )
    return sets


def drop_own_photos(sets: Sequence[OwnSet], tag: str, inbox: Path) -> None:
    """Copy brackets into the inbox. Folders that have no tag get `tag`, unless it is empty."""
    for folder, photos in sets:
        name = folder.resolve().name
        target = inbox / PROJECT / (name if "__" in name or not tag else f"{name}__{tag}")
        target.mkdir(parents=True)
        for photo in photos:
            shutil.copy2(photo, target / photo.name)


def drop_examples(inbox: Path) -> int:
    """Copy the package's own brackets into the inbox. Returns the number of their folders."""
    shutil.copytree(EXAMPLE_BRACKETS, inbox, dirs_exist_ok=True, copy_function=shutil.copyfile)
    return sum(is_dir(room) for project in entries(EXAMPLE_BRACKETS) for room in entries(project))


def find_photos(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.iterdir() if is_file(path) and is_photo_name(path.name))
