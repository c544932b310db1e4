"""The circuit breaker in front of the API, and the jobs that wait for it, for a disk or for a budget."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.errors import (
    BadWorld,
    Cancelled,
    LocalTrouble,
    OutcomeUnknown,
    OutOfReach,
    SetChanged,
    TooManyRequests,
    Unreachable,
)
from hotfolder.jobs.budget import NotAllowed, OwnBudgetUsedUp
from hotfolder.jobs.model import EXPLAINED, Job, State
from hotfolder.stager.failures import ResultGone, UrlExpired, UrlRefused

if TYPE_CHECKING:
    from hotfolder.jobs.context import JobContext

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 300.0


def backoff_seconds(failures: int, retry_after_seconds: float | None = None) -> float:
    """Seconds to wait after `failures` (≥ 1) in a row: 1, doubling to 5 min; longer if the server asks."""
    delay = min(FIRST_SECONDS * 2.0 ** (min(failures, 32) - 1), LONGEST_SECONDS)
    return max(delay, retry_after_seconds or 0.0)


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
"""How a request can end without telling whether the world is bad: it concerns one job, or this machine."""


class BreakerState(Enum):
    OPEN = "open"
    CLOSED = "closed"
    PROBING = "probing"


class CircuitBreaker:
    """`async with breaker.at(endpoint):` around every request to the API or its storage.

    While the world is bad, entering waits; when the backoff has passed, one request is let through to
    try, and its success lets all others in. Nobody is let in twice as fast because many are waiting. Whoever
    is told when to come back (Retry-After) is heard at that endpoint, whatever gets through elsewhere.
    """

    def __init__(self, clock: Clock, *, met: Callable[[str], None] = lambda _: None) -> None:
        """`met` hears the name of every error's class that closes the breaker."""
        self.clock = clock
        self.met = met
        self.trouble: BadWorld | None = None
        self.bad_since: float | None = None
        self._door = BreakerState.OPEN
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
            if self._door is not BreakerState.OPEN:
                wait = max(wait, self._opens_at - now)
            if wait <= 0 and self._door is not BreakerState.PROBING:
                if self._door is BreakerState.CLOSED:
                    self._door = BreakerState.PROBING
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
        if self._door is BreakerState.PROBING:
            self._door = BreakerState.CLOSED
            self._tell()

    def _shut(self, error: BadWorld) -> None:
        self.met(type(error).__name__)
        now = self.clock.monotonic()
        if self._door is BreakerState.OPEN or self._door is BreakerState.PROBING:
            self._failures += 1
            self._opens_at = now + backoff_seconds(self._failures, error.retry_after_seconds)
        elif error.retry_after_seconds is not None:
            self._opens_at = max(self._opens_at, now + error.retry_after_seconds)
        if self.bad_since is None:
            self.bad_since = now
        if self.trouble is None or self.trouble.message != error.message:
            logger.warning("api_paused", reason=error.message, hint=error.hint, detail=error.detail)
        self.trouble = error
        self._door = BreakerState.CLOSED
        self._tell()

    def _open(self) -> None:
        if self._door is BreakerState.OPEN:
            return
        logger.info("api_resumed", was=self.trouble.message if self.trouble else "")
        self._door = BreakerState.OPEN
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


class RequestBreaker:
    """`async with asking:` around the same request again and again, in place of `breaker.at(endpoint)`.

    It tells the request's own trouble from the world's: a request that fails though others got through since
    it failed before is not what shuts the breaker for them. `own` says that of the last failure, `alone` how
    often it was so since the last success.
    """

    def __init__(self, breaker: CircuitBreaker, endpoint: str) -> None:
        self.own = False
        self.alone = 0
        self.world_seconds = 0.0
        """For how long it was the world that kept the request from being made or answered."""
        self._gate = breaker
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
        breaker = self._gate
        if not isinstance(error, Unreachable):
            if error is None:
                self.alone, self._failed_at = 0, None
            return breaker.leave(self._endpoint, error)
        self.own = self._failed_at is not None and breaker.passed > self._failed_at
        if self.own:
            self.alone += 1
            breaker.met(type(error).__name__)
            breaker.heed(self._endpoint, error)
            breaker.release()
        else:
            self._since = self._began
            breaker.leave(self._endpoint, error)
        self._failed_at = breaker.passed


LEAVE_SECONDS = 5.0
"""How soon a job that waits for a budget, the end of a pause or its inbox asks again; that costs nothing."""


class JobWaits:
    """`freed` is called when a job takes no place from the others any more, for as long as it waits."""

    def __init__(self, context: JobContext, freed: Callable[[], None]) -> None:
        self.aside: set[str] = set()
        """Jobs that wait for something of their own, and take no place from the others meanwhile."""
        self.reasons: dict[str, str] = {}
        """Why a job doesn't move whose own reason says why it is going to failed."""
        self._tools = context
        self._freed = freed
        self._since: dict[str, float] = {}
        self._failures: dict[str, int] = {}

    def lasts(self, job_id: str, seconds: float) -> bool:
        """Whether the job has met nothing but a bad world for so long; a budget and a pause count at once."""
        now = self._tools.clock.monotonic()
        return now - self._since.get(job_id, now) >= seconds

    def any(self) -> bool:
        """Whether a job waits for the world to get better; budgets and pauses aside."""
        return any(since > -math.inf for since in self._since.values())

    def moved(self, job_id: str) -> None:
        """A step of the job has come to its end."""
        self._since.pop(job_id, None)
        self._failures.pop(job_id, None)

    def ended(self, job_id: str) -> None:
        """The job isn't driven any more."""
        self.moved(job_id)
        self.reasons.pop(job_id, None)

    async def wait_out(self, job: Job, error: BadWorld) -> None:
        """Say why the job doesn't move. The breaker decides when the API is asked again; a local trouble, or
        one that the breaker lets through, is waited out here."""
        since = self._since.setdefault(job.id, self._tools.clock.monotonic())
        failures = self._failures[job.id] = self._failures.get(job.id, 0) + 1
        await self._tell(job, error)
        if isinstance(error, NotAllowed):
            self._since[job.id] = -math.inf  # a budget and a pause end in hours, not in seconds
            await self._stand_aside(job, LEAVE_SECONDS, alone=isinstance(error, OwnBudgetUsedUp))
            return
        if isinstance(error, OutOfReach):
            del self._failures[job.id]  # nothing was tried
            await self._stand_aside(job, LEAVE_SECONDS)
        elif isinstance(error, LocalTrouble) or failures > 1:
            await self._stand_aside(job, backoff_seconds(failures))
        self._since[job.id] = since

    async def _tell(self, job: Job, error: BadWorld) -> None:
        context = self._tools
        explained = State(job.state) in EXPLAINED
        # The job's own hint is about why it fails; what to do about this goes with this.
        why = ". ".join(filter(None, (error.message, error.hint))) if explained else error.message
        if why == (self.reasons.get(job.id) if explained else job.reason):
            return
        if explained:
            self.reasons[job.id] = why
        logger.warning("job_waits", reason=error.message, hint=error.hint)
        with suppress(LocalTrouble):  # it may be the store itself that can't be written
            await context.desk(context.store.wait, job.id, error.message, error.hint, context.clock.now())

    async def _stand_aside(self, job: Job, seconds: float, *, alone: bool = True) -> None:
        """Wait, and take no place from others meanwhile where it is the job's own trouble."""
        try:
            if alone:
                self.aside.add(job.id)
                self._freed()
            await self._tools.clock.sleep(seconds)
        finally:
            self.aside.discard(job.id)
