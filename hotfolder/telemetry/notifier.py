"""Sends notifications through apprise: batched by kind, limited in rate, kept over a restart.

The addresses are secrets: apprise logs them, even at level ERROR, so its logger is silenced here for good.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from threading import Thread
from typing import TYPE_CHECKING

from anyio import move_on_after

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.config.load import notify_addresses
from hotfolder.config.settings import Notify, Settings
from hotfolder.display import visible, visible_lines
from hotfolder.errors import ConfigurationError, to_install
from hotfolder.telemetry.notifications import (
    Detector,
    Kind,
    Notification,
    SavedState,
    Severity,
    Situation,
)

if TYPE_CHECKING:
    from apprise import Apprise

logger = log.get("notify")

LOOK_SECONDS = 1.0
STOP_SECONDS = 5.0
"""How long the last messages may take when the daemon stops."""
SEND_SECONDS = 30.0
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 30.0, 900.0
MOST_LINES = 20
MOST_LINE_CHARACTERS = 600
"""About what a reason, a hint and two links need."""
MOST_CHARACTERS = 3500
"""Of one message: the limit of Telegram and ntfy is about 4000."""
MORE = "`hotfolder status` lists all."
UNDERSTOOD = (
    "https://appriseit.com/services/ says how to write each service's address. Yours is secret, and so isn't"
    " shown here."
)
LOGS_ADDRESSES = ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib")
"""Loggers of libraries that write the addresses, which are secret, into the log."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to people."""

    title: str
    body: str
    severity: Severity = Severity.INFO


@dataclass
class Batch:
    """The notifications of one kind that become one message: each text with its count, oldest first, and how
    many more didn't fit. `since` is when the first one came, `over` whether it is an all-clear."""

    since: float
    lines: dict[str, int] = field(default_factory=dict)
    unlisted: int = 0
    over: bool = False

    @property
    def count(self) -> int:
        return sum(self.lines.values()) + self.unlisted

    def add(self, text: str, times: int = 1) -> None:
        """Add a text. One that exceeds MOST_LINES is only counted."""
        if text in self.lines or len(self.lines) < MOST_LINES:
            self.lines[text] = self.lines.get(text, 0) + times
        else:
            self.unlisted += times

    def message(self, kind: Kind) -> Message:
        words = kind.value
        lines = [text if times == 1 else f"{text} ({times} times)" for text, times in self.lines.items()]
        if self.unlisted:
            lines.append(f"… and {self.unlisted} more; {MORE}")
        body = "\n".join(lines)
        if len(body) > MOST_CHARACTERS:
            body = f"{body[:MOST_CHARACTERS].rstrip()}\n… and more; {MORE}"
        if self.over:
            return Message(f"Over: {words.one[0].lower()}{words.one[1:]}", body, Severity.SUCCESS)
        title = words.several if words.several and self.count > 1 else words.one
        return Message(title.format(self.count), body, words.severity)


class Batches:
    """The batches that wait for one recipient, one for each kind of notification.

    A batch is due `gather_seconds` after its first notification, but not within `pause_seconds` of the last
    message of its kind. `now` is in seconds of the wall clock, since it is compared over restarts.
    """

    def __init__(self, notify: Notify) -> None:
        self.notify = notify
        self.by_kind: dict[Kind, Batch] = {}
        self._sent: dict[Kind, float] = {}

    def add(self, notification: Notification, now: float) -> None:
        batch = self.by_kind.setdefault(notification.kind, Batch(now))
        batch.add(notification.text.strip()[:MOST_LINE_CHARACTERS])
        batch.over = notification.over

    def due(self, now: float, *, hurry: bool = False) -> list[Kind]:
        """The kinds to send now. With `hurry`, at the end of a run, `gather_seconds` doesn't count."""
        # The wall clock may be set back: a time far in the future is taken for one long past.
        pause, gather = self.notify.pause_seconds, self.notify.gather_seconds
        self._sent = {kind: at for kind, at in self._sent.items() if abs(now - at) < pause}
        return [
            kind
            for kind, batch in self.by_kind.items()
            if kind not in self._sent and (hurry or abs(now - batch.since) >= gather)
        ]

    def take(self, kind: Kind, now: float) -> Batch:
        """Remove the batch of a kind to send it."""
        self._sent[kind] = now
        return self.by_kind.pop(kind)

    def put_back(self, kind: Kind, batch: Batch) -> None:
        """Return a batch that could not be sent."""
        self._sent.pop(kind, None)
        self.insert(kind, batch)

    def insert(self, kind: Kind, batch: Batch) -> None:
        """Insert an earlier batch, and add the later one of its kind to it."""
        if (later := self.by_kind.get(kind)) is not None:
            for text, times in later.lines.items():
                batch.add(text, times)
            batch.unlisted += later.unlisted
            batch.over = later.over
        self.by_kind[kind] = batch

    def memory(self) -> SavedState:
        """The state to keep over a restart."""
        return {
            "groups": {kind.name: asdict(batch) for kind, batch in self.by_kind.items()},
            "sent": {kind.name: at for kind, at in self._sent.items()},
        }

    def recall(self, memory: SavedState) -> None:
        """Restore an earlier process's `memory`. Raises KeyError, TypeError, ValueError on anything else."""
        groups = {Kind[name]: Batch(**kept) for name, kept in memory["groups"].items()}
        self._sent = {Kind[name]: float(at) for name, at in memory["sent"].items()}
        self.by_kind = groups


