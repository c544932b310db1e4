"""Types of the grouping: its options, and its result of sets, refusals and doubts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Literal

from hotfolder.display import counted
from hotfolder.rules.sets import Photo

IDLE_SECONDS = 4.0
"""The longest pause of a bracketing camera between two frames of a set."""
BY_HAND_SECONDS = 30.0
"""The longest pause between two frames of a set when the exposure is changed by hand."""
SAME_EXPOSURE_EV = 0.2
"""The largest difference between exposure values that count as the same exposure."""
MOST_DOUBTS = 3


OverSeven = Literal["refuse", "split", "spread"]
"""A set of more photos than the API takes: not made, made in parts, or made of those that span it."""


@dataclass(frozen=True, slots=True)
class GroupingOptions:
    """`brackets`, 1 or more: the photos are counted off in sets of that size. None: sets are separated by
    capture data, and photos without capture data by their content."""

    brackets: int | None = None
    over_seven: OverSeven = "refuse"


@dataclass(frozen=True, slots=True)
class GroupedSet:
    """Photos that become one picture, 1 to 7: sorted from dark to bright, and by name once the set is named.

    `evidence` says why the set begins where it does, `doubts` why a person should review it, in sentences
    without full stops. `notes` are sentences for the receipt. `by_person`: a person put it together.
    """

    photos: tuple[Photo, ...]
    evidence: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    name: str = ""
    notes: tuple[str, ...] = ()
    by_person: bool = False

    @property
    def sure(self) -> bool:
        return not self.doubts

    def held_text(self) -> str:
        """The photos and the doubts about them, for people, without a full stop."""
        return f"{_photo_range(self.photos)}, held for a person: {join_doubts(self.doubts)}"


@dataclass(frozen=True, slots=True)
class RefusedSet:
    """Photos that belong together but can't be made into one picture; sorted as in `GroupedSet`."""

    photos: tuple[Photo, ...]
    reason: str
    hint: str
    name: str = ""

    def held_text(self) -> str:
        """The photos and the reason why they wait, for people, without a full stop."""
        return f"{_photo_range(self.photos)}, held for a person: {self.reason.rstrip('.')}"


@dataclass(frozen=True, slots=True)
class Grouping:
    """The result of grouping: every photo is in exactly one of `sets`, `refused` and `kept_out` (the reason
    by photo name).

    `notices` are sentences for people that cause no doubt. `doubts` concern the drop as a whole.

    `rules/shoots.py` names the sets and decides whether a person must review: `why`, "" where not, and
    `held`, the names of the sets that wait, all or only the doubtful ones. `rules/drops.py` adds `late`, why
    sets wait that came late, by name. `unmade` are the reasons why sets that a person put together aren't
    made.
    """

    sets: tuple[GroupedSet, ...]
    refused: tuple[RefusedSet, ...] = ()
    kept_out: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    why: str = ""
    held: frozenset[str] = frozenset()
    late: Mapping[str, str] = field(default_factory=dict)
    unmade: tuple[str, ...] = ()

    def parts(self) -> list[GroupedSet | RefusedSet]:
        """The `sets`, and then the `refused`."""
        return [*self.sets, *self.refused]

    @property
    def sure(self) -> bool:
        """Whether there is no doubt about the drop or any of its sets."""
        return not self.doubts and all(each.sure for each in self.sets)

    @property
    def held_text(self) -> str:
        """The number of sets that wait and the reason, for people; "" where none does."""
        late = join_doubts([f"{name}: {why}" for name, why in self.late.items()])
        why = "; ".join(filter(None, (self.why, late)))
        return f"{counted(len(self.waiting), 'set')}, held for a person: {why}" if self.waiting else ""

    @property
    def waiting(self) -> Set[str]:
        """The names of the sets that are held or late."""
        return self.held | self.late.keys()

    @property
    def waits_whole(self) -> bool:
        """Whether all of its sets are held, be they late or not."""
        return bool(self.held) and len(self.held) == len(self.sets)

    def why_waits(self, each: GroupedSet) -> tuple[str, ...]:
        """The reasons why a set waits: its own doubts, else those about the drop, else `why`; and why it is
        late."""
        held = each.doubts or self.doubts or (self.why,)
        late = self.late.get(each.name)
        return (*(held if each.name in self.held else ()), *((late,) if late is not None else ()))


def _photo_range(photos: Sequence[Photo]) -> str:
    first, last = photos[0].name, photos[-1].name
    return first if len(photos) == 1 else f"{len(photos)} photos, {first} to {last}"


def join_doubts(doubts: Sequence[str]) -> str:
    """The first MOST_DOUBTS doubts, joined, and the number of the others."""
    told = list(doubts[:MOST_DOUBTS])
    if len(doubts) > len(told):
        told.append(f"and {len(doubts) - len(told)} more")
    return "; ".join(told)


@dataclass(slots=True)
class Draft:
    """A set under construction, its photos in the order taken. `weak` doubts are dropped if the set's
    exposures match those of most sets of the drop, `mutual` ones if those of all sets that share them do too;
    `doubts` stay. `flash_frame_count` is the number of flash frames in one burst with its frames; others may
    be kept out beside it (`flash_frames`)."""

    photos: list[Photo]
    evidence: tuple[str, ...] = ()
    doubts: list[str] = field(default_factory=list)
    weak: list[str] = field(default_factory=list)
    mutual: list[str] = field(default_factory=list)
    flash_frame_count: int = 0
