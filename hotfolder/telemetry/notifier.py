"""Sends notifications through apprise: gathered by kind, limited in rate, remembered over a restart.

The addresses are secrets: apprise logs them, even at level ERROR, so its logger is silenced here for good.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from anyio import move_on_after, to_thread

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.display import visible, visible_lines
from hotfolder.errors import ConfigurationError, to_install
from hotfolder.telemetry.notifications import Detector, Facts, Kind, Memory, Notification, Severity

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
MORE = "`hotfolder status` lists all."
TALKATIVE = ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib")


@dataclass(frozen=True, slots=True)
class Message:
    """One message to people."""

    title: str
    body: str
    severity: Severity = Severity.INFO


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
        words = kind.value
        lines = [text if times == 1 else f"{text} ({times} times)" for text, times in self.lines.items()]
        if self.unlisted:
            lines.append(f"… and {self.unlisted} more; {MORE}")
        if self.over:
            return Message(f"Over: {words.one[0].lower()}{words.one[1:]}", "\n".join(lines), Severity.SUCCESS)
        title = words.one if self.count == 1 else words.several.format(self.count)
        return Message(title, "\n".join(lines), words.severity)


class Gatherer:
    """Gathers notifications by kind.

    A group is sent once it has gathered for a minute, unless a message of its kind was sent in the last ten:
    then it goes on gathering. Nothing is dropped; what there is no room for is counted. `now` is in seconds
    of the wall clock, since it is compared over restarts.
    """

    def __init__(self, *, gather_seconds: float = 60.0, pause_seconds: float = 600.0) -> None:
        self.gather_seconds = gather_seconds
        self.pause_seconds = pause_seconds
        self._groups: dict[Kind, Group] = {}
        self._sent: dict[Kind, float] = {}

    def add(self, notification: Notification, now: float) -> None:
        self._groups.setdefault(notification.kind, Group(now)).add(notification)

    def due(self, now: float, *, hurry: bool = False) -> dict[Kind, Group]:
        """What to send now. `hurry`, at the end of a run, doesn't wait for more to gather."""
        # A wall clock may be set back: what seems to lie ahead is long past.
        self._sent = {kind: at for kind, at in self._sent.items() if abs(now - at) < self.pause_seconds}
        ripe = [
            kind
            for kind, group in self._groups.items()
            if kind not in self._sent and (hurry or abs(now - group.since) >= self.gather_seconds)
        ]
        self._sent.update(dict.fromkeys(ripe, now))
        return {kind: self._groups.pop(kind) for kind in ripe}

    def memory(self) -> Memory:
        """What must outlive a restart: the groups, and when the last message of each kind was sent."""
        return {
            "groups": {kind.name: asdict(group) for kind, group in self._groups.items()},
            "sent": {kind.name: at for kind, at in self._sent.items()},
        }

    def recall(self, memory: Memory) -> None:
        """Take up what an earlier process left. Raises KeyError, TypeError or ValueError on anything else."""
        self._groups = {Kind[name]: Group(**kept) for name, kept in memory["groups"].items()}
        self._sent = {Kind[name]: float(at) for name, at in memory["sent"].items()}


class Recipient:
    """One address. Messages that can't be delivered wait, and are sent as one when it answers again."""

    def __init__(
        self, address: str, number: int, clock: Clock, *, outcome: Callable[[str], None] = lambda _: None
    ) -> None:
        """`number` is the address's place in the settings, from 1; its name holds that and the scheme alone.

        `outcome` hears `sent` or `failed` of each attempt. Raises ConfigurationError.
        """
        self.name = f"{number} ({address.partition(':')[0]})"
        self.pending: list[Message] = []
        self._apprise = apprise_for(address, number)
        self._clock = clock
        self._outcome = outcome
        self._lost = 0
        self._posted = asyncio.Event()
        self._failures = 0

    def __repr__(self) -> str:
        return f"<Recipient {self.name}>"

    def post(self, *messages: Message) -> None:
        """Deliver them as soon as may be. Never waits; of too many the oldest are counted alone."""
        self.pending += messages
        self._lost += max(0, len(self.pending) - MOST_PENDING)
        self.pending = self.pending[-MOST_PENDING:]
        self._posted.set()

    async def run(self) -> None:
        """Deliver what is posted, until cancelled."""
        while True:
            await self._posted.wait()
            self._posted.clear()
            if not await self.deliver():
                seconds = FIRST_RETRY_SECONDS * 2.0 ** min(self._failures - 1, 10)
                await self._clock.sleep(min(LONGEST_RETRY_SECONDS, seconds))

    async def deliver(self) -> bool:
        """Try once to deliver everything that waits. False when that failed, or takes too long: then it may
        arrive twice."""
        if not self.pending:
            return True
        sending, self.pending = self.pending, []
        taken, why = False, "it took too long"
        try:
            message = together(sending, self._lost)
            with move_on_after(SEND_SECONDS):
                taken = await to_thread.run_sync(self._send, message, abandon_on_cancel=True)
                why = "it was refused or could not be reached"
        finally:
            if not taken:
                later, self.pending = self.pending, sending
                self.post(*later)
        if taken:
            self._lost = 0
            if self._failures:
                logger.info("notifying_again", address=self.name)
        elif not self._failures:
            hint = (
                "`hotfolder notify --test` tries it. Messages wait until it works; the work itself does not."
            )
            logger.warning("not_notified", address=self.name, reason=why, hint=hint)
        self._failures = 0 if taken else self._failures + 1
        self._outcome("sent" if taken else "failed")
        return taken

    def give_up(self) -> None:
        """Nothing is delivered any more: say what still waits."""
        if self.pending:
            logger.warning("not_delivered", address=self.name, messages=len(self.pending))

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


