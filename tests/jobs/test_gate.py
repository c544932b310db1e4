"""The breaker: nobody asks a dead API twice as often because many are waiting."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime

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
from hotfolder.jobs.breaker import CircuitBreaker, RequestBreaker


class HeldClock:
    """Stands still until `pass_seconds`."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        until = self.seconds + seconds
        while self.seconds < until:  # noqa: ASYNC110 - a test moves the hand without telling
            await asyncio.sleep(0)

    async def pass_seconds(self, seconds: float) -> None:
        self.seconds += seconds
        await settle()


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


class Callers:
    """So many requests that all want through, and that end only when they are told how."""

    def __init__(self, breaker: CircuitBreaker, number: int, endpoint: str = "any") -> None:
        self.endpoint = endpoint
        self.inside: list[asyncio.Future[None]] = []
        self.tasks = [asyncio.create_task(self.call(breaker)) for _ in range(number)]

    async def call(self, breaker: CircuitBreaker) -> None:
        async with breaker.at(self.endpoint):
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


async def shut(breaker: CircuitBreaker, error: BadWorld) -> None:
    with pytest.raises(type(error)):
        async with breaker.at("any"):
            raise error


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def breaker(clock: HeldClock) -> CircuitBreaker:
    return CircuitBreaker(clock)


async def test_an_open_gate_lets_everybody_in(breaker: CircuitBreaker) -> None:
    callers = Callers(breaker, 5)
    await settle()
    assert len(callers.inside) == 5
    await callers.close()


async def test_after_a_bad_world_one_probe_at_a_time_goes_through(
    breaker: CircuitBreaker, clock: HeldClock
) -> None:
    await shut(breaker, Unreachable("down"))
    callers = Callers(breaker, 5)
    await clock.pass_seconds(0.9)
    assert callers.inside == []
    await clock.pass_seconds(0.2)
    assert len(callers.inside) == 1
    await callers.end_one(Unreachable("still down"))
    assert callers.inside == []
    await clock.pass_seconds(1.9)
    assert callers.inside == []
    await clock.pass_seconds(0.2)
    assert len(callers.inside) == 1
    await callers.close()


async def test_a_probe_that_gets_through_lets_all_others_in_and_forgets_the_trouble(
    breaker: CircuitBreaker, clock: HeldClock
) -> None:
    await shut(breaker, Unreachable("down"))
    assert breaker.trouble is not None and breaker.trouble.message == "down"
    callers = Callers(breaker, 5)
    await clock.pass_seconds(1.1)
    assert breaker.bad_seconds() == pytest.approx(1.1)
    await callers.end_one()
    assert len(callers.inside) == 4
    assert (breaker.trouble, breaker.bad_seconds()) == (None, 0.0)
    await callers.close()


async def test_the_wish_of_the_server_is_obeyed(breaker: CircuitBreaker, clock: HeldClock) -> None:
    await shut(breaker, TooManyRequests("slowly", retry_after_seconds=30))
    callers = Callers(breaker, 2)
    await clock.pass_seconds(29)
    assert callers.inside == []
    await clock.pass_seconds(1.5)
    assert len(callers.inside) == 1
    await callers.close()


async def test_a_later_wish_of_a_request_that_was_under_way_counts_too(
    breaker: CircuitBreaker, clock: HeldClock
) -> None:
    callers = Callers(breaker, 2)
    await settle()
    await callers.end_one(Unreachable("down"))
    await callers.end_one(TooManyRequests("slowly", retry_after_seconds=60))
    late = Callers(breaker, 1)
    await clock.pass_seconds(59)
    assert late.inside == []
    await clock.pass_seconds(1.5)
    assert len(late.inside) == 1
    await callers.close()
    await late.close()


async def test_failures_that_were_under_way_together_count_as_one(
    breaker: CircuitBreaker, clock: HeldClock
) -> None:
    callers = Callers(breaker, 8)
    await settle()
    for _ in range(8):
        await callers.end_one(Unreachable("down"))
    late = Callers(breaker, 1)
    await clock.pass_seconds(1.1)
    assert len(late.inside) == 1
    await callers.close()
    await late.close()


@pytest.mark.parametrize("make", [OutcomeUnknown, LocalTrouble, SetChanged])
async def test_a_probe_that_proves_nothing_leaves_the_gate_shut_and_the_next_may_try(
    breaker: CircuitBreaker, clock: HeldClock, make: Callable[[str], Exception]
) -> None:
    await shut(breaker, KeyRejected("wrong key"))
    callers = Callers(breaker, 3)
    await clock.pass_seconds(1.1)
    await callers.end_one(make("of this job alone"))
    assert breaker.trouble is not None
    await clock.pass_seconds(0.1)
    assert len(callers.inside) == 1
    await callers.close()


