"""Grouping's types: its options, and the sets, refusals and doubts that come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from hotfolder.rules.sets import Photo

IDLE_SECONDS = 4.0
"""No bracketing camera pauses longer between two frames of a set."""
BY_HAND_SECONDS = 30.0
"""No photographer who turns the exposure by hand pauses longer between two frames of a set."""
SAME_EXPOSURE_EV = 0.2
"""Exposure values that differ by no more are the same exposure."""


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
    """Photos that become one picture, 1 to 7, from dark to bright.

    `evidence` says why the set begins where it does, `doubts` why a person should look first, in sentences.
    `first` is the name of the photo that was taken first.
    """

    photos: tuple[Photo, ...]
    first: str
    evidence: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        return not self.doubts


@dataclass(frozen=True, slots=True)
class RefusedSet:
    """Photos that belong together but can't be made into one picture."""

    photos: tuple[Photo, ...]
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class KeptOut:
    """A photo that takes part in no set, and why, in a sentence."""

    photo: Photo
    reason: str


@dataclass(frozen=True, slots=True)
class Grouping:
    """Every photo of a drop is in exactly one of `sets`, `refused` and `kept_out`.

    `notices` are sentences worth saying that make nothing doubtful. `doubts` concern the drop as a whole.
    """

    sets: tuple[GroupedSet, ...]
    refused: tuple[RefusedSet, ...] = ()
    kept_out: tuple[KeptOut, ...] = ()
    notices: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def members(self) -> list[tuple[Photo, ...]]:
        """The photos of each of `sets`, and then of each of `refused`."""
        return [*(each.photos for each in self.sets), *(each.photos for each in self.refused)]

    @property
    def sure(self) -> bool:
        """Whether it may go ahead without a person: no doubt about the whole or any set."""
        return not self.doubts and all(each.sure for each in self.sets)


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
