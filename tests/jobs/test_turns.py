"""Turns: so many at once, and who comes next."""

from __future__ import annotations

import asyncio

import pytest

from hotfolder.jobs import turns as turns_module
from hotfolder.jobs.turns import PICTURE, Rank, Turns

OLD: Rank = (1, "2026-01-01", "a")
NEW: Rank = (1, "2026-01-02", "b")


async def test_a_picture_goes_before_photos_and_the_oldest_set_before_younger_ones() -> None:
    """Whoever waits longest is not first: a merged picture unblocks paid work, then the oldest set."""
    turns, order = Turns(1), []

    async def take(name: str, rank: Rank) -> None:
        async with turns.turn(rank):
            order.append(name)
            await asyncio.sleep(0)

    async with turns.turn(PICTURE):
        waiting = [
            asyncio.create_task(take(name, rank))
            for name, rank in (("new", NEW), ("old 1", OLD), ("picture", PICTURE), ("old 2", OLD))
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert order == ["picture", "old 1", "old 2", "new"]


async def test_no_more_than_so_many_at_once() -> None:
    """Of ten that come, three are in at any moment."""
    turns, inside, most = Turns(3), 0, 0

    async def take() -> None:
        nonlocal inside, most
        async with turns.turn(OLD):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(take() for _ in range(10)))
    assert (inside, most) == (0, 3)


@pytest.mark.parametrize("called_first", [False, True])
async def test_who_is_cancelled_while_waiting_takes_no_turn_with_him(called_first: bool) -> None:
    """Cancelled before or just when his turn has come: the next one is called."""
    turns = Turns(1)
    entered = asyncio.Event()

    async def take() -> None:
        async with turns.turn(OLD):
            entered.set()

    holder = turns.turn(OLD)
    await holder.__aenter__()
    impatient = asyncio.create_task(take())
    await asyncio.sleep(0)
    if called_first:
        await holder.__aexit__(None, None, None)
        impatient.cancel()
    else:
        impatient.cancel()
        await asyncio.sleep(0)
        await holder.__aexit__(None, None, None)
    await asyncio.gather(impatient, return_exceptions=True)
    assert not entered.is_set()
    await asyncio.wait_for(take(), 1)
    assert entered.is_set()


async def test_a_priority_that_changes_while_somebody_waits_counts() -> None:
    """High before normal before low, whatever came first; a picture still goes before all of them."""
    turns, order = Turns(1), []

    async def take(name: str, rank: Rank) -> None:
        async with turns.turn(rank):
            order.append(name)

    third: Rank = (1, "2026-01-03", "c")
    async with turns.turn(PICTURE):
        waiting = [
            asyncio.create_task(take(name, rank))
            for name, rank in (("old", OLD), ("new", NEW), ("third", third), ("picture", PICTURE))
        ]
        await asyncio.sleep(0)
        turns.levels = {"a": 2, "c": 0}
    await asyncio.gather(*waiting)
    assert order == ["picture", "third", "new", "old"]


async def test_who_hangs_gives_the_place_away_and_takes_none_with_him_when_he_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both places hang; the others go on all the same, and afterwards two at once and never more."""
    monkeypatch.setattr(turns_module, "FIRST_PATIENCE", 0.02)
    monkeypatch.setattr(turns_module, "LEAST_PATIENCE_SECONDS", 0.02)
    turns, over, inside, most = Turns(2), asyncio.Event(), 0, 0

    async def hang() -> None:
        async with turns.turn(OLD):
            await over.wait()

    async def take() -> None:
        nonlocal inside, most
        async with turns.turn(NEW):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    hanging = [asyncio.create_task(hang()) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.wait_for(asyncio.gather(*(take() for _ in range(5))), 2)
    over.set()
    await asyncio.gather(*hanging)
    await asyncio.gather(*(take() for _ in range(5)))
    assert most == 2


async def test_no_more_than_as_many_as_there_are_places_give_theirs_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A world in which everything hangs is not asked for ever more."""
    monkeypatch.setattr(turns_module, "FIRST_PATIENCE", 0.01)
    turns, begun = Turns(2), 0

    async def hang() -> None:
        nonlocal begun
        async with turns.turn(OLD):
            begun += 1
            await asyncio.Event().wait()

    hanging = [asyncio.create_task(hang()) for _ in range(9)]
    await asyncio.sleep(0.2)
    assert begun == 4
    for one in hanging:
        one.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
