"""Everything that a running daemon reports about itself: to systemd, on pages, and in notifications."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from anyio import to_thread

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.config.settings import Settings
from hotfolder.display import counted, with_hint
from hotfolder.errors import KeyRejected, LeaseLost, LocalTrouble, PaymentRequired
from hotfolder.jobs.context import JobContext
from hotfolder.jobs.model import SANDBOX, Job
from hotfolder.jobs.queries import published_by_ended
from hotfolder.jobs.states import CHARGED
from hotfolder.telemetry.health import Heartbeats, Systemd, not_ready, report, status_sentence
from hotfolder.telemetry.metrics import Metrics
from hotfolder.telemetry.notifications import (
    Detector,
    Kind,
    Notification,
    SavedState,
    Situation,
    concerns_inbox,
)
from hotfolder.telemetry.notifier import Notifier, addresses_of
from hotfolder.telemetry.overview import Overview, line_of

if TYPE_CHECKING:
    from hotfolder.telemetry.web import WebServer

logger = log.get("telemetry")

PINGS_PER_INTERVAL = 3
"""Pings in each interval of the watchdog, so that one may be late or lost without a kill."""
HUNG_SECONDS = 1.0
"""The interval of the watchdog's checks while a part hangs, since a paid call that begins meanwhile must not
be cut off."""
NOTIFIER_STATE = "told"
"""The name under which the notifier's state is published, for the next daemon."""
ENDED_IN, TOLD_IN = "ended in ", "told in "
"""Prefixes of the names under which an inbox's pending project notifications, and the alarms sent about its
sets, are published for the machine that owns the inbox next."""


