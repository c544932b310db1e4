"""Which parts of the daemon are alive, whether it is ready, and what systemd is told of it (sd_notify)."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from hotfolder import log
from hotfolder.display import with_hint
from hotfolder.jobs.states import State
from hotfolder.telemetry.overview import RUNNING, SETTLING, Overview


@dataclass(frozen=True, slots=True)
class Beat:
    """For how long a part has shown no sign of life, and for how long it may."""

    part: str
    silent_seconds: float
    limit_seconds: float

    @property
    def late(self) -> bool:
        return self.silent_seconds > self.limit_seconds


class Heartbeats:
    """The parts that are expected to show life. Any thread may beat and any may look.

    A part that joins is taken to have beaten just then, so it has its whole limit to come to life.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._expected: dict[str, tuple[float, Callable[[], float]]] = {}
        self._beaten: dict[str, float] = {}

    def expect(
        self, part: str, limit_seconds: float, last: Callable[[], float] = lambda: float("-inf")
    ) -> Callable[[], None]:
        """Expect a beat of `part` every `limit_seconds`; returns what the part calls to beat.

        A part that keeps its own time is asked for it by `last` (seconds of the same clock); the later of the
        two counts.
        """

        def beat() -> None:
            self._beaten[part] = self._monotonic()

        beat()
        self._expected[part] = (limit_seconds, last)
        return beat

    def excuse(self, part: str) -> None:
        """The part has ended on purpose, and is expected no longer, should it still beat."""
        self._expected.pop(part, None)

    def retire(self) -> None:
        """All parts end on purpose, and are no longer expected."""
        self._expected = {}

    def beats(self) -> tuple[Beat, ...]:
        """Every part that is expected, as it is now."""
        now = self._monotonic()
        return tuple(
            Beat(part, max(0.0, now - max(self._beaten[part], last())), limit)
            for part, (limit, last) in self._expected.items()
        )

    def hung(self) -> list[str]:
        """A sentence for each part that is late, the longest silent first. Only a new start helps."""
        late = sorted((beat for beat in self.beats() if beat.late), key=lambda beat: -beat.silent_seconds)
        return [f"the {beat.part} has not moved for {beat.silent_seconds:.0f} seconds" for beat in late]


def report(heartbeats: Heartbeats, more: Iterable[str] = ()) -> dict[str, Any]:
    """One JSON object: each part, and all that is wrong in sentences for people, `more` after what hangs."""
    reasons = [*heartbeats.hung(), *more]
    parts = {
        beat.part: {"silent_seconds": round(beat.silent_seconds, 1), "limit_seconds": beat.limit_seconds}
        for beat in heartbeats.beats()
    }
    return {"ok": not reasons, "reasons": reasons, "parts": parts}


def not_ready(seen: Overview | None) -> Iterator[str]:
    """Why sets are not taken or not worked on, though every part moves: a new start may not help.

    `seen` is None until the store has been read for the first time.
    """
    if seen is None:
        yield "the job store has not been read yet"
        return
    yield from (f"an inbox is out of reach ({name}): {why}" for name, why in seen.degraded.items() if why)
    yield from (f"nothing can be put into {name}: {why}" for name, why in seen.missing.items() if why)
    if seen.paused:
        yield f"nothing is paid for: {seen.paused}"
    if seen.trouble:
        yield f"the API is not asked just now: {with_hint(seen.trouble, seen.trouble_hint)}"


logger = log.get("systemd")

SEND_SECONDS = 0.5
"""How long systemd may let a message wait; then it is dropped, rather than holding up the daemon."""
MOST_CHARACTERS = 300


class Systemd:
    """Speaks to the service manager, or to nobody when there is none. Nothing here ever raises."""

    def __init__(self, address: str = "", watchdog_seconds: float | None = None) -> None:
        """`address` is what NOTIFY_SOCKET holds: a path, or `@` and an abstract name; empty for nobody.
        `watchdog_seconds` is the unit's WatchdogSec, None where no watchdog is set."""
        self.watchdog_seconds = watchdog_seconds
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._told_status = ""
        self._failed = False
        self._hung = False

    @classmethod
    def of(cls, environment: MutableMapping[str, str] = os.environ, *, pid: int | None = None) -> Self:
        """By NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which are taken out of `environment`, so that no
        child process speaks for us."""
        address = environment.pop("NOTIFY_SOCKET", "")
        interval = environment.pop("WATCHDOG_USEC", "")
        meant = environment.pop("WATCHDOG_PID", "")
        mine = not meant or meant == str(os.getpid() if pid is None else pid)
        if not address.startswith(("/", "@")) or len(address) < 2:
            return cls()
        seconds = int(interval) / 1_000_000 if interval.isascii() and interval.isdigit() else 0.0
        return cls(address, seconds if seconds > 0 and mine else None)

    def ready(self, status: str = "") -> bool:
        """Started, or done with reloading. True when systemd has the message."""
        return self._send("READY=1", *self._status(status))

    def reloading(self) -> bool:
        """Reading the settings anew; `ready` says when that has ended, well or badly."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str = "") -> bool:
        return self._send("STOPPING=1", *self._status(status))

    def status(self, text: str) -> bool:
        """Show one sentence in `systemctl status`. The same one again is not sent again."""
        return text == self._told_status or self._send(*self._status(text))

    def feed_watchdog(self, hung: Sequence[str]) -> None:
        """Keep it from ending the process for one more interval, unless something has `hung`: then say so,
        once, and let it."""
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
