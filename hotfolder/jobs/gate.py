"""The gate in front of the API: closed while the world is bad, opened by whoever gets through first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum
from types import TracebackType

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.errors import (
    BadWorld,
    Cancelled,
    LocalTrouble,
    OutcomeUnknown,
    SetChanged,
    TooManyRequests,
    Unreachable,
)
from hotfolder.jobs.allowance import NotAllowed
from hotfolder.jobs.backoff import FIRST_SECONDS, backoff_seconds
from hotfolder.stager.failures import ResultGone, UrlExpired, UrlRefused

logger = log.get("gate")


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
"""How a request can end without telling whether the world is bad: it concerns one job, or this machine."""


class Door(Enum):
    OPEN = "open"
    CLOSED = "closed"
    PROBING = "probing"


class Gate:
    """`async with gate.at(endpoint):` around every request to the API or its storage.

    While the world is bad, entering waits; when the backoff has passed, one request is let through to
    try, and its success lets all others in. Nobody is let in twice as fast because many are waiting. Whoever
    is told when to come back (Retry-After) is heard at that endpoint, whatever gets through elsewhere.
    """

    def __init__(self, clock: Clock, *, met: Callable[[str], None] = lambda _: None) -> None:
        """`met` hears the name of every error's class that closes the gate."""
        self.clock = clock
        self.met = met
        self.trouble: BadWorld | None = None
        self.bad_since: float | None = None
        self._door = Door.OPEN
        self._failures = 0
        self._opens_at = 0.0
        self._not_before: dict[str, float] = {}
        self._changed = asyncio.Event()
        self.passed = 0
        """Grows with every request that shows that the API is there."""

    @asynccontextmanager
    async def at(self, endpoint: str) -> AsyncIterator[None]:
        """`endpoint` is any text that is the same for requests of one kind to one host."""
        await self.enter(endpoint)
        try:
            yield
        except BaseException as error:
            self.leave(endpoint, error)
            raise
        self.leave(endpoint, None)

    async def enter(self, endpoint: str) -> None:
        while True:
            now = self.clock.monotonic()
            wait = self._not_before.get(endpoint, now) - now
            if self._door is not Door.OPEN:
                wait = max(wait, self._opens_at - now)
            if wait <= 0 and self._door is not Door.PROBING:
                if self._door is Door.CLOSED:
                    self._door = Door.PROBING
                return
            changed = self._changed
            waiter = asyncio.ensure_future(changed.wait())
            timer = asyncio.ensure_future(self.clock.sleep(max(wait, 0.05)))
            try:
                await asyncio.wait({waiter, timer}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiter.cancel()
                timer.cancel()

    def leave(self, endpoint: str, error: BaseException | None) -> None:
        self.heed(endpoint, error)
        if isinstance(error, SAYS_NOTHING):
            self.release()
        elif isinstance(error, BadWorld):
            self._shut(error)
        else:
            self.passed += 1
            self._open()

    def heed(self, endpoint: str, error: BaseException | None) -> None:
        """Let nobody in at that endpoint before the moment that the server has named."""
        wish = error.retry_after_seconds if isinstance(error, BadWorld | OutcomeUnknown) else None
        if wish is None and isinstance(error, TooManyRequests):
            wish = FIRST_SECONDS
        if wish is not None:
            until = self.clock.monotonic() + wish
            self._not_before[endpoint] = max(until, self._not_before.get(endpoint, until))

    def release(self) -> None:
        """In place of leaving: the request told nothing of the world, so that another one may try at once."""
        if self._door is Door.PROBING:
            self._door = Door.CLOSED
            self._tell()

    def _shut(self, error: BadWorld) -> None:
        self.met(type(error).__name__)
        now = self.clock.monotonic()
        if self._door is Door.OPEN or self._door is Door.PROBING:
            self._failures += 1
            self._opens_at = now + backoff_seconds(self._failures, error.retry_after_seconds)
        elif error.retry_after_seconds is not None:
            self._opens_at = max(self._opens_at, now + error.retry_after_seconds)
        if self.bad_since is None:
            self.bad_since = now
        if self.trouble is None or self.trouble.message != error.message:
            logger.warning("api_paused", reason=error.message, hint=error.hint, detail=error.detail)
        self.trouble = error
        self._door = Door.CLOSED
        self._tell()

    def _open(self) -> None:
        if self._door is Door.OPEN:
            return
        logger.info("api_resumed", was=self.trouble.message if self.trouble else "")
        self._door = Door.OPEN
        self._failures = 0
        self.trouble = None
        self.bad_since = None
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def bad_seconds(self) -> float:
        """For how long the world has been bad; 0 when it is fine."""
        return 0.0 if self.bad_since is None else self.clock.monotonic() - self.bad_since


class Asking:
    """`async with asking:` around the same request again and again, in place of `gate.at(endpoint)`.

    It tells the request's own trouble from the world's: a request that fails though others got through since
    it failed before is not what shuts the gate for them. `own` says that of the last failure, `alone` how
    often it was so since the last success.
    """

    def __init__(self, gate: Gate, endpoint: str) -> None:
        self.own = False
        self.alone = 0
        self.world_seconds = 0.0
        """For how long it was the world that kept the request from being made or answered."""
        self._gate = gate
        self._endpoint = endpoint
        self._failed_at: int | None = None
        self._since: float | None = None
        self._began = 0.0

    async def __aenter__(self) -> None:
        clock = self._gate.clock
        if self._since is None:
            self._since = clock.monotonic()
        await self._gate.enter(self._endpoint)
        self._began = clock.monotonic()
        self.world_seconds += self._began - self._since
        self._since = None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        gate = self._gate
        if not isinstance(error, Unreachable):
            if error is None:
                self.alone, self._failed_at = 0, None
            return gate.leave(self._endpoint, error)
        self.own = self._failed_at is not None and gate.passed > self._failed_at
        if self.own:
            self.alone += 1
            gate.met(type(error).__name__)
            gate.heed(self._endpoint, error)
            gate.release()
        else:
            self._since = self._began
            gate.leave(self._endpoint, error)
        self._failed_at = gate.passed
