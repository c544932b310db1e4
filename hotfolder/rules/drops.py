"""Grouping of a flat drop (photos in a project's own folder) into sets, and the reasons why photos wait. Used
by the daemon and by `explain`.

Sets that a person put together and named are made as they are, provided that their photos are unchanged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain

from hotfolder.display import counted
from hotfolder.errors import RuleRefused
from hotfolder.rules.foldernames import free_name, quoted
from hotfolder.rules.grouping.results import GroupedSet, Grouping, RefusedSet
from hotfolder.rules.holds import WaitReason
from hotfolder.rules.late import (
    LATE_IN_SHOOT,
    EarlierSet,
    LatestSet,
    MergedSet,
    PhotoRelations,
    why_left_behind,
    why_own_pictures,
    why_partial,
)
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.rules.sets import MOST_PHOTOS, BracketSet, Photo
from hotfolder.rules.shoots import HeldSet, group_shoot

BY_PERSON = "a person put it together"
LOST_PHOTOS_DOUBT = "some of its photos are in a set that a person put together"


@dataclass(frozen=True, slots=True)
class ChosenSet:
    """A set that a person put together, or approved as it was: its name, the content hash of each of its
    photos by its name, and what they saw that it `makes` (`Recipe.exact_calls`), empty where they didn't see
    it."""

    name: str
    photos: Mapping[str, str]
    makes: Sequence[str] = ()

    def was_made(self, earlier: Sequence[EarlierSet]) -> bool:
        """Whether one of the project's sets has this name and exactly these photos."""
        hashes = set(self.photos.values())
        return any(
            one.room == self.name and {photo.sha256 for photo in one.photos} == hashes for one in earlier
        )


@dataclass(frozen=True, slots=True)
class Drop:
    """A flat drop and its context. `photos` are those that belong to no set under way and were not kept out
    before; `found` has the others too, and is `approved` where a person approved all. `chosen` are sets that
    a person put together. `earlier` are the project's sets, `related` are the photos' relations to them,
    `held_before` are the sets that were held. `latest` is the set made last; `orphaned_merges` are merges
    whose sets the store has lost; `own_pictures` are the hashes of photos that are pictures made by
    hotfolder."""

    found: BracketSet
    photos: Sequence[Photo]
    chosen: Sequence[ChosenSet] = ()
    earlier: Sequence[EarlierSet] = ()
    related: PhotoRelations = field(default_factory=PhotoRelations)
    used_names: Collection[str] = ()
    held_before: Sequence[HeldSet] = ()
    latest: LatestSet | None = None
    orphaned_merges: Sequence[MergedSet] = ()
    own_pictures: Collection[str] = ()

    def without(self, names: Collection[str]) -> Drop:
        """This drop without the photos with these names; `found` keeps them."""
        return replace(self, photos=[photo for photo in self.photos if photo.name not in names])

    def group(self, rulebook: Rulebook) -> Grouping:
        """Group as `group_shoot` does, except for the `chosen` sets: each is made of exactly its photos and
        isn't held. Other held sets stay held, and so does a set that lost photos to a chosen one. Where a
        chosen set can't be made and wasn't before, the reason is in `unmade` and a doubt of the sets that
        have its photos."""
        project = self.found.project
        shoot = group_shoot(rulebook, project, self.photos, self.used_names, self.related, self.held_before)
        if not self.chosen:
            return shoot
        there = {photo.name: photo for photo in self.photos}
        making, broken = self._makeable_sets(rulebook, there)
        taken = {photo.name for each in making for photo in each.photos}
        held = list(_still_held(shoot, taken, {each.name for each in making}, broken))
        # A photo that was kept out stays out, even if the one that it was kept out for is in another set now.
        out = {name: why for name, why in shoot.kept_out.items() if name not in taken}
        rest = [photo for name, photo in there.items() if name not in taken and name not in out]
        unmade = tuple(dict.fromkeys(broken.values()))
        if not rest:
            return Grouping(tuple(making), (), out, shoot.notices, unmade=unmade)
        used_names = {*self.used_names, *(each.name for each in making)}
        late = (one for one in self.held_before if one.late)
        found = group_shoot(rulebook, project, rest, used_names, self.related, (*held, *late))
        kept_out = {**out, **found.kept_out}
        return replace(found, sets=(*making, *found.sets), kept_out=kept_out, unmade=unmade)

    def _makeable_sets(
        self, rulebook: Rulebook, there: Mapping[str, Photo]
    ) -> tuple[list[GroupedSet], dict[str, str]]:
        """The chosen sets that can be made, and, by photo name, why the others can't."""
        making: list[GroupedSet] = []
        broken: dict[str, str] = {}
        for one in self.chosen:
            made = [photo.name for each in making for photo in each.photos]
            kept = {self.related.rooms.get(photo) for photo in one.photos}
            names = {*(name for name in self.used_names if name not in kept), *(each.name for each in making)}
            why = why_unmakeable(one, there, made) or why_name_taken(one.name, names)
            why = why or why_made_otherwise(rulebook, self.found.project, one.name, one)
            if not why:
                own = tuple(there[name] for name in sorted(one.photos))
                making.append(GroupedSet(own, (BY_PERSON,), name=one.name, by_person=True))
            elif not one.was_made(self.earlier):
                told = f"{quoted(one.name)}, as a person put it together, was not made: {why}"
                broken |= dict.fromkeys(one.photos, told)
        return making, broken


