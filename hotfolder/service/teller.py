"""Tells people what they should know: looks, gathers, sends, and remembers over a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.service.messengers import Messenger
from hotfolder.service.notices import Gatherer, Happening, Memory
from hotfolder.service.occasions import Facts, Watcher
from hotfolder.service.overview import Line, Overview

logger = log.get("notify")

LOOK_SECONDS = 1.0
LAST_SECONDS = 5.0
"""How long the last messages may take when the daemon stops."""

Remember = Callable[[Memory], Awaitable[None]]


async def forget(_: Memory) -> None:
    """Remember nothing."""


class Teller:
    """`run` it beside the work. Whatever goes wrong here is logged once, and stops nothing."""

    def __init__(
        self,
        watcher: Watcher,
        messengers: Sequence[Messenger],
        clock: Clock,
        facts: Callable[[], Awaitable[Facts]],
        *,
        gatherer: Gatherer | None = None,
        remember: Remember = forget,
    ) -> None:
        """`messengers` may be replaced while it runs. `facts` is asked again and again, `remember` is given
        what to keep whenever that has changed."""
        self.watcher = watcher
        self.messengers = messengers
        self.clock = clock
        self.facts = facts
        self.gatherer = gatherer or Gatherer()
        self.remember = remember
        self._remembered: Memory = {}
        self._broken = False

    def recall(self, memory: object) -> None:
        """Take up what an earlier process remembered, or nothing where it isn't that."""
        if not isinstance(memory, dict):
            return
        try:
            self.gatherer.recall(memory["gatherer"], self.clock.monotonic())
            self.watcher.recall(memory["watcher"])
        except (AttributeError, KeyError, TypeError, ValueError):
            logger.warning("notices_not_recalled")

    def tell(self, happening: Happening) -> None:
        self.gatherer.add(happening, self.clock.monotonic())

    def ended(self, line: Line) -> None:
        """A job has come to its end."""
        for happening in self.watcher.ended(line):
            self.tell(happening)

    def finish(self, seen: Overview) -> None:
        """All is done, and the run ends for that: its projects are finished without a quiet time."""
        for happening in self.watcher.finish(seen, self.clock.monotonic()):
            self.tell(happening)

    async def run(self) -> None:
        """Tell until cancelled."""
        carrying: dict[Messenger, asyncio.Task[None]] = {}
        try:
            while True:
                self._carry(carrying)
                await self._look_safely()
                await self.clock.sleep(LOOK_SECONDS)
        finally:
            for task in carrying.values():
                task.cancel()
            await asyncio.gather(*carrying.values(), return_exceptions=True)

    def _carry(self, carrying: dict[Messenger, asyncio.Task[None]]) -> None:
        """Let just those messengers run that there are now."""
        for messenger in [one for one in carrying if one not in self.messengers]:
            carrying.pop(messenger).cancel()
            if messenger.pending:
                logger.warning("not_delivered", address=messenger.name, messages=messenger.pending)
        for messenger in self.messengers:
            if messenger not in carrying:
                carrying[messenger] = asyncio.create_task(messenger.run())

    async def close(self) -> None:
        """Send what was gathered, as far as the pauses allow and within five seconds; remember the rest."""
        self._post(hurry=True)
        carrying = [asyncio.create_task(messenger.finish()) for messenger in self.messengers]
        if carrying:
            await asyncio.wait(carrying, timeout=LAST_SECONDS)
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)
        for messenger in self.messengers:
            if messenger.pending:
                logger.warning("not_delivered", address=messenger.name, messages=messenger.pending)
        await self._remember_safely()

    async def _look_safely(self) -> None:
        try:
            facts = await self.facts()
            for happening in self.watcher.look(facts, self.clock.monotonic()):
                self.tell(happening)
            self._broken = False
        except Exception as error:
            if not self._broken:
                logger.error("facts_not_known", error=f"{type(error).__name__}: {error}")
            self._broken = True
        self._post()
        await self._remember_safely()

    def _post(self, *, hurry: bool = False) -> None:
        for message in self.gatherer.due(self.clock.monotonic(), hurry=hurry):
            logger.info(
                "notifying", kind=message.kind, happenings=message.count, addresses=len(self.messengers)
            )
            for messenger in self.messengers:
                messenger.post(message)

    async def _remember_safely(self) -> None:
        told = self.gatherer.memory(self.clock.monotonic())
        memory = {"gatherer": told, "watcher": self.watcher.memory()}
        # How long ago grows every second; that alone is no reason to write.
        compared = {**memory, "gatherer": {**told, "sent_seconds_ago": sorted(told["sent_seconds_ago"])}}
        if compared == self._remembered:
            return
        try:
            await self.remember(memory)
            self._remembered = compared
        except Exception as error:
            logger.warning("notices_not_remembered", error=f"{type(error).__name__}: {error}")
