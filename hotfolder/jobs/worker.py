"""The worker: takes jobs from the store, oldest first, and drives each from state to state."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from anyio import to_thread

from hotfolder import log
from hotfolder.clock import sleep_unless
from hotfolder.errors import (
    BadJob,
    BadWorld,
    HotfolderError,
    LocalTrouble,
    OutcomeUnknown,
    OutOfReach,
    SetChanged,
)
from hotfolder.jobs.breaker import backoff_seconds
from hotfolder.jobs.budget import NotAllowed, OwnBudgetUsedUp
from hotfolder.jobs.commands import cancellation
from hotfolder.jobs.context import CrashPoint, JobContext, place_of
from hotfolder.jobs.limits import NORMAL
from hotfolder.jobs.model import (
    ACTIVE,
    ASKS_API,
    EXPLAINED,
    HOLDING,
    Event,
    Job,
    NewJob,
    PurchaseState,
    State,
)
from hotfolder.jobs.steps import delivering, editing, filing, merging, uploading
from hotfolder.jobs.verify import ask_receipts
from hotfolder.outbox.faults import trouble_of
from hotfolder.outbox.names import safe_name

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


async def ended(step: asyncio.Task[Any]) -> None:
    """Cancel `step` and wait for it, however often whoever waits is cancelled meanwhile. How it ends is of no
    account: what it was at is done again at the next start."""
    while not step.done():
        step.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait({step}, timeout=CANCEL_AGAIN_SECONDS)
    if not step.cancelled():
        step.exception()  # asked for, so that asyncio doesn't report it as one that nobody has seen


async def dragged_back(context: JobContext, new: NewJob) -> list[str]:
    """Ids of earlier jobs that wait for a person and have none of their files in failed/ any more: `new` is
    their photos' return, under the same room or another. Raises LocalTrouble where that can't be told."""
    names = {file.name for file in new.files}
    back = []
    for job in await context.desk(context.store.needing_person, new, context.origin):
        files = {file.name for file in await context.desk(context.store.files, job.id)}
        if job.filed_as is None or not (job.room == new.room or names & files):
            continue
        folder = context.places.failed / safe_name(job.project) / job.filed_as
        # What can't be seen because its disk is gone has not been dragged anywhere.
        await to_thread.run_sync(context.places.guard, folder)
        if not await to_thread.run_sync(any_there, folder, files):
            back.append(job.id)
    return back


def any_there(folder: Path, names: Collection[str]) -> bool:
    return any((folder / name).exists() for name in names)


logger = log.get("engine")

BEAT_SECONDS = 10.0
"""How often the engine says that it is alive, at the least."""
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
class PutOff:
    """A job that has met a bad world, until a step of it comes to its end. Moments are monotonic."""

    since: float
    """-inf for what ends in hours and not in seconds: a budget, a pause."""
    not_before: float
    failures: int = 0
    keeps_place: bool = False
    """Whether it takes a place from the others meanwhile: what it waits for concerns them too."""
    reason: str = ""
    """Why it doesn't move, where the job's own reason says why it is going to failed."""


class Worker:
    """Drives all jobs of one store. `most_jobs` is how many are worked on at once. What was bought at
    `free_origins` has cost nothing. `beat` is called again and again while the engine is alive, `defect` with
    a job that an error of ours has left as it was."""

    def __init__(
        self,
        context: JobContext,
        *,
        most_jobs: int,
        ended: Ended,
        defect: Ended = lambda _: None,
        free_origins: Collection[str] = (),
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self.context = context
        self.free_origins = free_origins
        self.beat = beat
        self.most_jobs = most_jobs
        self.ended = ended
        self.defect = defect
        self._waiting: dict[str, Job] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._under_way: dict[str, tuple[Job, float]] = {}
        self._steps: dict[str, asyncio.Task[Job]] = {}
        self._work = asyncio.Event()
        self.put_off: dict[str, PutOff] = {}
        self._joined: dict[str, str] = {}
        """Photos that came later and belong to sets of flat drops that aren't paid for yet, by jobs."""
        self._receipts = asyncio.Lock()
        self._receipts_asked = False
        self.crashed: set[str] = set()
        """Jobs that a defect of ours left as they were, until the next start."""

    async def load(self) -> None:
        """Take up what an earlier process left unfinished."""
        context = self.context
        for job in await context.desk(context.store.active):
            files = await context.desk(context.store.files, job.id)
            if (
                job.origin != context.origin
                and State(job.state) in ASKS_API
                and (job.origin in self.free_origins or not await self._has_bought(job))
            ):
                job = await context.desk(
                    context.store.begin_anew, job.id, context.origin, context.clock.now()
                )
            self._take(job, frozenset(file.name for file in files))

    async def _has_bought(self, job: Job) -> bool:
        """Whether something was bought for the job, or may have been."""
        calls = await self.context.desk(self.context.ledger.of_job, job.id)
        return any(call.state in HOLDING for call in calls)

    async def submit(self, new: NewJob) -> Job:
        """Record a job and put it in the queue. Its files are claimed from now on."""
        context = self.context
        back = await dragged_back(context, new)
        job = await context.desk(
            context.store.create, new, context.origin, context.clock.now(), supersedes=back
        )
        context.crash_point(CrashPoint.JOB_CREATED)
        # Nothing may fail from here on: whoever submits would submit again.
        self._take(job, frozenset(file.name for file in new.files))
        logger.info("job_created", job=job.id, project=job.project, room=job.room, state=job.state)
        return job

    def _take(self, job: Job, names: frozenset[str]) -> None:
        self.context.claims.take(place_of(job), job.id, names)
        self._waiting[job.id] = job
        self._work.set()

    def busy(self) -> bool:
        """Whether any job is queued or under way."""
        return bool(self._waiting or self._running)

    def all_stuck(self, seconds: float) -> bool:
        """Whether every job under way has met nothing but a bad world for so many seconds, or waits for its
        inbox, which is out of reach."""
        # Where all places are taken, those behind them can't move either.
        waiting = () if self._full() else self._ready()
        return all(self._stuck(job_id, seconds) for job_id in {*waiting, *self.put_off, *self._running})

    def _stuck(self, job_id: str, seconds: float) -> bool:
        now = self.context.clock.monotonic()
        if job_id in self.put_off and now - self.put_off[job_id].since >= seconds:
            return True
        job, began = self._under_way.get(job_id) or (self._waiting[job_id], now)
        if State(job.state) in ASKS_API:
            return self.context.breakers.bad_seconds() >= seconds
        return now - began >= seconds and bool(self.context.places.out_of_reach(job.inbox))

    def waits(self) -> bool:
        """Whether a job waits for the world to get better; budgets and pauses aside."""
        return any(one.since > -math.inf for one in self.put_off.values())

    def reasons(self) -> dict[str, str]:
        """Why jobs don't move whose own reason says why they are going to failed."""
        return {job_id: one.reason for job_id, one in self.put_off.items() if one.reason}

    async def run(self) -> None:
        """Work until cancelled. On cancellation every job stops at once, but for paid calls: see `drain`."""
        clock = self.context.clock
        try:
            while True:
                resting = self._resting()
                for job_id in [one for one, rest in resting.items() if rest.not_before <= clock.monotonic()]:
                    self._start(job_id)
                    del resting[job_id]
                while not self._full() and (ready := self._ready()):
                    levels = self.context.limits.priorities
                    # Of equals the first is taken: the oldest.
                    self._start(min(ready, key=lambda job_id: levels.get(job_id, NORMAL)))
                self._work.clear()
                self.beat()
                next_at = min((rest.not_before for rest in resting.values()), default=math.inf)
                await sleep_unless(self._work, clock, min(BEAT_SECONDS, next_at - clock.monotonic()))
        finally:
            await end(self._running.values())

    def _resting(self) -> dict[str, PutOff]:
        """The jobs that are put off and not being tried just now."""
        return {job_id: one for job_id, one in self.put_off.items() if job_id in self._waiting}

    def _full(self) -> bool:
        """Whether enough is under way. What an inbox out of reach or a trouble of its own holds up takes no
        place from the others; yet there is an end to how many may be begun and put off."""
        moving = sum(
            not self.context.places.out_of_reach(self._under_way[one][0].inbox) for one in self._running
        )
        resting = [one.keeps_place for one in self._resting().values()]
        kept = sum(resting)
        return moving + kept + max(0, len(resting) - kept - MOST_PUT_OFF) >= self.most_jobs

    def _ready(self) -> list[str]:
        """The jobs that may be begun. Those whose photos are out of reach don't, unless they are sent."""
        new = {job_id: job for job_id, job in self._waiting.items() if job_id not in self.put_off}
        ill = {
            inbox for inbox in {job.inbox for job in new.values()} if self.context.places.out_of_reach(inbox)
        }
        return [job_id for job_id, job in new.items() if job.inbox not in ill or job.state != State.QUEUED]

    def _start(self, job_id: str) -> None:
        job = self._waiting.pop(job_id)
        self._under_way[job_id] = job, self.context.clock.monotonic()
        self._running[job_id] = asyncio.create_task(self._drive(job), name=f"job {job_id}")

    async def cancel(self, job_id: str) -> bool:
        """Bring a job that is to be cancelled to its end, soon; False where it is to be asked again.

        What is free is broken off. What is paid for is waited for and kept, and nothing more is bought.
        """
        return await self._break_off(job_id)

    async def reopen(self, job_id: str, name: str) -> None:
        """Withdraw a set of a flat drop, unless it is paid for by now: the photo `name` belongs to it."""
        if job_id not in self._waiting and job_id not in self._running:
            return  # it is over
        if self._joined.setdefault(job_id, name) == name:
            await self._break_off(job_id)

    async def _break_off(self, job_id: str) -> bool:
        """Let a job see at once what was decided of it, unless it waits for what is paid. False where it is
        just being put off, and sees it only when it is tried again."""
        if job_id in self._waiting:
            self._start(job_id)
        elif job_id in self._steps and not await self._owes(job_id):
            step = self._steps.get(job_id)
            # A call that has begun since is still on its way.
            if step is not None and not any(task.get_name() == job_id for task in self.context.paying):
                step.cancel()
        return job_id in self._steps or job_id not in self._running

    async def _owes(self, job_id: str) -> bool:
        """Whether a paid call of the job is under way, or its picture is not here yet."""
        calls = await self.context.desk(self.context.ledger.of_job, job_id)
        open_states = (PurchaseState.STARTED, PurchaseState.ANSWERED, PurchaseState.UNKNOWN)
        return any(call.state in open_states and not call.given_up for call in calls)

    async def drain(self) -> None:
        """Wait for paid calls that are in flight: their answers are paid for and must be recorded."""
        while self.context.paying:
            await asyncio.wait(set(self.context.paying))

    async def _drive(self, job: Job) -> None:
        clock = self.context.clock
        with structlog.contextvars.bound_contextvars(job=job.id, project=job.project, room=job.room):
            try:
                if job.id in self.put_off:
                    job = await self._as_stored(job)
                while State(job.state) in ACTIVE:
                    phase, began = job.state, clock.monotonic()
                    self._under_way[job.id] = job, began
                    job = await self._step(job)
                    self.context.counts.phase(phase, clock.monotonic() - began)
            except Exception as error:
                # A share can go away between any two steps, which is no defect of ours.
                trouble = error if isinstance(error, BadWorld) else trouble_of(error)
                if trouble is not None:
                    await self._postpone(job, trouble)
                else:
                    # A defect of ours must not stop the other jobs, nor try again in a tight loop.
                    logger.exception("job_crashed")
                    self.crashed.add(job.id)
                    await self._note_defect(job)
            finally:
                self._running.pop(job.id, None)
                self._under_way.pop(job.id, None)
                self._work.set()
            if job.id not in self._waiting:
                self.put_off.pop(job.id, None)
                self._joined.pop(job.id, None)
            if State(job.state) not in ACTIVE:
                self.context.claims.let_go(place_of(job), job.id)
                self.context.darkroom.release(job.id)
                logger.info("job_ended", state=job.state, reason=job.reason)
                self.ended(job)

    async def _step(self, job: Job) -> Job:
        """The job after one step, which runs in a task of its own, so that it can be broken off by itself."""
        step = self._steps[job.id] = asyncio.create_task(self._attempt(job))
        try:
            await asyncio.wait({step})
        except asyncio.CancelledError:
            await ended(step)
            raise
        finally:
            self._steps.pop(job.id, None)
        if step.cancelled():
            return await self._as_stored(job)
        left = step.result()
        self.put_off.pop(job.id, None)
        return left

    async def _postpone(self, job: Job, error: BadWorld) -> None:
        """Say why the job doesn't move, and let it wait. The breaker decides when the API is asked again; a
        local trouble, or one that the breaker lets through, is waited out here."""
        now = self.context.clock.monotonic()
        one = self.put_off.setdefault(job.id, PutOff(now, now))
        one.failures += 1
        one.keeps_place = isinstance(error, NotAllowed) and not isinstance(error, OwnBudgetUsedUp)
        await self._tell(job, one, error)
        seconds = 0.0
        if isinstance(error, NotAllowed | OutOfReach):  # nothing was tried
            one.failures, seconds = 0, LEAVE_SECONDS
        elif isinstance(error, LocalTrouble) or one.failures > 1:
            seconds = backoff_seconds(one.failures)
        if isinstance(error, NotAllowed):
            one.since = -math.inf
        one.not_before = self.context.clock.monotonic() + seconds
        self._waiting[job.id] = job

    async def _tell(self, job: Job, one: PutOff, error: BadWorld) -> None:
        context = self.context
        explained = State(job.state) in EXPLAINED
        # The job's own hint is about why it fails; what to do about this goes with this.
        why = ". ".join(filter(None, (error.message, error.hint))) if explained else error.message
        if why == (one.reason if explained else job.reason):
            return
        if explained:
            one.reason = why
        logger.warning("job_waits", reason=error.message, hint=error.hint)
        with suppress(LocalTrouble):  # it may be the store itself that can't be written
            await context.desk(context.store.wait, job.id, error.message, error.hint, context.clock.now())

    async def _as_stored(self, job: Job) -> Job:
        """The job as it is now, since a step that was broken off may have changed it. Raises LocalTrouble."""
        stored = await self.context.desk(self.context.store.job, job.id)
        assert stored is not None
        return stored

    async def _attempt(self, job: Job) -> Job:
        """One step, and the move that its failure asks for. Raises BadWorld, also where the store can't take
        the move: then the step is simply repeated."""
        context = self.context
        if State(job.state) in ASKS_API:
            if job.cancelled_by and not await self._owes(job.id):
                return await self._move(job, Event.REFUSE, cancellation(job.cancelled_by))
            if job.origin != context.origin:
                raise LocalTrouble(
                    f"this set was begun at {job.origin}, and what it bought there is not known here",
                    hint="It continues by itself once hotfolder runs against that API again.",
                )
        try:
            if State(job.state) in ASKS_API:
                await self._ask_receipts()
                await self._refuse_joined(job)
            return await STEPS[State(job.state)](context, job)
        except SetChanged as error:
            await context.confirm_gone(job)
            return await self._move(job, Event.WITHDRAW, error)
        except BadJob as error:
            return await self._move(job, Event.REFUSE, error)
        except OutcomeUnknown as error:
            return await self._move(job, Event.HALT, error)

    async def _ask_receipts(self) -> None:
        """Before anything is bought in the life of a process, take over what only the receipts know."""
        async with self._receipts:
            if not self._receipts_asked:
                await ask_receipts(self.context)
                self._receipts_asked = True

    async def _refuse_joined(self, job: Job) -> None:
        """Raise SetChanged where a photo of the set came after it was taken, and nothing is paid for yet."""
        if job.id in self._joined and not await self._has_bought(job):
            raise SetChanged(f"{self._joined[job.id]}, which came later, belongs to it")

    async def _move(self, job: Job, event: Event, error: HotfolderError) -> Job:
        logger.warning("job_diverted", event_name=event, reason=error.message)
        changes = {"reason": error.message, "hint": error.hint}
        context = self.context
        return await context.desk(context.store.advance, job.id, event, context.clock.now(), **changes)

    async def _note_defect(self, job: Job) -> None:
        job.reason = "hotfolder met an error of its own and left this set as it is"
        job.hint = "It is tried again at the next start. Please report it with the log line job_crashed."
        try:
            await self.context.desk(self.context.store.change, job.id, reason=job.reason, hint=job.hint)
        except HotfolderError:
            logger.exception("store_not_writable")
        self.defect(job)
