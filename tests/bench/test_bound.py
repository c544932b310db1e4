"""The bound against values calculated by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.bound import (
    Shoot,
    World,
    bound_seconds,
    cluster_seconds,
    edits_seconds,
    last_photo_seconds,
    one_set_seconds,
    tail_seconds,
)

WORLD = World()


def test_a_tail_is_five_round_trips_two_downloads_an_upload_and_the_edit() -> None:
    assert tail_seconds(WORLD) == pytest.approx(5 * 0.04 + 2 * 0.015 + 0.125 + 2.0)


@pytest.mark.parametrize(("sets", "seconds"), [(40, 26.515), (16, 14.515), (1, 7.015)])
def test_the_usual_shoots_are_bound_as_worked_out_by_hand(sets: int, seconds: float) -> None:
    assert bound_seconds(Shoot(sets), WORLD) == pytest.approx(seconds)


def test_one_photo_cannot_use_more_than_its_connection() -> None:
    """A set of one photo goes up at the rate of one connection, however fast the line is."""
    wide = replace(WORLD, uplink=1e9)
    assert one_set_seconds(Shoot(1, photos=1), wide) == pytest.approx(0.16 + 4 / 12 + 4 + tail_seconds(wide))


def test_a_small_cluster_decides_over_a_wide_line() -> None:
    wide = replace(WORLD, uplink=1e9, merge_slots=1)
    assert bound_seconds(Shoot(10), wide) == cluster_seconds(Shoot(10), wide)
    assert cluster_seconds(Shoot(10), wide) - cluster_seconds(Shoot(9), wide) == pytest.approx(4.0)


def test_few_editors_decide_over_a_wide_line_and_a_large_cluster() -> None:
    wide = replace(WORLD, uplink=1e9, merge_slots=100, edit_slots=1)
    assert bound_seconds(Shoot(10), wide) == edits_seconds(Shoot(10), wide)
    assert edits_seconds(Shoot(10), wide) - edits_seconds(Shoot(9), wide) == pytest.approx(2.0)


def test_a_narrow_line_decides_by_bytes_alone() -> None:
    assert bound_seconds(Shoot(80), WORLD) - bound_seconds(Shoot(40), WORLD) == pytest.approx(20.0)
    assert bound_seconds(Shoot(80), WORLD) == last_photo_seconds(Shoot(80), WORLD)


def test_for_a_single_set_no_term_is_larger_than_the_set_alone() -> None:
    assert bound_seconds(Shoot(1), WORLD) == pytest.approx(one_set_seconds(Shoot(1), WORLD))


def test_in_slow_motion_everything_takes_so_many_times_as_long() -> None:
    for sets in (1, 16, 40):
        slow = bound_seconds(Shoot(sets), WORLD.slower(3.0))
        assert slow == pytest.approx(3 * bound_seconds(Shoot(sets), WORLD))
