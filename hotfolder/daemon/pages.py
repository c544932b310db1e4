"""Writing STATUS.txt into each inbox, so that one whose share doesn't answer holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from hotfolder import log
from hotfolder.errors import LocalTrouble
from hotfolder.outbox.status import write_status

logger = log.get("reporter")

LAST_SECONDS = 3.0


class Pages:
    """Writes the latest page of each inbox, one after another. A page that is stuck is never overtaken."""

    def __init__(self, inboxes: Mapping[str, Path], confirm: Callable[[Path], None]) -> None:
        """`confirm` raises LocalTrouble for what isn't the inbox just now: a bare mount point gets no page,
        since some disks can't be mounted again over a file."""
        self._inboxes = inboxes
        self._confirm = confirm
        self._wanted: dict[str, str] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}

    def show(self, inbox: str, text: str) -> None:
        """Have the inbox's page say `text`, soon. Never blocks, never raises."""
        self._wanted[inbox] = text
        if inbox not in self._writing:
            self._writing[inbox] = asyncio.create_task(self._write(inbox))

    async def finish(self) -> None:
        """Wait a few seconds for what is still to be written."""
        if self._writing:
            await asyncio.wait(set(self._writing.values()), timeout=LAST_SECONDS)

    def _put(self, inbox: Path, text: str) -> None:
        self._confirm(inbox)
        write_status(inbox, text)

    async def _write(self, inbox: str) -> None:
        try:
            while (text := self._wanted.pop(inbox, None)) is not None:
                await asyncio.to_thread(self._put, self._inboxes[inbox], text)
        except LocalTrouble as error:
            logger.warning("not_reported", reason=error.message)
        except Exception:
            logger.exception("not_reported")
        finally:
            del self._writing[inbox]
