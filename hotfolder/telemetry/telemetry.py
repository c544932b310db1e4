"""All that a running daemon tells of itself, in one place: systemd, health pages, metrics, and people."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.errors import LocalTrouble
from hotfolder.telemetry.health import Heartbeats, Verdict, alive, ready
from hotfolder.telemetry.metrics import Metrics, Recorder, Sources
from hotfolder.telemetry.notifier import Notifier
from hotfolder.telemetry.overview import Overview
from hotfolder.telemetry.systemd import Supervision, Watchdog, status_sentence
from hotfolder.telemetry.web import Page, WebServer, json_page

logger = log.get("service")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the pages are served."""

    host: str
    port: int


class Telemetry:
    """Make it early, `run` it beside the work, `close` it last. Nothing in it ever raises into the daemon.

    `heartbeats` is for the parts to beat, `recorder` for them to count; `see` takes each new overview.
    """

    def __init__(
        self,
        clock: Clock,
        supervision: Supervision,
        *,
        address: Address | None = None,
        paid_calls_left: Callable[[], int | None] = lambda: None,
    ) -> None:
        """Without an `address` no pages are served. `paid_calls_left` answers at once, from any thread."""
        self.clock = clock
        self.supervision = supervision
        self.systemd = supervision.notifier
        self.heartbeats = Heartbeats(clock.monotonic)
        self.notifier: Notifier | None = None
        """Who tells people, where somebody is to be told; see `employ`."""
        self._employed = asyncio.Event()
        self.seen: Overview | None = None
        sources = Sources(lambda: self.seen, self.heartbeats, paid_calls_left, clock.now)
        self.metrics = Metrics(sources)
        self.address = address
        self.server: WebServer | None = None
        self._running = False

    @property
    def recorder(self) -> Recorder:
        return self.metrics.recorder

    def see(self, seen: Overview) -> None:
        """The latest overview: pages and metrics speak of it, and systemd's status."""
        self.seen = seen
        if self._running:
            self.systemd.status(status_sentence(seen))

    def employ(self, notifier: Notifier) -> None:
        """Let it tell people from now on. Repeating it with the same one changes nothing."""
        self.notifier = notifier
        self._employed.set()

    def health(self) -> Verdict:
        return alive(self.heartbeats.beats(), self.heartbeats.monotonic())

    def readiness(self) -> Verdict:
        return ready(self.seen, self.heartbeats.beats(), self.heartbeats.monotonic())

    async def run(self) -> None:
        """Serve, ping and tell until cancelled."""
        self._serve()
        work: list[Awaitable[object]] = [self._tell()]
        if self.supervision.watchdog_seconds is not None:
            watchdog = Watchdog(self.systemd, self.heartbeats, self.clock, self.supervision.watchdog_seconds)
            work.append(watchdog.run())
        await asyncio.gather(*work)

    async def _tell(self) -> None:
        await self._employed.wait()  # settings that are edited may name somebody later
        assert self.notifier is not None
        await self.notifier.run()

    def ready(self) -> None:
        """Everything is wired and the store is open; or a reload has ended, well or badly."""
        self._running = True
        self.systemd.ready(status_sentence(self.seen) if self.seen else "started")

    def reloading(self) -> None:
        self.systemd.reloading()

    def stopping(self, paid_calls_in_flight: int = 0) -> None:
        """The work has been asked to end. Parts that end with it must be retired from `heartbeats`."""
        self._running = False
        calls = "a paid call" if paid_calls_in_flight == 1 else f"{paid_calls_in_flight} paid calls"
        waits = f", waiting for {calls} to be answered" if paid_calls_in_flight else ""
        self.systemd.stopping(f"stopping{waits}")

    async def close(self, *, all_done: bool = False) -> None:
        """Send people's last messages, and let go of the port. `all_done`: the run ends for lack of work."""
        if self.notifier is not None:
            if all_done and self.seen is not None:
                self.notifier.finish(self.seen)
            await self.notifier.close()
        if self.server is not None:
            await asyncio.to_thread(self.server.stop)

    def _serve(self) -> None:
        if self.address is None:
            return
        pages: dict[str, Callable[[], Page]] = {
            "/healthz": lambda: verdict_page(self.health()),
            "/readyz": lambda: verdict_page(self.readiness()),
            "/metrics": self.metrics.page,
        }
        self.server = WebServer(pages, host=self.address.host, port=self.address.port)
        try:
            self.server.start()
        except LocalTrouble as error:
            logger.error("pages_not_served", reason=error.message, hint=error.hint)
        else:
            logger.info("pages_served", host=self.address.host, port=self.server.port)


def verdict_page(verdict: Verdict) -> Page:
    return json_page(verdict.as_dict(), well=verdict.well)
