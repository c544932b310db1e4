"""Circuit breakers: while a host is in trouble, one request at a time tries whether it is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from operator import itemgetter
from typing import Literal, TypeVar

from hotfolder import log
from hotfolder.clock import Clock, sleep_unless
from hotfolder.errors import (
    BadWorld,
    Cancelled,
    LocalTrouble,
    OutcomeUnknown,
    SetChanged,
    StoreAway,
    TooManyRequests,
    Unreachable,
)
from hotfolder.jobs.budget import NotAllowed
from hotfolder.outbox.faults import trouble_of
from hotfolder.stager.failures import ResultGone, UrlExpired, UrlRefused

T = TypeVar("T")

API = "the API"
"""What the API's own host is called, whatever its name; storage hosts go by theirs."""
FIRST_SECONDS = 1.0
LONGEST_SECONDS = 300.0
STORE_SECONDS = 1.0


def retry_seconds(error: BadWorld, failures: int) -> float:
    """`backoff_seconds`, but for the store's database: it is asked often, at no cost (see `StoreThread`)."""
    return STORE_SECONDS if isinstance(error, StoreAway) else backoff_seconds(failures)


def backoff_seconds(failures: int) -> float:
    """Seconds to wait after `failures` (≥ 1) in a row: 1, doubling to 5 min."""
    return min(FIRST_SECONDS * 2.0 ** (min(failures, 32) - 1), LONGEST_SECONDS)


async def insist(clock: Clock, attempt: Callable[[], Awaitable[T]], met: Callable[..., object]) -> T:
    """What `attempt` returns, tried again and again for as long as this machine or the store's database can't
    do just now what is asked of it: each time `met` is told the reason, and a hint. Raises every other error,
    a defect of ours."""
    failures = 0
    while True:
        try:
            return await attempt()
        except Exception as error:
            trouble = trouble_of(error)
            if trouble is None:
                raise
            met(reason=trouble.message, hint=trouble.hint)
            failures += 1
            await clock.sleep(retry_seconds(trouble, min(failures, 5)))


logger = log.get("breaker")

SAYS_NOTHING = (
    asyncio.CancelledError,
    OutcomeUnknown,
    LocalTrouble,
    NotAllowed,
    SetChanged,
    Cancelled,
    UrlExpired,
    ResultGone,
    UrlRefused,
)
"""How a request can end without telling whether its host is well: it concerns one job, or this machine."""


