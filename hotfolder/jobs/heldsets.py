"""The sets that wait for a person, as stored by folder: why, and their photos as they were when held first.

Where a project's folder was renamed they are found by their files: a new name is no approval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from typing import Any

from hotfolder.jobs.context import JobContext, Place
from hotfolder.jobs.store import Store
from hotfolder.rules.sets import FileIdentity
from hotfolder.rules.shoots import HeldSet

There = Mapping[str, FileIdentity]
"""The files that are in a folder now, by name."""


def title(place: Place) -> str:
    return f"held in {'/'.join(filter(None, place))}"


def held_in(store: Store, place: Place) -> list[HeldSet]:
    """The sets that are held at `place`, as stored."""
    return _parsed(store.published(title(place), shared=True) or ())


def held_before(store: Store, place: Place, there: There) -> list[HeldSet]:
    """The sets that were held at `place`, or there under the project's former name (`held_elsewhere`)."""
    mine = held_in(store, place)
    known = {name for one in mine for name in one.photos}
    return [*mine, *(one for one in held_elsewhere(store, place, there) if known.isdisjoint(one.photos))]


def held_elsewhere(store: Store, place: Place, there: There) -> list[HeldSet]:
    """The sets stored for folders of the same name in other projects, as far as their files are all `there`.
    Their `name` is empty: they are named anew."""
    others = _others(store, place).values()
    return [replace(one, name="") for sets in others for one in sets if one.there(there)]


async def remember_held(context: JobContext, place: Place, held: Sequence[HeldSet], there: There) -> None:
    """Store the sets that are held at `place` now; of the files that are `there`, all others are not held any
    more, under no former name of the project. Photos that were held before and only look changed keep the
    state of then."""
    before = await context.store_thread(held_in, context.store, place)
    elsewhere = await context.store_thread(_others, context.store, place)
    first = {name: was for one in before for name, was in one.photos.items()}
    now = [replace(one, photos=as_first_seen(one.photos, first)) for one in held]
    waiting = {name for one in held for name in one.photos}
    changed = {} if now == before else {title(place): now}
    for name, sets in elsewhere.items():
        left = [one for one in sets if one.photos.keys() & waiting or not one.there(there)]
        changed |= {} if left == sets else {name: left}
    for name, sets in changed.items():
        await context.publish(name, [*map(_as_json, sets)], inbox=place[0])


def as_first_seen(photos: There, first: There) -> There:
    """The photos with their identities in `first` where they are alike there."""
    known = {name: was for name, was in first.items() if name in photos and was.alike(photos[name])}
    return {**photos, **known}


def _others(store: Store, place: Place) -> dict[str, list[HeldSet]]:
    """The sets stored for folders of the same name in other projects of the inbox, by title."""
    inbox, _, folder = place
    beginning, end = title((inbox, "", "")) + "/", f"/{folder}" if folder else ""
    slashes = f"{beginning}{end}".count("/")
    return {
        name: _parsed(content)
        for name, content in store.published_of_inboxes(beginning, end).items()
        if name != title(place) and name.count("/") == slashes
    }


def _as_json(held: HeldSet) -> dict[str, object]:
    photos = {name: [*astuple(identity), ""] for name, identity in held.photos.items()}
    return {"name": held.name, "doubts": list(held.doubts), "photos": photos}


def _parsed(content: Sequence[Mapping[str, Any]]) -> list[HeldSet]:
    return [
        HeldSet(
            one["name"],
            {name: FileIdentity(*numbers) for name, (*numbers, _) in one["photos"].items()},
            tuple(one["doubts"]),
        )
        for one in content
    ]
