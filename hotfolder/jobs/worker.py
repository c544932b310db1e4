"""The worker: takes jobs from the store, oldest first, and drives each from state to state."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from typing import Any

import structlog

from hotfolder import log
from hotfolder.clock import sleep_until_set
from hotfolder.crashpoints import CrashPoint
from hotfolder.errors import (
    BadJob,
    BadWorld,
    HotfolderError,
    LeaseLost,
    LocalTrouble,
    OutcomeUnknown,
    OutOfReach,
    RequestRefused,
    SetChanged,
    StoreAway,
)
from hotfolder.jobs.breaker import API, LONGEST_SECONDS, retry_seconds
from hotfolder.jobs.budget import NotAllowed, own_budget_in
from hotfolder.jobs.commands import Priority, cancellation
from hotfolder.jobs.context import JobContext, place_of
from hotfolder.jobs.database import older_copy
from hotfolder.jobs.model import SANDBOX, Job, NewJob
from hotfolder.jobs.previous import dragged_back
from hotfolder.jobs.queries import open_commands
from hotfolder.jobs.states import ACTIVE, ASKS_API, EXPLAINED, HOLDING, SETTLED, State
from hotfolder.jobs.steps import buying, delivering, filing, uploading
from hotfolder.jobs.steps.paying import record
from hotfolder.jobs.takeover import identities_here
from hotfolder.jobs.verify import adopt_from_receipts
from hotfolder.outbox.faults import trouble_of

CANCEL_AGAIN_SECONDS = 0.25


async def cancel_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel `tasks` and wait until all have ended.

    Before Python 3.13 a task group swallows a cancellation that arrives while it ends its own tasks after an
    error, so the cancellation is repeated.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_SECONDS)


logger = log.get("worker")

BEAT_SECONDS = 10.0
"""The longest time between two calls of `beat`."""
COMMAND_SECONDS = 1.0
"""The interval of polling the commands."""
MOST_POSTPONED = 256
"""The number of jobs that may be postponed by a trouble of their own without taking a slot."""
RECHECK_SECONDS = 5.0
"""The retry interval of a job that waits for a budget, the end of a pause or its inbox; checking is free."""

MAYBE_FOR_ALL_REQUESTS = frozenset({403, 404, 405})
"""Statuses that may refuse every request and not this one alone: a revoked key, a gateway before the API."""

Step = Callable[[JobContext, Job], Awaitable[Job]]
"""Returns the job as the step has left it."""

STEPS: Mapping[State, Step] = {
    State.QUEUED: uploading.begin,
    State.UPLOADING: uploading.upload,
    State.MERGING: buying.merge,
    State.EDITING: buying.edit,
    State.PUBLISHING: delivering.publish,
    State.FILING: filing.file_originals,
    State.REFUSING: filing.file_in_failed,
    State.HALTING: filing.file_in_failed,
}

assert set(STEPS) == ACTIVE

Ended = Callable[[Job], None]
"""Called with a job that has ended: done, failed, needs attention or withdrawn."""


@dataclass
class JobEntry:
    """The worker's entry of an unfinished job. Times are of the monotonic clock."""

    job: Job
    task: asyncio.Task[None] | None = None
    """The task that drives the job; None while it waits."""
    step: asyncio.Task[Job] | None = None
    """The running step, a task of its own that can be cancelled; None between two steps."""
    began: float = 0.0
    """When the step began, or the task that drives the job."""
    joining_photo: str = ""
    """The name of a later photo that belongs to this set, of a flat drop that isn't paid for yet; else ""."""
    bad_since: float | None = None
    """When the first of a series of BadWorld errors was met; None without one. -inf for a wait of hours: a
    budget, a pause."""
    taken_over: bool = False
    """Whether another machine may have driven it, whose inodes and ctimes are not valid here."""
    refused: bool = False
    """Whether the API, while it served, has refused a request of it with one of MAYBE_FOR_ALL_REQUESTS."""
    failures: int = 0
    not_before: float = 0.0
    hurried_at: float = -math.inf
    """When it was last retried early, by `retry_postponed`."""
    keeps_slot: bool = False
    """Whether it keeps its slot among `most_jobs` while it is postponed, since its trouble concerns all
    jobs."""
    reason: str = ""
    """Why it waits, where `job.reason` already is the cause of its failure."""

    @property
    def postponed(self) -> bool:
        return self.task is None and self.bad_since is not None


