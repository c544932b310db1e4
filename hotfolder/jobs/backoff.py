"""How long to wait before asking again: pure functions."""

from __future__ import annotations

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 300.0


def backoff_seconds(failures: int, retry_after_seconds: float | None = None) -> float:
    """Seconds to wait after `failures` (≥ 1) in a row: 1, doubling to 5 min; longer if the server asks."""
    delay = min(FIRST_SECONDS * 2.0 ** (min(failures, 32) - 1), LONGEST_SECONDS)
    return max(delay, retry_after_seconds or 0.0)


def poll_seconds(elapsed_seconds: float, expected_seconds: float = 0.0, polling: int = 1) -> float:
    """Seconds until a merge that has run for `elapsed_seconds` is looked at again.

    A merge is thus noticed at most 2 s, or 8 % of its own time, after its end, whichever is larger. Once the
    quickest of the latest merges, which took `expected_seconds` (0: none is known), would be done, it is
    looked at often. With `polling` groups at once there are forty looks a second in all, no more.
    """
    usual = max(min(0.5 + elapsed_seconds * 0.1, 1.5), elapsed_seconds * 0.08)
    overdue = elapsed_seconds - 0.95 * expected_seconds
    if expected_seconds > 0:
        usual = min(usual, max(0.2, -overdue if overdue < 0 else overdue * 0.08))
    return max(usual, min(polling / 40, 2.0))
