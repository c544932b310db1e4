"""Routes: the rules of the settings by which a set gets its operations, options and delivery."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)

from hotfolder.display import counted
from hotfolder.rules.delivery import Delivery
from hotfolder.rules.foldernames import normal, quoted, to_nfc
from hotfolder.rules.grouping.group import NameScheme
from hotfolder.rules.grouping.results import OverSeven
from hotfolder.rules.recipes import Variant
from hotfolder.rules.sets import MOST_PHOTOS
from hotfolder.stager.operations import Frozen, HdrOptions, Operation, RoomType

WILDCARDS = re.compile(r"[*?\[]")
GAPS = re.compile(r"[-_\s]+")
ANY = ("*",)


SinglePhoto = Literal["merge", "refuse"]
"""What becomes of a set of one photo that no operation is asked for."""


def _as_list(value: object) -> object:
    items = list(value) if isinstance(value, list | tuple) else [value]
    # YAML reads `room: 101` as a number; a name is meant.
    return [str(item) if isinstance(item, int) and not isinstance(item, bool) else item for item in items]


Pattern = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Patterns = Annotated[
    tuple[Pattern, ...],
    BeforeValidator(_as_list, json_schema_input_type=str | int | tuple[str | int, ...]),
    Field(min_length=1),
]
PhotoNumber = Annotated[int, Field(ge=1, le=MOST_PHOTOS, strict=True)]


class PhotoRange(Frozen):
    """How many photos a set must have, both ends included."""

    min: PhotoNumber = 1
    """The fewest photos."""
    max: PhotoNumber = MOST_PHOTOS
    """The most photos."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is larger than max ({self.max})")
        return self

    def __contains__(self, photo_count: int) -> bool:
        return self.min <= photo_count <= self.max

    def __str__(self) -> str:
        return str(self.min) if self.min == self.max else f"{self.min} to {self.max}"


def _as_range(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"min": value, "max": value} if 1 <= value <= MOST_PHOTOS else {"min": value}
    return value


class Match(Frozen):
    """The conditions of a route. All that are given must match; one that is left out matches everything."""

    project: Patterns | None = None
    """Project names, with * and ? as wildcards; a text or a list of texts."""
    room: Patterns | None = None
    """Room names, with * and ? as wildcards; a text or a list of texts."""
    tag: Patterns | None = None
    """Tags on the room's or the project's folder, with * and ?; a text or a list."""
    photos: (
        Annotated[PhotoRange, BeforeValidator(_as_range, json_schema_input_type=PhotoNumber | PhotoRange)]
        | None
    ) = None
    """The number of photos in the set: 5, or {min: 3, max: 5}."""

    def is_catch_all(self) -> bool:
        """Whether every set matches, so that later routes are unreachable."""
        return (
            "*" in (self.project or ANY)
            and "*" in (self.room or ANY)
            and self.tag is None
            and self.photos in (None, PhotoRange())
        )


class RouteBase(Frozen):
    """A route without its operations. Of `hdr` and `deliver` only the fields that are set explicitly override
    the defaults."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
    """A name for this route; it appears in `hotfolder explain` and `logs`."""
    match: Match = Match()
    """Which sets this route is for. Left out: all."""
    hdr: HdrOptions = HdrOptions()
    """HDR options that differ from the general ones."""
    room_type: RoomType | None = None
    """The room type for staging, where neither tag nor room name says one."""
    quiet_seconds: Annotated[float, Field(strict=True, ge=0.2, le=86400)] | None = None
    """Seconds without any change before a set starts, instead of settle.quiet_seconds."""
    brackets: PhotoNumber | None = None
    """The number of photos that makes a set complete: it then starts at once. A whole shoot in one folder is
    counted off in sets of so many."""
    single_photo: SinglePhoto | None = None
    """What becomes of one photo alone without operations: merge or refuse."""
    group: Literal["auto", "review"] | None = None
    """Photos that lie in the project's folder itself: auto makes the sets that are beyond doubt, review waits
    for a person (__ok at the folder's name, a file READY.txt in it, or `hotfolder approve`) in any case; in a
    route with room, review holds those rooms as well."""
    over_seven: OverSeven | None = None
    """A set of more than seven photos in a whole shoot: refuse, split or spread."""
    name_sets: NameScheme | None = None
    """What the sets of a whole shoot are called: numbered (12 Elm Road-01) or first_file."""
    deliver: Delivery = Delivery()
    """What is delivered differently from `deliver` in general."""


class Route(RouteBase):
    """A route with its tags resolved into operations. A variant's operations are appended to `operations` and
    replace those of the same kind."""

    operations: tuple[Operation, ...] = ()
    variants: tuple[Variant, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """The names of a set that routes match on. `tags` are the room's, then the project's, by full name where
    known."""

    project: str
    room: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RouteVerdict:
    """Whether a route matched, and why or why not, for people."""

    route: str
    matched: bool
    reason: str


def name_matches(name: str, pattern: str) -> bool:
    """Glob match that ignores case and, unless the pattern has `[`, treats runs of spaces, hyphens and
    underscores as equal."""
    if _glob(name, pattern):
        return True
    return "[" not in pattern and _glob(GAPS.sub(" ", name), GAPS.sub(" ", pattern))


def tag_matches(tags: Sequence[str], pattern: str) -> bool:
    """Whether one of the tags matches the glob pattern; both are also compared in their `normal` spelling,
    unless the pattern has `[`."""
    wanted = pattern.casefold() if "[" in pattern else normal(pattern)
    return any(_glob(tag, wanted) or _glob(normal(tag), wanted) for tag in tags)


def _glob(name: str, pattern: str) -> bool:
    return fnmatchcase(to_nfc(name).casefold(), to_nfc(pattern).casefold())


def has_wildcard(pattern: str) -> bool:
    return WILDCARDS.search(pattern) is not None


def match_names(route: RouteBase, subject: Subject) -> tuple[bool, str]:
    """Whether project, room and tags match, with the reason; the number of photos is not checked."""
    reasons: list[str] = []
    for what, name, patterns in (
        ("project", subject.project, route.match.project),
        ("room", subject.room, route.match.room),
    ):
        if patterns is None:
            continue
        if not any(name_matches(name, pattern) for pattern in patterns):
            return False, f"{what} {quoted(name)} does not match {_alternatives_text(patterns)}"
        reasons.append(f"{what} {quoted(name)} matches {_alternatives_text(patterns)}")
    if route.match.tag is not None:
        wanted = _alternatives_text(route.match.tag)
        if not any(tag_matches(subject.tags, pattern) for pattern in route.match.tag):
            present = "no tag" if not subject.tags else "tags " + ", ".join(map(quoted, subject.tags))
            return False, f"{present}; wanted {wanted}"
        reasons.append(f"a tag matches {wanted}")
    return True, " and ".join(reasons)


def match_route(route: RouteBase, subject: Subject, photo_count: int) -> RouteVerdict:
    """Match one route against one set."""
    matched, reason = match_names(route, subject)
    wanted = route.match.photos
    if matched and wanted is not None:
        count = counted(photo_count, "photo")
        if photo_count not in wanted:
            return RouteVerdict(route.name, False, f"{count}, not {wanted}")
        reason = f"{reason} and {count}" if reason else count
    return RouteVerdict(route.name, matched, reason or "it matches every set")


def _alternatives_text(patterns: Sequence[str]) -> str:
    return " or ".join(quoted(pattern) for pattern in patterns)
