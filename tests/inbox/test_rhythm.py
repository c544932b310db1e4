"""When the whole inbox is looked at."""

from __future__ import annotations

import pytest

from hotfolder.inbox.rhythm import CALM_SCAN_SECONDS, CALM_SECONDS, STEP_BACK_SECONDS, Rhythm


def full_looks(rhythm: Rhythm, since: float, until: float, *, announced: bool) -> list[float]:
    """When full looks come, if the daemon looks as soon as one is due."""
    found, now = [], since
    while now < until:
        everywhere = now >= rhythm.full_at
        if everywhere:
            found.append(now)
        rhythm.looked(now, 10.0, everywhere=everywhere, announced=announced)
        now = min(rhythm.full_at, rhythm.root_at)
    return found


def test_where_events_are_not_sure_to_come_everything_is_looked_at_as_often_as_is_set() -> None:
    assert full_looks(Rhythm(), 0, 100, announced=False) == [*range(0, 100, 10)]


def test_where_nothing_happens_full_looks_become_rare_and_the_root_is_looked_at_as_often() -> None:
    rhythm = Rhythm()
    rhythm.stir(0, 10.0)
    looks = full_looks(rhythm, 0, 200, announced=True)
    assert looks == [0, 10, 20, 30, 40, 50, 60, 120, 180]
    assert CALM_SECONDS == 60 and CALM_SCAN_SECONDS == 60
    assert rhythm.root_at - 200 <= 10


def test_the_first_event_ends_the_calm() -> None:
    """What else was lost of a burst is found as soon as ever."""
    rhythm = Rhythm()
    full_looks(rhythm, 0, 100, announced=True)
    rhythm.stir(101, 10.0)
    assert rhythm.full_at <= 111
    assert full_looks(rhythm, 111, 150, announced=True) == [111, 121, 131, 141]


@pytest.mark.parametrize("scan_seconds", [60.0, 600.0])
def test_who_wants_it_even_rarer_gets_that(scan_seconds: float) -> None:
    rhythm = Rhythm()
    rhythm.looked(0, scan_seconds, everywhere=True, announced=True)
    assert rhythm.full_at == scan_seconds


def test_a_hurry_comes_before_all() -> None:
    rhythm = Rhythm()
    rhythm.looked(0, 10.0, everywhere=True, announced=True)
    rhythm.hurry()
    assert rhythm.full_at < 0


def test_a_full_look_steps_back_behind_a_set_that_may_start_but_not_for_ever() -> None:
    rhythm = Rhythm()
    rhythm.looked(0, 10.0, everywhere=True, announced=False)
    assert rhythm.full_look_at(10, 10.5) == 10 + STEP_BACK_SECONDS
    assert rhythm.full_look_at(10, 12.5) == 10
    assert rhythm.full_look_at(10, None) == 10
    rhythm.hurry()
    assert rhythm.full_look_at(10, 10.5) < 10
