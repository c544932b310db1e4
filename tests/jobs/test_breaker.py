"""Circuit breakers: a dead host isn't asked more often because many requests wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

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


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


class Callers:
    """Several requests that wait for the breaker, and end only as a test says."""

    def __init__(self, breakers: CircuitBreakers, number: int, host: str) -> None:
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


class Api:
    """Circuit breakers by a held clock; all callers are closed with the test."""

    def __init__(self) -> None:
        self.clock = HeldClock()
        self.breakers = CircuitBreakers(self.clock)
        self.callers: list[Callers] = []

    async def asked(self, number: int, host: str = "any") -> Callers:
        """So many requests that have come to the breaker."""
        self.callers.append(Callers(self.breakers, number, host))
        await settle()
        return self.callers[-1]

    async def shut(self, error: BadWorld) -> None:
        with pytest.raises(type(error)):
            async with self.breakers.at("any"):
                raise error

    async def passes(self, seconds: float) -> None:
        self.clock.pass_seconds(seconds)
        await settle()


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    made = Api()
    yield made
    for callers in made.callers:
        await callers.close()


async def test_after_a_bad_world_one_probe_at_a_time_goes_through(api: Api) -> None:
    await api.shut(Unreachable("down"))
    callers = await api.asked(5)
    await api.passes(0.9)
    assert callers.inside == []
    await api.passes(0.2)
    assert len(callers.inside) == 1
    await callers.end_one(Unreachable("still down"))
    assert callers.inside == []
    await api.passes(1.9)
    assert callers.inside == []
    await api.passes(0.2)
    assert len(callers.inside) == 1


async def test_a_probe_that_gets_through_lets_all_others_in_and_forgets_the_trouble(api: Api) -> None:
    await api.shut(Unreachable("down"))
    assert (found := api.breakers.trouble) is not None and found.message == "down"
    callers = await api.asked(5)
    await api.passes(1.1)
    assert api.breakers.bad_seconds() == pytest.approx(1.1)
    await callers.end_one()
    assert len(callers.inside) == 4
    assert (api.breakers.trouble, api.breakers.bad_seconds()) == (None, 0.0)


async def test_failures_that_were_under_way_together_count_as_one(api: Api) -> None:
    callers = await api.asked(8)
    for _ in range(8):
        await callers.end_one(Unreachable("down"))
    late = await api.asked(1)
    await api.passes(1.1)
    assert len(late.inside) == 1


@pytest.mark.parametrize("make", [OutcomeUnknown, LocalTrouble, SetChanged])
async def test_a_probe_that_proves_nothing_leaves_it_open_and_the_next_may_try(
    api: Api, make: Callable[[str], Exception]
) -> None:
    await api.shut(KeyRejected("wrong key"))
    callers = await api.asked(3)
    await api.passes(1.1)
    await callers.end_one(make("of this job alone"))
    assert api.breakers.trouble is not None
    await api.passes(0.1)
    assert len(callers.inside) == 1


async def test_a_cancelled_probe_does_not_lock_the_others_out(api: Api) -> None:
    await api.shut(Unreachable("down"))
    callers = await api.asked(1)
    await api.passes(1.1)
    await callers.close()
    late = await api.asked(1)
    await api.passes(0.1)
    assert len(late.inside) == 1


async def test_a_refusal_shows_that_the_api_is_there(api: Api) -> None:
    await api.shut(Unreachable("down"))
    callers = await api.asked(3)
    await api.passes(1.1)
    await callers.end_one(RequestRefused("no such group", status=404))
    assert len(callers.inside) == 2


async def test_a_host_in_trouble_keeps_nobody_from_another(api: Api) -> None:
    await api.shut(Unreachable("down"))
    others = await api.asked(2, "another")
    assert len(others.inside) == 2
    await api.passes(0.5)
    await others.end_one()
    assert api.breakers.trouble is not None and api.breakers.bad_seconds() == 0.5


async def test_a_host_that_nobody_asks_any_more_is_not_in_trouble(api: Api) -> None:
    await api.shut(Unreachable("down"))
    await api.passes(600)
    assert (api.breakers.trouble, api.breakers.bad_seconds()) == (None, 0.0)


def busy(error: Callable[..., Exception], seconds: float) -> Exception:
    return error("busy", retry_after_seconds=seconds)


@pytest.mark.parametrize(
    ("ended", "seconds", "let_in"),
    [
        pytest.param((busy(TooManyRequests, 30), None), 30, 2, id="429"),
        pytest.param((busy(Unreachable, 30), None), 30, 2, id="503"),
        pytest.param((busy(OutcomeUnknown, 30), None), 30, 2, id="503 of a paid call"),
        pytest.param((TooManyRequests("busy"), None), 1, 2, id="429 without a wish"),
        pytest.param((Unreachable("down"), busy(TooManyRequests, 60)), 60, 1, id="a later wish"),
    ],
)
async def test_a_wish_is_obeyed_whatever_becomes_of_another_request_that_was_under_way(
    api: Api, ended: tuple[Exception | None, ...], seconds: float, let_in: int
) -> None:
    callers = await api.asked(2)
    for error in ended:
        await callers.end_one(error)
    late = await api.asked(2)
    await api.passes(seconds - 0.5)
    assert late.inside == []
    await api.passes(1)
    assert len(late.inside) == let_in


@pytest.mark.parametrize("error", [TooManyRequests, OutcomeUnknown])
async def test_a_pause_that_the_host_asks_for_is_told_until_it_is_over(
    api: Api, error: Callable[..., Exception]
) -> None:
    """Also where a request that was under way succeeds: nothing is sent, and people must see why."""
    callers = await api.asked(2)
    await callers.end_one(busy(error, 3600))
    await callers.end_one()
    late = await api.asked(2)
    await api.passes(3500)
    assert (found := api.breakers.trouble) is not None and "busy" in found.message
    assert api.breakers.bad_seconds() == pytest.approx(3500) and late.inside == []
    await api.passes(101)
    await late.end_one()
    assert (api.breakers.trouble, api.breakers.bad_seconds()) == (None, 0.0)


async def test_a_probe_that_takes_long_holds_the_others_up_for_ten_seconds_only(api: Api) -> None:
    """It may be the upload of a large photo, and say nothing for an hour."""
    await api.shut(Unreachable("down"))
    callers = await api.asked(4)
    await api.passes(1.1)
    await api.passes(9.8)
    assert len(callers.inside) == 1
    await api.passes(0.4)
    assert len(callers.inside) == 2
    await callers.end_one()
    assert api.breakers.trouble is None and len(callers.inside) == 3


def test_waiting_doubles_from_one_second_to_five_minutes_and_stays_there() -> None:
    assert [backoff_seconds(failures) for failures in range(1, 11)] == [
        *(1, 2, 4, 8, 16, 32, 64, 128, 256, 300)
    ]
    assert backoff_seconds(10**9) == 300


async def test_when_the_next_try_is_is_known_unless_it_is_soon(api: Api) -> None:
    await api.shut(Unreachable("down"))
    assert api.breakers.trouble is not None and api.breakers.resumes_at is None
    await api.passes(1.1)
    await api.shut(TooManyRequests("too many", retry_after_seconds=600))
    assert api.breakers.resumes_at == api.clock.now() + timedelta(seconds=600)
    await api.passes(601)
    async with api.breakers.at("any"):
        pass
    assert api.breakers.trouble is None and api.breakers.resumes_at is None


async def test_a_pause_of_another_machine_holds_requests_is_told_with_its_end_and_ends(api: Api) -> None:
    """It is not published as one's own: else each machine would take it from the other, without a reason."""
    api.breakers.adopt_pauses({"any": (600.0, "the API is busy"), "far": (5.0, "a moment")})
    callers = await api.asked(2)
    end = api.clock.now() + timedelta(seconds=600)
    assert api.breakers.adopted_pause == ("the API is busy", end)
    assert (api.breakers.host_pauses(), api.breakers.trouble, callers.inside) == ({}, None, [])
    await api.passes(590)
    api.breakers.adopt_pauses({"any": (10.0, "the API is busy")})
    assert api.breakers.adopted_pause == ("the API is busy", end) and not callers.inside
    await api.passes(10.1)
    assert api.breakers.adopted_pause is None
    assert len(callers.inside) == 2
