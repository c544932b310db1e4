"""Carries messages to people through apprise. A dead address is tried again later, and stops nothing.

The addresses are secrets: apprise logs them, even at level ERROR, so its logger is silenced here for good.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.errors import ConfigurationError, to_install
from hotfolder.service.notices import Message, Weight

if TYPE_CHECKING:
    from apprise import Apprise

logger = log.get("notify")

SEND_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 900.0
MOST_PENDING = 50
MOST_CHARACTERS = 3500
"""Of one message: the most that Telegram and ntfy take is about 4000."""
TALKATIVE = ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib")


class Attempt:
    """One delivery in a thread of its own: a daemon thread, so that a hung one doesn't hold up the end."""

    def __init__(self, carrier: Apprise, message: Message, count: int, name: str) -> None:
        self.count = count
        self.well = False
        self.ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        work = threading.Thread(target=self._work, args=(carrier, message), name=name, daemon=True)
        work.start()

    def _work(self, carrier: Apprise, message: Message) -> None:
        from apprise import NotifyFormat, NotifyType

        # Whatever it raises may hold the address, so it is not even looked at.
        with suppress(Exception):
            self.well = bool(
                carrier.notify(
                    title=f"hotfolder: {message.title}",
                    body=message.body,
                    notify_type=NotifyType(message.weight.value),
                    body_format=NotifyFormat.TEXT,
                )
            )
        with suppress(RuntimeError):  # the daemon has ended meanwhile
            self._loop.call_soon_threadsafe(self.ended.set)


class Messenger:
    """One address. Messages that can't be delivered wait, and go out as one when it answers again."""

    def __init__(
        self,
        address: str,
        number: int,
        clock: Clock,
        *,
        outcome: Callable[[str], None] = lambda _: None,
        send_seconds: float = SEND_SECONDS,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        """`number` is the address's place in the settings, from 1; its name holds that and the scheme alone.

        `outcome` hears `sent` or `failed` of each try. Raises ConfigurationError.
        """
        self.clock = clock
        self.outcome = outcome
        self.send_seconds = send_seconds
        self.first_pause_seconds = first_pause_seconds
        self._carrier = carrier_for(address, number)
        self.name = f"{number} ({address.partition(':')[0]})"
        self._pending: list[Message] = []
        self._lost = 0
        self._wanted = asyncio.Event()
        self._attempt: Attempt | None = None
        self._failures = 0

    def __repr__(self) -> str:
        return f"<Messenger {self.name}>"

    @property
    def pending(self) -> int:
        """How many messages wait for delivery."""
        return len(self._pending)

    def post(self, message: Message) -> None:
        """Deliver it as soon as may be. Never waits."""
        self._pending.append(message)
        if len(self._pending) > MOST_PENDING:
            # What is under way stays where it is: its end takes it off the front.
            del self._pending[self._attempt.count if self._attempt else 0]
            self._lost += 1
        self._wanted.set()

    async def run(self) -> None:
        """Deliver what is posted, until cancelled."""
        while True:
            await self._wanted.wait()
            if not await self.deliver():
                await self.clock.sleep(self.pause_seconds())

    def pause_seconds(self) -> float:
        """How long to wait after so many failures in a row."""
        return min(LONGEST_PAUSE_SECONDS, self.first_pause_seconds * 2.0 ** min(self._failures - 1, 10))

    async def finish(self) -> None:
        """Deliver what still waits, until that fails."""
        while self._pending and await self.deliver():
            pass

    async def deliver(self) -> bool:
        """Try once to deliver everything that waits. False when it failed, or takes too long."""
        if not self._pending:
            return True
        if self._attempt is None:
            count = len(self._pending)
            whole = together(self._pending, self._lost)
            self._attempt = Attempt(self._carrier, whole, count, f"notify {self.name}")
        attempt = self._attempt
        try:
            async with asyncio.timeout(self.send_seconds):
                await attempt.ended.wait()
        except TimeoutError:
            # It may still arrive, so it is not sent a second time while it is under way.
            self._failed("it took too long")
            return False
        self._attempt = None
        if not attempt.well:
            self._failed("it was refused or could not be reached")
            return False
        self._succeeded(attempt)
        return True

    def _succeeded(self, attempt: Attempt) -> None:
        del self._pending[: attempt.count]
        self._lost = 0
        if not self._pending:
            self._wanted.clear()
        if self._failures:
            logger.info("notifying_again", address=self.name)
        self._failures = 0
        self.outcome("sent")

    def _failed(self, why: str) -> None:
        if not self._failures:
            hint = "`hotfolder notify --test` tries it. Messages wait until it works; nothing else does."
            logger.warning("not_notified", address=self.name, reason=why, hint=hint)
        self._failures += 1
        self.outcome("failed")


def together(messages: Sequence[Message], lost: int = 0) -> Message:
    """Several messages as one; `lost` is how many earlier ones there was no room for."""
    if len(messages) == 1 and not lost:
        return clipped(messages[0])
    parts = [f"{message.title}\n{message.body}" for message in messages]
    if lost:
        parts.insert(0, f"{lost} earlier messages could not be delivered and are not here.")
    order = list(Weight)
    return clipped(
        Message(
            title=f"{len(messages)} messages",
            body="\n\n".join(parts),
            weight=max((message.weight for message in messages), key=order.index),
            count=sum(message.count for message in messages),
        )
    )


def clipped(message: Message) -> Message:
    if len(message.body) <= MOST_CHARACTERS:
        return message
    body = message.body[:MOST_CHARACTERS].rstrip() + "\n… and more; `hotfolder status` lists all."
    return Message(message.title, body, message.weight, message.kind, message.count)


def carrier_for(address: str, number: int) -> Apprise:
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
    carrier = Apprise(asset=asset)
    try:
        known = bool(carrier.add(address))
    except Exception:
        known = False
    if not known:
        raise ConfigurationError(
            f"notify.urls: address {number} is none that apprise understands",
            hint="https://appriseit.com/services/ has each service's spelling. It is secret, so not shown.",
        )
    return carrier


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
    messengers = [Messenger(address, number, clock) for number, address in enumerate(addresses, start=1)]
    for messenger in messengers:
        messenger.post(message)
    taken = await asyncio.gather(*(messenger.deliver() for messenger in messengers))
    return [(messenger.name, well) for messenger, well in zip(messengers, taken, strict=True)]
