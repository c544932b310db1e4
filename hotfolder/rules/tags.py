"""Tags: what a folder's name can ask for. One table, built from the API's own words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from hotfolder.errors import RuleRefused
from hotfolder.rules.nearest import nearest, normal, shown
from hotfolder.stager.operations import Lawn, Operation, Sky, Stage
from hotfolder.stager.vocabulary import LawnType, RoomStyle, RoomType, SkySubType, SkyType

AGAIN = "again"
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag by its full spelling, and what it does. `again` alone does nothing to the picture."""

    name: str
    operations: tuple[Operation, ...] = ()


def hyphened(word: str) -> str:
    """An enum's value as a tag spells it: `midCentury` is `mid-century`, `LIVING_ROOM` is `living-room`."""
    return CAMEL.sub("-", word).replace("_", "-").lower()


def _all_built_in() -> Iterable[Tag]:
    yield Tag(AGAIN)
    yield Tag("sky-blue", (Sky(sky_type=SkyType.BLUE),))
    yield Tag("sky-twilight", (Sky(sky_type=SkyType.TWILIGHT),))
    for sub_type in SkySubType:
        yield Tag(f"sky-twilight-{sub_type}", (Sky(sky_type=SkyType.TWILIGHT, sky_sub_type=sub_type),))
    for lawn_type in LawnType:
        yield Tag(f"lawn-{lawn_type}", (Lawn(lawn_type=lawn_type),))
    for style in RoomStyle:
        yield Tag(f"stage-{hyphened(style)}", (Stage(room_style=style),))
        for room_type in RoomType:
            operation = Stage(room_style=style, room_type=room_type)
            yield Tag(f"stage-{hyphened(style)}-{hyphened(room_type)}", (operation,))


@cache
def built_in_tags() -> Mapping[str, Tag]:
    """Every built-in tag by its normal spelling."""
    return {normal(tag.name): tag for tag in _all_built_in()}


@dataclass(frozen=True)
class TagTable:
    """The built-in tags and the studio's own (name → operations), which may not shadow a built-in one."""

    own: Mapping[str, tuple[Operation, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.own:
            if not normal(name) or normal(name) in built_in_tags():
                raise ValueError(f"the own tag {shown(name)} is empty or shadows a built-in one")

    def find(self, typed: str) -> Tag | None:
        """The tag that was typed, in whatever spelling, or None."""
        wanted = normal(typed)
        for name, operations in self.own.items():
            if normal(name) == wanted:
                return Tag(name, operations)
        return built_in_tags().get(wanted)

    def nearest(self, typed: str) -> str | None:
        """The tag that was probably meant."""
        return nearest(typed, [*self.own, *(tag.name for tag in built_in_tags().values())])

    def families(self) -> str:
        """Every tag there is, for people: one list that fits on a screen."""
        return "; ".join(
            [
                "sky-blue",
                "sky-twilight (or with -" + ", -".join(SkySubType) + ")",
                ", ".join(f"lawn-{lawn_type}" for lawn_type in LawnType),
                "stage-<style> or stage-<style>-<room type>, with the styles "
                + ", ".join(hyphened(style) for style in RoomStyle)
                + " and the room types "
                + ", ".join(hyphened(room_type) for room_type in RoomType),
                *([", ".join(self.own)] if self.own else []),
                AGAIN,
            ]
        )

    def read(self, typed: Iterable[str], folder: str) -> tuple[Tag, ...]:
        """The tags of one folder's name, each once, left to right.

        Raises RuleRefused for a tag that doesn't exist, and for two that contradict each other.
        """
        tags: list[Tag] = []
        for text in typed:
            tag = self.find(text)
            if tag is None:
                raise self._unknown(text, folder)
            for earlier in tags:
                _refuse_contradiction(earlier, tag, folder)
            if not any(earlier.name == tag.name for earlier in tags):
                tags.append(tag)
        return tuple(tags)

    def _unknown(self, typed: str, folder: str) -> RuleRefused:
        guess = self.nearest(typed)
        meant = f"; did you mean {shown(guess)}?" if guess else "."
        return RuleRefused(
            f"Unknown tag {shown(typed)} in the folder name {shown(folder)}{meant}"
            f" Allowed: {self.families()}.",
            hint="Rename the folder so that every part after a double underscore is one of these tags.",
        )


def _refuse_contradiction(earlier: Tag, later: Tag, folder: str) -> None:
    for first in earlier.operations:
        for second in later.operations:
            if first.kind == second.kind and first != second:
                raise RuleRefused(
                    f"The tags {shown(earlier.name)} and {shown(later.name)} in the folder name"
                    f" {shown(folder)} contradict each other: a picture gets one {first.kind} operation.",
                    hint="Rename the folder so that only one of the two is left.",
                )


def merged_operations(tags: Iterable[Tag]) -> tuple[Operation, ...]:
    """What a folder's tags do, left to right; one of each kind, since contradictions were refused."""
    operations: list[Operation] = []
    for tag in tags:
        operations += [one for one in tag.operations if one not in operations]
    return tuple(operations)


def operation_word(operation: Operation) -> str:
    """The tag that asks for `operation`: `sky-twilight`, `lawn-strong`, `stage-mid-century`."""
    match operation:
        case Sky():
            plain = f"sky-{operation.sky_type}"
            if operation.sky_sub_type is SkySubType.MIDDLE:
                return plain
            return f"{plain}-{operation.sky_sub_type}"
        case Lawn():
            return f"lawn-{operation.lawn_type}"
        case Stage():
            return f"stage-{hyphened(operation.room_style)}"
