"""Whether the daemon is alive, and whether it is ready to work: pure, with every reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hotfolder.service.heartbeats import Beat, in_words, late
from hotfolder.service.overview import Overview, with_hint


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
