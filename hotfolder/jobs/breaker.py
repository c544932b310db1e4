"""Circuit breakers, one a host: while a host fails, only one probe request at a time is sent to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from hotfolder import log
from hotfolder.clock import Clock, sleep_until_set
from hotfolder.errors import (
    BadWorld,
    Cancelled,
    HostInTrouble,
    LocalTrouble,
    OutcomeUnknown,
    SetChanged,
    StoreAway,
    TooManyRequests,
    Unreachable,
)
from hotfolder.jobs.budget import NotAllowed
from hotfolder.outbox.faults import trouble_of
from hotfolder.stager.failures import GOES_ON, ResultGone, UrlExpired, UrlRefused

T = TypeVar("T")
State = Literal["closed", "open", "half-open", "pausing"]

API = "the API"
"""The breaker's name for the API's own host; storage hosts are named by their host name."""
FIRST_SECONDS = 1.0
LONGEST_SECONDS = 300.0
STORE_SECONDS = 1.0
LEAST_TOLD_SECONDS = 60.0
"""The shortest wait for a host of which people are told the end."""
PROBE_SECONDS = 10.0
"""How long one probe request is waited for before another one is sent."""


def retry_seconds(error: BadWorld, failures: int) -> float:
    """Seconds to wait before the next try: STORE_SECONDS for the store's database, which is cheap to ask (see
    `StoreThread`), else `backoff_seconds`."""
    return STORE_SECONDS if isinstance(error, StoreAway) else backoff_seconds(failures)


def backoff_seconds(failures: int) -> float:
    """Seconds to wait after `failures` (≥ 1) in a row: 1, doubling to 5 min."""
    return min(FIRST_SECONDS * 2.0 ** (min(failures, 32) - 1), LONGEST_SECONDS)


async def insist(clock: Clock, attempt: Callable[[], Awaitable[T]], on_trouble: Callable[..., object]) -> T:
    """Retry `attempt` with backoff until it succeeds, and return its result. Only local trouble, the store's
    database included, is retried; `on_trouble` is called with each one's reason and hint. Raises every other
    error."""
    failures = 0
    while True:
        try:
            return await attempt()
        except Exception as error:
            trouble = trouble_of(error)
            if trouble is None:
                raise
            on_trouble(reason=trouble.message, hint=trouble.hint)
            failures += 1
            await clock.sleep(retry_seconds(trouble, min(failures, 5)))


logger = log.get("breaker")

NOT_ABOUT_HOST = (
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
"""Errors that say nothing about the host's health: they concern one job, or this machine."""


class CircuitBreaker:
    """The circuit breaker of one host. Closed: every request passes. A BadWorld opens it: requests wait until
    the backoff has passed. Then it is half-open: one probe request passes, and another one in PROBE_SECONDS,
    since the first may be the upload of a large photo; if one fails, the breaker opens for twice as long. Any
    success closes it, also that of a request begun before it opened.

    In every state, no request passes before the server's Retry-After, or within a second after a 429 without
    one. Where a request that was under way has succeeded meanwhile, the breaker is pausing until then, and
    closed by the next success.
    """

    def __init__(self, clock: Clock) -> None:
        self.trouble: BadWorld | None = None
        """The error that keeps it from being closed; None while it is closed."""
        self.resumes_at: datetime | None = None
        """When the host may be asked again, where that is LEAST_TOLD_SECONDS after its last failure."""
        self._clock = clock
        self._state: State = "closed"
        self._failures = 0
        self._since = 0.0
        self._retry_at = 0.0
        self._probed_at = 0.0
        self._not_before = 0.0
        self._adopted_until = 0.0
        self._adopted: tuple[str, datetime] | None = None
        self._changed = asyncio.Event()

    async def enter(self) -> None:
        """Wait until a request may be made. The caller must call `leave` afterwards."""
        while (wait_seconds := self._opens_at() - self._clock.monotonic()) > 0:
            await sleep_until_set(self._changed, self._clock, wait_seconds)
        if self._state in ("open", "half-open"):
            self._state, self._probed_at = "half-open", self._clock.monotonic()

    def _opens_at(self) -> float:
        """The monotonic time from which a request may be made."""
        own = {"open": self._retry_at, "half-open": self._probed_at + PROBE_SECONDS}
        return max(self._not_before, self._adopted_until, own.get(self._state, 0.0))

    def leave(self, error: BaseException | None) -> None:
        """Record the end of a request: its `error`, or None for success."""
        now = self._clock.monotonic()
        if isinstance(error, BadWorld | OutcomeUnknown):
            pause_seconds = error.retry_after_seconds
            if pause_seconds is None and isinstance(error, TooManyRequests):
                pause_seconds = FIRST_SECONDS
            self._not_before = max(self._not_before, now + (pause_seconds or 0.0))
            if isinstance(error, OutcomeUnknown) and pause_seconds:
                # Of a paid call; that the host asks for a pause concerns all requests.
                error = HostInTrouble(f"{API} asks for a pause: {error.why}", hint=GOES_ON)
        if isinstance(error, NOT_ABOUT_HOST):
            if self._state == "half-open":
                self._enter_state("open")
        elif isinstance(error, BadWorld):
            self._open(error, now)
        elif self._state != "closed" and now < self._not_before:
            self._failures = 0
            self._enter_state("pausing")
        elif self._state != "closed":
            logger.info("api_resumed", was=self.trouble.message if self.trouble else "")
            self.trouble = self.resumes_at = None
            self._failures = 0
            self._enter_state("closed")

    def host_pause(self) -> tuple[float, str] | None:
        """Seconds until the host may be asked again, and the reason; None where it may be asked now. Only
        what the host itself has answered counts, since that is published: an Unreachable concerns this
        machine's own connection."""
        answered = self.trouble is not None and type(self.trouble) is not Unreachable
        until = max(self._not_before, self._retry_at if answered and self._state == "open" else 0.0)
        seconds = until - self._clock.monotonic()
        return (seconds, self.trouble.message if self.trouble else "") if seconds > 0 else None

    def adopt_pause(self, seconds: float, reason: str) -> None:
        """Let no request pass for `seconds`, as the host has asked of another machine. It is no part of
        `host_pause`: whom the host has asked publishes it."""
        self._adopted_until = self._clock.monotonic() + seconds
        told = self.adopted_pause is not None or seconds >= LEAST_TOLD_SECONDS
        self._adopted = (reason, self._clock.now() + timedelta(seconds=seconds)) if told else None

    @property
    def adopted_pause(self) -> tuple[str, datetime] | None:
        """The reason and the end of a pause that was adopted, until its end; None where it was never
        LEAST_TOLD_SECONDS long."""
        return self._adopted if self._clock.monotonic() < self._adopted_until else None

    @property
    def bad_since(self) -> float | None:
        """The monotonic time since which it isn't closed. None when it is closed, and when it is open or
        pausing but no request was made for LONGEST_SECONDS after the host could be asked again."""
        unasked = max(self._retry_at, self._not_before) + LONGEST_SECONDS < self._clock.monotonic()
        return None if self._state == "closed" or (unasked and self._state != "half-open") else self._since

    def _open(self, error: BadWorld, now: float) -> None:
        if self._state == "closed":
            self._since = now
        if self._state != "open":  # concurrent failures count as one
            self._failures += 1
            self._retry_at = now + backoff_seconds(self._failures)
        if self.trouble is None or self.trouble.message != error.message:
            logger.warning("api_paused", reason=error.message, hint=error.hint, detail=error.detail)
        self.trouble = error
        pause_seconds = max(self._retry_at, self._not_before) - now
        resumes_at = self._clock.now() + timedelta(seconds=pause_seconds)
        self.resumes_at = resumes_at if pause_seconds >= LEAST_TOLD_SECONDS else None
        self._enter_state("open")

    def _enter_state(self, state: State) -> None:
        self._state = state
        self._changed.set()
        self._changed = asyncio.Event()


