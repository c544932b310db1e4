"""What a rulebook says of a set, remembered: it is asked at every look at every set that waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from hotfolder.jobs.tools import Place
from hotfolder.rules.routing import Rulebook

T = TypeVar("T")

MOST_SETS = 20_000


class Memo(Generic[T]):
    """Calls `decide`, a pure function, once for each set, number of photos and rulebook."""

    def __init__(self, decide: Callable[[Rulebook, Place, int], T]) -> None:
        self._decide = decide
        self._known: dict[tuple[Place, int], tuple[Rulebook, T]] = {}

    def __call__(self, rulebook: Rulebook, place: Place, photo_count: int) -> T:
        """What `decide` says, or said; raises what it raises."""
        known = self._known.get((place, photo_count))
        if known is not None and known[0] is rulebook:
            return known[1]
        if len(self._known) >= MOST_SETS:
            self._known.clear()
        decided = self._decide(rulebook, place, photo_count)
        self._known[place, photo_count] = (rulebook, decided)
        return decided
