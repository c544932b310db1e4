"""Routing: makes the plan and its recipe from the folder names and the number of photos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import get_args

from pydantic import Field

from hotfolder.errors import RuleRefused
from hotfolder.rules.delivery import Delivery
from hotfolder.rules.foldernames import (
    AGAIN,
    TAG_MARK,
    FolderName,
    fully_quoted,
    project_name,
    quoted,
    room_name,
    split_name,
)
from hotfolder.rules.kinds import hyphened
from hotfolder.rules.recipes import Recipe, Variant
from hotfolder.rules.roomtypes import room_type_of
from hotfolder.rules.routes import Route, RouteVerdict, SinglePhoto, Subject, match_names, match_route
from hotfolder.rules.sets import MOST_PHOTOS
from hotfolder.rules.tags import Tag, TagTable, merged_operations
from hotfolder.stager.operations import Frozen, HdrOptions, Operation, RoomType, Stage


class Defaults(Frozen):
    """The values used where no route sets them. `quiet_seconds` is the global quiet time."""

    hdr: HdrOptions = HdrOptions()
    quiet_seconds: float = Field(default=15.0, gt=0)
    single_photo: SinglePhoto = "merge"
    delivery: Delivery = Delivery()


@dataclass(frozen=True)
class Rulebook:
    """The complete rules of one inbox."""

    tags: TagTable = field(default_factory=TagTable)
    routes: tuple[Route, ...] = ()
    defaults: Defaults = field(default_factory=Defaults)


@dataclass(frozen=True, slots=True)
class SettleRule:
    """When a set may start. `quiet_seconds` is None where the global default applies.

    `expected_photos` is the number of photos at which the set starts at once, None if only after the quiet
    time.
    """

    quiet_seconds: float | None
    expected_photos: int | None


@dataclass(frozen=True)
class Plan:
    """The decision on a set, with its explanation.

    `project_title` and `room` are without tags and added suffixes, `folder` is the room's raw name; `tags`
    are the room's, then the project's, by full name; `route` is the name of the first matching route, None
    when the defaults apply; `verdicts` are those of all routes up to and including it.
    """

    project_title: str
    room: str
    folder: str
    tags: tuple[str, ...]
    again: bool
    route: str | None
    verdicts: tuple[RouteVerdict, ...]
    recipe: Recipe
    settle: SettleRule


def plan(rulebook: Rulebook, project: str, folder: str, photo_count: int) -> Plan:
    """Decide what happens to a settled set.

    `project` and `folder` are raw folder names, `photo_count` is 1 or more. Raises RuleRefused when the
    names, the tags or the number of photos don't allow a picture.
    """
    project_parts, room_parts = project_name(project), room_name(folder)
    project_tags = _project_tags(rulebook.tags, project_parts, project)
    room_tags = rulebook.tags.read(room_parts.tags, folder)
    if photo_count > MOST_PHOTOS:
        raise RuleRefused(
            f"The folder holds {photo_count} photos, and at most {MOST_PHOTOS} can become one picture.",
            hint="Give each view a folder of its own, with its exposures alone, and drag those into the"
            " project's folder.",
        )
    tags = tuple(dict.fromkeys(tag.name for tag in (*room_tags, *project_tags)))
    subject = Subject(project_parts.name, room_parts.name, tags)
    route, verdicts = _first_match(rulebook.routes, subject, photo_count)
    return Plan(
        project_title=project_parts.name,
        room=room_parts.name,
        folder=folder,
        tags=tags,
        again=AGAIN in tags,
        route=route.name if route else None,
        verdicts=verdicts,
        recipe=_recipe(
            rulebook.defaults, route or NO_ROUTE, room_parts, room_tags, project_tags, photo_count
        ),
        settle=settle_rule(rulebook, project, folder, photo_count),
    )


def settle_rule(rulebook: Rulebook, project: str, folder: str, photo_count: int) -> SettleRule:
    """When a set may start, evaluated while its photos still arrive. Never raises.

    A route may match on the number of photos, which only grows while a set arrives. To keep the result
    stable, all numbers from `photo_count` to MOST_PHOTOS are considered: `quiet_seconds` is the longest of
    all routes that may still match, so it can only become shorter. `expected_photos` is the smallest number
    for which the matching route has that number as its `brackets`, and no earlier route could match a larger
    set.

    For a whole shoot (`folder` is "") photos aren't counted; `quiet_seconds` is the longest of its routes.
    """
    matching = matching_by_name(rulebook, project, folder)
    if not folder:
        named = [route.quiet_seconds for route in matching if route.quiet_seconds is not None]
        return SettleRule(quiet_seconds=max(named, default=None), expected_photos=None)
    lowest = max(photo_count, 1)
    counts = range(lowest, max(lowest, MOST_PHOTOS) + 1)
    routes = [next((route for route in matching if _accepts_count(route, count)), None) for count in counts]
    quiet = [route.quiet_seconds if route else None for route in routes]
    expected = (
        count
        for count, route in zip(counts, routes, strict=True)
        if route is not None and route.brackets == count and not _earlier_accepts_more(matching, route, count)
    )
    longest = (
        None
        if all(one is None for one in quiet)
        else max(rulebook.defaults.quiet_seconds if one is None else one for one in quiet)
    )
    return SettleRule(quiet_seconds=longest, expected_photos=next(expected, None))


def matching_by_name(rulebook: Rulebook, project: str, folder: str) -> list[Route]:
    """The routes that match by project, room and tags, ignoring the number of photos. Never raises."""
    project_parts, room_parts = split_name(project), split_name(folder)
    found = ((typed, rulebook.tags.find(typed)) for typed in (*room_parts.tags, *project_parts.tags))
    tags = tuple(tag.name if tag else typed for typed, tag in found)
    subject = Subject(project_parts.name, room_parts.name, tags)
    return [route for route in rulebook.routes if match_names(route, subject)[0]]


def _accepts_count(route: Route, photo_count: int) -> bool:
    return route.match.photos is None or photo_count in route.match.photos


def _earlier_accepts_more(matching: Sequence[Route], route: Route, photo_count: int) -> bool:
    earlier = matching[: matching.index(route)]
    return any(
        _accepts_count(one, count) for one in earlier for count in range(photo_count + 1, MOST_PHOTOS + 1)
    )


def _project_tags(table: TagTable, parts: FolderName, project: str) -> tuple[Tag, ...]:
    tags = table.read(parts.tags, project, project=True)
    if any(tag.name == AGAIN for tag in tags):
        raise RuleRefused(
            f"The tag {quoted(AGAIN)} is on the project folder {quoted(project)},"
            " where it would pay for every room again.",
            hint=f"Take {quoted(AGAIN)} off the project's folder and put it on the rooms to be made again.",
        )
    return tags


def _first_match(
    routes: Sequence[Route], subject: Subject, photo_count: int
) -> tuple[Route | None, tuple[RouteVerdict, ...]]:
    verdicts: list[RouteVerdict] = []
    for route in routes:
        verdicts.append(match_route(route, subject, photo_count))
        if verdicts[-1].matched:
            return route, tuple(verdicts)
    return None, tuple(verdicts)


NO_ROUTE = Route(name="none")
"""The route that sets nothing, so that the defaults apply."""


def _recipe(
    defaults: Defaults,
    route: Route,
    room: FolderName,
    room_tags: Sequence[Tag],
    project_tags: Sequence[Tag],
    photo_count: int,
) -> Recipe:
    tags = _override_kinds(merged_operations(project_tags), merged_operations(room_tags))
    variants = [
        Variant(
            name=one.name,
            operations=tuple(_with_room_type(each, room, route.room_type) for each in one.operations),
        )
        for one in _variants(route.variants, _override_kinds(route.operations, tags), tags)
    ]
    # Where the folder's tags made several variants equal, the remaining one is an ordinary picture.
    told = len(variants) > 1 or len(route.variants) == 1
    operations = () if told else variants[0].operations
    nothing = not told and not operations
    single = route.single_photo or defaults.single_photo
    if photo_count == 1 and nothing and single == "refuse":
        raise RuleRefused(
            "The folder holds one photo without any tag, and a single photo is not merged here.",
            hint="Add the other exposures or a tag such as sky-blue, or set single_photo: merge.",
        )
    return Recipe(
        merge=photo_count > 1 or nothing,
        hdr=defaults.hdr.overlaid(route.hdr),
        operations=operations,
        variants=tuple(variants) if told else (),
        delivery=defaults.delivery.overlaid(route.deliver),
    )


def _variants(
    wanted: Sequence[Variant], common: tuple[Operation, ...], tags: tuple[Operation, ...]
) -> Iterator[Variant]:
    """The variants with all their operations; without `wanted`, one without a name. The `common` operations
    come first, so that they are bought once. A folder's tag replaces a variant's operation of the same kind;
    of variants that become equal the first is kept."""
    said = {operation.kind for operation in tags}
    made: set[tuple[Operation, ...]] = set()
    for variant in wanted or (Variant(name="", operations=()),):
        own = tuple(operation for operation in variant.operations if operation.kind not in said)
        operations = _override_kinds(common, own)
        if operations not in made:
            made.add(operations)
            yield Variant(name=variant.name, operations=operations)


def _override_kinds(*layers: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """The layers concatenated; of each kind of operation only those of the last layer with it are kept."""
    kept: list[Operation] = []
    for layer in layers:
        kinds = {operation.kind for operation in layer}
        kept = [operation for operation in kept if operation.kind not in kinds] + list(layer)
    return tuple(kept)


def _with_room_type(operation: Operation, room: FolderName, fallback: RoomType | None) -> Operation:
    if not isinstance(operation, Stage) or operation.room_type is not None:
        return operation
    room_type = room_type_of(room.name) or fallback
    if room_type is None:
        wanted = TAG_MARK.join((f"living-room {room.name}", *room.tags))
        kinds = ", ".join(hyphened(one) for one in get_args(RoomType))
        raise RuleRefused(
            f"Staging needs to know what kind of room {quoted(room.name)} is, and its name doesn't say.",
            hint=f"Put the kind of room in front, like {fully_quoted(wanted)}, or give its route a room_type."
            f" Kinds: {kinds}.",
        )
    return operation.model_copy(update={"room_type": room_type})
