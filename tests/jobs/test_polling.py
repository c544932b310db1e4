"""When a merge is looked at."""

from __future__ import annotations

import asyncio

import pytest

from hotfolder.jobs.polling import LOOKS_PER_SECOND, Polling, Timetable, next_look
from tests.support.clocks import JumpingClock, LeapingClock


def looks(expected_seconds: float | None, until: float, *, foremost: bool = True) -> list[float]:
    """All moments at which a merge is looked at that goes on for so long."""
    found = [0.0]
    while found[-1] < until:
        found.append(found[-1] + next_look(found[-1], expected_seconds, foremost=foremost))
    return found[1:]


@pytest.mark.parametrize("expected_seconds", [None, 0.5, 4.0, 30.0, 600.0])
def test_no_merge_is_noticed_too_late_whatever_earlier_ones_took(expected_seconds: float | None) -> None:
    """At most 2 s or a tenth of its own time is lost after its end; where it is done before what was expected
    5 s or a quarter of that, 15 s at the most."""
    moments = looks(expected_seconds, 4000)
    for end in (tenth / 10 for tenth in range(1, 36000, 7)):
        noticed = next(moment for moment in moments if moment >= end)
        sooner = expected_seconds is not None and end < expected_seconds
        early = min(max(5.0, (expected_seconds or 0.0) / 4), 15.0) if sooner else 0.0
        assert noticed - end <= max(2.0, 0.1 * end, early), end


@pytest.mark.parametrize("expected_seconds", [None, 0.5, 30.0])
def test_a_merge_of_half_an_hour_is_asked_for_little_more_than_a_hundred_times(
    expected_seconds: float | None,
) -> None:
    assert len(looks(expected_seconds, 1800)) < 160


@pytest.mark.parametrize("foremost", [True, False])
def test_a_merge_like_the_earlier_ones_is_first_looked_at_when_it_is_likely_done(*, foremost: bool) -> None:
    """Earlier ones took 4 s: no look before that but one of the foremost, a little before; and at 4.02 s it
    is noticed within a tenth of a second."""
    moments = looks(4.0, 10, foremost=foremost)
    assert (3.8 < moments[0] < 4.0) is foremost
    assert moments[0] > 3.8
    assert next(moment for moment in moments if moment >= 4.02) < 4.12


def test_a_merge_that_takes_minutes_is_asked_for_a_few_times_before_it_is_likely_done() -> None:
    assert len([moment for moment in looks(90.0, 90) if moment < 87]) == 5


async def test_merges_that_begin_to_take_less_are_noticed_ever_sooner() -> None:
    """Where all are looked at when they are expected to be done, none could ever be found to be quicker."""
    clock = LeapingClock()
    polling = Polling(clock)
    polling.learn(5, 8.0)
    for _ in range(40):
        began, elapsed = clock.monotonic(), 0.0
        while elapsed < 4.0:
            await polling.pause(5, elapsed, 100.0)
            elapsed = clock.monotonic() - began
        polling.learn(5, elapsed)
    assert elapsed < 5.0


def test_looks_thin_out_when_a_merge_takes_longer_than_the_earlier_ones() -> None:
    pauses = [next_look(elapsed, 4.0) for elapsed in (4.0, 5.0, 6.0, 9.0)]
    assert pauses == sorted(pauses) and pauses[0] == pytest.approx(0.1) and pauses[-1] > 1.5


def test_a_herd_that_wants_to_look_at_the_same_moment_is_spread_out() -> None:
    """Twenty groups at once: forty looks a second, first come, first served."""
    timetable = Timetable(per_second=40)
    booked = [timetable.book(10.0, now=9.0) for _ in range(20)]
    assert booked == [10 + number / 40 for number in range(20)]
    assert timetable.book(10.3, now=9.0) == 10.5


def test_moments_that_are_over_are_forgotten() -> None:
    """A daemon that runs for months keeps no list of them."""
    timetable = Timetable(per_second=40)
    for second in range(1000):
        timetable.book(second + 2.0, now=float(second))
    assert len(timetable._taken) <= 4


async def test_what_one_merge_took_says_when_the_next_one_is_looked_at() -> None:
    """Merges of five photos take 3 s: the next one is first looked at then, and one of another kind as if
    nothing were known."""
    clock = JumpingClock(speed=20)
    polling = Polling(clock)
    polling.learn(5, 3.0)
    paused = []
    for kind in (5, 7):
        began = clock.monotonic()
        await polling.pause(kind, 0.0, 100.0)
        paused.append(clock.monotonic() - began)
    assert paused[0] >= 2.9 and paused[1] < 1.0


async def test_the_foremost_of_the_first_merges_teaches_the_others() -> None:
    """Twelve merges, a quarter of a second apart, before anything is known: one of them is looked at often,
    and once it is done the others are looked at when they are likely done, not as seldom as before."""
    clock = JumpingClock(speed=4)
    polling = Polling(clock)
    looks: dict[int, int] = {}
    late: dict[int, float] = {}
    took = 4.0
    start = clock.monotonic() + 0.5

    async def merge(number: int) -> None:
        began = start + 0.25 * number
        await clock.sleep(began - clock.monotonic())
        elapsed, looks[number] = 0.0, 0
        while elapsed < took:
            await polling.pause(5, elapsed, 100.0)
            elapsed = clock.monotonic() - began
            looks[number] += 1
        polling.learn(5, elapsed)
        late[number] = elapsed - took

    await asyncio.gather(*(merge(number) for number in range(12)))
    assert looks[0] > 10
    assert max(looks[number] for number in range(1, 12)) <= 8
    assert max(late.values()) < 0.5


async def test_a_foremost_merge_that_never_ends_holds_nobody_up() -> None:
    """The others are looked at every two seconds while they run."""
    clock = JumpingClock(speed=20)
    polling = Polling(clock)
    began = clock.monotonic()
    await polling.pause(5, 3.0, 100.0)
    await polling.pause(5, 0.0, 100.0)
    assert clock.monotonic() - began < 4.0
    assert clock.monotonic() - began >= 2.0


async def test_no_pause_is_longer_than_it_may_be() -> None:
    clock = JumpingClock(speed=20)
    polling = Polling(clock)
    polling.learn(5, 50.0)
    began = clock.monotonic()
    await polling.pause(5, 0.0, 0.5)
    assert 0.5 - 1 / LOOKS_PER_SECOND <= clock.monotonic() - began < 1.9
