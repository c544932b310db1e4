"""Letting what is held be made: a whole shoot, sets of it as a person put them together, or a room."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hotfolder.config.settings import Settings
from hotfolder.control.explain import Explained, Look, explain_place, look
from hotfolder.control.lookup import PhotoPlace, folders_in, place_named
from hotfolder.errors import UsageError
from hotfolder.inbox.approvals import read_ready, with_more, write_ready
from hotfolder.inbox.contents import READY_NAME
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.names import safe_name
from hotfolder.rules.drops import ChosenSet, why_name_taken
from hotfolder.rules.foldernames import TAG_MARK, shown, split_name


@dataclass(frozen=True, slots=True)
class Approval:
    """The file `ready` lets `photos` photos beside it be made: all, or those of the sets with these names."""

    ready: Path
    photos: int
    sets: tuple[str, ...] = ()


def approve(settings: Settings, what: str) -> Approval:
    """Let what a person names be made: a project's or a room's folder by its path or its name, or
    `project/set` for a set of a shoot that is held. Raises UsageError, LocalTrouble, StoreError."""
    found = _held_set(settings, what)
    return _let_go_sets(settings, *found) if found is not None else let_go(place_named(settings, what))


def let_go(place: PhotoPlace) -> Approval:
    """Let all photos in the folder be made as they are. Raises UsageError where there are none, and
    LocalTrouble."""
    folder, seen = place.path, place.seen()
    if seen is None:
        rooms = "" if place.folder else ", ".join(shown(room.name) for room in _rooms_of(place))
        raise UsageError(
            f"No photos lie in {folder} itself.",
            hint=f"Rooms that are held are approved one by one; there are photos in {rooms}."
            if rooms
            else "A whole shoot in its project's folder is approved, or a room that is held for a review.",
        )
    with local_trouble(folder):
        write_ready(place.root, folder.relative_to(place.root).parts)
    return Approval(folder / READY_NAME, len(seen.photos))


def approve_sets(
    settings: Settings, place: PhotoPlace, sets: Sequence[ChosenSet], look: Look = look
) -> Approval:
    """Let sets of a shoot be made, of just these photos and under just these names; whatever else is held in
    the project's folder stays so. Raises UsageError where one can't be, and nothing is approved then;
    LocalTrouble, StoreError."""
    refuse_names(place, [one.name for one in sets])
    return _let_go_sets(settings, place, sets, look)


def _let_go_sets(
    settings: Settings, place: PhotoPlace, sets: Sequence[ChosenSet], look: Look = look
) -> Approval:
    refuse_unmade(explain_place(settings, place, sets, look), sets)
    folder, photos = place.path, {name for one in sets for name in one.photos}
    with local_trouble(folder):
        seen = place.seen()
        waiting = seen is not None and seen.signal() is not None
        said = read_ready(place.root, folder / READY_NAME) if waiting else None
        # What was approved a moment ago and isn't begun yet stays approved.
        before = said.sets if said is not None else ()
        write_ready(place.root, (place.project,), with_more(before, sets))
    return Approval(folder / READY_NAME, len(photos), tuple(one.name for one in sets))


def refuse_names(place: PhotoPlace, names: Sequence[str]) -> None:
    """Raises UsageError for a name that no set can have, or that a room beside the photos has."""
    rooms = names_beside(place)
    for number, name in enumerate(names):
        if trouble := why_no_name(name, [*rooms, *names[:number]]):
            raise UsageError(trouble[0], hint=trouble[1])


def names_beside(place: PhotoPlace) -> list[str]:
    """Of the rooms that have folders beside the photos of a shoot."""
    with local_trouble(place.path):
        return [split_name(one.name).name for one in folders_in(place.path)]


def why_no_name(name: str, taken: Collection[str]) -> tuple[str, str] | None:
    """Why a set can't be called so, and what to do; None where it can."""
    if not name.strip():
        return "A set has no name.", "Give it one: its picture is called so."
    refused = f"A set can't be called {shown(name)}"
    if TAG_MARK in name:
        return (
            f"{refused}: two underscores begin a tag.",
            "Name it without; what is done with it the routes say.",
        )
    if safe_name(name) != name:
        better = f"Call it {shown(safe_name(name))}."
        return f"{refused}: not every computer takes that as a file's name.", better
    if why := why_name_taken(name, taken):
        return f"{refused}: {why}.", "Give it another name."
    return None


def refuse_unmade(found: Explained, sets: Sequence[ChosenSet]) -> None:
    """Raises UsageError where the daemon would not make one of the sets as it is."""
    hint = "Look at the shoot again, and approve it as it is now."
    if found.problems:
        raise UsageError(found.problems[0], hint="Nothing of the shoot is made before that is mended.")
    shoot = found.shoot
    if shoot is None or shoot.unmade:
        told = shoot.unmade[0] if shoot is not None else f"No photos of {shown(found.place.name)} wait"
        raise UsageError(f"{told}.", hint=hint)
    making = {each.name for each in shoot.sets if each.by_person}
    for one in sets:
        if one.name not in making:
            raise UsageError(f"{shown(one.name)} is being made already.", hint=hint)


def _held_set(settings: Settings, what: str) -> tuple[PhotoPlace, list[ChosenSet]] | None:
    """The set that is held in a project's folder, if `what` is `project/set`, by itself or at the end of a
    path."""
    around, _, name = what.rpartition("/")
    if not (around and name) or Path(what).is_dir():
        return None
    for inbox in settings.all_inboxes():
        place = PhotoPlace(inbox, settings.inbox_folder(inbox), Path(around).name, "")
        if (place.path / name).is_dir() or place.seen() is None:
            continue
        shoot = explain_place(settings, place).shoot
        if shoot is None or name not in shoot.held:
            continue
        [photos] = (each.photos for each in shoot.sets if each.name == name)
        return place, [ChosenSet(name, {photo.path.name: photo.sha256 for photo in photos})]
    return None


def _rooms_of(project: PhotoPlace) -> list[PhotoPlace]:
    """The rooms in a project's folder that hold photos."""
    with local_trouble(project.path):
        rooms = [replace(project, folder=one.name) for one in folders_in(project.path)]
    return [room for room in rooms if room.seen() is not None]