@dataclass(eq=False)
class Worker:
    """Drives all jobs of one store, at most `most_jobs` at once. `beat` is called at least every BEAT_SECONDS
    while the worker is alive, `ended` with each job that has ended, `defect` with a job that an unexpected
    exception, a defect of ours, has left as it was."""

    context: JobContext
    _: KW_ONLY
    most_jobs: int
    ended: Ended
    defect: Ended
    beat: Callable[[], None]

    def __post_init__(self) -> None:
        self._jobs: dict[str, JobEntry] = {}
        self._work = asyncio.Event()
        self._receipts_adopted = False
        self.crashed: set[str] = set()
        """Ids of the jobs that a defect has left as they were, until the next start."""

    async def load(self, inbox: str | None = None) -> None:
        """Take the unfinished jobs of an earlier process: all, or, from another machine, those of one inbox.
        Raises LocalTrouble."""
        context = self.context
        for job in await context.store_thread(context.store.active, inbox):
            files = await context.store_thread(context.store.files, job.id)
            if (
                job.origin != context.origin
                and job.state in ASKS_API
                and (job.origin == SANDBOX or not await self._has_bought(job))
            ):  # nothing was paid for there
                job = await context.store_thread(
                    context.store.restart_at, job.id, context.origin, context.clock.now()
                )
            self._take(job, frozenset(file.name for file in files), taken_over=inbox is not None)

    async def drop(self, inbox: str) -> None:
        """Stop and forget the jobs of an inbox whose lease was lost. Paid calls in flight continue and are
        recorded."""
        dropped = [one for one in self._jobs.values() if one.job.inbox == inbox]
        for one in dropped:  # first, since `run` restarts any known job whose task has ended
            del self._jobs[one.job.id]
        await cancel_all([one.task for one in dropped if one.task is not None])
        for one in dropped:
            self._forget(one.job)
        self.crashed -= {one.job.id for one in dropped}

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.id, None)
        there = self.context.claims.get(place_of(job), {})
        there.pop(job.id, None)
        if not there:
            self.context.claims.pop(place_of(job), None)
        self.context.darkroom.release(job.id)

    async def _has_bought(self, job: Job) -> bool:
        """Whether the job has a purchase that was, or may have been, charged."""
        calls = await self.context.store_thread(self.context.ledger.of_job, job.id)
        return any(call.state in HOLDING for call in calls)

    async def submit(self, new: NewJob) -> Job:
        """Record a new job, claim its files and queue it. Raises LocalTrouble where it was not recorded."""
        context = self.context
        back, at = await dragged_back(context, new), context.clock.now()
        try:
            job = await context.store_thread(context.store.create, new, context.origin, at, supersedes=back)
        except StoreAway:  # the job may be recorded, with the database's answer lost
            made = await record(context, context.store.job, new.id)
            if made is None:
                raise
            job = made
        CrashPoint.JOB_CREATED.passed()
        # Nothing may fail from here on: the caller would submit the set again.
        self._take(job, frozenset(file.name for file in new.files))
        logger.info("job_created", job=job.id, project=job.project, room=job.room, state=job.state)
        return job

    def _take(self, job: Job, names: frozenset[str], *, taken_over: bool = False) -> None:
        self.context.claims.setdefault(place_of(job), {})[job.id] = names
        self._jobs[job.id] = JobEntry(job, taken_over=taken_over)
        self._work.set()

    def busy(self) -> bool:
        """Whether there is an unfinished job."""
        return bool(self._jobs)

    def all_stuck(self, seconds: float) -> bool:
        """Whether every job that was begun has met nothing but BadWorld for `seconds`, or hangs on an inbox
        that is out of reach; and so every job that could be begun, where there are places. True without
        jobs."""
        begun = [one for one in self._jobs.values() if one.task is not None or one.postponed]
        # Where all places are taken, the queued jobs can't begin either.
        waiting = () if self._at_capacity() else self._ready()
        return all(self._stuck(one, seconds) for one in (*begun, *waiting))

    def _stuck(self, one: JobEntry, seconds: float) -> bool:
        now = self.context.clock.monotonic()
        if one.task is None and one.bad_since is not None and now - one.bad_since >= seconds:
            return True  # not while it is retried: it may succeed, and then take long
        if one.job.state in ASKS_API:
            return self.context.breakers.bad_seconds() >= seconds
        hangs = one.task is not None and now - one.began >= seconds
        return hangs and bool(self.context.places.out_of_reach(one.job.inbox))

    def waits_for_world(self) -> bool:
        """Whether a job waits after a BadWorld error, those for budgets and pauses excluded."""
        return any(one.bad_since is not None and one.bad_since > -math.inf for one in self._jobs.values())

    def waiting_reasons(self) -> dict[str, str]:
        """`JobEntry.reason` by job id: why jobs on their way to failed/ wait."""
        return {job_id: one.reason for job_id, one in self._jobs.items() if one.reason}

    async def run(self) -> None:
        """Drive jobs until cancelled, which stops every job at once, except paid calls: see `drain`."""
        clock = self.context.clock
        try:
            while True:
                postponed = [one for one in self._jobs.values() if one.postponed]
                for one in postponed:
                    if one.not_before <= clock.monotonic():
                        self._start(one)
                while not self._at_capacity() and (ready := self._ready()):
                    levels = self.context.limits.priorities
                    # `min` takes the first of equals: the oldest job.
                    self._start(min(ready, key=lambda one: levels.get(one.job.id, Priority.NORMAL)))
                self._work.clear()
                self.beat()
                next_at = min((one.not_before for one in postponed if one.postponed), default=math.inf)
                await sleep_until_set(self._work, clock, min(BEAT_SECONDS, next_at - clock.monotonic()))
        finally:
            await cancel_all([one.task for one in self._jobs.values() if one.task is not None])

    def _at_capacity(self) -> bool:
        """Whether all `most_jobs` slots are taken. Jobs that wait for an inbox out of reach take none, nor do
        jobs postponed by a trouble of their own, up to MOST_POSTPONED of these."""
        out_of_reach = self.context.places.out_of_reach
        jobs = self._jobs.values()
        moving = sum(one.task is not None and not out_of_reach(one.job.inbox) for one in jobs)
        kept = sum(one.postponed and one.keeps_slot for one in jobs)
        others = sum(one.postponed and not one.keeps_slot for one in jobs)
        return moving + kept + max(0, others - MOST_POSTPONED) >= self.most_jobs

    def _ready(self) -> list[JobEntry]:
        """The jobs that may be begun: not postponed, and, where still queued, with an inbox in reach."""
        new = [one for one in self._jobs.values() if one.task is None and not one.postponed]
        out_of_reach = self.context.places.out_of_reach
        return [one for one in new if one.job.state != State.QUEUED or not out_of_reach(one.job.inbox)]

    def _start(self, one: JobEntry) -> None:
        one.began = self.context.clock.monotonic()
        one.task = asyncio.create_task(self._drive(one), name=f"job {one.job.id}")

    def retry_postponed(self) -> None:
        """Retry every postponed job at once, since a disk or share is usable again; each at most once in
        LONGEST_SECONDS: a disk that the job itself fills has room whenever the job has failed."""
        now = self.context.clock.monotonic()
        for one in self._jobs.values():
            if one.postponed and now - one.hurried_at >= LONGEST_SECONDS:
                one.not_before, one.hurried_at = 0.0, now
        self._work.set()

    async def follow_commands(self) -> None:
        """Poll the commands every COMMAND_SECONDS and carry them out, until cancelled."""
        context, trouble = self.context, log.RecurringWarning(log.get("commands"), "commands_not_seen")
        while True:
            try:
                cancelled, priorities = await context.store_thread(open_commands, context.store)
                context.limits.prioritise(priorities)
                for job_id in cancelled:
                    await self.break_off(job_id)
                trouble.reset()
            except LocalTrouble as error:
                trouble.warn(error.message)
            await context.clock.sleep(COMMAND_SECONDS)

    async def reopen(self, job_id: str, name: str) -> None:
        """Withdraw a set of a flat drop to which the later photo `name` belongs, unless it is paid for."""
        one = self._jobs.get(job_id)
        if one is not None and not one.joining_photo:
            one.joining_photo = name
            await self.break_off(job_id)

    async def break_off(self, job_id: str) -> None:
        """Make a job notice a decision soon, such as its cancellation. A free step is cancelled; a paid call
        is awaited and its picture kept, and nothing more is bought. A job between two steps notices it by
        itself, or at the next call. Idempotent."""
        one = self._jobs.get(job_id)
        if one is not None and one.task is None:
            self._start(one)
        elif one is not None and one.step is not None and not await self._has_open_purchase(job_id):
            # A call that has begun since is still on its way.
            paying = any(task.get_name() == job_id for task in self.context.paying)
            if one.step is not None and not paying:
                one.step.cancel()

    async def _has_open_purchase(self, job_id: str) -> bool:
        """Whether a paid call of the job is in flight, or its picture is not downloaded yet."""
        calls = await self.context.store_thread(self.context.ledger.of_job, job_id)
        return any(call.state not in SETTLED and not call.given_up for call in calls)

    async def drain(self) -> None:
        """Wait until no paid call is in flight: their answers are paid for and must be recorded."""
        while self.context.paying:
            await asyncio.wait(set(self.context.paying))

    async def _drive(self, one: JobEntry) -> None:
        clock, job = self.context.clock, one.job
        with structlog.contextvars.bound_contextvars(job=job.id, project=job.project, room=job.room):
            try:
                if one.bad_since is not None:
                    one.job = await self._as_stored(job)
                if one.taken_over:
                    await identities_here(self.context, one.job)
                    one.taken_over = False
                while one.job.state in ACTIVE:
                    phase, one.began = one.job.state, clock.monotonic()
                    one.job = await self._step(one)
                    self.context.counts.phase(phase, clock.monotonic() - one.began)
            except LeaseLost as error:
                logger.info("job_dropped", reason=error.message)
                self._forget(one.job)
                self.context.lease_lost(job.inbox)
            except Exception as error:
                # A share can vanish between any two steps, which is no defect of ours.
                trouble = error if isinstance(error, BadWorld) else trouble_of(error)
                if trouble is not None:
                    await self._postpone(one, trouble)
                else:
                    # A defect of ours must not stop the other jobs, nor be retried in a tight loop.
                    logger.exception("job_crashed")
                    self.crashed.add(job.id)
                    self._jobs.pop(job.id, None)
                    await self._note_defect(one.job)
            finally:
                one.task = None
                self._work.set()
            if one.job.state not in ACTIVE:
                self._forget(job)
                logger.info("job_ended", state=one.job.state, reason=one.job.reason)
                self.ended(one.job)

    async def _step(self, one: JobEntry) -> Job:
        """Run one step in a task of its own; returns the job as the step, or one cancelled by `break_off`,
        has left it. Where the worker itself is cancelled, the step's error is ignored: the step runs again at
        the next start."""
        driver = asyncio.current_task()
        assert driver is not None
        one.step = step = asyncio.create_task(self._attempt(one), name=f"step-{one.job.id}")
        try:
            left = await step
        except (asyncio.CancelledError, Exception):
            if driver.cancelling():
                raise asyncio.CancelledError from None
            if not step.cancelled():
                raise
            return await self._as_stored(one.job)
        finally:
            one.step = None
        one.bad_since, one.failures, one.keeps_slot, one.reason = None, 0, False, ""
        return left

    async def _postpone(self, one: JobEntry, error: BadWorld) -> None:
        """Record why the job waits, and set `not_before`. The breaker decides when the API is asked again;
        only local trouble, and errors that repeat although the breaker is closed, get a backoff here."""
        clock = self.context.clock
        if one.bad_since is None:
            one.bad_since = clock.monotonic()
        one.failures += 1
        one.keeps_slot = isinstance(error, NotAllowed) and not own_budget_in(error.message)
        if not isinstance(error, StoreAway):  # logged once by the store thread
            await self._note_trouble(one, error)
        seconds = 0.0
        if isinstance(error, NotAllowed | OutOfReach):  # nothing was tried
            one.failures, seconds = 0, error.retry_after_seconds or RECHECK_SECONDS
        elif isinstance(error, LocalTrouble) or one.failures > 1:
            seconds = retry_seconds(error, one.failures)
        if isinstance(error, NotAllowed):
            one.bad_since = -math.inf
        one.not_before = clock.monotonic() + seconds

    async def _note_trouble(self, one: JobEntry, error: BadWorld) -> None:
        context, job = self.context, one.job
        explained = job.state in EXPLAINED
        # The job's own hint is about its failure, so this error's hint goes into the text.
        why = ". ".join(filter(None, (error.message, error.hint))) if explained else error.message
        if why == (one.reason if explained else job.reason):
            return
        if explained:
            one.reason = why
        logger.warning("job_waits", reason=error.message, hint=error.hint)
        with suppress(LocalTrouble, LeaseLost):  # the trouble may be the store itself
            await context.store_thread(
                context.store.record_wait, job.id, error.message, error.hint, context.clock.now()
            )

    async def _as_stored(self, job: Job) -> Job:
        """The job read again, since a cancelled step may have changed it. Raises LocalTrouble, and LeaseLost
        where it has ended and another machine may have ended it."""
        stored = await self.context.store_thread(self.context.store.job, job.id)
        if stored is None:
            raise older_copy()
        if stored.state not in ACTIVE:
            await self.context.store_thread(self.context.places.confirm_ours, job.inbox)
        return stored

    async def _attempt(self, one: JobEntry) -> Job:
        """Run one step, and move the job where the step fails: SetChanged to WITHDRAWN, BadJob to REFUSING,
        OutcomeUnknown to HALTING. Raises BadWorld, also where the move can't be stored: the step is then
        repeated."""
        context, job = self.context, one.job
        try:
            if job.state in ASKS_API:
                if job.cancelled_by and not await self._has_open_purchase(job.id):
                    raise cancellation(job.cancelled_by)
                if job.origin != context.origin:
                    raise LocalTrouble(
                        f"this set was begun at {job.origin}, and what it bought there is not known here",
                        hint="It continues by itself once hotfolder runs against that API again.",
                    )
                await self._adopt_from_receipts()
                if one.joining_photo and not await self._has_bought(job):
                    raise SetChanged(f"{one.joining_photo}, which came later, belongs to it")
            return await STEPS[State(job.state)](context, job)
        except SetChanged as error:
            await context.confirm_gone(job)
            return await self._move(job, State.WITHDRAWN, error)
        except BadJob as error:
            if isinstance(error, RequestRefused) and error.status in MAYBE_FOR_ALL_REQUESTS:
                async with context.breakers.at(API):
                    await context.client.confirm_served()
                # The cause may have ended between request and probe: only a second refusal is this set's own.
                if not one.refused:
                    one.refused = True
                    return job
            return await self._move(job, State.REFUSING, error)
        except OutcomeUnknown as error:
            return await self._move(job, State.HALTING, error)

    async def _adopt_from_receipts(self) -> None:
        """Once in a process, before its first purchase, adopt the purchases that only receipts know."""
        async with self.context.lock("receipts"):
            if not self._receipts_adopted:
                await adopt_from_receipts(self.context)
                self._receipts_adopted = True

    async def _move(self, job: Job, state: State, error: HotfolderError) -> Job:
        logger.warning("job_diverted", state=state, reason=error.message)
        return await self.context.advance(job, state, reason=error.message, hint=error.hint)

    async def _note_defect(self, job: Job) -> None:
        job.reason = "hotfolder met an error of its own and left this set as it is"
        job.hint = "It is tried again at the next start. Please report it with the log line job_crashed."
        try:
            await self.context.store_thread(
                self.context.store.set_columns, job.id, reason=job.reason, hint=job.hint
            )
        except HotfolderError:
            logger.exception("store_not_writable")
        self.defect(job)
