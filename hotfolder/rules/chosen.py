"""Sets of a shoot that a person put together and named: made as they are, if their photos still are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from hotfolder.display import counted
from hotfolder.rules.late import EarlierSet, Sorted
from hotfolder.rules.names import shown
from hotfolder.rules.routing import Rulebook
from hotfolder.rules.sets import MOST_PHOTOS, Photo
from hotfolder.rules.shoots import HeldSet, NamedRefusal, NamedSet, Shoot, group_shoot

BY_PERSON = "a person put it together"
TORN = "some of its photos are in a set that a person put together"


@dataclass(frozen=True, slots=True)
class ChosenSet:
    """A set that a person put together: its name, and the content hash of each of its photos by its name."""

    name: str
    photos: Mapping[str, str]

    def made_as(self, earlier: Sequence[EarlierSet]) -> bool:
        """Whether it is one of the project's sets already."""
        hashes = set(self.photos.values())
        return any(
            one.room == self.name and {photo.sha256 for photo in one.photos} == hashes for one in earlier
        )


def group_chosen(
    rulebook: Rulebook,
    project: str,
    photos: Sequence[Photo],
    chosen: Sequence[ChosenSet],
    earlier: Sequence[EarlierSet] = (),
    given: Collection[str] = (),
    back: Sorted | None = None,
    before: Sequence[HeldSet] = (),
) -> Shoot:
    """Group `photos` as `group_shoot` does, but for the sets that a person has `chosen`: those are made of
    just their photos and held no more. What was held beside them stays held, and so does a set that lost
    photos to them. One whose photos aren't what the person saw is not made, and the sets that have them say
    so."""
    shoot = group_shoot(rulebook, project, photos, given, back, before)
    if not chosen:
        return shoot
    there = {photo.path.name: photo for photo in photos}
    kept = back.rooms if back is not None else {}
    making: list[NamedSet] = []
    broken: dict[str, str] = {}
    for one in chosen:
        made = [photo.path.name for each in making for photo in each.photos]
        names = {name for name in given if name not in {kept.get(photo) for photo in one.photos}}
        why = why_not(one, there, made) or why_name_taken(one.name, {*names, *(each.name for each in making)})
        if not why:
            own = tuple(there[name] for name in sorted(one.photos))
            making.append(NamedSet(one.name, own, (BY_PERSON,), (), by_person=True))
        elif not one.made_as(earlier):
            told = f"{shown(one.name)}, as a person put it together, was not made: {why}"
            broken |= dict.fromkeys(one.photos, told)
    taken = {photo.path.name for each in making for photo in each.photos}
    held = list(_still_held(shoot, taken, {each.name for each in making}, broken))
    # What was kept out stays out, also where what it was kept out for is in another set now.
    out = {name: why for name, why in shoot.kept_out.items() if name not in taken}
    rest = [photo for name, photo in there.items() if name not in taken and name not in out]
    unmade = tuple(dict.fromkeys(broken.values()))
    if not rest:
        return Shoot(tuple(making), (), out, shoot.notices, unmade=unmade)
    found = group_shoot(rulebook, project, rest, {*given, *(each.name for each in making)}, back, held)
    sets = (*making, *found.sets)
    return replace(found, sets=sets, kept_out={**out, **found.kept_out}, unmade=unmade)


def why_not(one: ChosenSet, there: Mapping[str, Photo], made: Collection[str] = ()) -> str:
    """Why a set is not made of the photos that are `there`, of which some are `made` into others already; ""
    where it may be."""
    if not 1 <= len(one.photos) <= MOST_PHOTOS:
        return f"it has {counted(len(one.photos), 'photo')}, and a picture is made of 1 to {MOST_PHOTOS}"
    for name, sha256 in one.photos.items():
        if name not in there:
            return f"{shown(name)} does not wait there any more"
        if there[name].sha256 != sha256:
            return f"{shown(name)} has changed since"
        if name in made:
            return f"{shown(name)} is in another set too"
    return ""


def why_name_taken(name: str, given: Collection[str]) -> str:
    """Why a set can't have a name beside those that were `given`; "" where it can."""
    alike = next((one for one in sorted(given) if one.casefold() == name.casefold()), None)
    return f"the project has a set {shown(alike)} already" if alike is not None else ""


def free_name(wanted: str, used: Collection[str]) -> str:
    """The name, or with the first number behind it that makes it one of its own."""
    names = {name.casefold() for name in used}
    every = (wanted if number == 1 else f"{wanted}-{number}" for number in count(1))
    return next(name for name in every if name.casefold() not in names)


def _still_held(
    shoot: Shoot, taken: Collection[str], names: Collection[str], broken: Mapping[str, str]
) -> Iterator[HeldSet]:
    """What is left of the sets of which something is doubtful once the photos `taken` are gone; none has one
    of the chosen sets' `names`."""
    parts: list[NamedSet | NamedRefusal] = [*shoot.sets, *shoot.refused]
    used = {*names, *(each.name for each in parts)}
    for each in parts:
        left = [photo for photo in each.photos if photo.path.name not in taken]
        if isinstance(each, NamedRefusal):
            doubts = [each.reason]
        else:
            doubts = list(shoot.why_waits(each)) if each.name in shoot.held else []
        doubts += [TORN] if len(left) < len(each.photos) else []
        doubts += [broken[photo.path.name] for photo in left if photo.path.name in broken]
        if not left or not doubts:
            continue
        name = each.name
        if name.casefold() in {one.casefold() for one in names}:
            name = free_name(name, used)
        used.add(name)
        yield HeldSet(name, {photo.path.name: photo.identity for photo in left}, tuple(dict.fromkeys(doubts)))
