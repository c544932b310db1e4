"""Concurrency limits, priorities, and how the API's answers change the limits."""

from __future__ import annotations

import asyncio

import pytest

from hotfolder.errors import TooManyRequests
from hotfolder.jobs.limits import INITIAL, MAXIMUM, PICTURE, AdaptiveLimit, ConcurrencyLimits, Rank

OLD: Rank = (1, "2026-01-01", "a")
NEW: Rank = (1, "2026-01-02", "b")


async def order_of(semaphore: AdaptiveLimit, ranks: dict[str, Rank], priorities: dict[str, int]) -> list[str]:
    """The order in which waiters get a semaphore that is held."""
    order: list[str] = []

    async def take(name: str, rank: Rank) -> None:
        async with semaphore.hold(rank):
            order.append(name)
            await asyncio.sleep(0)

    async with semaphore.hold(PICTURE):
        waiting = [asyncio.create_task(take(name, rank)) for name, rank in ranks.items()]
        await asyncio.sleep(0)
        semaphore.priorities = priorities
    await asyncio.gather(*waiting)
    return order


async def test_a_picture_goes_before_photos_and_the_oldest_set_before_younger_ones() -> None:
    ranks = {"new": NEW, "old 1": OLD, "picture": PICTURE, "old 2": OLD}
    assert await order_of(AdaptiveLimit(1), ranks, {}) == ["picture", "old 1", "old 2", "new"]


async def test_a_priority_that_changes_while_somebody_waits_counts() -> None:
    """High goes before normal before low, whatever came first; a picture still goes before all sets."""
    ranks = {"old": OLD, "new": NEW, "third": (1, "2026-01-03", "c"), "picture": PICTURE}
    order = await order_of(AdaptiveLimit(1), ranks, {"a": 2, "c": 0})
    assert order == ["picture", "third", "new", "old"]


@pytest.mark.parametrize("number", [1, 3])
async def test_no_more_than_so_many_hold_it_at_once(number: int) -> None:
    semaphore, inside, most = AdaptiveLimit(number), 0, 0

    async def take() -> None:
        nonlocal inside, most
        async with semaphore.hold(OLD):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(take() for _ in range(10)))
    assert (inside, most) == (0, number)


@pytest.mark.parametrize("woken_first", [False, True])
async def test_who_is_cancelled_while_waiting_takes_no_place_along(woken_first: bool) -> None:
    """A waiter is cancelled before or just as it was woken: the next one gets the slot."""
    semaphore, entered = AdaptiveLimit(1), asyncio.Event()

    async def take() -> None:
        async with semaphore.hold(OLD):
            entered.set()

    holder = semaphore.hold(OLD)
    await holder.__aenter__()
    impatient = asyncio.create_task(take())
    await asyncio.sleep(0)
    if woken_first:
        await holder.__aexit__(None, None, None)
        impatient.cancel()
    else:
        impatient.cancel()
        await asyncio.sleep(0)
        await holder.__aexit__(None, None, None)
    await asyncio.gather(impatient, return_exceptions=True)
    assert not entered.is_set()
    await asyncio.wait_for(take(), 60)
    assert entered.is_set()


async def test_a_smaller_number_waits_for_those_who_hold_it_and_a_larger_one_wakes() -> None:
    semaphore, inside, over = AdaptiveLimit(2), 0, asyncio.Event()

    async def take() -> None:
        nonlocal inside
        async with semaphore.hold(OLD):
            inside += 1
            await over.wait()
            inside -= 1

    tasks = [asyncio.create_task(take()) for _ in range(6)]
    await asyncio.sleep(0)
    semaphore.set(1, None)
    assert inside == 2
    semaphore.set(5, None)
    await asyncio.sleep(0)
    assert inside == 5
    over.set()
    await asyncio.gather(*tasks)


async def test_a_limit_grows_by_one_while_more_is_wanted_and_halves_once_for_a_burst_of_refusals() -> None:
    limit = AdaptiveLimit(4, 6)
    for _ in range(40):
        limit.succeeded()  # nobody waits, so there is no reason for more
    assert limit.number == 4
    over = asyncio.Event()

    async def take() -> None:
        async with limit.hold(OLD):
            await over.wait()

    tasks = [asyncio.create_task(take()) for _ in range(20)]
    await asyncio.sleep(0)
    for _ in range(40):
        limit.succeeded()
    assert limit.number == 6
    for _ in range(6):  # all that were under way
        limit.refused()
    assert limit.number == 3
    limit.refused()
    assert limit.number == 1
    limit.refused()
    assert limit.number == 1
    over.set()
    limit.set(20, None)
    await asyncio.gather(*tasks)


async def test_the_limits_of_the_settings_are_fixed_and_others_adapt() -> None:
    limits = ConcurrencyLimits(uploads=3, merges=8, operations=4, downloads=4)
    limits.uploads.refused()
    assert limits.uploads.number == 3
    limits.configure(uploads=None, merges=8, operations=4, downloads=4)
    with pytest.raises(TooManyRequests), limits.uploads.feedback():
        raise TooManyRequests("too many")
    halved = INITIAL["uploads"] // 2
    assert limits.uploads.number == halved
    limits.configure(uploads=None, merges=8, operations=4, downloads=4)
    assert limits.uploads.number == halved  # edited settings forget nothing
    assert all(INITIAL[kind] <= MAXIMUM[kind] for kind in INITIAL)
