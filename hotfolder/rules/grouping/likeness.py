"""Do two photos show the same picture? Told from their signatures, whatever their exposure.

Measured on brackets: frames of one tripod set differ in at most 0.10 of the answers that both know, hand-held
neighbours in 0.20, and no two scenes in less than 0.31.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from functools import lru_cache

from hotfolder.rules.grouping.model import GroupingPhoto

_SAME_UP_TO = 0.17
_DIFFERENT_FROM = 0.30
_LEAST_ANSWERS = 24


class Likeness(Enum):
    SAME = auto()
    DIFFERENT = auto()
    UNCLEAR = auto()


def likeness(one: GroupingPhoto, other: GroupingPhoto) -> Likeness:
    """Whether they show the same; UNCLEAR too where too little is visible in both."""
    share = difference(one, other)
    if share is None or _SAME_UP_TO < share < _DIFFERENT_FROM:
        return Likeness.UNCLEAR
    return Likeness.SAME if share <= _SAME_UP_TO else Likeness.DIFFERENT


def likeness_to(one: GroupingPhoto, others: Iterable[GroupingPhoto]) -> Likeness:
    """As the most similar of `others` says: a very dark and a very bright frame may share nothing visible."""
    shares = [share for other in others if (share := difference(one, other)) is not None]
    if not shares or _SAME_UP_TO < min(shares) < _DIFFERENT_FROM:
        return Likeness.UNCLEAR
    return Likeness.SAME if min(shares) <= _SAME_UP_TO else Likeness.DIFFERENT


def comparable(one: GroupingPhoto, other: GroupingPhoto) -> bool:
    """Whether enough is visible in both."""
    return difference(one, other) is not None


def difference(one: GroupingPhoto, other: GroupingPhoto) -> float | None:
    """The share, 0 to 1, of answers in which their signatures differ; None where they share too few."""
    if not one.signature or not other.signature:
        return None
    darker, known = _parts(one.signature)
    darker_too, known_too = _parts(other.signature)
    shared = known & known_too
    answers = shared.bit_count()
    return ((darker ^ darker_too) & shared).bit_count() / answers if answers >= _LEAST_ANSWERS else None


@lru_cache(maxsize=8192)
def _parts(signature: str) -> tuple[int, int]:
    darker, _, known = signature.partition("-")
    return int(darker, 16), int(known, 16)
