"""Photos in a project's folder itself: which of them may be made into which sets, and what waits, and why.
The daemon makes what is told here, and `explain` tells it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from hotfolder.rules.chosen import ChosenSet, group_chosen
from hotfolder.rules.late import EarlierSet, LatestSet, MergedSet, Sorted, Why, why_late_in_shoot, why_part
from hotfolder.rules.routing import Rulebook
from hotfolder.rules.sets import BracketSet, Photo
from hotfolder.rules.shoots import HeldSet, NamedRefusal, Shoot


@dataclass(frozen=True, slots=True)
class Drop:
    """A flat drop with what is known of it. `photos` are those that belong to no set under way and were not
    kept out before; `found` has the others too, and is `approved` where a person let all be made. `chosen`
    are sets that a person put together. `earlier` are the project's sets, `back` is what the photos have to
    do with them, `given` are names that are taken, `before` the sets that were held. `latest` was made last;
    `orphans` are merges of which the store has lost the sets."""

    found: BracketSet
    photos: Sequence[Photo]
    chosen: Sequence[ChosenSet] = ()
    earlier: Sequence[EarlierSet] = ()
    back: Sorted = field(default_factory=Sorted)
    given: Collection[str] = ()
    before: Sequence[HeldSet] = ()
    latest: LatestSet | None = None
    orphans: Sequence[MergedSet] = ()

    def grouped(self, rulebook: Rulebook) -> Shoot:
        return group_chosen(
            rulebook,
            self.found.project,
            self.photos,
            self.chosen,
            self.earlier,
            self.given,
            self.back,
            self.before,
        )


@dataclass(frozen=True, slots=True)
class GroupedDrop:
    """How a drop is grouped, None where all of it waits; and why photos wait."""

    shoot: Shoot | None
    waiting: tuple[Why, ...] = ()


def group_drop(rulebook: Rulebook, drop: Drop) -> GroupedDrop:
    """What is made of a drop, as far as no photo of it has to wait for anything but a look at its set."""
    waiting: list[Why] = []
    spoken_for = {name for one in drop.chosen for name in one.photos}
    rest = tuple(photo for photo in drop.found.photos if photo.path.name not in spoken_for)
    aside = set() if drop.found.approved else drop.back.aside - spoken_for
    if why := why_part(replace(drop.found, photos=rest), drop.orphans):
        waiting.append(why)
        drop = without(drop, {photo.path.name for photo in rest})
    elif aside:
        waiting.append(drop.back.why_aside())
        drop = without(drop, aside)
    if not drop.photos:
        return GroupedDrop(None, tuple(waiting))
    shoot: Shoot | None = (grouped := drop.grouped(rulebook))
    new = {} if drop.found.approved else of_new_sets(grouped, drop)
    if new and drop.latest is not None and (why := why_late_in_shoot(list(new.values()), drop.latest)):
        waiting.append(why)
        drop = without(drop, new)
        shoot = drop.grouped(rulebook) if drop.photos else None
    return GroupedDrop(shoot, tuple(waiting))


def waiting_refusals(shoot: Shoot, drop: Drop) -> list[NamedRefusal]:
    """The refused sets of a drop that a person approves set by set: each waits until it is split, or all is
    approved as it is."""
    if drop.found.approved:
        return []
    known = {name for one in drop.before for name in one.photos}
    return [one for one in shoot.refused if drop.chosen or {photo.path.name for photo in one.photos} <= known]


def without(drop: Drop, names: Collection[str]) -> Drop:
    return replace(drop, photos=[photo for photo in drop.photos if photo.path.name not in names])


def of_new_sets(shoot: Shoot, drop: Drop) -> dict[str, Photo]:
    """The photos, by name, of those sets that have to do with no set of before, and that no person has seen
    as held."""
    known = {name for one in drop.before for name in one.photos} | drop.back.rooms.keys()
    known |= {name for one in drop.chosen for name in one.photos}
    every = [each.photos for each in shoot.sets] + [each.photos for each in shoot.refused]
    sets = [{photo.path.name: photo for photo in photos} for photos in every]
    return {name: photo for each in sets if not each.keys() & known for name, photo in each.items()}