def group_drop(rulebook: Rulebook, drop: Drop) -> tuple[Grouping | None, tuple[WaitReason, ...]]:
    """Group the photos of a drop that don't have to wait; None where all of them do. Also the reasons why
    photos wait. (Sets held for a person are in the grouping: they aren't among the photos that wait.)"""
    waiting: list[WaitReason] = []
    spoken_for = {name for one in drop.chosen for name in one.photos}
    rest = tuple(photo for photo in drop.found.photos if photo.name not in spoken_for)
    related = set() if drop.found.approved else drop.related.waiting - spoken_for
    if why := why_partial(replace(drop.found, photos=rest), drop.orphaned_merges):
        waiting.append(why)
        drop = drop.without({photo.name for photo in rest})
    elif related:
        waiting.append(drop.related.why_waiting())
        drop = drop.without(related)
    own = () if drop.found.approved else drop.own_pictures
    if why := why_own_pictures([photo for photo in drop.photos if photo.name not in spoken_for], own):
        waiting.append(why)
        drop = drop.without({photo.name for photo in drop.photos if photo.sha256 in own} - spoken_for)
    if not drop.photos:
        return None, tuple(waiting)
    shoot = drop.group(rulebook)
    return replace(shoot, late={} if drop.found.approved else _late_reasons(shoot, drop)), tuple(waiting)


def _late_reasons(shoot: Grouping, drop: Drop) -> dict[str, str]:
    """The reasons why sets must wait that came late or were left behind, by the sets' names."""
    latest, late = drop.latest, dict[str, str]()
    chosen = {name for one in drop.chosen for name in one.photos}
    if latest is not None:
        # A set that was withdrawn since it changed has no job while its project is cancelled.
        unpaid = _sets_without_photos(shoot, {*drop.related.paid_for, *chosen})
        left = {each.name: latest.left_behind(each.photos) for each in unpaid}
        late |= {name: why_left_behind(photos) for name, photos in left.items() if photos}
    files = {photo.name: photo.identity for photo in drop.photos}
    waited = {name: one.doubts for one in drop.held_before if one.late for name in one.unchanged_in(files)}
    doubtful = {name for one in drop.held_before if not one.late for name in one.photos}
    came = []
    for each in _sets_without_photos(shoot, {*drop.related.rooms, *chosen}):
        names = {photo.name for photo in each.photos}
        if each.name in late or (each.doubts and names & doubtful):
            continue
        waiting = names & waited.keys()
        # Without earlier sets to compare with, whether the rest of a set has come can't be told.
        if waiting and (latest is None or waiting == names):
            doubts = chain.from_iterable(waited[name] for name in sorted(waiting))
            late[each.name] = "; ".join(dict.fromkeys(doubts))
        elif waiting and latest is not None:
            if len(names) < latest.usual_size:  # the rest of its own set lets it go, no other
                late[each.name] = LATE_IN_SHOOT
        elif latest is not None and not latest.ended_long_before(each.photos):
            came.append(each)
    if latest is not None and sum(len(each.photos) for each in came) < latest.usual_size:
        late |= {each.name: LATE_IN_SHOOT for each in came}
    return late


