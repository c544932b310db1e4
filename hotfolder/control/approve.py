"""Letting what is held be made: a whole shoot, one set of it, or a room."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from hotfolder.config.settings import Settings
from hotfolder.control.lookup import PhotoPlace, folders_in, place_named
from hotfolder.control.opening import reading
from hotfolder.daemon.shoots import ONLY, as_held, held_title, names_in_signal
from hotfolder.errors import UsageError
from hotfolder.inbox.contents import READY_NAME
from hotfolder.newfiles import new_file
from hotfolder.outbox.faults import local_trouble
from hotfolder.rules.names import shown


@dataclass(frozen=True, slots=True)
class Approval:
    """The file `ready` lets `photos` photos beside it be made, or of them only the set of the name `only`."""

    ready: Path
    photos: int
    only: str = ""


def approve(settings: Settings, what: str) -> Approval:
    """Let what a person names be made: a project's or a room's folder by its path or its name, or
    `project/set` for a set that is held by itself. Raises UsageError, LocalTrouble."""
    place, only = _held_set(settings, what) or (place_named(settings, what), "")
    return let_go(place, only)


def let_go(place: PhotoPlace, only: str = "") -> Approval:
    """Put `.ready` into the folder, which lets the photos in it be made as they are, or of them `only` the
    held set of that name. Raises UsageError where there are none, LocalTrouble."""
    folder, seen = place.path, place.seen()
    if seen is None:
        rooms = "" if place.folder else ", ".join(shown(room.name) for room in _rooms_of(place))
        raise UsageError(
            f"No photos lie in {folder} itself.",
            hint=f"Rooms that are held are approved one by one; there are photos in {rooms}."
            if rooms
            else "A whole shoot in its project's folder is approved, or a room that is held for a review.",
        )
    ready = folder / READY_NAME
    with local_trouble(folder):
        spoken_for = names_in_signal(place.root, ready) if only else frozenset()
        ready.unlink(missing_ok=True)  # an older one would not speak for these photos
        with os.fdopen(new_file(str(ready)), "w", encoding="utf-8") as file:
            file.writelines(f"{ONLY}{name}\n" for name in sorted({*spoken_for, only}) if only)
    return Approval(ready, len(seen.photos), only)


def _held_set(settings: Settings, what: str) -> tuple[PhotoPlace, str] | None:
    """The project and the name of a set that is held by itself in the project's folder, if `what` is
    `project/set`, by itself or at the end of a path."""
    around, _, name = what.rpartition("/")
    if not (around and name) or Path(what).is_dir():
        return None
    project = Path(around).name
    with reading(settings.state_folder) as records:
        if records is None:
            return None
        for inbox in settings.all_inboxes():
            place = PhotoPlace(inbox, settings.inbox_folder(inbox), project, "")
            held = as_held(records.store.told(held_title(inbox.title, project)))
            if name in (one.name for one in held) and not (place.path / name).is_dir():
                return place, name
    return None


def _rooms_of(project: PhotoPlace) -> list[PhotoPlace]:
    """The rooms in a project's folder that hold photos."""
    with local_trouble(project.path):
        rooms = [replace(project, folder=one.name) for one in folders_in(project.path)]
    return [room for room in rooms if room.seen() is not None]
