"""The bound against values calculated by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.bound import Shoot, World, bound_seconds

WORLD = World()
WIDE = replace(WORLD, uplink=1e9)
TAIL = 5 * 0.04 + 2 * 0.015 + 0.125 + 2.0
"""Five round trips, two downloads, an upload and the edit."""
ALONE = 4 * 0.04 + 5 * 4 / 60 + 4.0 + TAIL
"""A set of the usual five photos with a wide line to itself."""


@pytest.mark.parametrize(
    ("shoot", "world", "seconds"),
    [
        pytest.param(Shoot(40), WORLD, 26.515, id="forty sets"),
        pytest.param(Shoot(80), WORLD, 46.515, id="a narrow line decides by bytes alone"),
        pytest.param(Shoot(16), WORLD, 14.515, id="sixteen sets"),
        pytest.param(Shoot(1), WORLD, 7.015, id="one set alone"),
        pytest.param(Shoot(1, photos=1), WIDE, ALONE, id="one photo has its connection's rate alone"),
        pytest.param(Shoot(10), replace(WIDE, merge_slots=1), ALONE + 9 * 4.0, id="a small cluster"),
        pytest.param(
            Shoot(10), replace(WIDE, merge_slots=100, edit_slots=1), ALONE + 9 * 2.0, id="few editors"
        ),
    ],
)
def test_shoots_are_bound_as_worked_out_by_hand(shoot: Shoot, world: World, seconds: float) -> None:
    """In slow motion everything takes so many times as long."""
    assert bound_seconds(shoot, world) == pytest.approx(seconds)
    assert bound_seconds(shoot, world.slower(3.0)) == pytest.approx(3 * seconds)
