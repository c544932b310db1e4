"""How often is the whole inbox looked at? Often while something happens, seldom while nothing does."""

from __future__ import annotations

CALM_SECONDS = 60.0
"""After so long without an event and without a set that is arriving nothing is expected."""
CALM_SCAN_SECONDS = 60.0
SOON_SECONDS, STEP_BACK_SECONDS = 1.0, 5.0
"""A full look, which may take a second, steps back behind sets that may start so soon, for so long."""


class Rhythm:
    """When the next full look is due, and the next look at the root alone. `now` is monotonic, in seconds.

    Full looks come every `scan_seconds`: events are hints, and some are lost, in a burst above all. Only
    where events are sure to come, and none has come for long, a full look may wait, until the first event.
    """

    def __init__(self) -> None:
        self.full_at = float("-inf")
        self.root_at = float("-inf")
        self._stirred_at = float("-inf")

    def stir(self, now: float, scan_seconds: float) -> None:
        """Something happens."""
        self._stirred_at = now
        self.full_at = min(self.full_at, now + scan_seconds)

    def looked(self, now: float, scan_seconds: float, *, everywhere: bool, announced: bool) -> None:
        """A look begins. `announced`: what happens in the inbox is sure to be announced by events."""
        self.root_at = now + scan_seconds
        if everywhere:
            calm = announced and now - self._stirred_at >= CALM_SECONDS
            self.full_at = now + (max(scan_seconds, CALM_SCAN_SECONDS) if calm else scan_seconds)

    def full_look_at(self, now: float, next_set_at: float | None) -> float:
        """When the next full look is due, where the next set may start at `next_set_at`; None: whenever it
        may, looks alone tell of new ones, and come first."""
        if next_set_at is not None and next_set_at < now + SOON_SECONDS:
            return self.full_at + STEP_BACK_SECONDS
        return self.full_at

    def hurry(self) -> None:
        """Let everything be looked at next."""
        self.full_at = float("-inf")
