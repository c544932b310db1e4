"""Which parts of the daemon are alive, and whether it is ready."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hotfolder.display import with_hint
from hotfolder.telemetry.overview import Overview


@dataclass(frozen=True, slots=True)
class Beat:
    """For how long a part has shown no sign of life, and for how long it may."""

    part: str
    silent_seconds: float
    limit_seconds: float

    @property
    def late(self) -> bool:
        return self.silent_seconds > self.limit_seconds


class Heartbeats:
    """The parts that are expected to show life. Any thread may beat and any may look.

    A part that joins is taken to have beaten just then, so it has its whole limit to come to life.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._expected: dict[str, tuple[float, Callable[[], float]]] = {}
        self._beaten: dict[str, float] = {}

    def expect(
        self, part: str, limit_seconds: float, last: Callable[[], float] = lambda: float("-inf")
    ) -> Callable[[], None]:
        """Expect a beat of `part` every `limit_seconds`; returns what the part calls to beat.

        A part that keeps its own time is asked for it by `last` (seconds of the same clock); the later of the
        two counts.
        """

        def beat() -> None:
            self._beaten[part] = self._monotonic()

        beat()
        self._expected[part] = (limit_seconds, last)
        return beat

    def excuse(self, part: str) -> None:
        """The part has ended on purpose, and is expected no longer, should it still beat."""
        self._expected.pop(part, None)

    def retire(self) -> None:
        """All parts end on purpose, and are no longer expected."""
        self._expected = {}

    def beats(self) -> tuple[Beat, ...]:
        """Every part that is expected, as it is now."""
        now = self._monotonic()
        return tuple(
            Beat(part, max(0.0, now - max(self._beaten[part], last())), limit)
            for part, (limit, last) in self._expected.items()
        )

    def hung(self) -> list[str]:
        """A sentence for each part that is late, the longest silent first. Only a new start helps."""
        late = sorted((beat for beat in self.beats() if beat.late), key=lambda beat: -beat.silent_seconds)
        return [f"the {beat.part} has not moved for {beat.silent_seconds:.0f} seconds" for beat in late]


def report(heartbeats: Heartbeats, more: Iterable[str] = ()) -> dict[str, Any]:
    """One JSON object: each part, and all that is wrong in sentences for people, `more` after what hangs."""
    reasons = [*heartbeats.hung(), *more]
    parts = {
        beat.part: {"silent_seconds": round(beat.silent_seconds, 1), "limit_seconds": beat.limit_seconds}
        for beat in heartbeats.beats()
    }
    return {"ok": not reasons, "reasons": reasons, "parts": parts}


def not_ready(seen: Overview | None) -> Iterator[str]:
    """Why sets are not taken or not worked on, though every part moves: a new start may not help.

    `seen` is None until the store has been read for the first time.
    """
    if seen is None:
        yield "the job store has not been read yet"
        return
    yield from (f"an inbox is out of reach ({name}): {why}" for name, why in seen.degraded.items() if why)
    yield from (f"nothing can be put into {name}: {why}" for name, why in seen.missing.items() if why)
    if seen.paused:
        yield f"nothing is paid for: {seen.paused}"
    if seen.trouble:
        yield f"the API is not asked just now: {with_hint(seen.trouble, seen.trouble_hint)}"
