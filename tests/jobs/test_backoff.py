"""How long is waited: pure functions."""

from __future__ import annotations

import pytest

from hotfolder.jobs.backoff import backoff_seconds, poll_seconds


def test_waiting_doubles_from_one_second_to_five_minutes_and_stays_there() -> None:
    assert [backoff_seconds(failures) for failures in range(1, 11)] == [
        *(1, 2, 4, 8, 16, 32, 64, 128, 256, 300),
    ]
    assert backoff_seconds(10**9) == 300


@pytest.mark.parametrize(("failures", "wish", "waited"), [(1, 20.0, 20.0), (10, 2.0, 300.0), (3, None, 4.0)])
def test_the_servers_wish_can_only_make_it_longer(failures: int, wish: float | None, waited: float) -> None:
    assert backoff_seconds(failures, wish) == waited


def test_a_finished_merge_is_noticed_within_2_s_or_a_tenth_of_its_time() -> None:
    looks = [0.0]
    while looks[-1] < 4000:
        looks.append(looks[-1] + poll_seconds(looks[-1]))
    for end in (tenth / 10 for tenth in range(1, 36000)):
        noticed = next(look for look in looks if look >= end)
        assert noticed - end <= max(2.0, 0.1 * end), end


def test_a_merge_of_half_an_hour_is_asked_for_less_than_a_hundred_times() -> None:
    elapsed, looks = 0.0, 0
    while elapsed < 1800:
        elapsed, looks = elapsed + poll_seconds(elapsed), looks + 1
    assert looks < 100


def test_a_merge_is_looked_at_often_once_it_is_likely_done() -> None:
    """Earlier merges took 4 s: just before that the looks become dense, and later they thin out."""
    assert poll_seconds(3.0, 4.0) == pytest.approx(0.8)
    assert poll_seconds(3.9, 4.0) == pytest.approx(0.2)
    assert poll_seconds(10.0, 4.0) < poll_seconds(10.0)


@pytest.mark.parametrize("expected_seconds", [0.0, 3.0, 60.0, 600.0])
@pytest.mark.parametrize("polling", [1, 64, 1000])
def test_no_merge_is_noticed_too_late_whatever_earlier_ones_took(
    expected_seconds: float, polling: int
) -> None:
    """At most 2 s or 10 % of a merge's own time is lost after its end."""
    elapsed = 0.0
    while elapsed < 1800:
        pause = poll_seconds(elapsed, expected_seconds, polling)
        assert 0.02 < pause <= max(2.0, 0.1 * elapsed)
        elapsed += pause
