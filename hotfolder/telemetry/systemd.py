"""What systemd is told (sd_notify): ready, reloading, stopping, a status, and the watchdog's pings."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.jobs.model import ACTIVE, State
from hotfolder.telemetry.health import Beat, Heartbeats, in_words, late
from hotfolder.telemetry.overview import SETTLING, Overview

logger = log.get("systemd")

SEND_SECONDS = 0.5
"""How long systemd may let a message wait; then it is dropped, rather than holding up the daemon."""
MOST_CHARACTERS = 300
PINGS_PER_INTERVAL = 3
"""So that one ping may be late, or get lost, without a kill."""


class Notifier:
    """Speaks to the service manager, or to nobody when there is none. Nothing here ever raises."""

    def __init__(self, address: str = "", *, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """`address` is what NOTIFY_SOCKET holds: a path, or `@` and an abstract name; empty for nobody."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._monotonic_ns = monotonic_ns
        self._told_status = ""
        self._failed = False

    def ready(self, status: str = "") -> bool:
        """Started, or done with reloading. True when systemd has the message."""
        return self._send("READY=1", *self._status(status))

    def reloading(self) -> bool:
        """Reading the settings anew; `ready` says when that has ended, well or badly."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={self._monotonic_ns() // 1000}")

    def stopping(self, status: str = "") -> bool:
        return self._send("STOPPING=1", *self._status(status))

    def status(self, text: str) -> bool:
        """Show one sentence in `systemctl status`. The same one again is not sent again."""
        return text == self._told_status or self._send(*self._status(text))

    def ping(self) -> bool:
        """Keep the watchdog from ending the process, for one more interval."""
        return self._send("WATCHDOG=1")

    def _status(self, text: str) -> tuple[str, ...]:
        if not text:
            return ()
        self._told_status = text
        return (f"STATUS={' '.join(text.split())[:MOST_CHARACTERS]}",)

    def _send(self, *lines: str) -> bool:
        if not self._address:
            return False
        message = "\n".join(lines).encode("utf-8", errors="replace")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.settimeout(SEND_SECONDS)
                channel.connect(self._address)
                channel.sendall(message)
        except (OSError, ValueError) as error:
            self._told_status = ""
            if not self._failed:
                logger.warning("systemd_not_told", reason=str(error), first_word=lines[0])
            self._failed = True
            return False
        self._failed = False
        return True


@dataclass(frozen=True, slots=True)
class Supervision:
    """What systemd asks of this process. `watchdog_seconds` is None where no watchdog is set."""

    notifier: Notifier
    watchdog_seconds: float | None = None


def supervision(environment: MutableMapping[str, str] = os.environ, *, pid: int | None = None) -> Supervision:
    """Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and take them out of `environment`.

    They are taken out so that no child process speaks for us.
    """
    address = environment.pop("NOTIFY_SOCKET", "")
    interval = environment.pop("WATCHDOG_USEC", "")
    meant = environment.pop("WATCHDOG_PID", "")
    mine = not meant or meant == str(os.getpid() if pid is None else pid)
    if not address.startswith(("/", "@")) or len(address) < 2:
        return Supervision(Notifier())
    seconds = int(interval) / 1_000_000 if interval.isascii() and interval.isdigit() else 0.0
    return Supervision(Notifier(address), seconds if seconds > 0 and mine else None)


def may_ping(beats: Iterable[Beat], now: float) -> bool:
    """Whether the watchdog may be fed: only while no part is late."""
    return not late(beats, now)


class Watchdog:
    """Pings while every part is alive. A hung part stops the pings, and systemd then starts us anew."""

    def __init__(
        self, notifier: Notifier, heartbeats: Heartbeats, clock: Clock, interval_seconds: float
    ) -> None:
        """`interval_seconds` is the unit's WatchdogSec."""
        self.notifier = notifier
        self.heartbeats = heartbeats
        self.clock = clock
        self.pause_seconds = interval_seconds / PINGS_PER_INTERVAL
        self._silent = False

    async def run(self) -> None:
        """Ping until cancelled. Runs in the daemon's own event loop, so that a hung loop stops it too."""
        while True:
            self.look()
            await self.clock.sleep(self.pause_seconds)

    def look(self) -> None:
        """Ping once, unless a part is late; then say so, once."""
        now = self.heartbeats.monotonic()
        beats = self.heartbeats.beats()
        if may_ping(beats, now):
            if self._silent:
                logger.info("alive_again")
            self._silent = False
            self.notifier.ping()
        elif not self._silent:
            self._silent = True
            hung = [in_words(beat, now) for beat in late(beats, now)]
            logger.error("hung", reason="; ".join(hung), hint="The watchdog is no longer fed.")
            self.notifier.status(f"hung: {'; '.join(hung)}")


RUNNING = tuple(state for state in ACTIVE if state not in (State.QUEUED, State.HALTING))


def status_sentence(seen: Overview) -> str:
    """What is going on, for `systemctl status`: "3 running, 12 waiting, 1 needs you"."""
    count = seen.counts.get
    running = sum(count(state, 0) for state in RUNNING)
    waiting = count(State.QUEUED, 0) + count(SETTLING, 0)
    needing = count(State.NEEDS_ATTENTION, 0) + count(State.HALTING, 0)
    failed = count(State.FAILED, 0)
    parts = [f"{running} running", f"{waiting} waiting"] if running or waiting else ["idle"]
    if needing:
        parts.append(f"{needing} needs you" if needing == 1 else f"{needing} need you")
    if failed:
        parts.append(f"{failed} in failed")
    sentence = ", ".join(parts)
    ill = sorted(name for name, why in seen.degraded.items() if why)
    if ill:
        sentence += f"; out of reach: {', '.join(ill)}"
    if seen.settings_error:
        sentence += "; the settings have an error"
    if seen.paused:
        sentence += f"; paid calls paused: {seen.paused}"
    return f"{sentence}; API paused: {seen.trouble}" if seen.trouble else sentence
