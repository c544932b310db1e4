"""Sends notifications through apprise: gathered by kind, limited in rate, remembered over a restart.

The addresses are secrets: apprise logs them, even at level ERROR, so its logger is silenced here for good.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.display import visible, visible_lines
from hotfolder.errors import ConfigurationError, to_install
from hotfolder.telemetry.notifications import TITLES, Detector, Facts, Kind, Memory, Notification, Severity
from hotfolder.telemetry.overview import Line, Overview

if TYPE_CHECKING:
    from apprise import Apprise

logger = log.get("notify")

LOOK_SECONDS = 1.0
LAST_SECONDS = 5.0
"""How long the last messages may take when the daemon stops."""
SEND_SECONDS = 30.0
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 30.0, 900.0
MOST_LINES = 20
MOST_LINE_CHARACTERS = 600
"""About what a reason, a hint and two links need."""
MOST_PENDING = 50
MOST_CHARACTERS = 3500
"""Of one message: the most that Telegram and ntfy take is about 4000."""
TALKATIVE = ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib")

Remember = Callable[[Memory], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Message:
    """One message to people. `count` is how many notifications it speaks of."""

    title: str
    body: str
    severity: Severity = Severity.INFO
    kind: Kind | None = None
    count: int = 1


@dataclass
class Group:
    """What was gathered of one kind: each text with how often it came, oldest first."""

    since: float
    lines: dict[str, int] = field(default_factory=dict)
    unlisted: int = 0
    over: bool = False

    @property
    def count(self) -> int:
        return sum(self.lines.values()) + self.unlisted

    def add(self, notification: Notification) -> None:
        text = notification.text.strip()[:MOST_LINE_CHARACTERS]
        if text in self.lines or len(self.lines) < MOST_LINES:
            self.lines[text] = self.lines.get(text, 0) + 1
        else:
            self.unlisted += 1
        self.over = notification.over

    def message(self, kind: Kind) -> Message:
        one, many, severity = TITLES[kind]
        title = one if self.count == 1 else many.format(self.count)
        lines = [text if times == 1 else f"{text} ({times} times)" for text, times in self.lines.items()]
        if self.unlisted:
            lines.append(f"… and {self.unlisted} more; `hotfolder status` lists all.")
        return Message(
            title=f"Over: {one[0].lower()}{one[1:]}" if self.over else title,
            body="\n".join(lines),
            severity=Severity.SUCCESS if self.over else severity,
            kind=kind,
            count=self.count,
        )


class Gatherer:
    """Gathers notifications by kind.

    A group is sent once it has gathered for a minute, unless a message of its kind was sent in the last ten:
    then it goes on gathering. Nothing is dropped; what there is no room for is counted.
    """

    def __init__(self, *, gather_seconds: float = 60.0, pause_seconds: float = 600.0) -> None:
        self.gather_seconds = gather_seconds
        self.pause_seconds = pause_seconds
        self._groups: dict[Kind, Group] = {}
        self._sent: dict[Kind, float] = {}

    def add(self, notification: Notification, now: float) -> None:
        self._groups.setdefault(notification.kind, Group(now)).add(notification)

    def due(self, now: float, *, hurry: bool = False) -> list[Message]:
        """The messages to send now. `hurry`, at the end of a run, doesn't wait for more to gather."""
        ripe = [
            kind
            for kind, group in self._groups.items()
            if (hurry or now - group.since >= self.gather_seconds)
            and now - self._sent.get(kind, float("-inf")) >= self.pause_seconds
        ]
        self._sent.update(dict.fromkeys(ripe, now))
        return [self._groups.pop(kind).message(kind) for kind in ripe]

    def memory(self, now: float) -> Memory:
        """What must outlive a restart: the groups, and when each kind was last sent, in seconds ago."""
        return {
            "groups": {
                kind: {"lines": dict(group.lines), "unlisted": group.unlisted, "over": group.over}
                for kind, group in self._groups.items()
            },
            "sent_seconds_ago": {
                kind: round(now - at) for kind, at in self._sent.items() if now - at < self.pause_seconds
            },
        }

    def recall(self, memory: Memory, now: float) -> None:
        """Take up what an earlier process left. Raises KeyError, TypeError or ValueError on anything else."""
        for name, kept in memory["groups"].items():
            lines = {str(text): int(times) for text, times in kept["lines"].items()}
            self._groups[Kind(name)] = Group(now, lines, int(kept["unlisted"]), bool(kept["over"]))
        for name, ago in memory["sent_seconds_ago"].items():
            self._sent[Kind(name)] = now - float(ago)


