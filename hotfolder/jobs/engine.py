"""The engine: takes jobs from the store, oldest first, and drives each from state to state."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress

import structlog

from hotfolder import log
from hotfolder.errors import BadJob, BadWorld, HotfolderError, LocalTrouble, OutcomeUnknown, SetChanged
from hotfolder.jobs.backoff import backoff_seconds
from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.dragged import dragged_back
from hotfolder.jobs.endings import end, ended
from hotfolder.jobs.limits import NORMAL
from hotfolder.jobs.newjobs import NewJob
from hotfolder.jobs.reconcile import ask_receipts
from hotfolder.jobs.standstill import Standstill
from hotfolder.jobs.states import ACTIVE, ASKS_API, Event, State
from hotfolder.jobs.steps import editing, filing, merging, publishing, setting_aside, uploading
from hotfolder.jobs.tables import HOLDING, CallState, Job
from hotfolder.jobs.tools import Tools, place_of
from hotfolder.jobs.wishes import cancellation
from hotfolder.outbox.faults import trouble_of

logger = log.get("engine")

BEAT_SECONDS = 10.0
"""How often the engine says that it is alive, at the least."""
MOST_ASIDE = 256
"""So many jobs may stand aside, each with a trouble of its own, before they take others' places."""

Step = Callable[[Tools, Job], Awaitable[Job]]
"""Returns the job as the step has left it."""

STEPS: Mapping[State, Step] = {
    State.QUEUED: uploading.begin,
    State.UPLOADING: uploading.upload,
    State.MERGING: merging.merge,
    State.EDITING: editing.edit,
    State.PUBLISHING: publishing.publish,
    State.FILING: filing.file_originals,
    State.REFUSING: setting_aside.set_aside,
    State.HALTING: setting_aside.set_aside,
}

assert set(STEPS) == ACTIVE

Ended = Callable[[Job], None]
"""Called once a job has come to an end: done, failed, needs attention, or withdrawn."""