async def test_a_cancelled_probe_does_not_lock_the_others_out(
    breaker: CircuitBreaker, clock: HeldClock
) -> None:
    await shut(breaker, Unreachable("down"))
    callers = Callers(breaker, 1)
    await clock.pass_seconds(1.1)
    await callers.close()
    late = Callers(breaker, 1)
    await clock.pass_seconds(0.1)
    assert len(late.inside) == 1
    await late.close()


async def test_a_refusal_shows_that_the_api_is_there(breaker: CircuitBreaker, clock: HeldClock) -> None:
    await shut(breaker, Unreachable("down"))
    callers = Callers(breaker, 3)
    await clock.pass_seconds(1.1)
    await callers.end_one(RequestRefused("no such group", status=404))
    assert len(callers.inside) == 2
    await callers.close()


async def ask(asking: RequestBreaker, error: BadWorld | None = None) -> None:
    with contextlib.suppress(Unreachable):
        async with asking:
            if error is not None:
                raise error


async def test_a_request_that_fails_while_others_get_through_shuts_nobody_out(
    breaker: CircuitBreaker, clock: HeldClock
) -> None:
    asking = RequestBreaker(breaker, "status")
    await ask(asking, Unreachable("500"))
    assert breaker.trouble is not None and asking.alone == 0
    clock.seconds += 1.1
    async with breaker.at("any"):
        pass
    for times in (1, 2):
        await ask(asking, Unreachable("500"))
        assert (breaker.trouble, asking.alone) == (None, times)
        async with breaker.at("any"):
            pass
    await ask(asking)
    assert asking.alone == 0


async def test_a_request_that_fails_while_nothing_gets_through_waits_for_the_world(
    breaker: CircuitBreaker, clock: HeldClock
) -> None:
    asking = RequestBreaker(breaker, "status")
    for _ in range(3):
        await ask(asking, Unreachable("500"))
        clock.seconds += 10
    assert asking.alone == 0 and asking.world_seconds == pytest.approx(20)
    await ask(asking)
    assert asking.world_seconds == pytest.approx(30)


async def test_a_rejected_key_is_never_one_request_s_own_trouble(
    breaker: CircuitBreaker, clock: HeldClock
) -> None:
    asking = RequestBreaker(breaker, "status")
    await ask(asking, Unreachable("500"))
    clock.seconds += 1.1
    async with breaker.at("any"):
        pass
    with pytest.raises(KeyRejected):
        async with asking:
            raise KeyRejected("wrong key")
    assert breaker.trouble is not None and asking.alone == 0


@pytest.mark.parametrize(
    "error", [TooManyRequests, Unreachable, OutcomeUnknown], ids=["429", "503", "503 of a paid call"]
)
async def test_a_wish_is_obeyed_at_its_endpoint_while_others_get_through(
    error: Callable[..., Exception], breaker: CircuitBreaker, clock: HeldClock
) -> None:
    puts, gets = Callers(breaker, 1, "PUT"), Callers(breaker, 1, "GET")
    await settle()
    await puts.end_one(error("busy", retry_after_seconds=30))
    await gets.end_one()
    late, others = Callers(breaker, 2, "PUT"), Callers(breaker, 2, "GET")
    await clock.pass_seconds(29)
    assert (len(late.inside), len(others.inside)) == (0, 2)
    await others.end_one()
    await clock.pass_seconds(1.1)
    assert len(late.inside) == 2
    for callers in (puts, gets, late, others):
        await callers.close()


async def test_a_request_s_own_trouble_obeys_the_wish_too(breaker: CircuitBreaker, clock: HeldClock) -> None:
    asking = RequestBreaker(breaker, "GET")
    await ask(asking, Unreachable("503"))
    clock.seconds += 1.1
    async with breaker.at("any"):
        pass
    await ask(asking, Unreachable("503", retry_after_seconds=20))
    assert asking.own
    late = Callers(breaker, 1, "GET")
    await clock.pass_seconds(19)
    assert late.inside == []
    await clock.pass_seconds(1.1)
    assert len(late.inside) == 1
    await late.close()


async def test_429_without_a_wish_is_not_asked_again_at_once(
    breaker: CircuitBreaker, clock: HeldClock
) -> None:
    puts, gets = Callers(breaker, 1, "PUT"), Callers(breaker, 1, "GET")
    await settle()
    await puts.end_one(TooManyRequests("slowly"))
    await gets.end_one()
    late = Callers(breaker, 1, "PUT")
    await settle()
    assert late.inside == []
    await clock.pass_seconds(1.1)
    assert len(late.inside) == 1
    for callers in (puts, gets, late):
        await callers.close()
