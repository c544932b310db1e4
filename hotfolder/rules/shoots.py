"""Grouping of a whole shoot in one folder: its settings, the sets' names, and which sets are held."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from operator import attrgetter

from hotfolder.rules.foldernames import split_name
from hotfolder.rules.grouping.evidence import has_times
from hotfolder.rules.grouping.group import NameScheme, group, group_room, name_sets
from hotfolder.rules.grouping.results import GroupedSet, Grouping, GroupingOptions, OverSeven, join_doubts
from hotfolder.rules.holds import REVIEW, asks_review
from hotfolder.rules.late import EarlierSet, PhotoRelations, relate_to_earlier
from hotfolder.rules.routes import Route
from hotfolder.rules.routing import Rulebook, matching_by_name
from hotfolder.rules.sets import FileIdentity, Photo


@dataclass(frozen=True, slots=True)
class ShootRule:
    """The settings for grouping a project's flat drop, each from the first route that sets it."""

    review: bool
    options: GroupingOptions
    names: NameScheme


@dataclass(frozen=True, slots=True)
class HeldSet:
    """A set that was held while the others of its drop were made: its photos, as they were when it was held
    first, by name, and its doubts from the comparison with the others. `name` is "" for photos that weren't a
    set then, and where the project had another name. `late`: its photos wait since they came late, each for
    itself, and the one doubt says so."""

    name: str
    photos: Mapping[str, FileIdentity]
    doubts: tuple[str, ...]
    late: bool = False

    def is_complete_in(self, files: Mapping[str, FileIdentity]) -> bool:
        """Whether all its photos are among `files`, by name, as `left` has it."""
        return self.photos.keys() == self.unchanged_in(files)

    def unchanged_in(self, files: Mapping[str, FileIdentity]) -> set[str]:
        """The names of its photos that are among `files`, unchanged as far as any machine can tell."""
        return {
            name for name, was in self.photos.items() if name in files and files[name].may_be_same_file(was)
        }


def shoot_rule(rulebook: Rulebook, project: str) -> ShootRule:
    """The settings for the flat drop of `project`, which is the folder's raw name."""
    routes = matching_by_name(rulebook, project, "")
    counts = (
        route.brackets
        for route in routes
        if route.brackets is not None and (route.match.photos is None or route.brackets in route.match.photos)
    )
    brackets = next(counts, None)
    mode = next((route.group for route in routes if route.group is not None), "auto")
    names: NameScheme = next((route.name_sets for route in routes if route.name_sets is not None), "numbered")
    return ShootRule(mode == "review", GroupingOptions(brackets, _over_seven(routes)), names)


def relate_shoot(
    rulebook: Rulebook, project: str, photos: Sequence[Photo], earlier: Sequence[EarlierSet]
) -> PhotoRelations:
    """Relate `photos` to the project's `earlier` sets, which must be sorted oldest first."""
    return relate_to_earlier(photos, earlier, shoot_rule(rulebook, project).options)


def group_shoot(
    rulebook: Rulebook,
    project: str,
    photos: Sequence[Photo],
    used_names: Collection[str] = (),
    related: PhotoRelations | None = None,
    held_before: Sequence[HeldSet] = (),
) -> Grouping:
    """Group `photos`, one or more, and name the sets. `used_names` are those of the project's earlier sets;
    `related` says which photos were in one, whose name is kept. A set whose photos were all in sets
    `held_before` keeps the doubts of then as long as none of those photos changed, since the sets that it was
    compared with may be gone; where no other photo is there, those alone. A new set that has all photos of a
    held one keeps its name in any case."""
    rule, related = shoot_rule(rulebook, project), related or PhotoRelations()
    grouping = group(photos, rule.options)
    members = [{photo.name for photo in each.photos} for each in grouping.parts()]
    kept, doubts = _kept_names(members, related, held_before)
    by_name = {photo.name: photo.identity for photo in photos}
    unchanged = [held for held in held_before if not held.late and held.is_complete_in(by_name)]
    known = {name for held in unchanged for name in held.photos}
    alone = all(names <= known for names in members)
    # A route asks for a review of all because of one set, which may have been made meanwhile.
    forget = set() if any(asks_review(rulebook, project, name) for name in used_names) else {REVIEW}
    sets = tuple(_still_doubtful(each, unchanged, forget, alone=alone) for each in grouping.sets)
    grouping = replace(grouping, sets=sets, doubts=(*grouping.doubts, *doubts))
    new = [each for number, each in enumerate(grouping.parts()) if number not in kept]
    used_names = {*used_names, *kept.values(), *(one.name for one in held_before if one.name)}
    names = iter(name_sets(new, rule.names, split_name(project).name or project, used_names))
    found = _with_names(grouping, [kept.get(number) or next(names) for number in range(len(members))])
    named = tuple(
        replace(each, notes=(*each.notes, related.notes[each.name])) if each.name in related.notes else each
        for each in found.sets
    )
    review = rule.review or any(asks_review(rulebook, project, each.name, len(each.photos)) for each in named)
    doubtful = [each for each in named if each.doubts]
    singly = doubtful and _separated_by_capture(grouping, rule.options) and not (review or grouping.doubts)
    held = doubtful if singly else named
    why = _hold_reason(review, grouping, held)
    return replace(found, sets=named, why=why, held=frozenset(each.name for each in held if why))


