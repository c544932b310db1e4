"""The running daemon: its parts and their wiring, start, idle detection and shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from anyio import to_thread

from hotfolder import log
from hotfolder.blocking import MAX_THREADS
from hotfolder.clock import Clock, SystemClock
from hotfolder.config.load import SettingsFile
from hotfolder.config.settings import Settings
from hotfolder.daemon.folders import (
    apply_retention,
    clear_leftovers,
    lock_state,
    make_folders,
    output_folders,
    places_of,
    watch_outputs,
)
from hotfolder.daemon.galleries import Galleries
from hotfolder.daemon.intake import Intake
from hotfolder.daemon.ownership import Ownership, refuse_other_names
from hotfolder.daemon.records import open_records
from hotfolder.daemon.reload import LiveSettings, Rulebooks
from hotfolder.daemon.reporter import Reporter
from hotfolder.errors import LocalTrouble
from hotfolder.inbox.contents import LOCK_NAME
from hotfolder.inbox.events import InboxOptions, SetArriving
from hotfolder.inbox.guard import Root, confirm_inbox
from hotfolder.inbox.inbox import Inbox
from hotfolder.jobs.breaker import CircuitBreakers, insist
from hotfolder.jobs.budget import BUDGETS
from hotfolder.jobs.context import JobContext, JobSettings, Places
from hotfolder.jobs.darkroom import Darkroom
from hotfolder.jobs.database import StoreThread, store_trouble
from hotfolder.jobs.limits import INITIAL, ConcurrencyLimits
from hotfolder.jobs.model import Job
from hotfolder.jobs.states import NEEDS_PERSON, State
from hotfolder.jobs.worker import Worker
from hotfolder.locks import FolderLock
from hotfolder.newfiles import set_temporaries_owner
from hotfolder.outbox.faults import local_trouble
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits
from hotfolder.rules.routing import Rulebook
from hotfolder.stager.client import StagerClient
from hotfolder.stager.storage import StorageClient
from hotfolder.stager.streams import Throttle
from hotfolder.stager.transport import Timeouts
from hotfolder.telemetry.telemetry import Telemetry

logger = log.get("daemon")

STUCK_SECONDS = 60.0
"""`--until-idle` no longer waits for what has been stuck in a bad world for this long."""
QUEUE, QUEUE_SECONDS = "queue", 60.0
LOOKS = "looking at the inboxes"
"""The common heartbeat of all inboxes, beaten whenever the file system of any of them answers: a restart may
help where none does, but not where one share of several hangs."""
OUTPUTS, OUTPUTS_SECONDS = "looking at the folders for pictures", 300.0
SCAN_SECONDS = 300.0
"""The least timeout of a scan's heartbeat; scanning a large inbox on a slow share takes minutes."""
IDLE_LOOKS = 3
"""The number of checks in a row, 0.2 s apart, that must find nothing to do before the run is idle."""


Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class ApiAccess:
    """How the API is reached. `origin` is part of the content keys: a purchase counts at its own origin
    only."""

    origin: str
    base_url: str
    storage_hosts: tuple[str, ...]
    key: Callable[[], str] = field(repr=False)
    proxy: str | None = field(default=None, repr=False)


@dataclass
class Outcome:
    """The result of a run: how many of its jobs need a person and how many were finished, and whether the
    world was bad at its end."""

    needing_person: int = 0
    finished: int = 0
    world_bad: bool = False