class Engine:
    """Drives all jobs of one store. `most_jobs` is how many are worked on at once. What was bought at
    `free_origins` has cost nothing. `beat` is called again and again while the engine is alive, `defect` with
    a job that an error of ours has left as it was."""

    def __init__(
        self,
        tools: Tools,
        *,
        most_jobs: int,
        ended: Ended,
        defect: Ended = lambda _: None,
        free_origins: Collection[str] = (),
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self.tools = tools
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
        self.standstill = Standstill(tools, self._work.set)
        self.crashed: set[str] = set()
        """Jobs that a defect of ours left as they were, until the next start."""

    async def load(self) -> None:
        """Take up what an earlier process left unfinished."""
        tools = self.tools
        for job in await tools.desk(tools.store.active):
            files = await tools.desk(tools.store.files, job.id)
            if job.origin != tools.origin and State(job.state) in ASKS_API and await self._owns_nothing(job):
                job = await tools.desk(tools.store.begin_anew, job.id, tools.origin, tools.clock.now())
            self._take(job, frozenset(file.name for file in files))

    async def _owns_nothing(self, job: Job) -> bool:
        """Whether nothing is lost when the job leaves the API where it was begun."""
        calls = await self.tools.desk(self.tools.ledger.of_job, job.id)
        return job.origin in self.free_origins or not any(call.state in HOLDING for call in calls)

    async def submit(self, new: NewJob) -> Job:
        """Record a job and put it in the queue. Its files are claimed from now on."""
        tools = self.tools
        back = await dragged_back(tools, new)
        job = await tools.desk(tools.store.create, new, tools.origin, tools.clock.now(), supersedes=back)
        tools.passing(Checkpoint.JOB_CREATED)
        # Nothing may fail from here on: whoever submits would submit again.
        self._take(job, frozenset(file.name for file in new.files))
        logger.info("job_created", job=job.id, project=job.project, room=job.room, state=job.state)
        return job

    def _take(self, job: Job, names: frozenset[str]) -> None:
        self.tools.claims.take(place_of(job), job.id, names)
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
        blocked = self.tools.gate.bad_seconds() >= seconds
        return all(
            self.standstill.lasts(one, seconds)
            or self._hangs(one, seconds)
            or (blocked and self._asks_api(one))
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
        lasts = self.tools.clock.monotonic() - began >= seconds
        return lasts and State(job.state) not in ASKS_API and bool(self.tools.out_of_reach(job.inbox))

    async def run(self) -> None:
        """Work until cancelled. On cancellation every job stops at once, but for paid calls: see `drain`."""
        try:
            while True:
                while not self._full() and (ready := self._ready()):
                    levels = self.tools.limits.priorities
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
            not self.tools.out_of_reach(self._under_way[job_id][0].inbox)
            for job_id in self._running
            if job_id not in self.standstill.aside
        )
        return moving + max(0, len(self.standstill.aside) - MOST_ASIDE) >= self.most_jobs

    def _ready(self) -> list[str]:
        """The jobs that may begin. Those whose photos are out of reach don't, unless they are sent."""
        inboxes = {job.inbox for job in self._waiting.values()}
        ill = {inbox for inbox in inboxes if self.tools.out_of_reach(inbox)}
        waiting = self._waiting.items()
        return [job_id for job_id, job in waiting if job.inbox not in ill or job.state != State.QUEUED]

    def _start(self, job_id: str) -> None:
        job = self._waiting.pop(job_id)
        self._under_way[job_id] = job, self.tools.clock.monotonic()
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
        if self.tools.joined.setdefault(job_id, name) == name:
            await self._break_off(job_id)

    async def _break_off(self, job_id: str) -> None:
        """Let a job see at once what was decided of it, unless it waits for what is paid."""
        if job_id in self._waiting:
            self._start(job_id)
        elif job_id in self._steps and not await self._owes(job_id):
            step = self._steps.get(job_id)
            # A call that has begun since is still on its way.
            if step is not None and not any(task.get_name() == job_id for task in self.tools.paying):
                step.cancel()

    async def _owes(self, job_id: str) -> bool:
        """Whether a paid call of the job is under way, or its picture is not here yet."""
        calls = await self.tools.desk(self.tools.ledger.of_job, job_id)
        open_states = (CallState.STARTED, CallState.ANSWERED, CallState.UNKNOWN)
        return any(call.state in open_states and not call.given_up for call in calls)

    async def drain(self) -> None:
        """Wait for paid calls that are in flight: their answers are paid for and must be recorded."""
        while self.tools.paying:
            await asyncio.wait(set(self.tools.paying))

    async def _drive(self, job: Job) -> None:
        with structlog.contextvars.bound_contextvars(job=job.id, project=job.project, room=job.room):
            try:
                while State(job.state) in ACTIVE:
                    phase, began = job.state, self.tools.clock.monotonic()
                    self._under_way[job.id] = job, began
                    job = await self._step(job)
                    self.tools.counts.phase(phase, self.tools.clock.monotonic() - began)
            except Exception:
                # A defect of ours must not stop the other jobs, nor try again in a tight loop.
                logger.exception("job_crashed")
                self.crashed.add(job.id)
                await self._note_defect(job)
            finally:
                self._running.pop(job.id, None)
                self._under_way.pop(job.id, None)
                self.standstill.ended(job.id)
                self.tools.known_files.pop(job.id, None)
                self.tools.joined.pop(job.id, None)
                self._work.set()
            if State(job.state) not in ACTIVE:
                self.tools.claims.let_go(place_of(job), job.id)
                self.tools.darkroom.release(job.id)
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
            await self.standstill.wait_out(job, error)
        except Exception as error:
            # A share can go away between any two steps. Not a defect: as such it would stop the job for good.
            trouble = trouble_of(error)
            if trouble is None:
                raise
            await self.standstill.wait_out(job, trouble)
        return None

    async def _attempt(self, job: Job) -> Job:
        """One step, and the move that its failure asks for. Raises BadWorld, also where the store can't take
        the move: then the step is simply repeated."""
        if job.cancelled_by and State(job.state) in ASKS_API and not await self._owes(job.id):
            return await self._move(job, Event.REFUSE, cancellation(job.cancelled_by))
        if job.origin != self.tools.origin and State(job.state) in ASKS_API:
            raise LocalTrouble(
                f"this set was begun at {job.origin}, and what it bought there is not known here",
                hint="It continues by itself once hotfolder runs against that API again.",
            )
        try:
            if State(job.state) in ASKS_API:
                await ask_receipts(self.tools)
                await self.tools.refuse_joined(job)
            left = await STEPS[State(job.state)](self.tools, job)
        except SetChanged as error:
            await self.tools.confirm_gone(job)
            left = await self._move(job, Event.WITHDRAW, error)
        except BadJob as error:
            left = await self._move(job, Event.REFUSE, error)
        except OutcomeUnknown as error:
            left = await self._move(job, Event.HALT, error)
        self.standstill.moved(job.id)
        return left

    async def _fresh(self, job: Job) -> Job:
        """The job as it is now, as soon as the store can be read."""
        tools = self.tools
        for failures in itertools.count(1):
            try:
                fresh = await tools.desk(tools.store.job, job.id)
                assert fresh is not None
                return fresh
            except LocalTrouble as error:
                await self.standstill.wait_out(job, error)
                await tools.clock.sleep(backoff_seconds(min(failures, 5)))
        raise AssertionError("count() never ends")

    async def _move(self, job: Job, event: Event, error: HotfolderError) -> Job:
        logger.warning("job_diverted", event_name=event, reason=error.message)
        changes = {"reason": error.message, "hint": error.hint}
        tools = self.tools
        return await tools.desk(tools.store.advance, job.id, event, tools.clock.now(), **changes)

    async def _note_defect(self, job: Job) -> None:
        job.reason = "hotfolder met an error of its own and left this set as it is"
        job.hint = "It is tried again at the next start. Please report it with the log line job_crashed."
        try:
            await self.tools.desk(self.tools.store.change, job.id, reason=job.reason, hint=job.hint)
        except HotfolderError:
            logger.exception("store_not_writable")
        self.defect(job)