def _still_doubtful(
    each: GroupedSet, held: Sequence[HeldSet], forget: Set[str], *, alone: bool
) -> GroupedSet:
    """The set with the doubts of the `held` ones but for `forget`, if each of its photos was in one; else
    unchanged. Its own doubts go where held sets are `alone`: they say less about each other than the whole
    drop did."""
    files = {photo.name for photo in each.photos}
    mine = [one for one in held if one.photos.keys() & files]
    if not files <= {name for one in mine for name in one.photos}:
        return each
    then = (doubt for one in mine for doubt in one.doubts if doubt not in forget)
    return replace(each, doubts=tuple(dict.fromkeys((*(() if alone else each.doubts), *then))))


def _separated_by_capture(grouping: Grouping, options: GroupingOptions) -> bool:
    """Whether each set's boundaries have independent evidence (capture data). Where photos are counted off or
    sorted by content, one wrong set makes others wrong too."""
    return options.brackets is None and all(
        has_times(photo) for each in grouping.sets for photo in each.photos
    )


def _kept_names(
    members: Sequence[Set[str]], related: PhotoRelations, held_before: Sequence[HeldSet]
) -> tuple[dict[int, str], list[str]]:
    """The names that sets keep, by their index: of the earlier set whose photos came back, or of the held one
    of which they have all; and doubts about changes of sets that were paid for or that a person had put
    together."""
    kept: dict[int, str] = {}
    doubts = []
    for number, names in enumerate(members):
        rooms = sorted({related.rooms[name] for name in names if name in related.rooms})
        if rooms and rooms[0] not in kept.values():
            kept[number] = rooms[0]
        paid_for = sorted({related.rooms[name] for name in names if name in related.paid_for})
        if len(paid_for) > 1:
            doubts.append(f"{paid_for[0]} and {paid_for[1]}, which have been paid for, would become one set")
        elif paid_for and kept.get(number) not in paid_for:
            doubts.append(f"{paid_for[0]}, which has been paid for, would become several sets")
        doubts += [
            f"{room}, which a person had put together, has changed"
            for room in sorted({related.rooms[name] for name in names if name in related.by_person})
        ]
    for number, names in enumerate(members):
        for held in held_before:
            if held.name and held.photos.keys() <= names and held.name not in kept.values():
                kept.setdefault(number, held.name)
    return kept, doubts


def group_folder(
    rulebook: Rulebook,
    project: str,
    folder: str,
    photos: Sequence[Photo],
    used_names: Collection[str] = (),
    room: str = "",
) -> Grouping:
    """Group the photos of a room's folder, one or more, as `group_room` does. A single set gets the name
    `room`, by default the folder's; several are numbered after it. None is held. `used_names` are those of
    the project's earlier sets.
    """
    options = GroupingOptions(over_seven=_over_seven(matching_by_name(rulebook, project, folder)))
    grouping = group_room(photos, options)
    room = room or split_name(folder).name or folder
    parts = grouping.parts()
    names = (room,) if len(parts) == 1 else name_sets(parts, "numbered", room, used_names)
    return _with_names(grouping, names)


def _over_seven(routes: Sequence[Route]) -> OverSeven:
    """The `over_seven` of the first route that sets it; by default `refuse`."""
    return next((route.over_seven for route in routes if route.over_seven is not None), "refuse")


def _with_names(grouping: Grouping, names: Iterable[str]) -> Grouping:
    """The grouping with `names` given to its sets, then to its refused sets, and photos sorted by name."""
    names = iter(names)
    sets = tuple(
        replace(
            each,
            name=next(names),
            photos=_by_name(each.photos),
            notes=() if all(has_times(photo) for photo in each.photos) else grouping.notices,
        )
        for each in grouping.sets
    )
    refused = tuple(
        replace(each, name=next(names), photos=_by_name(each.photos)) for each in grouping.refused
    )
    return replace(grouping, sets=sets, refused=refused)


def _by_name(photos: Sequence[Photo]) -> tuple[Photo, ...]:
    return tuple(sorted(photos, key=attrgetter("name")))


def _hold_reason(review: bool, grouping: Grouping, sets: Sequence[GroupedSet]) -> str:
    if grouping.sure and not review:
        return ""
    doubts = [*grouping.doubts, *(f"{each.name}: {doubt}" for each in sets for doubt in each.doubts)]
    return join_doubts(doubts) or REVIEW
