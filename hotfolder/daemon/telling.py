"""What the daemon tells of itself: to systemd, on pages, and to people. Made from the settings."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from hotfolder.clock import Clock
from hotfolder.config.settings import Settings
from hotfolder.errors import ConfigurationError, KeyRejected, PaymentRequired
from hotfolder.jobs.allowance import midnight
from hotfolder.jobs.desk import Desk
from hotfolder.jobs.gate import Gate
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.store import Store
from hotfolder.jobs.tables import Job
from hotfolder.jobs.tools import Places, Tools
from hotfolder.service.messengers import Messenger, addresses_in
from hotfolder.service.notices import Gatherer
from hotfolder.service.occasions import Budget, Facts, Links, Thresholds, Watcher
from hotfolder.service.overview import Overview, line_of
from hotfolder.service.station import Address, Station
from hotfolder.service.systemd import supervision
from hotfolder.service.teller import Teller

LOOK_AT_DISK_SECONDS = 60.0
TOLD = "told"
"""The bulletin that keeps, over a restart, what people were told."""


class Telling:
    """The station, and the facts that it needs. Make it before any child process is started."""

    def __init__(self, settings: Settings, clock: Clock, ledger: Ledger) -> None:
        """Raises ConfigurationError for an address that is none, or for one that needs the `notify` extra."""
        self.settings = settings
        self.clock = clock
        self.ledger = ledger
        self.paid_today = 0
        web = settings.web
        self.station = Station(
            clock,
            supervision(),
            address=Address(web.host, web.port) if web.port is not None else None,
            paid_calls_left=self.paid_calls_left,
        )
        self.addresses = notify_addresses(settings)
        outcome = self.station.recorder.notice
        self._messengers = [
            Messenger(address, number, clock, outcome=outcome)
            for number, address in enumerate(self.addresses, start=1)
        ]
        self._free_bytes: dict[str, int] = {}
        self._looked_at = float("-inf")

    def paid_calls_left(self) -> int | None:
        """Of today's budget; None without one."""
        most = self.settings.limits.paid_calls_per_day
        return None if most is None else max(0, most - self.paid_today)

    def begin(self, tools: Tools, store: Store) -> None:
        """Have people told, where the settings name any."""
        if not self._messengers:
            return
        notify, places = self.settings.notify, tools.places
        links = Links(notify.done_link or str(places.done), notify.failed_link or str(places.failed))
        thresholds = Thresholds(
            finished_quiet_seconds=notify.finished_quiet_seconds,
            unreachable_seconds=notify.unreachable_seconds,
            disk_low_bytes=notify.disk_low_bytes,
        )

        async def facts() -> Facts:
            return await self.facts(tools.gate, tools.desk, places)

        async def remember(memory: object) -> None:
            await tools.desk(store.post, TOLD, memory, self.clock.now())

        teller = Teller(
            Watcher(links, thresholds),
            self._messengers,
            self.clock,
            facts,
            gatherer=Gatherer(gather_seconds=notify.gather_seconds, pause_seconds=notify.pause_seconds),
            remember=remember,
        )
        teller.recall(store.bulletin(TOLD))
        self.station.teller = teller

    def ended(self, job: Job) -> None:
        """A job has come to its end."""
        if self.station.teller is not None:
            self.station.teller.ended(line_of(job, ""))

    async def see(self, seen: Overview, desk: Desk) -> None:
        """The latest overview."""
        if self.settings.limits.paid_calls_per_day is not None:
            self.paid_today = await desk(self.ledger.paid_since, midnight(self.clock.now()))
        self.station.see(seen)

    async def facts(self, gate: Gate, desk: Desk, places: Places) -> Facts:
        """How things stand. A disk is looked at once a minute, since a dead share can hang that."""
        now = self.clock.monotonic()
        if now - self._looked_at >= LOOK_AT_DISK_SECONDS:
            self._looked_at = now
            self._free_bytes = await asyncio.to_thread(
                free_bytes, {"done": places.done, "state": places.state}
            )
        most = self.settings.limits.paid_calls_per_day
        return Facts(
            self.station.seen or Overview((), {}),
            api_bad_seconds=gate.bad_seconds(),
            api_needs_person=isinstance(gate.trouble, KeyRejected | PaymentRequired),
            free_bytes=self._free_bytes,
            budgets=() if most is None else (Budget("today", self.paid_today, most),),
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
