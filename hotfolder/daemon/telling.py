"""What the daemon tells of itself: to systemd, on pages, and to people. Made from the settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from hotfolder.clock import Clock
from hotfolder.config.settings import Settings
from hotfolder.errors import ConfigurationError, KeyRejected, LocalTrouble, PaymentRequired
from hotfolder.jobs.breaker import CircuitBreaker
from hotfolder.jobs.budget import midnight
from hotfolder.jobs.context import JobContext, Places
from hotfolder.jobs.database import StoreThread
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.model import CHARGED, SANDBOX, Job
from hotfolder.jobs.store import Store
from hotfolder.patience import patiently
from hotfolder.telemetry.notifications import Detector, Facts, Kind, Links, Notification, Thresholds
from hotfolder.telemetry.notifier import Notifier, Recipient, addresses_in
from hotfolder.telemetry.overview import Overview, line_of, with_hint
from hotfolder.telemetry.systemd import supervision
from hotfolder.telemetry.telemetry import Address, Telemetry

LOOK_AT_DISK_SECONDS = 60.0
DEAD_DISK_SECONDS = 900.0
"""Each look at a share that doesn't answer costs a thread."""
TOLD = "told"
"""The bulletin that keeps, over a restart, what people were told."""


class Telling:
    """The telemetry, and the facts that it needs. Make it before any child process is started."""

    def __init__(self, settings: Settings, clock: Clock, ledger: Ledger) -> None:
        """Raises ConfigurationError for an address that is none, or for one that needs the `notify` extra."""
        self.settings = settings
        self.clock = clock
        self.ledger = ledger
        self.paid_today = 0
        web = settings.web
        self.telemetry = Telemetry(
            clock,
            supervision(),
            address=Address(web.host, web.port) if web.port is not None else None,
            paid_calls_left=self.paid_calls_left,
        )
        self._places: Places | None = None
        self._new_notifier: Callable[[], Notifier] | None = None
        self._recipients: dict[tuple[int, str], Recipient] = {}
        self._recipients = self._recipients_of(settings)
        self._free_bytes: dict[str, int] = {}
        self._looked_at = float("-inf")

    def paid_calls_left(self) -> int | None:
        """Of today's budget; None without one."""
        most = self.settings.limits.paid_calls_per_day
        return None if most is None else max(0, most - self.paid_today)

    def _recipients_of(self, settings: Settings) -> dict[tuple[int, str], Recipient]:
        """One for each address, by its place and itself; those that are there already go on."""
        found: dict[tuple[int, str], Recipient] = {}
        for number, address in enumerate(notify_addresses(settings), start=1):
            known = self._recipients.get((number, address))
            outcome = self.telemetry.recorder.notice
            found[number, address] = known or Recipient(address, number, self.clock, outcome=outcome)
        return found

    def begin(self, context: JobContext, store: Store) -> None:
        """Have people told, where the settings name any."""

        async def facts() -> Facts:
            return await self.facts(context.breaker, context.desk, context.places)

        async def remember(memory: object) -> None:
            await context.desk(store.post, TOLD, memory, self.clock.now())

        def new_notifier() -> Notifier:
            return Notifier(Detector(self._links(context.places)), self.clock, facts, remember)

        self._places, self._new_notifier = context.places, new_notifier
        self._arrange()
        if self.telemetry.notifier is not None:
            self.telemetry.notifier.recall(store.bulletin(TOLD))

    def follow(self, settings: Settings) -> None:
        """Go by these settings from now on. Raises ConfigurationError, having changed nothing."""
        self._recipients = self._recipients_of(settings)
        self.settings = settings
        self._arrange()

    def _arrange(self) -> None:
        notifier = self.telemetry.notifier
        if self._new_notifier is None or self._places is None or not (self._recipients or notifier):
            return
        notify = self.settings.notify
        notifier = notifier or self._new_notifier()
        notifier.recipients = tuple(self._recipients.values())
        notifier.detector.links = self._links(self._places)
        notifier.detector.prices = self.settings.prices
        notifier.detector.thresholds = Thresholds(
            finished_quiet_seconds=notify.finished_quiet_seconds,
            unreachable_seconds=notify.unreachable_seconds,
            disk_low_bytes=notify.disk_low_bytes,
        )
        notifier.gatherer.gather_seconds = notify.gather_seconds
        notifier.gatherer.pause_seconds = notify.pause_seconds
        self.telemetry.employ(notifier)

    def _links(self, places: Places) -> Links:
        notify = self.settings.notify
        return Links(notify.done_link or str(places.done), notify.failed_link or str(places.failed))

    def ended(self, job: Job) -> None:
        """A job has come to its end."""
        if self.telemetry.notifier is not None:
            priced = self.settings.prices.sum(()) is not None and job.origin != SANDBOX
            calls = self.ledger.of_job(job.id) if priced else []
            paid = [call.operation for call in calls if call.state in CHARGED]
            self.telemetry.notifier.ended(line_of(job, ""), paid)

    def defect(self, job: Job) -> None:
        """An error of hotfolder's own has left a job as it was."""
        if self.telemetry.notifier is not None:
            text = f"{job.project} / {job.room}: {with_hint(job.reason, job.hint)}"
            self.telemetry.notifier.tell(Notification(Kind.NEEDS_PERSON, text))

    async def see(self, seen: Overview, desk: StoreThread) -> None:
        """The latest overview."""
        if self.settings.limits.paid_calls_per_day is not None:
            self.paid_today = await desk(self.ledger.paid_since, midnight(self.clock.now()))
        self.telemetry.see(seen)

    async def _looked_at_disks(self, places: Places) -> dict[str, int]:
        """Free bytes; as they were last where `done` lies on a share that doesn't answer."""
        try:
            return await patiently(places.done, free_bytes, {"done": places.done, "state": places.state})
        except LocalTrouble:
            self._looked_at += DEAD_DISK_SECONDS
            return self._free_bytes

    async def facts(self, breaker: CircuitBreaker, desk: StoreThread, places: Places) -> Facts:
        """How things stand. A disk is looked at once a minute, since a dead share can hang that."""
        now = self.clock.monotonic()
        if now - self._looked_at >= LOOK_AT_DISK_SECONDS:
            self._looked_at = now
            self._free_bytes = await self._looked_at_disks(places)
        return Facts(
            self.telemetry.seen or Overview((), {}),
            api_bad_seconds=breaker.bad_seconds(),
            api_needs_person=isinstance(breaker.trouble, KeyRejected | PaymentRequired),
            free_bytes=self._free_bytes,
            paid_today=self.paid_today,
            daily_budget=self.settings.limits.paid_calls_per_day,
        )


def notify_addresses(settings: Settings) -> Sequence[str]:
    """All addresses of the settings, in order. Raises ConfigurationError when their file can't be read."""
    addresses = [one.get_secret_value() for one in settings.notify.urls]
    if settings.notify.url_file is None:
        return addresses
    try:
        text = Path(settings.notify.url_file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(
            f"the file that notify.url_file names can't be read: {reason}",
            hint="A relative name starts at the folder of the configuration file.",
        ) from None
    return [*addresses, *addresses_in(text)]


def free_bytes(folders: dict[str, Path]) -> dict[str, int]:
    """Free bytes by name; a folder that can't be asked is left out."""
    found: dict[str, int] = {}
    for name, folder in folders.items():
        try:
            facts = os.statvfs(folder)
        except OSError:
            continue
        found[name] = facts.f_bavail * facts.f_frsize
    return found
