"""Faults by request count, so that every contender meets the same ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

RETRY_AFTER_SECONDS = 1.0
SLOW_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Trouble:
    """`refuse`: 429, not executed. `reset`: disconnect after execution. `cut`: disconnect halfway through the
    body."""

    refuse: bool = False
    reset: bool = False
    cut: bool = False
    slow_seconds: float = 0.0


NONE = Trouble()
EVERY: dict[str, dict[int, Trouble]] = {
    "slot": {29: Trouble(refuse=True), 41: Trouble(slow_seconds=SLOW_SECONDS)},
    "put": {23: Trouble(cut=True), 37: Trouble(refuse=True), 31: Trouble(slow_seconds=SLOW_SECONDS)},
    "group": {7: Trouble(reset=True), 11: Trouble(refuse=True)},
    "poll": {17: Trouble(refuse=True), 29: Trouble(reset=True), 23: Trouble(slow_seconds=SLOW_SECONDS)},
    "enhance": {7: Trouble(refuse=True), 5: Trouble(slow_seconds=SLOW_SECONDS), 13: Trouble(reset=True)},
    "image": {9: Trouble(cut=True), 11: Trouble(refuse=True)},
    "operate": {7: Trouble(refuse=True), 5: Trouble(slow_seconds=SLOW_SECONDS)},
    "result": {11: Trouble(cut=True), 19: Trouble(slow_seconds=SLOW_SECONDS)},
}
"""By kind of request: every n-th one meets this fault. A paid operation is never reset, since then nobody
could tell whether it was charged; an accepted merge is, since its group can."""


class Fate:
    """Hands out the fault that is due, and adds up the time that it costs by itself."""

    def __init__(self, on: bool) -> None:
        self._on = on
        self._met: Counter[str] = Counter()
        self.injected: Counter[str] = Counter()
        self.injected_seconds = 0.0

    def next(self, kind: str) -> Trouble:
        """The fault of the next request of that kind."""
        self._met[kind] += 1
        if not self._on:
            return NONE
        for number, trouble in EVERY.get(kind, {}).items():
            if self._met[kind] % number == 0:
                self.injected[f"{kind} {named(trouble)}"] += 1
                self.injected_seconds += trouble.slow_seconds + RETRY_AFTER_SECONDS * trouble.refuse
                return trouble
        return NONE


def named(trouble: Trouble) -> str:
    if trouble.refuse:
        return "429"
    if trouble.reset or trouble.cut:
        return "reset"
    return "slow"