class Recipient:
    """One address. Messages that can't be delivered wait, and are sent as one when it answers again."""

    def __init__(
        self,
        address: str,
        number: int,
        clock: Clock,
        *,
        outcome: Callable[[str], None] = lambda _: None,
        send_seconds: float = SEND_SECONDS,
        first_retry_seconds: float = FIRST_RETRY_SECONDS,
    ) -> None:
        """`number` is the address's place in the settings, from 1; its name holds that and the scheme alone.

        `outcome` hears `sent` or `failed` of each attempt. Raises ConfigurationError.
        """
        self.clock = clock
        self.outcome = outcome
        self.send_seconds = send_seconds
        self.first_retry_seconds = first_retry_seconds
        self.name = f"{number} ({address.partition(':')[0]})"
        self._apprise = apprise_for(address, number)
        self._pending: list[Message] = []
        self._lost = 0
        self._wanted = asyncio.Event()
        self._sending: asyncio.Future[bool] | None = None
        self._sending_count = 0
        self._failures = 0

    def __repr__(self) -> str:
        return f"<Recipient {self.name}>"

    @property
    def pending(self) -> int:
        """How many messages wait for delivery."""
        return len(self._pending)

    def post(self, message: Message) -> None:
        """Deliver it as soon as may be. Never waits."""
        self._pending.append(message)
        if len(self._pending) > MOST_PENDING:
            # What is being sent stays where it is: its end takes it off the front.
            del self._pending[self._sending_count]
            self._lost += 1
        self._wanted.set()

    async def run(self) -> None:
        """Deliver what is posted, until cancelled."""
        while True:
            await self._wanted.wait()
            if not await self.deliver():
                seconds = self.first_retry_seconds * 2.0 ** min(self._failures - 1, 10)
                await self.clock.sleep(min(LONGEST_RETRY_SECONDS, seconds))

    async def finish(self) -> None:
        """Deliver what still waits, until that fails."""
        while self._pending and await self.deliver():
            pass

    async def deliver(self) -> bool:
        """Try once to deliver everything that waits. False when that failed, or takes too long."""
        if not self._pending:
            return True
        if self._sending is None:
            message, self._sending_count = together(self._pending, self._lost), len(self._pending)
            self._sending = in_daemon_thread(lambda: self._send(message))
        await asyncio.wait({self._sending}, timeout=self.send_seconds)
        if not self._sending.done():
            # It may still arrive, so it isn't sent a second time meanwhile.
            return self._failed("it took too long")
        well, count = self._sending.result(), self._sending_count
        self._sending, self._sending_count = None, 0
        if not well:
            return self._failed("it was refused or could not be reached")
        del self._pending[:count]
        self._lost = 0
        if not self._pending:
            self._wanted.clear()
        if self._failures:
            logger.info("notifying_again", address=self.name)
        self._failures = 0
        self.outcome("sent")
        return True

    def _send(self, message: Message) -> bool:
        from apprise import NotifyFormat, NotifyType

        # Whatever it raises may hold the address, so it is not even looked at.
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

    def _failed(self, why: str) -> bool:
        if not self._failures:
            hint = "`hotfolder notify --test` tries it. Messages wait until it works; nothing else does."
            logger.warning("not_notified", address=self.name, reason=why, hint=hint)
        self._failures += 1
        self.outcome("failed")
        return False


class Notifier:
    """`run` it beside the work. Whatever goes wrong here is logged once, and stops nothing."""

    def __init__(
        self,
        detector: Detector,
        clock: Clock,
        facts: Callable[[], Awaitable[Facts]],
        remember: Remember,
        recipients: Sequence[Recipient] = (),
        gatherer: Gatherer | None = None,
    ) -> None:
        """`recipients` may be replaced while it runs. `facts` is asked again and again, `remember` is given
        what to keep whenever that has changed."""
        self.detector = detector
        self.recipients = recipients
        self.gatherer = gatherer or Gatherer()
        self._clock = clock
        self._facts = facts
        self._remember = remember
        self._remembered: Memory = {}
        self._news = log.News(logger, "facts_not_known")

    def recall(self, memory: object) -> None:
        """Take up what an earlier process remembered, or nothing where it isn't that."""
        if not isinstance(memory, dict):
            return
        try:
            self.gatherer.recall(memory["gatherer"], self._clock.monotonic())
            self.detector.recall(memory["watcher"])
        except (AttributeError, KeyError, TypeError, ValueError):
            logger.warning("notifications_not_recalled")

    def tell(self, *notifications: Notification) -> None:
        for notification in notifications:
            self.gatherer.add(notification, self._clock.monotonic())

    def ended(self, line: Line, paid: Sequence[str] = ()) -> None:
        """A job has come to its end, having paid for these operations."""
        self.tell(*self.detector.ended(line, paid))

    def finish(self, seen: Overview) -> None:
        """All is done, and the run ends for that: its projects are finished without a quiet time."""
        self.tell(*self.detector.finish(seen, self._clock.monotonic()))

    async def run(self) -> None:
        """Tell until cancelled."""
        tasks: dict[Recipient, asyncio.Task[None]] = {}
        try:
            while True:
                self._follow_recipients(tasks)
                await self._look()
                await self._clock.sleep(LOOK_SECONDS)
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    def _follow_recipients(self, tasks: dict[Recipient, asyncio.Task[None]]) -> None:
        for recipient in [one for one in tasks if one not in self.recipients]:
            tasks.pop(recipient).cancel()
            warn_undelivered(recipient)
        for recipient in self.recipients:
            if recipient not in tasks:
                tasks[recipient] = asyncio.create_task(recipient.run())

    async def close(self) -> None:
        """Send what was gathered, as far as the pauses allow and within five seconds; remember the rest."""
        self._post(hurry=True)
        tasks = [asyncio.create_task(recipient.finish()) for recipient in self.recipients]
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for recipient in self.recipients:
            warn_undelivered(recipient)
        await self._save()

    async def _look(self) -> None:
        try:
            self.tell(*self.detector.look(await self._facts(), self._clock.monotonic()))
            self._news.over()
        except Exception as error:
            self._news.met(f"{type(error).__name__}: {error}")
        self._post()
        await self._save()

    def _post(self, *, hurry: bool = False) -> None:
        for message in self.gatherer.due(self._clock.monotonic(), hurry=hurry):
            logger.info("notifying", kind=message.kind, count=message.count, addresses=len(self.recipients))
            for recipient in self.recipients:
                recipient.post(message)

    async def _save(self) -> None:
        gathered = self.gatherer.memory(self._clock.monotonic())
        memory = {"gatherer": gathered, "watcher": self.detector.memory()}
        # How long ago grows every second; that alone is no reason to write.
        compared = {
            **memory,
            "gatherer": {**gathered, "sent_seconds_ago": sorted(gathered["sent_seconds_ago"])},
        }
        if compared == self._remembered:
            return
        try:
            await self._remember(memory)
            self._remembered = compared
        except Exception as error:
            logger.warning("notifications_not_remembered", error=f"{type(error).__name__}: {error}")


