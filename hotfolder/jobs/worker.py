"""The worker: takes jobs from the store, oldest first, and drives each from state to state."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from hotfolder import log
from hotfolder.clock import sleep_unless
from hotfolder.crashpoints import CrashPoint
from hotfolder.errors import (
    BadJob,
    BadWorld,
    HotfolderError,
    LeaseLost,
    LocalTrouble,
    OutcomeUnknown,
    OutOfReach,
    SetChanged,
    StoreAway,
)
from hotfolder.jobs.breaker import retry_seconds
from hotfolder.jobs.budget import NotAllowed, own_budget_in
from hotfolder.jobs.commands import Priority, cancellation, open_commands
from hotfolder.jobs.context import JobContext, place_of
from hotfolder.jobs.model import SANDBOX, Job, NewJob
from hotfolder.jobs.previous import dragged_back
from hotfolder.jobs.states import ACTIVE, ASKS_API, EXPLAINED, HOLDING, SETTLED, State
from hotfolder.jobs.steps import delivering, editing, filing, merging, uploading
from hotfolder.jobs.steps.paying import record
from hotfolder.jobs.takeover import identities_here
from hotfolder.jobs.verify import ask_receipts
from hotfolder.outbox.faults import trouble_of

CANCEL_AGAIN_SECONDS = 0.25


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel `tasks`, and return when all have ended.

    Before Python 3.13 a task group swallows a cancellation that comes while it ends its own tasks after an
    error, so that one may not be enough.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_SECONDS)


logger = log.get("worker")

BEAT_SECONDS = 10.0
"""How often the worker says that it is alive, at the least."""
COMMAND_SECONDS = 1.0
"""Between two looks at what people ask of the jobs."""
MOST_PUT_OFF = 256
"""So many jobs may be put off, each with a trouble of its own, before they take others' places."""
LEAVE_SECONDS = 5.0
"""How soon a job that waits for a budget, the end of a pause or its inbox asks again; that costs nothing."""

Step = Callable[[JobContext, Job], Awaitable[Job]]
"""Returns the job as the step has left it."""

STEPS: Mapping[State, Step] = {
    State.QUEUED: uploading.begin,
    State.UPLOADING: uploading.upload,
    State.MERGING: merging.merge,
    State.EDITING: editing.edit,
    State.PUBLISHING: delivering.publish,
    State.FILING: filing.file_originals,
    State.REFUSING: filing.set_aside,
    State.HALTING: filing.set_aside,
}

assert set(STEPS) == ACTIVE

Ended = Callable[[Job], None]
"""Called once a job has come to an end: done, failed, needs attention, or withdrawn."""


@dataclass
class JobEntry:
    """A job that isn't at its end. Moments are of the monotonic clock."""

    job: Job
    task: asyncio.Task[None] | None = None
    """Drives it; None while it waits."""
    step: asyncio.Task[Job] | None = None
    """The step that it is at, a task of its own, which can be broken off; None between two of them."""
    began: float = 0.0
    """When that step was begun."""
    joined: str = ""
    """A photo that came later and belongs to its set, of a flat drop that isn't paid for yet."""
    bad_since: float | None = None
    """Since when it has met nothing but a bad world. -inf for what ends in hours and not in seconds: a
    budget, a pause."""
    taken_over: bool = False
    """Whether another machine may have worked on it, whose inodes and times of change tell nothing here."""
    failures: int = 0
    not_before: float = 0.0
    keeps_place: bool = False
    """Whether it takes a place from the others while it is put off: what it waits for concerns them too."""
    reason: str = ""
    """Why it doesn't move, where the job's own reason says why it is going to failed."""

    @property
    def put_off(self) -> bool:
        return self.task is None and self.bad_since is not None

    def moved(self) -> None:
        """A step has come to its end."""
        self.bad_since, self.failures, self.keeps_place, self.reason = None, 0, False, ""