class Telemetry:
    """Create it before any child process is started, `begin` when all is wired, `run` it as a task, and
    `close` it last.

    The daemon's parts call `heartbeats` and `metrics`; `see` takes each new overview.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Raises ConfigurationError for an invalid address, or one that needs the missing `notify` extra."""
        self.settings = settings
        self.clock = clock
        self.systemd = Systemd.of()
        self.heartbeats = Heartbeats(clock.monotonic)
        self.metrics = Metrics(lambda: self.own, self.heartbeats, self.paid_calls_left, clock.now)
        self.server: WebServer | None = None
        self.seen: Overview | None = None
        self.own: Overview | None = None
        """What was `seen`, with this machine's trouble alone."""
        self.paid_today = 0
        self.full_disks: tuple[str, ...] = ()
        """The folders whose disks are full, set by the code that checks them."""
        self.leads: Callable[[], bool] = lambda: True
        """Whether this machine sends the notifications that concern all machines of the store."""
        self._context: JobContext | None = None
        self._unpriced: list[Job] = []
        """Jobs that have ended, until the next overview, when what was paid for them is read."""
        self._taken: set[str] = set()
        """The inboxes that this machine works with where several share the store."""
        self._running = False
        self._not_inherited = log.RecurringWarning(logger, "messages_not_taken_over")
        detector = Detector(
            settings.notify, settings.prices, done=settings.done_folder, failed=settings.failed_folder
        )
        self.notifier = Notifier(detector, clock, self._facts, self._remember, outcome=self.metrics.notice)
        self.follow(settings)

    def follow(self, settings: Settings) -> None:
        """Apply new settings. Raises ConfigurationError without having changed anything."""
        self.notifier.follow(settings.notify, addresses_of(settings))
        self.notifier.detector.prices = settings.prices
        self.settings = settings

    def begin(self, context: JobContext) -> None:
        """Restore from the store which notifications an earlier process sent."""
        self._context = context
        self.notifier.recall(context.store.published(NOTIFIER_STATE))

    async def take_inbox(self, inbox: str) -> None:
        """Restore what has ended in an inbox that another machine may have had, and is to be told of, and
        what was told of its sets. Raises LocalTrouble."""
        if self._context is not None:
            store, ask = self._context.store, self._context.store_thread
            projects = await ask(store.published, ENDED_IN + inbox, shared=True)
            told = await ask(store.published, TOLD_IN + inbox, shared=True)
            self.notifier.recall(
                {"detected": {"projects": projects or [], "told": told or {}}, "gathered": {}}
            )
            self._taken.add(inbox)

    async def _remember(self, memory: SavedState) -> None:
        if self._context is None:
            return
        publish = self._context.publish
        if self._context.store.leases is None:
            await publish(NOTIFIER_STATE, memory)
            return
        detected, told = memory["detected"], dict[str, SavedState]()
        others = detected["told"]
        for inbox in self._taken:
            told[inbox] = {
                subject: kind for subject, kind in others.items() if concerns_inbox(subject, inbox)
            }
            others = {subject: kind for subject, kind in others.items() if subject not in told[inbox]}
        # First, so that a crash in between sends the message of a finished project twice, and not never.
        of_machine = {**memory, "detected": {"projects": [], "told": others}}
        await publish(NOTIFIER_STATE, of_machine)
        for inbox, told_of in sorted(told.items()):
            of_inbox = [one for one in detected["projects"] if one[0] == inbox]
            with suppress(LeaseLost):  # its new owner writes it
                await publish(ENDED_IN + inbox, of_inbox, inbox=inbox)
                await publish(TOLD_IN + inbox, told_of, inbox=inbox)

    def _facts(self) -> Situation:
        trouble = self._context.breakers.trouble if self._context is not None else None
        spent = self.paid_calls_left() == 0
        return Situation(
            self.seen or Overview((), {}),
            leads=self.leads(),
            api_needs_person=isinstance(trouble, KeyRejected | PaymentRequired),
            full_disks=self.full_disks,
            spent_budget=self.settings.limits.paid_calls_per_day if spent else None,
        )

    def paid_calls_left(self) -> int | None:
        """What is left of today's budget; None without one."""
        most = self.settings.limits.paid_calls_per_day
        return None if most is None else max(0, most - self.paid_today)

    async def see(self, seen: Overview, own: Overview | None = None) -> None:
        """Take the latest overview: `seen` for notifications, and `own`, where it differs, for pages, metrics
        and systemd's status, which are about this machine."""
        if self._context is not None and self.settings.limits.paid_calls_per_day is not None:
            paid_today = self._context.ledger.paid_today
            self.paid_today = await self._context.store_thread(paid_today, self.clock.now())
        await self._count_paid()
        await self._inherit()
        self.show(seen, own)

    async def _inherit(self) -> None:
        """Take over the messages that machines which have ended or died had still to send. Where this one
        dies meanwhile, they come twice, and not never."""
        if self._context is None or self._context.store.leases is None or not self.leads():
            return
        store, ask = self._context.store, self._context.store_thread
        for left in await ask(published_by_ended, store, NOTIFIER_STATE):
            try:
                without = self.notifier.inherit(left.content)
            except (AttributeError, KeyError, TypeError, ValueError) as error:  # of another release
                self._not_inherited.warn(f"{type(error).__name__}: {error}", machine=left.machine)
                continue
            if without != left.content:
                await self.notifier.save()
                await ask(store.replace_published, left, without)

    def show(self, seen: Overview, own: Overview | None = None) -> None:
        """`see` without reading the store."""
        self.seen, self.own = seen, own or seen
        if self._running:
            self.systemd.status(status_sentence(self.own))

    def ended(self, job: Job) -> None:
        """Send the notifications for a job that has ended."""
        if self.notifier.recipients:
            self.notifier.queue(*self.notifier.detector.ended(line_of(job, "")))
            if self.settings.prices.sum(()) is not None and job.origin != SANDBOX:
                self._unpriced.append(job)

    async def _count_paid(self) -> None:
        """Add what was paid for the jobs that have ended since to what is to be told of their projects."""
        while self._context is not None and self._unpriced:
            job = self._unpriced[0]
            calls = await self._context.store_thread(self._context.ledger.of_job, job.id)
            if job in self._unpriced:  # not dropped meanwhile
                self._unpriced.remove(job)
                paid = [call.operation for call in calls if call.state in CHARGED]
                self.notifier.detector.paid(job.inbox, job.project, paid)

    def drop_inbox(self, inbox: str) -> None:
        """Forget an inbox's projects: another machine owns it now, and sends their notifications."""
        self._unpriced = [job for job in self._unpriced if job.inbox != inbox]
        self._taken.discard(inbox)
        self.notifier.detector.drop(inbox)

    def defect(self, job: Job) -> None:
        """Send a notification that a bug in hotfolder has stopped a job."""
        text = f"{job.project} / {job.room}: {with_hint(job.reason, job.hint)}"
        self.notifier.queue(Notification(Kind.NEEDS_PERSON, text))

    async def run(self) -> None:
        """Serve pages, ping the watchdog and send notifications until cancelled."""
        self._serve()
        await asyncio.gather(self.notifier.run(), self._feed_watchdog())

    def _serve(self) -> None:
        web = self.settings.web
        if web.port is None:
            return
        from hotfolder.telemetry.web import WebServer, pages  # late: most daemons serve no pages

        served = pages(
            health=lambda: report(self.heartbeats),
            readiness=lambda: report(self.heartbeats, not_ready(self.own)),
            metrics=self.metrics.page,
        )
        try:
            self.server = WebServer(served, host=web.host, port=web.port)
        except LocalTrouble as error:
            logger.error("pages_not_served", reason=error.message, hint=error.hint)
        else:
            logger.info("pages_served", host=web.host, port=web.port)

    async def _feed_watchdog(self) -> None:
        """Runs in the daemon's event loop, so that a hung loop stops the pings, too."""
        while self.systemd.watchdog_seconds is not None:
            hung = self.heartbeats.late_parts()
            self.systemd.feed_watchdog(hung)
            interval = self.systemd.watchdog_seconds / PINGS_PER_INTERVAL
            await self.clock.sleep(min(interval, HUNG_SECONDS) if hung else interval)

    def ready(self) -> None:
        """Tell systemd that the start is complete, or that a reload has ended, successfully or not."""
        self._running = True
        self.systemd.ready(status_sentence(self.own) if self.own else "started")

    def reloading(self) -> None:
        self.systemd.reloading()

    def stopping(self, paid_calls_in_flight: int = 0) -> None:
        """Tell systemd that the daemon stops, and expect no more heartbeats."""
        self._running = False
        self.heartbeats.stop_watching_all()
        calls = counted(paid_calls_in_flight, "paid call")
        waits = f", waiting for {calls} to be answered" if paid_calls_in_flight else ""
        self.systemd.stopping(f"stopping{waits}")

    async def close(self, *, all_done: bool = False) -> None:
        """Send the last notifications, and close the port. `all_done`: the run ends for lack of work, and its
        projects are finished without a quiet time."""
        if all_done and self.seen is not None:
            self.notifier.queue(*self.notifier.detector.finished(self.seen, self.clock.monotonic()))
        await self.notifier.close()
        if self.server is not None:
            await to_thread.run_sync(self.server.stop)
