"""Bringing people's wishes from the store to the engine, while it runs."""

from __future__ import annotations

from hotfolder import log
from hotfolder.clock import to_next
from hotfolder.errors import LocalTrouble
from hotfolder.jobs.database import FILE_NAME
from hotfolder.jobs.engine import Engine
from hotfolder.jobs.store import Store
from hotfolder.jobs.wishes import Wishes, seen, wishes
from hotfolder.jobs.writes import Writes

logger = log.get("steering")

PAUSE_SECONDS = 1.0
CALM_SECONDS, CALM_PAUSE_SECONDS = 60.0, 3.0
"""After so long without a write to the store there is hardly anything that a wish could be about."""


class Steering:
    """Looks every second or so whether somebody has wished something."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writes = Writes(engine.tools.places.state / FILE_NAME)
        self._done: Wishes | None = None
        self._written_at = engine.tools.clock.monotonic()

    async def run(self) -> None:
        """Until cancelled."""
        tools = self.engine.tools
        trouble = log.News(logger, "wishes_not_seen")
        while True:
            try:
                await self.look()
                trouble.over()
            except LocalTrouble as error:
                trouble.met(error.message)
            now = tools.clock.monotonic()
            calm = now - self._written_at >= CALM_SECONDS
            await tools.clock.sleep(to_next(CALM_PAUSE_SECONDS, now) if calm else PAUSE_SECONDS)

    async def look(self) -> None:
        """Do what is wished, as far as it can be done at once; the rest is tried at the next look."""
        tools = self.engine.tools
        if not self._writes.since_last_time() and self._done is not None:
            return
        self._written_at = tools.clock.monotonic()
        found = await tools.desk(read, tools.store, self._done)
        if found is None:
            return
        tools.slots.order(found.levels)
        done = [await self.engine.cancel(job_id) for job_id in found.cancelled]
        self._done = found if all(done) else None


def read(store: Store, done: Wishes | None) -> Wishes | None:
    """The wishes as they are now; None when they are those that were done."""
    with store.session() as session:
        if done is not None and seen(session) == done.seen:
            return None
        return wishes(session)
