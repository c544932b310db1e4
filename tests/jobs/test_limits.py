"""How many at once: found out, against a model of what is on the other side."""

from __future__ import annotations

import asyncio
import heapq

import pytest

from hotfolder.errors import TooManyRequests
from hotfolder.jobs.limits import Finding
from hotfolder.jobs.turns import MOST, START, Slots, Turns


def cluster(finding: Finding, *, slots: int, seconds: float, things: int, spread: float = 0.0) -> list[int]:
    """So many things go through a cluster that works on `slots` at once, as many in the works as `finding`
    says; the number after each."""
    now, left, numbers = 0.0, things, []
    free_at = [0.0] * slots
    running: list[tuple[float, float]] = []
    while left or running:
        while left and len(running) < finding.number:
            left -= 1
            takes = seconds * (1 + spread * (left % 3) / 2)
            done_at = max(now, heapq.heappop(free_at)) + takes
            heapq.heappush(free_at, done_at)
            heapq.heappush(running, (done_at, now))
        now, began = heapq.heappop(running)
        finding.took("merge", now - began, wanted=left > 0)
        numbers.append(finding.number)
    return numbers


def line(finding: Finding, *, rate: float, per_connection: float, things: int) -> float:
    """So many photos of 1 go over a line; the rate that was reached. All that are under way share it."""
    now, left, sent = 0.0, things, 0.0
    running: list[list[float]] = []  # what is left of each, and when it began
    while left or running:
        while left and len(running) < finding.number:
            left -= 1
            running.append([1.0 + 0.01 * (left % 7), now])
        each = min(per_connection, rate / len(running))
        first = min(running)
        through = first[0]
        now += through / each
        for one in running:
            one[0] -= through
        running.remove(first)
        sent += 1
        finding.took("photo", now - first[1], wanted=left > 0)
    return sent / now


@pytest.mark.parametrize("slots", [6, 10, 20])
def test_a_cluster_is_kept_busy_with_a_few_in_line_and_no_more(slots: int) -> None:
    """From 4 at once up to the cluster's own number and a little more."""
    numbers = cluster(Finding(4, 32), slots=slots, seconds=4.0, things=800)
    assert slots <= numbers[-1] <= slots + 5
    assert max(numbers) <= slots + 6


def test_a_line_is_filled_and_not_crowded() -> None:
    """Four connections of 5 in a line of 40 use half of it; eight fill it."""
    finding = Finding(4, 16)
    assert line(finding, rate=40, per_connection=5, things=600) > 35
    assert 8 <= finding.number <= 13


def test_a_line_that_is_full_already_gets_no_more_at_once() -> None:
    finding = Finding(4, 16)
    assert line(finding, rate=10, per_connection=10, things=600) > 9
    assert finding.number <= 7


def test_where_nobody_waits_nothing_grows() -> None:
    finding = Finding(4, 16)
    for _ in range(100):
        finding.took("photo", 1.0, wanted=False)
    assert finding.number == 4


def test_it_goes_back_when_things_take_longer_and_not_below_where_it_began() -> None:
    finding = Finding(4, 16)
    for _ in range(200):
        finding.took("photo", 1.0, wanted=True)
    assert finding.number == 16
    for _ in range(300):
        finding.took("photo", 5.0, wanted=True)
    assert 4 <= finding.number <= 7


def test_a_refusal_halves_it_and_several_of_the_same_moment_count_once() -> None:
    """Eight were under way, and each is refused."""
    finding = Finding(8, 16)
    for _ in range(8):
        finding.refused()
    assert finding.number == 4
    finding.refused()
    assert finding.number == 2
    for _ in range(8):
        finding.refused()
    assert finding.number == 1


def test_what_was_refused_is_not_tried_again_at_once() -> None:
    """More than 6 at once are refused: after the first time that is met seldom."""
    finding, refusals = Finding(4, 16), 0
    for _ in range(1000):
        if finding.number > 6:
            finding.refused()
            refusals += 1
        else:
            finding.took("photo", 1.0, wanted=True)
    assert 1 <= refusals < 20


def test_only_things_of_a_kind_are_compared() -> None:
    """A staging takes ten times as long as a sky, which says nothing of how busy anybody is."""
    finding = Finding(4, 16)
    for number in range(200):
        finding.took("stage" if number % 2 else "sky", 20.0 if number % 2 else 2.0, wanted=True)
    assert finding.number == 16


async def test_a_turn_that_is_refused_lets_fewer_in_from_then_on() -> None:
    """Six at once; a 429 leaves three."""
    slots = Slots(uploads=None, merges=8, operations=4, downloads=4)
    assert (slots.uploads.number, slots.addresses.number) == (START["uploads"], 2 * START["uploads"])
    async with slots.uploads.turn((1, "", "")):
        with pytest.raises(TooManyRequests), slots.uploads.measured("photo"):
            raise TooManyRequests("slow down")
    assert (slots.uploads.number, slots.addresses.number) == (3, 6)


async def test_a_number_that_is_set_stays() -> None:
    """Whatever is met, and until the setting is left out again."""
    slots = Slots(uploads=3, merges=8, operations=4, downloads=4)
    slots.uploads.refused()
    assert slots.uploads.number == 3
    slots.resize(uploads=None, merges=8, operations=4, downloads=4)
    slots.uploads.refused()
    assert slots.uploads.number == START["uploads"] // 2
    slots.resize(uploads=None, merges=8, operations=4, downloads=4)
    assert slots.uploads.number == START["uploads"] // 2


async def test_whoever_waits_is_called_in_as_soon_as_there_may_be_more() -> None:
    """Ten come while six may be in; six good results let one more in."""
    turns = Turns(START["uploads"], finding=Finding(START["uploads"], MOST["uploads"]))
    inside, let_go = 0, asyncio.Event()

    async def take() -> None:
        nonlocal inside
        async with turns.turn((1, "", "")):
            inside += 1
            await let_go.wait()

    tasks = [asyncio.create_task(take()) for _ in range(10)]
    await asyncio.sleep(0)
    assert inside == 6
    for _ in range(6):
        turns.took("photo", 1.0)
    await asyncio.sleep(0)
    assert inside == 7
    let_go.set()
    await asyncio.gather(*tasks)