class Recipient:
    """One address. Notifications that can't be delivered are batched until it accepts messages again."""

    def __init__(
        self,
        address: str,
        number: int,
        *,
        outcome: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`number` is the address's position in the settings, from 1; `name` is only that and the scheme.

        `outcome` is called with `sent` or `failed` after each attempt. Raises ConfigurationError.
        """
        self.name = recipient_name(address, number)
        self.memory_key = hashlib.sha256(address.encode()).hexdigest()[:16]
        self.batches = Batches(Notify())
        self.sending: asyncio.Task[None] | None = None
        made = apprise_for(address)
        if made is None:
            raise ConfigurationError(not_understood("notify.urls", number), hint=UNDERSTOOD)
        self._apprise = made
        self._outcome = outcome
        self._failures = 0
        self._failed_at = 0.0
        self._in_flight = False

    def begin(self, now: float, *, hurry: bool = False) -> None:
        """Start a task that delivers what is due, unless one is running. After a failure there is a backoff,
        which `hurry` skips."""
        wait = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(self._failures - 1, 10))
        if self.sending is not None and not self.sending.done():
            return
        if self._failures and not hurry and abs(now - self._failed_at) < wait:
            return
        if due := self.batches.due(now, hurry=hurry):
            self.sending = asyncio.create_task(self._deliver(due, now))

    async def _deliver(self, due: Sequence[Kind], now: float) -> None:
        for kind in due:
            batch, accepted = self.batches.take(kind, now), False
            try:
                accepted = await self.send(batch.message(kind))
            finally:
                if not accepted:
                    self.batches.put_back(kind, batch)
            if not accepted:
                self._failed_at = now
                return
            logger.info("notified", address=self.name, kind=kind.name.lower(), count=batch.count)

    async def send(self, message: Message) -> bool:
        """Send a message; whether it was accepted. After a timeout it may still arrive, and arrive twice."""
        accepted = not self._in_flight and await self._send_in_time(message)
        if accepted and self._failures:
            logger.info("notifying_again", address=self.name)
        elif not accepted and not self._failures:
            hint = (
                "`hotfolder notify --test` tries it. Messages wait until it works; the work itself does not."
            )
            why = "it took too long" if self._in_flight else "it was refused or could not be reached"
            logger.warning("not_notified", address=self.name, reason=why, hint=hint)
        self._failures = 0 if accepted else self._failures + 1
        self._outcome("sent" if accepted else "failed")
        return accepted

    async def _send_in_time(self, message: Message) -> bool:
        """`_send` in a thread of its own, for at most SEND_SECONDS. A server whose answer doesn't end keeps
        that thread, and gets nothing more until it ends; no exit waits for it."""
        loop, ended, outcome = asyncio.get_running_loop(), asyncio.Event(), list[bool]()

        def send() -> None:
            outcome.append(self._send(message))
            self._in_flight = False
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(ended.set)

        self._in_flight = True
        Thread(target=send, daemon=True, name="notify").start()
        with move_on_after(SEND_SECONDS):
            await ended.wait()
        return outcome == [True]

    def _send(self, message: Message) -> bool:
        from apprise import NotifyFormat, NotifyType

        # Its exceptions may contain the address, so they are discarded unread.
        with suppress(Exception):
            return bool(
                self._apprise.notify(
                    title=f"hotfolder: {visible(message.title)}",
                    body=visible_lines(message.body),
                    notify_type=NotifyType(message.severity.value),
                    body_format=NotifyFormat.TEXT,
                )
            )
        return False


def recipient_name(address: str, number: int) -> str:
    """A name without secrets: the address's position in the settings, and its scheme."""
    return f"{number} ({address.partition(':')[0]})"


@dataclass(eq=False)
class Notifier:
    """Looks for notifications and sends them: `run` it as a task. Its errors are logged once, and stop
    nothing. Without recipients it does nothing. `facts` is called every second; `remember` gets the state to
    keep whenever that has changed."""

    detector: Detector
    clock: Clock
    facts: Callable[[], Situation]
    remember: Callable[[SavedState], Awaitable[None]]
    outcome: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self.recipients: dict[str, Recipient] = {}
        """By address."""
        self._remembered: SavedState = {}
        self._warning = log.RecurringWarning(logger, "notifications_not_looked_for")

    def follow(self, notify: Notify, addresses: Sequence[str]) -> None:
        """Replace the recipients; those that stay keep their state. Raises ConfigurationError without having
        changed anything."""
        known = self.recipients
        self.recipients = {
            address: known.get(address) or Recipient(address, number, outcome=self.outcome)
            for number, address in enumerate(addresses, start=1)
        }
        for number, address in enumerate(addresses, start=1):
            self.recipients[address].name = recipient_name(address, number)
        for gone in (known[address] for address in known.keys() - self.recipients.keys()):
            if gone.batches.by_kind:
                logger.warning("not_delivered", address=gone.name, messages=len(gone.batches.by_kind))
        self.detector.notify = notify
        for recipient in self.recipients.values():
            recipient.batches.notify = notify

    def recall(self, memory: object) -> None:
        """Restore the state that an earlier process kept. Invalid state is logged, and never raises."""
        if not isinstance(memory, dict):
            return
        try:
            self.detector.restore(memory["detected"])
            for recipient in self.recipients.values():
                if recipient.memory_key in memory["gathered"]:
                    recipient.batches.recall(memory["gathered"][recipient.memory_key])
        except (AttributeError, KeyError, TypeError, ValueError):
            logger.warning("notifications_not_recalled")

    def inherit(self, memory: SavedState) -> SavedState:
        """Take over what another machine has left gathered for these recipients; returns its memory without
        that. Raises as `Batches.recall`."""
        gathered, found = dict(memory["gathered"]), []
        for recipient in self.recipients.values():
            left = Batches(self.detector.notify)
            left.recall(gathered.pop(recipient.memory_key, left.memory()))
            found += [(recipient, kind, batch) for kind, batch in left.by_kind.items()]
        # Only once all is understood: else what came before it would come again each time.
        for recipient, kind, batch in found:
            recipient.batches.insert(kind, batch)
        return {**memory, "gathered": gathered}

    def queue(self, *notifications: Notification) -> None:
        """Add notifications to the batches of every recipient."""
        now = self.clock.now().timestamp()
        for recipient in self.recipients.values():
            for notification in notifications:
                recipient.batches.add(notification, now)

    async def run(self) -> None:
        """Look and send until cancelled."""
        while True:
            if self.recipients:
                await self._look()
            await self.clock.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        try:
            self.queue(*self.detector.look(self.facts(), self.clock.monotonic()))
            for recipient in self.recipients.values():
                recipient.begin(self.clock.now().timestamp())
            await self.save()
            self._warning.reset()
        except Exception as error:
            self._warning.warn(f"{type(error).__name__}: {error}")

    async def save(self) -> None:
        """Store the state to keep, where it has changed."""
        gathered = {one.memory_key: one.batches.memory() for one in self.recipients.values()}
        memory = {"gathered": gathered, "detected": self.detector.memory()}
        if memory != self._remembered:
            await self.remember(memory)
            self._remembered = memory

    async def close(self) -> None:
        """Send what was batched, as far as the pauses allow and within five seconds; store the rest."""
        for recipient in self.recipients.values():
            recipient.begin(self.clock.now().timestamp(), hurry=True)
        sending = [one.sending for one in self.recipients.values() if one.sending is not None]
        if sending:
            _, late = await asyncio.wait(sending, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self.recipients:
            with suppress(Exception):
                await self.save()


def addresses_of(settings: Settings) -> list[str]:
    """The addresses of messages, which contain secrets. Raises ConfigurationError with the places of all that
    are invalid."""
    found = notify_addresses(settings)
    problems = [
        not_understood(place, number)
        for number, (place, address) in enumerate(found, start=1)
        if apprise_for(address) is None
    ]
    if problems:
        raise ConfigurationError("\n".join(problems), hint=UNDERSTOOD)
    return [address for _, address in found]


def not_understood(place: str, number: int) -> str:
    return f"{place}: address {number} is not one that apprise understands"


def apprise_for(address: str) -> Apprise | None:
    """An apprise object for one address, None if it is invalid. Raises ConfigurationError where apprise isn't
    installed."""
    silence()
    try:
        from apprise import Apprise, AppriseAsset
    except ImportError:
        raise ConfigurationError(
            "notify: the package that sends messages is not installed",
            hint=f"Install it, {to_install('notify')}",
        ) from None
    # Without a timeout apprise sends in the calling thread, and leaves no thread that an exit waits for.
    asset = AppriseAsset(app_id="hotfolder", async_mode=False, service_timeout=0, storage_mode="memory")
    made = Apprise(asset=asset)
    try:
        return made if made.add(address) else None
    except Exception:
        return None


def silence() -> None:
    """Keep libraries that would print addresses from logging anything, whatever the log's level is."""
    for name in LOGS_ADDRESSES:
        library = logging.getLogger(name)
        library.handlers = [logging.NullHandler()]
        library.propagate = False
        library.setLevel(logging.CRITICAL + 10)


async def send_test(addresses: Sequence[str], message: Message) -> list[tuple[str, bool]]:
    """Send `message` to all addresses concurrently. Returns by name whether it was accepted. Raises
    ConfigurationError."""
    recipients = [Recipient(address, number) for number, address in enumerate(addresses, start=1)]
    accepted = await asyncio.gather(*(recipient.send(message) for recipient in recipients))
    return [(recipient.name, well) for recipient, well in zip(recipients, accepted, strict=True)]