class CircuitBreaker:
    """Of one host. Closed, it lets every request pass. A BadWorld opens it: requests wait until the backoff
    has passed. Then it is half-open: one request is let through, whose failure opens it for twice as long. A
    success closes it, also of a request that was under way when it was opened.

    Whatever its state, nobody passes before the moment that the server has named (Retry-After), or for a
    second after 429.
    """

    def __init__(self, clock: Clock) -> None:
        self.trouble: BadWorld | None = None
        """Why it isn't closed."""
        self._clock = clock
        self._state: Literal["closed", "open", "half-open"] = "closed"
        self._failures = 0
        self._since = 0.0
        self._retry_at = 0.0
        self._named = 0.0
        self._changed = asyncio.Event()

    async def enter(self) -> None:
        """Return once a request may be made; `leave` has to follow."""
        while True:
            if self._state == "half-open":
                await self._changed.wait()
                continue
            opens_at = self._named if self._state == "closed" else max(self._named, self._retry_at)
            wait_seconds = opens_at - self._clock.monotonic()
            if wait_seconds <= 0:
                break
            await sleep_unless(self._changed, self._clock, wait_seconds)
        if self._state == "open":
            self._state = "half-open"

    def leave(self, error: BaseException | None) -> None:
        """A request has ended, with `error` or well."""
        now = self._clock.monotonic()
        if isinstance(error, BadWorld | OutcomeUnknown):
            wish = error.retry_after_seconds
            if wish is None and isinstance(error, TooManyRequests):
                wish = FIRST_SECONDS
            self._named = max(self._named, now + (wish or 0.0))
        if isinstance(error, SAYS_NOTHING):
            if self._state == "half-open":
                self._enter_state("open")
        elif isinstance(error, BadWorld):
            self._open(error, now)
        elif self._state != "closed":
            logger.info("api_resumed", was=self.trouble.message if self.trouble else "")
            self.trouble = None
            self._failures = 0
            self._enter_state("closed")

    def told(self) -> tuple[float, str] | None:
        """In how many seconds the host may be asked again, and why not before, as far as its own answers say;
        None where it may be asked now. What lies between it and this machine concerns no other."""
        answered = self.trouble is not None and type(self.trouble) is not Unreachable
        until = max(self._named, self._retry_at if answered and self._state == "open" else 0.0)
        seconds = until - self._clock.monotonic()
        return (seconds, self.trouble.message if self.trouble else "") if seconds > 0 else None

    def hear(self, seconds: float) -> None:
        """Another machine was told by the host not to ask before that."""
        self._named = max(self._named, self._clock.monotonic() + seconds)

    @property
    def bad_since(self) -> float | None:
        """Since when it isn't closed, None when it is, and when nobody has asked the host for long."""
        unasked = max(self._retry_at, self._named) + LONGEST_SECONDS < self._clock.monotonic()
        return None if self._state == "closed" or (unasked and self._state == "open") else self._since

    def _open(self, error: BadWorld, now: float) -> None:
        if self._state == "closed":
            self._since = now
        if self._state != "open":  # those that were under way together count as one
            self._failures += 1
            self._retry_at = now + backoff_seconds(self._failures)
        if self.trouble is None or self.trouble.message != error.message:
            logger.warning("api_paused", reason=error.message, hint=error.hint, detail=error.detail)
        self.trouble = error
        self._enter_state("open")

    def _enter_state(self, state: Literal["closed", "open"]) -> None:
        self._state = state
        self._changed.set()
        self._changed = asyncio.Event()


class CircuitBreakers:
    """`async with breakers.at(host):` around every request to the API or its storage. `met` hears the name of
    every error's class that opens one."""

    def __init__(self, clock: Clock, *, met: Callable[[str], None] = lambda _: None) -> None:
        self._clock = clock
        self._met = met
        self._of_host: dict[str, CircuitBreaker] = {}

    @asynccontextmanager
    async def at(self, host: str) -> AsyncIterator[None]:
        breaker = self._of_host.setdefault(host, CircuitBreaker(self._clock))
        await breaker.enter()
        try:
            yield
        except BaseException as error:
            if isinstance(error, BadWorld) and not isinstance(error, SAYS_NOTHING):
                self._met(type(error).__name__)
            breaker.leave(error)
            raise
        breaker.leave(None)

    def told(self) -> dict[str, tuple[float, str]]:
        """What the hosts themselves have told of when to ask again, by host: what `CircuitBreaker.told`
        has."""
        return {host: told for host, one in self._of_host.items() if (told := one.told()) is not None}

    def hear(self, told: Mapping[str, tuple[float, str]]) -> None:
        """What other machines were told."""
        for host, (seconds, _) in told.items():
            self._of_host.setdefault(host, CircuitBreaker(self._clock)).hear(seconds)

    @property
    def trouble(self) -> BadWorld | None:
        """Of the host that has been in trouble for the longest time; None where all are well."""
        return self._worst()[1]

    def bad_seconds(self) -> float:
        """For how long a host has been in trouble; 0 when all are well."""
        since, trouble = self._worst()
        return 0.0 if trouble is None else self._clock.monotonic() - since

    def _worst(self) -> tuple[float, BadWorld | None]:
        bad = [(one.bad_since, one.trouble) for one in self._of_host.values() if one.bad_since is not None]
        return min(bad, key=itemgetter(0), default=(0.0, None))
