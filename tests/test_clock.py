"""Moments at which things are done together."""

from __future__ import annotations

import pytest

from hotfolder.clock import to_next


@pytest.mark.parametrize("seconds", [2.0, 3.0, 6.0])
def test_every_moment_leads_to_a_multiple_that_is_neither_too_near_nor_too_far(seconds: float) -> None:
    for tenth in range(200):
        now = tenth / 10
        pause = to_next(seconds, now)
        assert seconds / 2 - 1e-9 <= pause <= 1.5 * seconds + 1e-9
        assert (now + pause) / seconds == pytest.approx(round((now + pause) / seconds))
