"""The worker: takes jobs from the store, oldest first, and drives each from state to state."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from anyio import to_thread

from hotfolder import log
from hotfolder.errors import BadJob, BadWorld, HotfolderError, LocalTrouble, OutcomeUnknown, SetChanged
from hotfolder.jobs.breaker import JobWaits, backoff_seconds
from hotfolder.jobs.commands import cancellation
from hotfolder.jobs.context import CrashPoint, JobContext, place_of
from hotfolder.jobs.limits import NORMAL
from hotfolder.jobs.model import ACTIVE, ASKS_API, HOLDING, Event, Job, NewJob, PurchaseState, State
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
    """Cancel `step` and wait for it, however often whoever waits is cancelled meanwhile."""
    while not step.done():
        step.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait({step}, timeout=CANCEL_AGAIN_SECONDS)


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
MOST_ASIDE = 256
"""So many jobs may stand aside, each with a trouble of its own, before they take others' places."""

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
        self._steps: dict[str, asyncio.Task[Job | None]] = {}
        self._work = asyncio.Event()
        self.waits = JobWaits(context, self._work.set)
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
                and await self._owns_nothing(job)
            ):
                job = await context.desk(
                    context.store.begin_anew, job.id, context.origin, context.clock.now()
                )
            self._take(job, frozenset(file.name for file in files))

    async def _owns_nothing(self, job: Job) -> bool:
        """Whether nothing is lost when the job leaves the API where it was begun."""
        calls = await self.context.desk(self.context.ledger.of_job, job.id)
        return job.origin in self.free_origins or not any(call.state in HOLDING for call in calls)

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
        blocked = self.context.breaker.bad_seconds() >= seconds
        return all(
            self.waits.lasts(one, seconds) or self._hangs(one, seconds) or (blocked and self._asks_api(one))
            for one in (*waiting, *self._running)
        )

    def _asks_api(self, job_id: str) -> bool:
        job = self._waiting.get(job_id) or self._under_way[job_id][0]
        return State(job.state) in ASKS_API

    def _hangs(self, job_id: str, seconds: float) -> bool:
        """Whether the job has been at one step for so long that has nothing to do with the API, while its
        inbox is out of reach."""
        if job_id not in self._under_way:
            return False
        job, began = self._under_way[job_id]
        lasts = self.context.clock.monotonic() - began >= seconds
        return lasts and State(job.state) not in ASKS_API and bool(self.context.out_of_reach(job.inbox))

    async def run(self) -> None:
        """Work until cancelled. On cancellation every job stops at once, but for paid calls: see `drain`."""
        try:
            while True:
                while not self._full() and (ready := self._ready()):
                    levels = self.context.limits.priorities
                    # Of equals the first is taken: the oldest.
                    self._start(min(ready, key=lambda job_id: levels.get(job_id, NORMAL)))
                self._work.clear()
                self.beat()
                with suppress(TimeoutError):
                    async with asyncio.timeout(BEAT_SECONDS):
                        await self._work.wait()
        finally:
            await end(self._running.values())

    def _full(self) -> bool:
        """Whether enough is under way. What an inbox out of reach or a trouble of its own holds up takes no
        place from the others; yet there is an end to how many may be begun and stand aside."""
        moving = sum(
            not self.context.out_of_reach(self._under_way[job_id][0].inbox)
            for job_id in self._running
            if job_id not in self.waits.aside
        )
        return moving + max(0, len(self.waits.aside) - MOST_ASIDE) >= self.most_jobs

    def _ready(self) -> list[str]:
        """The jobs that may begin. Those whose photos are out of reach don't, unless they are sent."""
        inboxes = {job.inbox for job in self._waiting.values()}
        ill = {inbox for inbox in inboxes if self.context.out_of_reach(inbox)}
        waiting = self._waiting.items()
        return [job_id for job_id, job in waiting if job.inbox not in ill or job.state != State.QUEUED]

    def _start(self, job_id: str) -> None:
        job = self._waiting.pop(job_id)
        self._under_way[job_id] = job, self.context.clock.monotonic()
        self._running[job_id] = asyncio.create_task(self._drive(job), name=f"job {job_id}")

    async def cancel(self, job_id: str) -> bool:
        """Bring a job that is to be cancelled to its end, soon; False where it is to be asked again.

        What is free is broken off. What is paid for is waited for and kept, and nothing more is bought.
        """
        await self._break_off(job_id)
        return True

    async def reopen(self, job_id: str, name: str) -> None:
        """Withdraw a set of a flat drop, unless it is paid for by now: the photo `name` belongs to it."""
        if job_id not in self._waiting and job_id not in self._running:
            return  # it is over
        if self.context.joined.setdefault(job_id, name) == name:
            await self._break_off(job_id)

    async def _break_off(self, job_id: str) -> None:
        """Let a job see at once what was decided of it, unless it waits for what is paid."""
        if job_id in self._waiting:
            self._start(job_id)
        elif job_id in self._steps and not await self._owes(job_id):
            step = self._steps.get(job_id)
            # A call that has begun since is still on its way.
            if step is not None and not any(task.get_name() == job_id for task in self.context.paying):
                step.cancel()

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
        with structlog.contextvars.bound_contextvars(job=job.id, project=job.project, room=job.room):
            try:
                while State(job.state) in ACTIVE:
                    phase, began = job.state, self.context.clock.monotonic()
                    self._under_way[job.id] = job, began
                    job = await self._step(job)
                    self.context.counts.phase(phase, self.context.clock.monotonic() - began)
            except Exception:
                # A defect of ours must not stop the other jobs, nor try again in a tight loop.
                logger.exception("job_crashed")
                self.crashed.add(job.id)
                await self._note_defect(job)
            finally:
                self._running.pop(job.id, None)
                self._under_way.pop(job.id, None)
                self.waits.ended(job.id)
                self.context.known_files.pop(job.id, None)
                self.context.joined.pop(job.id, None)
                self._work.set()
            if State(job.state) not in ACTIVE:
                self.context.claims.let_go(place_of(job), job.id)
                self.context.darkroom.release(job.id)
                logger.info("job_ended", state=job.state, reason=job.reason)
                self.ended(job)

    async def _step(self, job: Job) -> Job:
        """One step in a task of its own, so that it can be broken off by itself."""
        step = self._steps[job.id] = asyncio.create_task(self._patiently(job))
        try:
            await asyncio.wait({step})
        except asyncio.CancelledError:
            await ended(step)
            raise
        finally:
            self._steps.pop(job.id, None)
        left = None if step.cancelled() else step.result()
        return left or await self._fresh(job)

    async def _patiently(self, job: Job) -> Job | None:
        """The job as the step has left it; None where a bad world was waited out."""
        try:
            return await self._attempt(job)
        except BadWorld as error:
            await self.waits.wait_out(job, error)
        except Exception as error:
            # A share can go away between any two steps. Not a defect: as such it would stop the job for good.
            trouble = trouble_of(error)
            if trouble is None:
                raise
            await self.waits.wait_out(job, trouble)
        return None

    async def _attempt(self, job: Job) -> Job:
        """One step, and the move that its failure asks for. Raises BadWorld, also where the store can't take
        the move: then the step is simply repeated."""
        if job.cancelled_by and State(job.state) in ASKS_API and not await self._owes(job.id):
            return await self._move(job, Event.REFUSE, cancellation(job.cancelled_by))
        if job.origin != self.context.origin and State(job.state) in ASKS_API:
            raise LocalTrouble(
                f"this set was begun at {job.origin}, and what it bought there is not known here",
                hint="It continues by itself once hotfolder runs against that API again.",
            )
        try:
            if State(job.state) in ASKS_API:
                await ask_receipts(self.context)
                await self.context.refuse_joined(job)
            left = await STEPS[State(job.state)](self.context, job)
        except SetChanged as error:
            await self.context.confirm_gone(job)
            left = await self._move(job, Event.WITHDRAW, error)
        except BadJob as error:
            left = await self._move(job, Event.REFUSE, error)
        except OutcomeUnknown as error:
            left = await self._move(job, Event.HALT, error)
        self.waits.moved(job.id)
        return left

    async def _fresh(self, job: Job) -> Job:
        """The job as it is now, as soon as the store can be read."""
        context = self.context
        for failures in itertools.count(1):
            try:
                fresh = await context.desk(context.store.job, job.id)
                assert fresh is not None
                return fresh
            except LocalTrouble as error:
                await self.waits.wait_out(job, error)
                await context.clock.sleep(backoff_seconds(min(failures, 5)))
        raise AssertionError("count() never ends")

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
