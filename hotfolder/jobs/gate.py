"""The gate in front of the API: closed while the world is bad, opened by whoever gets through first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from types import TracebackType

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.errors import BadWorld, Cancelled, LocalTrouble, OutcomeUnknown, SetChanged
from hotfolder.jobs.allowance import NotAllowed
from hotfolder.jobs.backoff import backoff_seconds
from hotfolder.stager.refusals import ResultGone, UrlExpired, UrlRefused

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
    """`async with gate:` around every request to the API.

    While the world is bad, entering waits; when the backoff has passed, one request is let through to
    try, and its success lets all others in. Nobody is let in twice as fast because many are waiting.
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
        self._changed = asyncio.Event()

    async def __aenter__(self) -> None:
        while self._door is not Door.OPEN:
            wait = self._opens_at - self.clock.monotonic()
            if self._door is Door.CLOSED and wait <= 0:
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

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, SAYS_NOTHING):
            self._release()
        elif isinstance(error, BadWorld):
            self._shut(error)
        else:
            self._open()

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
            logger.warning("api_paused", reason=error.message, hint=error.hint)
        self.trouble = error
        self._door = Door.CLOSED
        self._tell()

    def _release(self) -> None:
        """A probe that proved nothing: the next one may try at once."""
        if self._door is Door.PROBING:
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
