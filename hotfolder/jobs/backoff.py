"""How long to wait before asking again: pure functions."""

from __future__ import annotations

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 300.0


def backoff_seconds(failures: int, retry_after_seconds: float | None = None) -> float:
    """Seconds to wait after `failures` (≥ 1) in a row: 1, doubling to 5 min; longer if the server asks."""
    delay = min(FIRST_SECONDS * 2.0 ** (min(failures, 32) - 1), LONGEST_SECONDS)
    return max(delay, retry_after_seconds or 0.0)