class CircuitBreakers:
    """The breakers by host: `async with breakers.at(host):` goes around every request to the API or its
    storage. `on_error` is called with the class name of each error that counts against a host."""

    def __init__(self, clock: Clock, *, on_error: Callable[[str], None] = lambda _: None) -> None:
        self._clock = clock
        self._on_error = on_error
        self._of_host: dict[str, CircuitBreaker] = {}

    @asynccontextmanager
    async def at(self, host: str) -> AsyncIterator[None]:
        breaker = self._of_host.setdefault(host, CircuitBreaker(self._clock))
        await breaker.enter()
        try:
            yield
        except BaseException as error:
            if isinstance(error, BadWorld) and not isinstance(error, NOT_ABOUT_HOST):
                self._on_error(type(error).__name__)
            breaker.leave(error)
            raise
        breaker.leave(None)

    def host_pauses(self) -> dict[str, tuple[float, str]]:
        """`CircuitBreaker.host_pause` by host; without hosts that may be asked now."""
        return {host: pause for host, one in self._of_host.items() if (pause := one.host_pause()) is not None}

    def adopt_pauses(self, pauses: Mapping[str, tuple[float, str]]) -> None:
        """Apply the `host_pauses` of other machines."""
        for host, (seconds, reason) in pauses.items():
            self._of_host.setdefault(host, CircuitBreaker(self._clock)).adopt_pause(seconds, reason)

    @property
    def adopted_pause(self) -> tuple[str, datetime] | None:
        """`CircuitBreaker.adopted_pause` of the host that pauses for longest; None where none does."""
        pauses = [pause for one in self._of_host.values() if (pause := one.adopted_pause) is not None]
        return max(pauses, key=lambda pause: pause[1], default=None)

    @property
    def trouble(self) -> BadWorld | None:
        """The error of the host that has failed for longest; None where no breaker is open."""
        worst = self._worst()
        return None if worst is None else worst.trouble

    @property
    def resumes_at(self) -> datetime | None:
        """When the host of `trouble` may be asked again; None where that is soon, and without trouble."""
        worst = self._worst()
        return None if worst is None else worst.resumes_at

    def bad_seconds(self) -> float:
        """For how many seconds the longest-failing host has failed; 0 where no breaker is open."""
        worst = self._worst()
        since = None if worst is None else worst.bad_since
        return 0.0 if since is None else self._clock.monotonic() - since

    def _worst(self) -> CircuitBreaker | None:
        bad = [one for one in self._of_host.values() if one.bad_since is not None]
        return min(bad, key=lambda one: one.bad_since or 0.0, default=None)
