"""Sets of more photos than the API takes."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from hotfolder.rules.grouping.model import GroupingPhoto, KeptOut, RefusedSet
from hotfolder.rules.sets import MOST_PHOTOS


def refused(ordered: Sequence[GroupingPhoto]) -> RefusedSet:
    """The set as it stands, with the sentence that says what to do."""
    return RefusedSet(
        tuple(ordered),
        f"{len(ordered)} photos belong to one set, from {ordered[0].name} to {ordered[-1].name}; "
        f"the API takes {MOST_PHOTOS}.",
        "Take some out, or set over_seven to split or spread.",
    )


def split(ordered: Sequence[GroupingPhoto]) -> list[list[GroupingPhoto]]:
    """As few parts as possible, each spanning dark to bright."""
    parts = ceil(len(ordered) / MOST_PHOTOS)
    return [list(ordered[start::parts]) for start in range(parts)]


def spread(ordered: Sequence[GroupingPhoto]) -> tuple[list[GroupingPhoto], list[KeptOut]]:
    """The darkest, the brightest and what lies evenly between; and the rest, each named."""
    last = len(ordered) - 1
    picked = {round(number * last / (MOST_PHOTOS - 1)) for number in range(MOST_PHOTOS)}
    chosen = [photo for number, photo in enumerate(ordered) if number in picked]
    out = [
        KeptOut(
            photo,
            f"{photo.name} is left out of a set of {len(ordered)}: the API takes {MOST_PHOTOS}, "
            "and those that span it evenly are used.",
            chosen[0].name,
        )
        for number, photo in enumerate(ordered)
        if number not in picked
    ]
    return chosen, out
