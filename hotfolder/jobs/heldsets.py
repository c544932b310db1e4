"""The sets that wait for a person, as stored by folder: why, and their photos as they were when held first.

Where a project's folder was renamed they are found by their files: a new name is no approval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

from hotfolder.blocking import call_in_thread
from hotfolder.jobs.context import JobContext, SetPlace
from hotfolder.jobs.store import Store
from hotfolder.outbox.faults import local_trouble
from hotfolder.paths import exists
from hotfolder.rules.foldernames import quoted
from hotfolder.rules.sets import FileIdentity
from hotfolder.rules.shoots import HeldSet

FilesByName = Mapping[str, FileIdentity]
"""The files that are in a folder now, by name."""


def held_key(place: SetPlace) -> str:
    return f"held in {'/'.join(filter(None, place))}"


def held_in(store: Store, place: SetPlace) -> list[HeldSet]:
    """The sets that are held at `place`, as stored."""
    return _parsed(store.published(held_key(place), shared=True) or ())


def held_below(store: Store, inbox: str) -> dict[str, list[HeldSet]]:
    """The sets that are held in an inbox, as stored, by their folder's path in it."""
    beginning = held_key((inbox, "", "")) + "/"
    found = store.published_of_inboxes(beginning)
    return {name.removeprefix(beginning): _parsed(content) for name, content in found.items()}


def held_before(store: Store, place: SetPlace, there: FilesByName) -> list[HeldSet]:
    """The sets that were held at `place`, where a file of that name is still `there`; and those of folders of
    the same name in other projects whose files are there unchanged, as after a project was renamed. These
    have no `name`, since they are named anew, and the reasons of late ones name that project."""
    found = [one for one in held_in(store, place) if one.photos.keys() & there.keys()]
    known = {name for one in found for name in one.photos}
    for project, sets in _others(store, place).items():
        for one in sets:
            left = one.unchanged_in(there) - known
            if left and one.late:
                doubts = tuple(f"known from {quoted(project)}: {doubt}" for doubt in one.doubts)
                found.append(replace(one, name="", photos=_only(one, left), doubts=doubts))
            elif left == one.photos.keys():
                found.append(replace(one, name=""))
    return found


async def remember_held(
    context: JobContext, place: SetPlace, held: Sequence[HeldSet], there: FilesByName
) -> None:
    """Store the sets that are held at `place` now; the files that are `there` are forgotten under a former
    name of the project where they aren't any more. Photos that were held before and only look changed keep
    the state of then. Raises LocalTrouble, LeaseLost."""
    inbox, _, folder = place
    before = await context.store_thread(held_in, context.store, place)
    first = {name: was for one in before for name, was in one.photos.items()}
    now = [replace(one, photos=as_first_seen(one.photos, first)) for one in held]
    changed = {} if now == before else {place: now}
    for project, sets in (await context.store_thread(_others, context.store, place)).items():
        path = context.places.inbox(inbox) / project / folder
        names = {name for one in sets for name in one.unchanged_in(there)}
        gone = names and await call_in_thread(path, _gone, path, names)
        left = [replace(one, photos=_only(one, one.photos.keys() - gone)) for one in sets] if gone else sets
        changed |= {} if left == sets else {(inbox, project, folder): [one for one in left if one.photos]}
    for where, sets in changed.items():
        await context.publish(held_key(where), [*map(_as_json, sets)], inbox=inbox)


def _gone(folder: Path, names: Set[str]) -> set[str]:
    """The names that aren't in the folder. Raises LocalTrouble."""
    with local_trouble(folder):
        return {name for name in names if not exists(folder / name)}


def _only(one: HeldSet, names: Set[str]) -> FilesByName:
    return {name: was for name, was in one.photos.items() if name in names}


def as_first_seen(photos: FilesByName, first: FilesByName) -> FilesByName:
    """The photos with their identities in `first` where they are alike there."""
    known = {
        name: was for name, was in first.items() if name in photos and was.may_be_same_file(photos[name])
    }
    return {**photos, **known}


def _others(store: Store, place: SetPlace) -> dict[str, list[HeldSet]]:
    """The sets stored for folders of the same name in other projects of the inbox, by project."""
    inbox, own, folder = place
    beginning, end = held_key((inbox, "", "")) + "/", f"/{folder}" if folder else ""
    found = {}
    for name, content in store.published_of_inboxes(beginning, end).items():
        project = name.removeprefix(beginning).removesuffix(end)
        if project != own and "/" not in project and name == held_key((inbox, project, folder)):
            found[project] = _parsed(content)
    return found


def _as_json(held: HeldSet) -> dict[str, object]:
    photos = {name: [*astuple(identity), ""] for name, identity in held.photos.items()}
    return {"name": held.name, "doubts": list(held.doubts), "photos": photos, "late": held.late}


def _parsed(content: Sequence[Mapping[str, Any]]) -> list[HeldSet]:
    return [
        HeldSet(
            one["name"],
            {name: FileIdentity(*numbers) for name, (*numbers, _) in one["photos"].items()},
            tuple(one["doubts"]),
            one.get("late", False),
        )
        for one in content
    ]