class Worker:
    """Drives all jobs of one store. `most_jobs` is how many are worked on at once. `beat` is called again and
    again while the worker is alive, `defect` with a job that an error of ours has left as it was."""

    def __init__(
        self,
        context: JobContext,
        *,
        most_jobs: int,
        ended: Ended,
        defect: Ended,
        beat: Callable[[], None],
    ) -> None:
        self.context = context
        self.beat = beat
        self.most_jobs = most_jobs
        self.ended = ended
        self.defect = defect
        self._jobs: dict[str, JobEntry] = {}
        self._work = asyncio.Event()
        self._receipts = asyncio.Lock()
        self._receipts_asked = False
        self.crashed: set[str] = set()
        """Jobs that a defect of ours left as they were, until the next start."""

    async def load(self, inbox: str | None = None) -> None:
        """Take up what an earlier process left unfinished, or another machine: all, or what is of one
        inbox."""
        context = self.context
        for job in await context.store_thread(context.store.active, inbox):
            files = await context.store_thread(context.store.files, job.id)
            if (
                job.origin != context.origin
                and job.state in ASKS_API
                and (job.origin == SANDBOX or not await self._has_bought(job))
            ):  # nothing was paid for there
                job = await context.store_thread(
                    context.store.begin_anew, job.id, context.origin, context.clock.now()
                )
            self._take(job, frozenset(file.name for file in files), taken_over=inbox is not None)

    async def drop(self, inbox: str) -> None:
        """Forget the jobs of an inbox, which another machine may work with now. What is paid for goes on, and
        is recorded."""
        dropped = [one for one in self._jobs.values() if one.job.inbox == inbox]
        for one in dropped:  # first: what is known is begun as soon as its task has ended
            del self._jobs[one.job.id]
        await end([one.task for one in dropped if one.task is not None])
        for one in dropped:
            self._forget(one.job)
        self.crashed -= {one.job.id for one in dropped}

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.id, None)
        self.context.claims.let_go(place_of(job), job.id)
        self.context.darkroom.release(job.id)

    async def _has_bought(self, job: Job) -> bool:
        """Whether something was bought for the job, or may have been."""
        calls = await self.context.store_thread(self.context.ledger.of_job, job.id)
        return any(call.state in HOLDING for call in calls)

    async def submit(self, new: NewJob) -> Job:
        """Record a job and put it in the queue. Its files are claimed from now on."""
        context = self.context
        back, at = await dragged_back(context, new), context.clock.now()
        try:
            job = await context.store_thread(context.store.create, new, context.origin, at, supersedes=back)
        except StoreAway:  # it may have taken the job, and its answer be lost
            made = await record(context, context.store.job, new.id)
            if made is None:
                raise
            job = made
        CrashPoint.JOB_CREATED.passed()
        # Nothing may fail from here on: whoever submits would submit again.
        self._take(job, frozenset(file.name for file in new.files))
        logger.info("job_created", job=job.id, project=job.project, room=job.room, state=job.state)
        return job

    def _take(self, job: Job, names: frozenset[str], *, taken_over: bool = False) -> None:
        self.context.claims.take(place_of(job), job.id, names)
        self._jobs[job.id] = JobEntry(job, taken_over=taken_over)
        self._work.set()

    def busy(self) -> bool:
        """Whether any job is queued or under way."""
        return bool(self._jobs)

    def all_stuck(self, seconds: float) -> bool:
        """Whether every job under way has met nothing but a bad world for so many seconds, or waits for its
        inbox, which is out of reach."""
        begun = [one for one in self._jobs.values() if one.task is not None or one.put_off]
        # Where all places are taken, those behind them can't move either.
        waiting = () if self._full() else self._ready()
        return all(self._stuck(one, seconds) for one in (*begun, *waiting))

    def _stuck(self, one: JobEntry, seconds: float) -> bool:
        now = self.context.clock.monotonic()
        if one.task is None and one.bad_since is not None and now - one.bad_since >= seconds:
            return True  # one that is being tried again may get through, and then take its time
        if one.job.state in ASKS_API:
            return self.context.breakers.bad_seconds() >= seconds
        hangs = one.task is not None and now - one.began >= seconds
        return hangs and bool(self.context.places.out_of_reach(one.job.inbox))

    def waits(self) -> bool:
        """Whether a job waits for the world to get better; budgets and pauses aside."""
        return any(one.bad_since is not None and one.bad_since > -math.inf for one in self._jobs.values())

    def reasons(self) -> dict[str, str]:
        """Why jobs don't move whose own reason says why they are going to failed."""
        return {job_id: one.reason for job_id, one in self._jobs.items() if one.reason}

    async def run(self) -> None:
        """Work until cancelled. On cancellation every job stops at once, but for paid calls: see `drain`."""
        clock = self.context.clock
        try:
            while True:
                put_off = [one for one in self._jobs.values() if one.put_off]
                for one in put_off:
                    if one.not_before <= clock.monotonic():
                        self._start(one)
                while not self._full() and (ready := self._ready()):
                    levels = self.context.limits.priorities
                    # Of equals the first is taken: the oldest.
                    self._start(min(ready, key=lambda one: levels.get(one.job.id, Priority.NORMAL)))
                self._work.clear()
                self.beat()
                next_at = min((one.not_before for one in put_off if one.put_off), default=math.inf)
                await sleep_unless(self._work, clock, min(BEAT_SECONDS, next_at - clock.monotonic()))
        finally:
            await end([one.task for one in self._jobs.values() if one.task is not None])

    def _full(self) -> bool:
        """Whether enough is under way. What an inbox out of reach or a trouble of its own holds up takes no
        place from the others; yet there is an end to how many may be begun and put off."""
        out_of_reach = self.context.places.out_of_reach
        jobs = self._jobs.values()
        moving = sum(one.task is not None and not out_of_reach(one.job.inbox) for one in jobs)
        kept = sum(one.put_off and one.keeps_place for one in jobs)
        others = sum(one.put_off and not one.keeps_place for one in jobs)
        return moving + kept + max(0, others - MOST_PUT_OFF) >= self.most_jobs

    def _ready(self) -> list[JobEntry]:
        """The jobs that may be begun. Those whose photos are out of reach don't, unless they are sent."""
        new = [one for one in self._jobs.values() if one.task is None and not one.put_off]
        out_of_reach = self.context.places.out_of_reach
        return [one for one in new if one.job.state != State.QUEUED or not out_of_reach(one.job.inbox)]

    def _start(self, one: JobEntry) -> None:
        one.began = self.context.clock.monotonic()
        one.task = asyncio.create_task(self._drive(one), name=f"job {one.job.id}")

    async def follow_commands(self) -> None:
        """Do, each second, what is asked of unfinished jobs, until cancelled."""
        context, trouble = self.context, log.News(log.get("commands"), "commands_not_seen")
        while True:
            try:
                cancelled, priorities = await context.store_thread(open_commands, context.store)
                context.limits.prioritise(priorities)
                for job_id in cancelled:
                    await self.break_off(job_id)
                trouble.over()
            except LocalTrouble as error:
                trouble.met(error.message)
            await context.clock.sleep(COMMAND_SECONDS)

    async def reopen(self, job_id: str, name: str) -> None:
        """Withdraw a set of a flat drop, unless it is paid for by now: the photo `name` belongs to it."""
        one = self._jobs.get(job_id)
        if one is not None and not one.joined:
            one.joined = name
            await self.break_off(job_id)

    async def break_off(self, job_id: str) -> None:
        """Let a job see soon what was decided of it, such as that it is to be cancelled. What is free is
        broken off; what is paid for is waited for and kept, and nothing more is bought. A job between two
        steps sees it by itself, or when it is told again."""
        one = self._jobs.get(job_id)
        if one is not None and one.task is None:
            self._start(one)
        elif one is not None and one.step is not None and not await self._owes(job_id):
            # A call that has begun since is still on its way.
            paying = any(task.get_name() == job_id for task in self.context.paying)
            if one.step is not None and not paying:
                one.step.cancel()

    async def _owes(self, job_id: str) -> bool:
        """Whether a paid call of the job is under way, or its picture is not here yet."""
        calls = await self.context.store_thread(self.context.ledger.of_job, job_id)
        return any(call.state not in SETTLED and not call.given_up for call in calls)

    async def drain(self) -> None:
        """Wait for paid calls that are in flight: their answers are paid for and must be recorded."""
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
                # A share can go away between any two steps, which is no defect of ours.
                trouble = error if isinstance(error, BadWorld) else trouble_of(error)
                if trouble is not None:
                    await self._postpone(one, trouble)
                else:
                    # A defect of ours must not stop the other jobs, nor try again in a tight loop.
                    logger.exception("job_crashed")
                    self.crashed.add(job.id)
                    await self._note_defect(one.job)
                    self._jobs.pop(job.id, None)
            finally:
                one.task = None
                self._work.set()
            if one.job.state not in ACTIVE:
                self._forget(job)
                logger.info("job_ended", state=one.job.state, reason=one.job.reason)
                self.ended(one.job)

    async def _step(self, one: JobEntry) -> Job:
        """The job after one step, or after what was done of one that was broken off. How a step ends that is
        ended with the worker is of no account: what it was at is done again at the next start."""
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
        one.moved()
        return left

    async def _postpone(self, one: JobEntry, error: BadWorld) -> None:
        """Say why the job doesn't move, and put it off. The breaker decides when the API is asked again; a
        local trouble, or one that the breaker lets through, is waited out here."""
        clock = self.context.clock
        if one.bad_since is None:
            one.bad_since = clock.monotonic()
        one.failures += 1
        one.keeps_place = isinstance(error, NotAllowed) and not own_budget_in(error.message)
        if not isinstance(error, StoreAway):  # told once, by whoever talks to the store
            await self._tell(one, error)
        seconds = 0.0
        if isinstance(error, NotAllowed | OutOfReach):  # nothing was tried
            one.failures, seconds = 0, LEAVE_SECONDS
        elif isinstance(error, LocalTrouble) or one.failures > 1:
            seconds = retry_seconds(error, one.failures)
        if isinstance(error, NotAllowed):
            one.bad_since = -math.inf
        one.not_before = clock.monotonic() + seconds

    async def _tell(self, one: JobEntry, error: BadWorld) -> None:
        context, job = self.context, one.job
        explained = job.state in EXPLAINED
        # The job's own hint is about why it fails; what to do about this goes with this.
        why = ". ".join(filter(None, (error.message, error.hint))) if explained else error.message
        if why == (one.reason if explained else job.reason):
            return
        if explained:
            one.reason = why
        logger.warning("job_waits", reason=error.message, hint=error.hint)
        with suppress(LocalTrouble, LeaseLost):  # it may be the store itself that can't be written
            await context.store_thread(
                context.store.wait, job.id, error.message, error.hint, context.clock.now()
            )

    async def _as_stored(self, job: Job) -> Job:
        """The job as it is now, since a step that was broken off may have changed it. Raises LocalTrouble."""
        stored = await self.context.store_thread(self.context.store.job, job.id)
        assert stored is not None
        return stored

    async def _attempt(self, one: JobEntry) -> Job:
        """One step, and the move that its failure asks for. Raises BadWorld, also where the store can't take
        the move: then the step is simply repeated."""
        context, job = self.context, one.job
        try:
            if job.state in ASKS_API:
                if job.cancelled_by and not await self._owes(job.id):
                    raise cancellation(job.cancelled_by)
                if job.origin != context.origin:
                    raise LocalTrouble(
                        f"this set was begun at {job.origin}, and what it bought there is not known here",
                        hint="It continues by itself once hotfolder runs against that API again.",
                    )
                await self._ask_receipts()
                if one.joined and not await self._has_bought(job):
                    raise SetChanged(f"{one.joined}, which came later, belongs to it")
            return await STEPS[State(job.state)](context, job)
        except SetChanged as error:
            await context.confirm_gone(job)
            return await self._move(job, State.WITHDRAWN, error)
        except BadJob as error:
            return await self._move(job, State.REFUSING, error)
        except OutcomeUnknown as error:
            return await self._move(job, State.HALTING, error)

    async def _ask_receipts(self) -> None:
        """Before anything is bought in the life of a process, take over what only the receipts know."""
        async with self._receipts:
            if not self._receipts_asked:
                await ask_receipts(self.context)
                self._receipts_asked = True

    async def _move(self, job: Job, state: State, error: HotfolderError) -> Job:
        logger.warning("job_diverted", state=state, reason=error.message)
        return await self.context.advance(job, state, reason=error.message, hint=error.hint)

    async def _note_defect(self, job: Job) -> None:
        job.reason = "hotfolder met an error of its own and left this set as it is"
        job.hint = "It is tried again at the next start. Please report it with the log line job_crashed."
        try:
            await self.context.store_thread(
                self.context.store.change, job.id, reason=job.reason, hint=job.hint
            )
        except HotfolderError:
            logger.exception("store_not_writable")
        self.defect(job)