class Daemon:
    """One daemon on one state folder. Construct it, `run` it once, then `close` it."""

    def __init__(
        self,
        settings: Settings,
        access: ApiAccess,
        *,
        clock: Clock | None = None,
        file: SettingsFile | None = None,
    ) -> None:
        """Open the store and wire everything. Raises StoreError, UsageError (as for another daemon),
        LocalTrouble; all locks are released then, and another daemon may be constructed.

        With `file`, where `settings` came from, its changes are applied while the daemon runs.
        """
        self.settings = settings
        """The settings at the start; `live` has those in force."""
        self.live = LiveSettings(settings, file)
        self.clock = clock or SystemClock()
        self.outcome = Outcome()
        # Folders and records.
        places = places_of(settings)
        reached = make_folders(places)
        self.inbox_locks: dict[str, FolderLock] = {}
        self.lock = lock_state(places.state)
        try:
            self._wire(access, places, reached)
        except BaseException:
            self._release_locks()
            raise

    def _wire(self, access: ApiAccess, places: Places, reached: Sequence[Path]) -> None:
        settings = self.settings
        self.store = open_records(settings, places)
        self.leases = self.store.leases
        if self.leases is not None:
            places = replace(places, confirm_ours=self.leases.confirm_now)
        with store_trouble(), local_trouble(places.state):
            identity, gone = self.store.identity(), self.store.gone_machines()
            set_temporaries_owner(self.store.machine or identity, identity)
            self.outputs = output_folders(places, self.store, reached)
            places = replace(
                places,
                guard=self.outputs.confirm,
                confirm_inbox=partial(confirm_inbox, marker_id=identity),
                out_of_reach=self._out_of_reach,
            )
            self.store.ledger.restore()
        # Telemetry, before any child process is started; then what jobs share.
        self.telemetry = Telemetry(settings, self.clock)
        self.decoder = Decoder()
        self.throttle = Throttle(self.clock, settings.limits.upload_rate)
        self.context = self._job_context(access, places)
        # The worker, which drives jobs, and the intake, which makes jobs of what the inboxes deliver.
        heartbeats = self.telemetry.heartbeats
        self.worker = Worker(
            self.context,
            most_jobs=most_jobs(settings),
            ended=self._ended,
            defect=self.telemetry.defect,
            beat=heartbeats.expect(QUEUE, QUEUE_SECONDS),
        )
        looks = max(SCAN_SECONDS, 10 * settings.settle.scan_seconds)
        self._moved = heartbeats.expect(LOOKS, looks, last=self._while_paying)
        self.galleries = Galleries(self.context, self.live, owns_inbox=self._owns)
        self.intake = Intake(self.worker, self._look_anew)
        # A frozen process keeps its file locks, so where machines share the store only leases decide.
        alone = places.inboxes if self.leases is None else {}
        self.inbox_locks = {name: FolderLock(LOCK_NAME) for name in alone}
        self.inboxes = {name: self._inbox(name, path) for name, path in alone.items()}
        for inbox in self.inboxes.values():
            inbox.claim()
        self.ownership = self._ownership()
        clear_leftovers(places, reached, gone)
        self.reporter = Reporter(
            self.context,
            self.inboxes,
            self.outputs,
            self.intake,
            self.telemetry,
            self.live,
            self.galleries,
        )
        with store_trouble():
            self.telemetry.begin(self.context)

    def _ownership(self) -> Ownership | None:
        """None without leases: then every inbox is this daemon's."""
        if self.leases is None:
            return None
        context = self.context
        refuse_other_names(context.places.inboxes)
        ownership = Ownership(
            self.leases,
            self.store,
            context.places.inboxes,
            context.breakers,
            self.clock,
            paying=lambda: {call.inbox for call in context.paying.values()},
            begin=self._run_inbox,
            drop=self._drop,
        )
        context.lease_lost = ownership.restart_inbox
        self.telemetry.leads = self._leads
        return ownership

    def _owns(self, inbox: str) -> bool:
        return self.leases is None or inbox in self.leases.owned

    def _leads(self) -> bool:
        return self.leases is None or self.leases.leads

    async def _run_inbox(self, name: str) -> None:
        """Work with an inbox and its jobs until cancelled."""
        path = self.context.places.inboxes[name]
        make = partial(self._inbox, name, path)
        inbox = await self.context.store_thread(make)
        await self.telemetry.take_inbox(name)
        await self.worker.load(name)
        self.inboxes[name] = inbox  # `--until-idle` waits for this entry
        self.galleries.check_all()
        await self._listen(name)

    async def _drop(self, name: str) -> None:
        self.inboxes.pop(name, None)
        self.telemetry.heartbeats.stop_watching(scan_of(name))
        await self.intake.drop(name)
        await self.worker.drop(name)
        with suppress(LocalTrouble):  # a no-op as a barrier: writes queued before it have ended
            await self.context.store_thread(lambda: None)
        self.telemetry.drop_inbox(name)

    def _job_context(self, access: ApiAccess, places: Places) -> JobContext:
        api = self.settings.api
        timeouts = Timeouts(
            connect_seconds=api.connect_timeout_seconds,
            read_seconds=api.read_timeout_seconds,
            paid_total_seconds=api.paid_timeout_seconds,
        )
        counts = self.telemetry.metrics
        return JobContext(
            origin=access.origin,
            places=places,
            store=self.store,
            store_thread=StoreThread(),
            client=StagerClient(
                access.base_url, access.key, timeouts=timeouts, throttle=self.throttle, proxy=access.proxy
            ),
            storage=StorageClient(
                access.storage_hosts, timeouts=timeouts, throttle=self.throttle, proxy=access.proxy
            ),
            decoder=self.decoder,
            darkroom=Darkroom(places.developed, self.decoder),
            breakers=CircuitBreakers(self.clock, on_error=counts.api_error),
            clock=self.clock,
            limits=ConcurrencyLimits(**concurrency(self.settings)),
            paid_seconds=timeouts.paid_total_seconds,
            counts=counts,
            settings=job_settings(self.settings, self.live.rulebooks),
        )

    def _inbox(self, name: str, path: Path) -> Inbox:
        met = self.store.folder_identity("inbox", name)
        if met is not None and met.path != str(path):
            met = None
        first_start = met is None and not (self.leases and name in self.store.folder_names("inbox"))
        settle = self.settings.settle
        root = Root(
            path,
            self.store.identity(),
            first_start=first_start,
            known_identity=(met.device, met.inode) if met is not None else None,
            lock=self.inbox_locks.get(name),
            name="" if self.leases is None else name,
        )
        return Inbox(
            root,
            claimed=partial(self.worker.context.claimed, name),
            settings=inbox_settings(self.live.settings, self.live.rulebooks[name], settle.scan_seconds),
            decoder=self.decoder,
            clock=self.clock,
            beat=self.telemetry.heartbeats.expect(scan_of(name), max(SCAN_SECONDS, 10 * settle.scan_seconds)),
            moved=self._moved,
        )

    async def _listen(self, name: str) -> None:
        """Handle the events of an inbox, one at a time, until cancelled."""
        async with aclosing(self.inboxes[name].events()) as events:
            async for event in events:
                if isinstance(event, SetArriving):
                    await self.intake.glimpse(name, event)
                else:
                    await self.intake.accept(name, event)

    def _release_locks(self) -> None:
        for lock in self.inbox_locks.values():
            lock.close()
        self.lock.close()

    def _out_of_reach(self, name: str) -> str:
        return self.inboxes[name].degraded if name in self.inboxes else ""

    def _while_paying(self) -> float:
        """The present time as a heartbeat while paid calls are in flight, else -inf: the watchdog must not
        end the process before they are answered."""
        return self.clock.monotonic() if self.context.paying else float("-inf")

    def _ended(self, job: Job) -> None:
        if not (job.cancelled_by and job.state == State.FAILED):  # the person who cancelled it knows
            self.telemetry.ended(job)
            self.outcome.needing_person += State(job.state) in NEEDS_PERSON
        self.outcome.finished += job.state == State.DONE
        self.galleries.ended(job)
        place = (job.inbox, job.project, job.folder)
        if self.intake.job_ended(place) or job.state == State.WITHDRAWN:
            self._look_anew(*place)
        elif job.inbox in self.inboxes:
            self.inboxes[job.inbox].look_soon(job.project, job.folder)

    def _look_anew(self, inbox: str, project: str, folder: str) -> None:
        if inbox in self.inboxes:
            self.inboxes[inbox].forget(project, folder)

    async def run(self, *, stop: asyncio.Event, until_idle: bool = False) -> Outcome:
        """Run until `stop` is set, or, with `until_idle`, until nothing can proceed without outside help.

        Before it returns, paid calls in flight are awaited and their answers recorded. Raises an unexpected
        error of one of the parts, after the same shutdown of the jobs.
        """
        to_thread.current_default_thread_limiter().total_tokens = MAX_THREADS
        if self.ownership is None:
            await self.worker.load()
        # Expected troubles are retried; any other error is a defect and ends the daemon.
        begun = [insist(self.clock, one, partial(logger.warning, "begun_again")) for one in self._loops()]
        tasks = [asyncio.create_task(one) for one in begun]
        telling = asyncio.create_task(self.telemetry.run())
        self.telemetry.ready()
        stopping = asyncio.create_task(stop.wait())
        idle = asyncio.create_task(self._until_idle()) if until_idle else stopping
        logger.info("started", inboxes=[str(path) for path in self.context.places.inboxes.values()])
        try:
            done, _ = await asyncio.wait({*tasks, stopping, idle}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            # Before the jobs are stopped, since a stopped job doesn't count as stuck.
            degraded = any(inbox.status().degraded for inbox in self.inboxes.values())
            api_trouble = self.context.breakers.trouble is not None
            self.outcome.world_bad = api_trouble or degraded or self.worker.waits_for_world()
            self.telemetry.stopping(len(self.context.paying))
            ending = (*tasks, stopping, idle)
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
            if self.context.paying:
                logger.info("draining", paid_calls_in_flight=len(self.context.paying))
            await self.intake.early.close()
            await self.worker.drain()
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        self.outcome.needing_person += len(self.worker.crashed)
        with suppress(Exception):  # a failed report must not change the run's outcome
            await self.reporter.report(stopped=True)
            await self.reporter.pages.finish()
        await self.telemetry.close(all_done=until_idle and not stop.is_set())
        if self.ownership is not None:
            await self.ownership.leave()
        logger.info("stopped", finished=self.outcome.finished, needing_person=self.outcome.needing_person)
        return self.outcome

    def _loops(self) -> list[Work]:
        """The coroutines that run concurrently until the stop."""
        work: list[Work] = [
            self.worker.run,  # drives the jobs
            self.worker.follow_commands,  # carries out people's commands on them
            *(partial(self._listen, name) for name in self.inboxes),  # makes jobs of what settles there
            partial(
                watch_outputs,
                self.outputs,
                self.context.places,
                self.telemetry,
                self.clock,
                self.worker.retry_postponed,
                self.telemetry.heartbeats.expect(OUTPUTS, OUTPUTS_SECONDS, last=self._while_paying),
            ),
            partial(apply_retention, self.context, self.live, self._leads),
            self.galleries.run,  # shows finished sets
            self.reporter.run,  # reports the state
            self.reporter.watch_failed,  # finds failed sets that a person has moved away
        ]
        if self.ownership is not None:
            work.append(self.ownership.run)  # works with the inboxes whose leases it has
        if self.live.file is not None:
            work.append(partial(self.live.run, self._follow, self.telemetry))
        return work

    def _follow(self, settings: Settings, rulebooks: Rulebooks) -> None:
        """Apply new settings. Raises ConfigurationError, with nothing changed."""
        self.telemetry.follow(settings)
        # Nothing below fails or awaits: the change is atomic for every other task.
        log.set_level(settings.log.level)
        self.context.settings = job_settings(settings, rulebooks)
        self.throttle.bytes_per_second = settings.limits.upload_rate
        self.context.limits.configure(**concurrency(settings))
        self.worker.most_jobs = most_jobs(settings)
        for name, inbox in self.inboxes.items():
            inbox.apply_settings(inbox_settings(settings, rulebooks[name], self.settings.settle.scan_seconds))
        # Held sets are judged again: the new rules may settle the doubt.
        for place in list(self.intake.held):
            del self.intake.held[place]
            self._look_anew(*place)

    async def _until_idle(self) -> None:
        quiet_looks = 0
        degraded_since: dict[str, float] = {}
        while quiet_looks < IDLE_LOOKS:
            await self.clock.sleep(0.2)
            statuses = {name: inbox.status() for name, inbox in self.inboxes.items()}
            now = self.clock.monotonic()
            away = [name for name, status in statuses.items() if status.degraded]
            degraded_since = {name: degraded_since.get(name, now) for name in away}
            hopes = any(now - since < STUCK_SECONDS for since in degraded_since.values())
            waits = any(status.may_proceed for status in statuses.values())
            working = self.worker.busy() and not self.worker.all_stuck(STUCK_SECONDS)
            working |= self.galleries.busy or not self._settled()
            quiet_looks = 0 if waits or working or hopes else quiet_looks + 1

    def _settled(self) -> bool:
        """Whether every inbox that this machine can reach has an owner, this machine or another."""
        if self.leases is None or self.ownership is None:
            return True
        return self.ownership.settled and self.inboxes.keys() >= self.leases.owned.keys()

    async def close(self) -> None:
        """Close clients, decoder and store, and release the locks."""
        try:
            await self.context.client.aclose()
            await self.context.storage.aclose()
            await self.decoder.close()
        finally:
            self.context.store_thread.close()
            self.store.database.dispose()
            self._release_locks()


JOBS_PER_MERGE = 6
"""Jobs in progress for each merge that may run at once, so that their other steps overlap with merges."""


def scan_of(inbox: str) -> str:
    """The name of an inbox's scan among the heartbeats."""
    return f"scan of {inbox}"


def most_jobs(settings: Settings) -> int:
    """The most jobs in progress at once."""
    return JOBS_PER_MERGE * (settings.limits.merges or INITIAL["merges"])


def concurrency(settings: Settings) -> dict[str, int | None]:
    return settings.limits.model_dump(include={"uploads", "merges", "operations", "downloads"})


def job_settings(settings: Settings, rulebooks: Rulebooks) -> JobSettings:
    """The settings that jobs read."""
    limits = settings.limits
    return JobSettings(
        result_limits=result_limits(settings),
        merge_timeout_seconds=settings.api.merge_timeout_seconds,
        budgets={name: getattr(limits, name) for name in BUDGETS},
        rulebooks=rulebooks,
        hours=settings.schedule.active,
        prices=settings.prices,
        language=settings.language,
    )


def result_limits(settings: Settings) -> PictureLimits:
    """The limits for a bought picture."""
    return PictureLimits(size_bytes=settings.limits.result_bytes, pixels=settings.limits.result_pixels)


def inbox_settings(settings: Settings, rulebook: Rulebook, scan_seconds: float) -> InboxOptions:
    return InboxOptions(
        give_up_seconds=settings.settle.give_up_seconds,
        scan_seconds=scan_seconds,
        limits=PictureLimits(size_bytes=settings.limits.photo_bytes),
        rulebook=rulebook,
    )
