"""What a rulebook says of a set, remembered: it is asked at every look at every set that waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from hotfolder.jobs.tools import Place
from hotfolder.rules.routing import Rulebook

T = TypeVar("T")

KEEP_SECONDS = 30.0
"""What wasn't asked for so long may be forgotten, and is after twice as long. A set that waits is asked about
more often than that; one whose job is done never again."""


class Memo(Generic[T]):
    """Calls `decide`, a pure function, once for each set, number of photos and rulebook, as long as it is
    asked again and again. `monotonic` gives seconds."""

    def __init__(self, decide: Callable[[Rulebook, Place, int], T], monotonic: Callable[[], float]) -> None:
        self._decide = decide
        self._monotonic = monotonic
        self._lately: dict[tuple[Place, int], tuple[Rulebook, T]] = {}
        self._before: dict[tuple[Place, int], tuple[Rulebook, T]] = {}
        self._since = float("-inf")

    def __call__(self, rulebook: Rulebook, place: Place, photo_count: int) -> T:
        """What `decide` says, or said; raises what it raises."""
        now = self._monotonic()
        if now - self._since >= KEEP_SECONDS:
            self._before, self._lately, self._since = self._lately, {}, now
        question = (place, photo_count)
        known = self._lately.get(question) or self._before.get(question)
        if known is None or known[0] is not rulebook:
            known = (rulebook, self._decide(rulebook, place, photo_count))
        self._lately[question] = known
        return known[1]

    def __len__(self) -> int:
        """How many answers are remembered."""
        return len(self._lately.keys() | self._before.keys())