class Notifier:
    """`run` it beside the work. Whatever goes wrong here is logged once, and stops nothing. It does nothing
    as long as it has no recipients."""

    def __init__(
        self,
        detector: Detector,
        clock: Clock,
        facts: Callable[[], Facts],
        remember: Callable[[Memory], Awaitable[None]],
        *,
        outcome: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`facts` is asked again and again; `remember` is given what to keep whenever that has changed."""
        self.detector = detector
        self.gatherer = Gatherer()
        self.recipients: dict[tuple[int, str], Recipient] = {}
        self._clock = clock
        self._facts = facts
        self._remember = remember
        self._outcome = outcome
        self._remembered: Memory = {}
        self._news = log.News(logger, "notifications_not_looked_for")

    def follow(self, addresses: Sequence[str]) -> None:
        """Tell these from now on; those that were told already go on. Raises ConfigurationError, having
        changed nothing."""
        self.recipients = {
            place: self.recipients.get(place)
            or Recipient(place[1], place[0], self._clock, outcome=self._outcome)
            for place in enumerate(addresses, start=1)
        }

    def recall(self, memory: object) -> None:
        """Take up what an earlier process remembered, or nothing where it isn't that."""
        if not isinstance(memory, dict):
            return
        try:
            self.gatherer.recall(memory["gathered"])
            self.detector.recall(memory["detected"])
        except (AttributeError, KeyError, TypeError, ValueError):
            logger.warning("notifications_not_recalled")

    def tell(self, *notifications: Notification) -> None:
        for notification in notifications if self.recipients else ():
            self.gatherer.add(notification, self._clock.now().timestamp())

    async def run(self) -> None:
        """Tell until cancelled."""
        tasks: dict[Recipient, asyncio.Task[None]] = {}
        try:
            while True:
                self._follow_recipients(tasks)
                if self.recipients:
                    await self._look()
                await self._clock.sleep(LOOK_SECONDS)
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    def _follow_recipients(self, tasks: dict[Recipient, asyncio.Task[None]]) -> None:
        current = list(self.recipients.values())
        for recipient in [one for one in tasks if one not in current]:
            tasks.pop(recipient).cancel()
            recipient.give_up()
        for recipient in current:
            if recipient not in tasks:
                tasks[recipient] = asyncio.create_task(recipient.run())

    async def _look(self) -> None:
        try:
            self.tell(*self.detector.look(self._facts(), self._clock.monotonic()))
            self._post()
            await self._save()
            self._news.over()
        except Exception as error:
            self._news.met(f"{type(error).__name__}: {error}")

    def _post(self, *, hurry: bool = False) -> None:
        for kind, group in self.gatherer.due(self._clock.now().timestamp(), hurry=hurry).items():
            logger.info(
                "notifying", kind=kind.name.lower(), count=group.count, addresses=len(self.recipients)
            )
            for recipient in self.recipients.values():
                recipient.post(group.message(kind))

    async def _save(self) -> None:
        memory = {"gathered": self.gatherer.memory(), "detected": self.detector.memory()}
        if memory != self._remembered:
            await self._remember(memory)
            self._remembered = memory

    async def close(self) -> None:
        """Send what was gathered, as far as the pauses allow and within five seconds; remember the rest."""
        if not self.recipients:
            return
        self._post(hurry=True)
        sending = [asyncio.create_task(recipient.deliver()) for recipient in self.recipients.values()]
        _, late = await asyncio.wait(sending, timeout=LAST_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for recipient in self.recipients.values():
            recipient.give_up()
        with suppress(Exception):
            await self._save()


def together(messages: Sequence[Message], lost: int = 0) -> Message:
    """Several messages as one, short enough for every service; `lost` is how many earlier ones there was no
    room for."""
    title, body = messages[0].title, messages[0].body
    if len(messages) > 1 or lost:
        parts = [f"{message.title}\n{message.body}" for message in messages]
        if lost:
            which = "1 earlier message" if lost == 1 else f"{lost} earlier messages"
            parts.insert(0, f"{which} could not be delivered, and can't be shown here.")
        title = "1 message" if len(messages) == 1 else f"{len(messages)} messages"
        body = "\n\n".join(parts)
    if len(body) > MOST_CHARACTERS:
        body = f"{body[:MOST_CHARACTERS].rstrip()}\n… and more; {MORE}"
    return Message(title, body, max((one.severity for one in messages), key=list(Severity).index))


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
            f"notify.urls: address {number} is not one that apprise understands",
            hint="https://appriseit.com/services/ says how to write each service's address. Yours is secret,"
            " and so isn't shown here.",
        )
    return made


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
