"""How long is waited: pure functions."""

from __future__ import annotations

import pytest

from hotfolder.jobs.breaker import backoff_seconds


def test_waiting_doubles_from_one_second_to_five_minutes_and_stays_there() -> None:
    assert [backoff_seconds(failures) for failures in range(1, 11)] == [
        *(1, 2, 4, 8, 16, 32, 64, 128, 256, 300),
    ]
    assert backoff_seconds(10**9) == 300


@pytest.mark.parametrize(("failures", "wish", "waited"), [(1, 20.0, 20.0), (10, 2.0, 300.0), (3, None, 4.0)])
def test_the_servers_wish_can_only_make_it_longer(failures: int, wish: float | None, waited: float) -> None:
    assert backoff_seconds(failures, wish) == waited