def in_daemon_thread(work: Callable[[], bool]) -> asyncio.Future[bool]:
    """What `work` returns; it may not raise. A service that hangs doesn't hold up the end of the process, as
    a thread of the executor would."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bool] = loop.create_future()

    def run() -> None:
        result = work()
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(answer.set_result, result)

    threading.Thread(target=run, name="notify", daemon=True).start()
    return answer


def warn_undelivered(recipient: Recipient) -> None:
    if recipient.pending:
        logger.warning("not_delivered", address=recipient.name, messages=recipient.pending)


def together(messages: Sequence[Message], lost: int = 0) -> Message:
    """Several messages as one; `lost` is how many earlier ones there was no room for."""
    if len(messages) == 1 and not lost:
        return clipped(messages[0])
    parts = [f"{message.title}\n{message.body}" for message in messages]
    if lost:
        parts.insert(0, f"{lost} earlier messages could not be delivered and are not here.")
    gravest = max((message.severity for message in messages), key=list(Severity).index)
    count = sum(message.count for message in messages)
    return clipped(Message(f"{len(messages)} messages", "\n\n".join(parts), gravest, count=count))


def clipped(message: Message) -> Message:
    if len(message.body) <= MOST_CHARACTERS:
        return message
    body = message.body[:MOST_CHARACTERS].rstrip() + "\n… and more; `hotfolder status` lists all."
    return Message(message.title, body, message.severity, message.kind, message.count)


def apprise_for(address: str, number: int) -> Apprise:
    """An apprise object for one address. Raises ConfigurationError, which doesn't show it."""
    silence()
    try:
        from apprise import Apprise, AppriseAsset
    except ImportError:
        raise ConfigurationError(
            "notify: the package that sends messages is not installed",
            hint=f"Install it, {to_install('notify')}",
        ) from None
    # Without a limit of its own apprise sends in the calling thread, and leaves none that an exit waits for.
    asset = AppriseAsset(app_id="hotfolder", async_mode=False, service_timeout=0, storage_mode="memory")
    made = Apprise(asset=asset)
    try:
        known = bool(made.add(address))
    except Exception:
        known = False
    if not known:
        raise ConfigurationError(
            f"notify.urls: address {number} is none that apprise understands",
            hint="https://appriseit.com/services/ has each service's spelling. It is secret, so not shown.",
        )
    return made


def addresses_in(text: str) -> list[str]:
    """The addresses of a file: one a line; empty lines and those that begin with `#` are skipped."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def silence() -> None:
    """Keep libraries that would print addresses from logging anything, whatever the log's level is."""
    for name in TALKATIVE:
        library = logging.getLogger(name)
        library.handlers = [logging.NullHandler()]
        library.propagate = False
        library.setLevel(logging.CRITICAL + 10)


async def try_out(addresses: Sequence[str], clock: Clock, message: Message) -> list[tuple[str, bool]]:
    """Send `message` to each address at once; by name, whether it was taken. Raises ConfigurationError."""
    recipients = [Recipient(address, number, clock) for number, address in enumerate(addresses, start=1)]
    for recipient in recipients:
        recipient.post(message)
    taken = await asyncio.gather(*(recipient.deliver() for recipient in recipients))
    return [(recipient.name, well) for recipient, well in zip(recipients, taken, strict=True)]
