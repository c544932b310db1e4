"""Circuit breakers: a dead host isn't asked more often because many requests wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from hotfolder.errors import (
    BadWorld,
    KeyRejected,
    LocalTrouble,
    OutcomeUnknown,
    RequestRefused,
    SetChanged,
    TooManyRequests,
    Unreachable,
)
from hotfolder.jobs.breaker import CircuitBreakers, backoff_seconds
from tests.support import clocks


class HeldClock(clocks.HeldClock):
    """A held clock whose sleepers run as soon as it has moved."""

    async def sleep(self, seconds: float) -> None:
        until = self.seconds + seconds
        while self.seconds < until:  # noqa: ASYNC110 - a test moves the hand without telling
            await asyncio.sleep(0)

    async def passes(self, seconds: float) -> None:
        self.pass_seconds(seconds)
        await settle()


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


class Callers:
    """Several requests that wait for the breaker, and end only as a test says."""

    def __init__(self, breakers: CircuitBreakers, number: int, host: str = "any") -> None:
        self.host = host
        self.inside: list[asyncio.Future[None]] = []
        self.tasks = [asyncio.create_task(self.call(breakers)) for _ in range(number)]

    async def call(self, breakers: CircuitBreakers) -> None:
        async with breakers.at(self.host):
            answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.inside.append(answer)
            await answer

    async def end_one(self, error: Exception | None = None) -> None:
        answer = self.inside.pop(0)
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)
        await settle()

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def shut(breakers: CircuitBreakers, error: BadWorld) -> None:
    with pytest.raises(type(error)):
        async with breakers.at("any"):
            raise error


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def breakers(clock: HeldClock) -> CircuitBreakers:
    return CircuitBreakers(clock)


async def test_a_closed_breaker_lets_everybody_in(breakers: CircuitBreakers) -> None:
    callers = Callers(breakers, 5)
    await settle()
    assert len(callers.inside) == 5
    await callers.close()


async def test_after_a_bad_world_one_probe_at_a_time_goes_through(
    breakers: CircuitBreakers, clock: HeldClock
) -> None:
    await shut(breakers, Unreachable("down"))
    callers = Callers(breakers, 5)
    await clock.passes(0.9)
    assert callers.inside == []
    await clock.passes(0.2)
    assert len(callers.inside) == 1
    await callers.end_one(Unreachable("still down"))
    assert callers.inside == []
    await clock.passes(1.9)
    assert callers.inside == []
    await clock.passes(0.2)
    assert len(callers.inside) == 1
    await callers.close()


async def test_a_probe_that_gets_through_lets_all_others_in_and_forgets_the_trouble(
    breakers: CircuitBreakers, clock: HeldClock
) -> None:
    await shut(breakers, Unreachable("down"))
    assert (found := breakers.trouble) is not None and found.message == "down"
    callers = Callers(breakers, 5)
    await clock.passes(1.1)
    assert breakers.bad_seconds() == pytest.approx(1.1)
    await callers.end_one()
    assert len(callers.inside) == 4
    assert (breakers.trouble, breakers.bad_seconds()) == (None, 0.0)
    await callers.close()


async def test_the_wish_of_the_server_is_obeyed(breakers: CircuitBreakers, clock: HeldClock) -> None:
    await shut(breakers, TooManyRequests("slowly", retry_after_seconds=30))
    callers = Callers(breakers, 2)
    await clock.passes(29)
    assert callers.inside == []
    await clock.passes(1.5)
    assert len(callers.inside) == 1
    await callers.close()


async def test_a_later_wish_of_a_request_that_was_under_way_counts_too(
    breakers: CircuitBreakers, clock: HeldClock
) -> None:
    callers = Callers(breakers, 2)
    await settle()
    await callers.end_one(Unreachable("down"))
    await callers.end_one(TooManyRequests("slowly", retry_after_seconds=60))
    late = Callers(breakers, 1)
    await clock.passes(59)
    assert late.inside == []
    await clock.passes(1.5)
    assert len(late.inside) == 1
    await callers.close()
    await late.close()


async def test_failures_that_were_under_way_together_count_as_one(
    breakers: CircuitBreakers, clock: HeldClock
) -> None:
    callers = Callers(breakers, 8)
    await settle()
    for _ in range(8):
        await callers.end_one(Unreachable("down"))
    late = Callers(breakers, 1)
    await clock.passes(1.1)
    assert len(late.inside) == 1
    await callers.close()
    await late.close()


@pytest.mark.parametrize("make", [OutcomeUnknown, LocalTrouble, SetChanged])
async def test_a_probe_that_proves_nothing_leaves_it_open_and_the_next_may_try(
    breakers: CircuitBreakers, clock: HeldClock, make: Callable[[str], Exception]
) -> None:
    await shut(breakers, KeyRejected("wrong key"))
    callers = Callers(breakers, 3)
    await clock.passes(1.1)
    await callers.end_one(make("of this job alone"))
    assert breakers.trouble is not None
    await clock.passes(0.1)
    assert len(callers.inside) == 1
    await callers.close()


async def test_a_cancelled_probe_does_not_lock_the_others_out(
    breakers: CircuitBreakers, clock: HeldClock
) -> None:
    await shut(breakers, Unreachable("down"))
    callers = Callers(breakers, 1)
    await clock.passes(1.1)
    await callers.close()
    late = Callers(breakers, 1)
    await clock.passes(0.1)
    assert len(late.inside) == 1
    await late.close()


async def test_a_refusal_shows_that_the_api_is_there(breakers: CircuitBreakers, clock: HeldClock) -> None:
    await shut(breakers, Unreachable("down"))
    callers = Callers(breakers, 3)
    await clock.passes(1.1)
    await callers.end_one(RequestRefused("no such group", status=404))
    assert len(callers.inside) == 2
    await callers.close()


async def test_a_host_in_trouble_keeps_nobody_from_another(
    breakers: CircuitBreakers, clock: HeldClock
) -> None:
    await shut(breakers, Unreachable("down"))
    others = Callers(breakers, 2, "another")
    await settle()
    assert len(others.inside) == 2
    await clock.passes(0.5)
    await others.end_one()
    assert breakers.trouble is not None and breakers.bad_seconds() == 0.5
    await others.close()


async def test_a_host_that_nobody_asks_any_more_is_not_in_trouble(
    breakers: CircuitBreakers, clock: HeldClock
) -> None:
    await shut(breakers, Unreachable("down"))
    await clock.passes(600)
    assert (breakers.trouble, breakers.bad_seconds()) == (None, 0.0)


@pytest.mark.parametrize(
    "error", [TooManyRequests, Unreachable, OutcomeUnknown], ids=["429", "503", "503 of a paid call"]
)
async def test_a_wish_is_obeyed_though_others_that_were_under_way_get_through(
    error: Callable[..., Exception], breakers: CircuitBreakers, clock: HeldClock
) -> None:
    callers = Callers(breakers, 2)
    await settle()
    await callers.end_one(error("busy", retry_after_seconds=30))
    await callers.end_one()
    late = Callers(breakers, 2)
    await clock.passes(29)
    assert late.inside == []
    await clock.passes(1.1)
    assert len(late.inside) == 2
    await callers.close()
    await late.close()


async def test_429_without_a_wish_is_not_asked_again_at_once(
    breakers: CircuitBreakers, clock: HeldClock
) -> None:
    callers = Callers(breakers, 2)
    await settle()
    await callers.end_one(TooManyRequests("slowly"))
    await callers.end_one()
    late = Callers(breakers, 1)
    await settle()
    assert late.inside == []
    await clock.passes(1.1)
    assert len(late.inside) == 1
    await callers.close()
    await late.close()


def test_waiting_doubles_from_one_second_to_five_minutes_and_stays_there() -> None:
    assert [backoff_seconds(failures) for failures in range(1, 11)] == [
        *(1, 2, 4, 8, 16, 32, 64, 128, 256, 300)
    ]
    assert backoff_seconds(10**9) == 300
