"""Jobs that don't move, since the world is bad or no money may be spent: why, since when, until when."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

from hotfolder import log
from hotfolder.errors import BadWorld, LocalTrouble, OutOfReach
from hotfolder.jobs.allowance import NotAllowed, OwnBudgetUsedUp
from hotfolder.jobs.backoff import backoff_seconds
from hotfolder.jobs.states import EXPLAINED, State
from hotfolder.jobs.tables import Job
from hotfolder.jobs.tools import Tools

logger = log.get("engine")

LEAVE_SECONDS = 5.0
"""How soon a job that waits for a budget, the end of a pause or its inbox asks again; that costs nothing."""


class Standstill:
    """`freed` is called when a job takes no place from the others any more, for as long as it waits."""

    def __init__(self, tools: Tools, freed: Callable[[], None]) -> None:
        self.aside: set[str] = set()
        """Jobs that wait for something of their own, and take no place from the others meanwhile."""
        self.reasons: dict[str, str] = {}
        """Why a job doesn't move whose own reason says why it is going to failed."""
        self._tools = tools
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
        """Say why the job doesn't move. The gate decides when the API is asked again; a local trouble, or
        one that the gate lets through, is waited out here."""
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
        tools = self._tools
        explained = State(job.state) in EXPLAINED
        # The job's own hint is about why it fails; what to do about this goes with this.
        why = ". ".join(filter(None, (error.message, error.hint))) if explained else error.message
        if why == (self.reasons.get(job.id) if explained else job.reason):
            return
        if explained:
            self.reasons[job.id] = why
        logger.warning("job_waits", reason=error.message, hint=error.hint)
        with suppress(LocalTrouble):  # it may be the store itself that can't be written
            await tools.desk(tools.store.wait, job.id, error.message, error.hint, tools.clock.now())

    async def _stand_aside(self, job: Job, seconds: float, *, alone: bool = True) -> None:
        """Wait, and take no place from others meanwhile where it is the job's own trouble."""
        try:
            if alone:
                self.aside.add(job.id)
                self._freed()
            await self._tools.clock.sleep(seconds)
        finally:
            self.aside.discard(job.id)
