"""Which parts of the daemon are alive, and whether it is ready."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hotfolder.telemetry.overview import Overview, with_hint


@dataclass(frozen=True, slots=True)
class Beat:
    """A part's last sign of life. `at` is in seconds of the monotonic clock; later than the limit is late."""

    part: str
    at: float
    limit_seconds: float

    def silent_seconds(self, now: float) -> float:
        return max(0.0, now - self.at)

    def late(self, now: float) -> bool:
        return self.silent_seconds(now) > self.limit_seconds


def late(beats: Iterable[Beat], now: float) -> tuple[Beat, ...]:
    """Those that are late, the longest silent first."""
    those = (beat for beat in beats if beat.late(now))
    return tuple(sorted(those, key=lambda beat: beat.silent_seconds(now), reverse=True))


def in_words(beat: Beat, now: float) -> str:
    return f"the {beat.part} has not moved for {beat.silent_seconds(now):.0f} seconds"


class Heartbeats:
    """The parts that are expected to beat. Any thread may beat and any may look.

    A part that joins is taken to have beaten just then, so it has its whole limit to come to life.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic
        self._limits: dict[str, float] = {}
        self._last: dict[str, Callable[[], float]] = {}
        self._beaten: dict[str, float] = {}

    def expect(
        self, part: str, limit_seconds: float, last: Callable[[], float] | None = None
    ) -> Callable[[], None]:
        """Expect a beat of `part` every `limit_seconds`; returns what the part calls to beat.

        With `last`, a part that keeps its own time is asked for it (seconds of the same clock) as well;
        the later of the two counts.
        """
        self._beaten[part] = self.monotonic()
        if last is not None:
            self._last[part] = last
        self._limits[part] = limit_seconds
        return lambda: self.beat(part)

    def beat(self, part: str) -> None:
        """`part` is alive. One that isn't expected is not missed either."""
        if part in self._limits:
            self._beaten[part] = self.monotonic()

    def retire(self, part: str) -> None:
        """`part` has ended on purpose and is no longer expected."""
        self._limits.pop(part, None)
        self._last.pop(part, None)

    def beats(self) -> tuple[Beat, ...]:
        """The last sign of life of every part that is expected."""
        return tuple(Beat(part, self._at(part), limit) for part, limit in tuple(self._limits.items()))

    def late(self) -> tuple[Beat, ...]:
        """The parts that are late now."""
        return late(self.beats(), self.monotonic())

    def _at(self, part: str) -> float:
        beaten, last = self._beaten[part], self._last.get(part)
        return beaten if last is None else max(beaten, last())


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reasons` says all that is wrong, in sentences for people; with none it is well."""

    reasons: tuple[str, ...] = ()
    parts: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def well(self) -> bool:
        return not self.reasons

    def as_dict(self) -> dict[str, Any]:
        return {"ok": self.well, "reasons": list(self.reasons), "parts": self.parts}


def alive(beats: Sequence[Beat], now: float) -> Verdict:
    """Whether every part moves. If not, only a new start helps."""
    return Verdict(
        tuple(in_words(beat, now) for beat in late(beats, now)),
        {
            beat.part: {
                "silent_seconds": round(beat.silent_seconds(now), 1),
                "limit_seconds": beat.limit_seconds,
            }
            for beat in beats
        },
    )


def ready(seen: Overview | None, beats: Sequence[Beat], now: float) -> Verdict:
    """Whether sets are taken and worked on. If not, a new start may not help: the reasons say what does.

    `seen` is None until the store has been read for the first time.
    """
    life = alive(beats, now)
    reasons = list(life.reasons)
    if seen is None:
        reasons.append("the job store has not been read yet")
        return Verdict(tuple(reasons), life.parts)
    reasons += (f"an inbox is out of reach ({name}): {why}" for name, why in seen.degraded.items() if why)
    reasons += (f"nothing can be put into {name}: {why}" for name, why in seen.missing.items() if why)
    if seen.paused:
        reasons.append(f"nothing is paid for: {seen.paused}")
    if seen.trouble:
        reasons.append(f"the API is not asked just now: {with_hint(seen.trouble, seen.trouble_hint)}")
    return Verdict(tuple(reasons), life.parts)
