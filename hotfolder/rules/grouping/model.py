"""Grouping's types: its options, and the sets, refusals and doubts that come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from hotfolder.display import counted
from hotfolder.rules.sets import Photo

IDLE_SECONDS = 4.0
"""No bracketing camera pauses longer between two frames of a set."""
BY_HAND_SECONDS = 30.0
"""No photographer who turns the exposure by hand pauses longer between two frames of a set."""
SAME_EXPOSURE_EV = 0.2
"""Exposure values that differ by no more are the same exposure."""
MOST_DOUBTS = 3


class OverSeven(StrEnum):
    """A set of more photos than the API takes: not made, made in parts, or made of those that span it."""

    REFUSE = "refuse"
    SPLIT = "split"
    SPREAD = "spread"


@dataclass(frozen=True, slots=True)
class GroupingOptions:
    """`brackets`, 1 or more: the photos are counted off in sets of so many. None: the sets are told apart by
    what the camera recorded, and photos without that by what they show."""

    brackets: int | None = None
    over_seven: OverSeven = OverSeven.REFUSE


@dataclass(frozen=True, slots=True)
class GroupedSet:
    """Photos that become one picture, 1 to 7: from dark to bright, and by name once it has its own `name`.

    `evidence` says why the set begins where it does, `doubts` why a person should look first, in sentences.
    `first` is the name of the photo that was taken first. `notes` are what the receipt is to say of these
    photos. `by_person`: a person put it together.
    """

    photos: tuple[Photo, ...]
    first: str
    evidence: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    name: str = ""
    notes: tuple[str, ...] = ()
    by_person: bool = False

    @property
    def sure(self) -> bool:
        return not self.doubts

    def told(self) -> str:
        """Which photos it is of, and what is doubtful about them, without its full stop."""
        return f"{_which(self.photos)}, held for a person: {some(self.doubts)}"


@dataclass(frozen=True, slots=True)
class RefusedSet:
    """Photos that belong together but can't be made into one picture; in order as those of `GroupedSet`."""

    photos: tuple[Photo, ...]
    reason: str
    hint: str
    name: str = ""

    def told(self) -> str:
        """Which photos it is of, and why they wait, without its full stop."""
        return f"{_which(self.photos)}, held for a person: {self.reason.rstrip('.')}"


@dataclass(frozen=True, slots=True)
class Grouping:
    """Every photo of a drop is in exactly one of `sets`, `refused` and `kept_out`, which says why, by name.

    `notices` are sentences worth saying that make nothing doubtful. `doubts` concern the drop as a whole.

    Once its sets have names (`rules/shoots.py`), `why` a person must look first is decided, "" when nobody
    must: `held` are names of the sets that wait for that, all or, where the others are beyond doubt, those
    that aren't. `unmade` says why sets that a person put together aren't made.
    """

    sets: tuple[GroupedSet, ...]
    refused: tuple[RefusedSet, ...] = ()
    kept_out: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    why: str = ""
    held: frozenset[str] = frozenset()
    unmade: tuple[str, ...] = ()

    def parts(self) -> list[GroupedSet | RefusedSet]:
        """The `sets`, and then the `refused`."""
        return [*self.sets, *self.refused]

    @property
    def sure(self) -> bool:
        """Whether it may go ahead without a person: no doubt about the whole or any set."""
        return not self.doubts and all(each.sure for each in self.sets)

    @property
    def asks(self) -> str:
        """How many sets wait for a person, and why; "" where none does."""
        return f"{counted(len(self.held), 'set')}, held for a person: {self.why}" if self.held else ""

    @property
    def waits_whole(self) -> bool:
        """Whether nothing of it may be made before a person has looked."""
        return bool(self.held) and len(self.held) == len(self.sets)

    def why_waits(self, each: GroupedSet) -> tuple[str, ...]:
        """What is doubtful about a set that is held: one that isn't by itself is for what is about all."""
        return each.doubts or self.doubts or (self.why,)


def _which(photos: Sequence[Photo]) -> str:
    first, last = photos[0].name, photos[-1].name
    return first if len(photos) == 1 else f"{len(photos)} photos, {first} to {last}"


def some(doubts: Sequence[str]) -> str:
    """The first doubts, and how many more there are."""
    told = list(doubts[:MOST_DOUBTS])
    if len(doubts) > len(told):
        told.append(f"and {len(doubts) - len(told)} more")
    return "; ".join(told)


@dataclass(slots=True)
class Draft:
    """A set in the making, its photos in the order they were taken. `weak` doubts vanish when the other sets
    of the drop are alike, `mutual` ones when those that share them are so too; `doubts` stay. `lit` counts
    frames with flash that were fired in its burst."""

    photos: list[Photo]
    evidence: tuple[str, ...] = ()
    doubts: list[str] = field(default_factory=list)
    weak: list[str] = field(default_factory=list)
    mutual: list[str] = field(default_factory=list)
    lit: int = 0