def waiting_refusals(shoot: Grouping, drop: Drop) -> list[RefusedSet]:
    """The refused sets that stay in the inbox because a person approves this drop set by set: each waits
    until it is split or the whole drop is approved. Empty where the whole drop is approved."""
    if drop.found.approved:
        return []
    known = {name for one in drop.held_before for name in one.photos}
    return [one for one in shoot.refused if drop.chosen or {photo.name for photo in one.photos} <= known]


def _sets_without_photos(shoot: Grouping, known: Set[str]) -> list[GroupedSet]:
    """The sets that have none of the photos with these names."""
    return [each for each in shoot.sets if known.isdisjoint(photo.name for photo in each.photos)]


def why_unmakeable(one: ChosenSet, there: Mapping[str, Photo], made: Collection[str] = ()) -> str:
    """The reason why a chosen set can't be made of the photos in `there`; "" where it can. `made` are names
    of photos that are in another set already."""
    if not 1 <= len(one.photos) <= MOST_PHOTOS:
        return f"it has {counted(len(one.photos), 'photo')}, and a picture is made of 1 to {MOST_PHOTOS}"
    for name, sha256 in one.photos.items():
        if name not in there:
            return f"{quoted(name)} does not wait there any more"
        if there[name].sha256 != sha256:
            return f"{quoted(name)} has changed since"
        if name in made:
            return f"{quoted(name)} is in another set too"
    return ""


def why_made_otherwise(rulebook: Rulebook, project: str, folder: str, one: ChosenSet) -> str:
    """The reason why the rules in force make something else of a chosen set than the person saw; "" where
    they make the same, or refuse it."""
    with suppress(RuleRefused):
        recipe = plan(rulebook, project, folder, len(one.photos)).recipe
        if one.makes and tuple(one.makes) != recipe.exact_calls():
            then = (made.partition(" ")[0] for made in one.makes)
            made, shown_then = (" + ".join(dict.fromkeys(some)) for some in (recipe.words(), then))
            same = "otherwise than was shown" if made == shown_then else f"and not {shown_then}"
            return f"the rules in force make {made} of it, {same}"
    return ""


def why_name_taken(name: str, used_names: Collection[str]) -> str:
    """Why a set can't have a name, where one of `used_names` equals it regardless of case; else ""."""
    alike = next((one for one in sorted(used_names) if one.casefold() == name.casefold()), None)
    return f"the project has a set {quoted(alike)} already" if alike is not None else ""


def _still_held(
    shoot: Grouping, taken: Collection[str], names: Collection[str], broken: Mapping[str, str]
) -> Iterator[HeldSet]:
    """The doubtful sets without the photos in `taken`; empty ones are dropped. None gets a name that is in
    `names`, which are the chosen sets'."""
    used = {*names, *(each.name for each in shoot.parts())}
    for each in shoot.parts():
        left = [photo for photo in each.photos if photo.name not in taken]
        if isinstance(each, RefusedSet):
            doubts = [each.reason]
        else:
            doubts = list(shoot.why_waits(each)) if each.name in shoot.held else []
        doubts += [LOST_PHOTOS_DOUBT] if len(left) < len(each.photos) else []
        doubts += [broken[photo.name] for photo in left if photo.name in broken]
        if not left or not doubts:
            continue
        name = each.name
        if name.casefold() in {one.casefold() for one in names}:
            name = free_name(name, used)
        used.add(name)
        yield HeldSet(name, {photo.name: photo.identity for photo in left}, tuple(dict.fromkeys(doubts)))
