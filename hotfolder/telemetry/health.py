"""Liveness and readiness of the daemon, and its messages to systemd (sd_notify)."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from hotfolder import log
from hotfolder.telemetry.overview import Overview


@dataclass(frozen=True, slots=True)
class Beat:
    """The time since a part's last heartbeat, and the most that is allowed."""

    part: str
    silent_seconds: float
    limit_seconds: float


class Heartbeats:
    """The heartbeats of the daemon's parts. Thread-safe.

    Adding a part counts as its first heartbeat, so it has its whole limit to start.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._expected: dict[str, tuple[float, Callable[[], float]]] = {}
        self._beaten: dict[str, float] = {}

    def expect(
        self, part: str, limit_seconds: float, last: Callable[[], float] = lambda: float("-inf")
    ) -> Callable[[], None]:
        """Expect a heartbeat of `part` every `limit_seconds`; returns the function that the part calls.

        A part that records the time itself returns it from `last` (seconds of the same clock); the later of
        the two counts.
        """

        def beat() -> None:
            self._beaten[part] = self._monotonic()

        beat()
        self._expected[part] = (limit_seconds, last)
        return beat

    def stop_watching(self, part: str) -> None:
        """Stop watching a part that has ended on purpose; later heartbeats of it are ignored."""
        self._expected.pop(part, None)

    def stop_watching_all(self) -> None:
        """Stop watching all parts: they end on purpose."""
        self._expected = {}

    def beats(self) -> tuple[Beat, ...]:
        """The current state of every part that is watched."""
        now = self._monotonic()
        return tuple(
            Beat(part, max(0.0, now - max(self._beaten[part], last())), limit)
            for part, (limit, last) in self._expected.items()
        )

    def late_parts(self) -> list[str]:
        """A sentence for each part that is late, the longest silent first. Only a restart helps."""
        late = [beat for beat in self.beats() if beat.silent_seconds > beat.limit_seconds]
        late.sort(key=lambda beat: -beat.silent_seconds)
        return [f"the {beat.part} has not moved for {beat.silent_seconds:.0f} seconds" for beat in late]


def report(heartbeats: Heartbeats, more: Iterable[str] = ()) -> dict[str, Any]:
    """A JSON object with each part, and all problems as sentences: parts that hang, then `more`."""
    reasons = [*heartbeats.late_parts(), *more]
    parts = {
        beat.part: {"silent_seconds": round(beat.silent_seconds, 1), "limit_seconds": beat.limit_seconds}
        for beat in heartbeats.beats()
    }
    return {"ok": not reasons, "reasons": reasons, "parts": parts}


def not_ready(seen: Overview | None) -> Iterator[str]:
    """Reasons why sets aren't accepted or processed although every part is alive: a restart may not help.

    `seen` is None until the store has been read for the first time.
    """
    if seen is None:
        yield "the job store has not been read yet"
        return
    yield from (one.full_text for one in seen.conditions() if one.stops)


logger = log.get("systemd")

SEND_SECONDS = 0.5
"""Timeout of a message to systemd. After it the message is dropped, so that the daemon isn't blocked."""
MOST_CHARACTERS = 300


class Systemd:
    """Sends messages to systemd, or none where the daemon isn't its service. No method raises."""

    def __init__(self, address: str = "", watchdog_seconds: float | None = None) -> None:
        """`address` is the value of NOTIFY_SOCKET: a path, or `@` and an abstract name; with "" nothing is
        sent. `watchdog_seconds` is the unit's WatchdogSec, None where no watchdog is set."""
        self.watchdog_seconds = watchdog_seconds
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._sent_status = ""
        self._warning = log.RecurringWarning(logger, "systemd_not_told")
        self._hung = False

    @classmethod
    def of(cls, environment: MutableMapping[str, str] = os.environ, *, pid: int | None = None) -> Self:
        """From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which are removed from `environment`, so that
        no child process sends messages in this one's name."""
        address = environment.pop("NOTIFY_SOCKET", "")
        interval = environment.pop("WATCHDOG_USEC", "")
        meant = environment.pop("WATCHDOG_PID", "")
        mine = not meant or meant == str(os.getpid() if pid is None else pid)
        if not address.startswith(("/", "@")) or len(address) < 2:
            return cls()
        seconds = int(interval) / 1_000_000 if interval.isascii() and interval.isdigit() else 0.0
        return cls(address, seconds if seconds > 0 and mine else None)

    def ready(self, status: str = "") -> bool:
        """The start or a reload is complete. Returns whether the message was sent, as the others do."""
        return self._send("READY=1", *self._status(status))

    def reloading(self) -> bool:
        """The settings are being reloaded; `ready` reports the end, successful or not."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str = "") -> bool:
        return self._send("STOPPING=1", *self._status(status))

    def status(self, text: str) -> bool:
        """Show one sentence in `systemctl status`. An unchanged one isn't sent again."""
        return text == self._sent_status or self._send(*self._status(text))

    def feed_watchdog(self, hung: Sequence[str]) -> None:
        """Ping the watchdog, unless something has `hung`: then log and show that once, and let the watchdog
        end the process."""
        if hung and not self._hung:
            logger.error("hung", reason="; ".join(hung), hint="The watchdog is no longer fed.")
            self.status(f"hung: {'; '.join(hung)}")
        elif not hung:
            if self._hung:
                logger.info("alive_again")
            self._send("WATCHDOG=1")
        self._hung = bool(hung)

    def _status(self, text: str) -> tuple[str, ...]:
        if not text:
            return ()
        self._sent_status = text
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
            self._sent_status = ""
            self._warning.warn(str(error), first_word=lines[0])
            return False
        self._warning.reset()
        return True


def status_sentence(seen: Overview) -> str:
    """A summary for `systemctl status`: how many sets are in each state, then why work waits."""
    ill = (one.text.removesuffix(".") for one in seen.conditions() if one.bad or one.stops)
    return ". ".join((", ".join(seen.count_words()) or "no sets yet", *ill))
