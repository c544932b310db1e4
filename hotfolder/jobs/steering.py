"""Bringing people's wishes from the store to the engine, while it runs."""

from __future__ import annotations

from hotfolder import log
from hotfolder.errors import LocalTrouble
from hotfolder.jobs.engine import Engine
from hotfolder.jobs.store import Store
from hotfolder.jobs.wishes import Wishes, seen, wishes

logger = log.get("steering")

POLL_SECONDS = 1.0


class Steering:
    """Asks every second whether somebody has wished something."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._done: Wishes | None = None

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
            await tools.clock.sleep(POLL_SECONDS)

    async def look(self) -> None:
        """Do what is wished, as far as it can be done at once; the rest is tried at the next look."""
        tools = self.engine.tools
        found = await tools.desk(read, tools.store, self._done)
        if found is None:
            return
        tools.limits.prioritise(found.levels)
        done = [await self.engine.cancel(job_id) for job_id in found.cancelled]
        self._done = found if all(done) else None


def read(store: Store, done: Wishes | None) -> Wishes | None:
    """The wishes as they are now; None when they are those that were done."""
    with store.session() as session:
        if done is not None and seen(session) == done.seen:
            return None
        return wishes(session)
