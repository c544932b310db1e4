"""Reading the photos that sets wait for, one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.errors import LocalTrouble
from hotfolder.inbox.ledger import Ledger
from hotfolder.inbox.photos import PhotoBook
from hotfolder.inbox.snapshot import SetKey

logger = log.get("inbox")

_TROUBLE_SECONDS = 5.0


class Reading:
    """Reads what the ledger has for it into the book. `trouble` says why nothing can be read, "" when all is
    fine."""

    def __init__(self, inbox: Path, book: PhotoBook, ledger: Ledger, clock: Clock) -> None:
        self.trouble = ""
        self._inbox = inbox
        self._book = book
        self._ledger = ledger
        self._clock = clock
        self._work = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Photos wait."""
        self._work.set()

    def break_off(self) -> None:
        """Leave the photo that is being read: its share doesn't answer, and others wait for the process that
        reads."""
        if self._reading is not None:
            self._reading.cancel()

    async def run(self, read: Callable[[SetKey], None]) -> None:
        """Read until cancelled; `read` hears of each set of which a photo was."""
        while True:
            await self._work.wait()
            self._work.clear()
            while (key := await self.read_next()) is not None:
                read(key)

    async def read_next(self) -> SetKey | None:
        """Read the photo that waits longest; the set it is of, None when none waits."""
        waiting = self._ledger.start_judging()
        if waiting is None:
            return None
        key, file = waiting
        path = self._inbox / key[0] / key[1] / file.name
        # What a photo shows decides only where photos are yet to be sorted into sets.
        judging = self._book.judge(path, file.identity, closely=not key[1])
        reading = self._reading = asyncio.create_task(judging)
        try:
            await asyncio.wait({reading})
            if reading.cancelled():
                return None  # the share doesn't answer; when it does, everything is looked at anew
            reading.result()
            self._take_trouble("")
        except LocalTrouble as error:
            self._take_trouble(error.message)
            await self._clock.sleep(_TROUBLE_SECONDS)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            self._ledger.end_judging()
        return key

    def _take_trouble(self, reason: str) -> None:
        if reason and reason != self.trouble:
            logger.warning("photos_unreadable", inbox=str(self._inbox), reason=reason)
        self.trouble = reason
