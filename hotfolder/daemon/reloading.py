"""Taking up an edited file of settings while the daemon runs: valid at once, invalid not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hotfolder import log
from hotfolder.clock import Clock, to_next
from hotfolder.config.changes import changes, followed
from hotfolder.config.load import load
from hotfolder.config.settings import Settings
from hotfolder.daemon.liverules import LiveRules, Standing
from hotfolder.errors import ConfigurationError
from hotfolder.service.station import Station

logger = log.get("rules")

LOOK_SECONDS = 2.0
"""Between two looks at the file. Two that agree are taken for a file that nobody is writing any more."""
STAYS = "What was in force before stays in force until the file is mended."

Identity = tuple[tuple[int, int, int, int, int] | None, ...]
Follow = Callable[[Settings], Awaitable[None]]
"""Goes by settings from now on. Raises ConfigurationError, having changed nothing."""


@dataclass(frozen=True)
class SettingsFile:
    """Where the settings come from. The environment stays as it was at the start."""

    path: Path
    environ: Mapping[str, str]

    def load(self) -> Settings:
        """Raises ConfigurationError."""
        return load(self.path, self.environ)

    def identity(self, settings: Settings) -> Identity:
        """What changes whenever the file, or the list of addresses that it names, is written or replaced."""
        beside = settings.notify.url_file
        return tuple(stat_of(path) for path in (self.path, *([Path(beside)] if beside else [])))


def stat_of(path: Path) -> tuple[int, int, int, int, int] | None:
    """None where there is nothing, as between two steps of an editor that replaces files."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class Reloading:
    """`run` it beside the work. `ask` is for SIGHUP: the file is read at once, and systemd is told."""

    def __init__(
        self, file: SettingsFile, live: LiveRules, follow: Follow, clock: Clock, station: Station
    ) -> None:
        self.file = file
        self.live = live
        self.follow = follow
        self.clock = clock
        self.station = station
        self._asked = asyncio.Event()
        self._known: Identity | None = None

    def ask(self) -> None:
        """Read the file now, whether it looks changed or not."""
        self._asked.set()

    async def run(self) -> None:
        """Look until cancelled. The file is read once in any case: it may have changed since the start."""
        before: Identity | None = None
        while True:
            asked = self._asked.is_set()
            self._asked.clear()
            seen = await asyncio.to_thread(self.file.identity, self.live.settings)
            if asked:
                self.station.reloading()
                await self._read(seen, asked=True)
                self.station.ready()
            elif seen == before and seen != self._known:
                await self._read(seen, asked=False)
            before = seen
            await self._rest()

    async def _rest(self) -> None:
        waiting = asyncio.create_task(self._asked.wait())
        resting = asyncio.create_task(self.clock.sleep(to_next(LOOK_SECONDS, self.clock.monotonic())))
        try:
            await asyncio.wait({waiting, resting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            resting.cancel()

    async def _read(self, seen: Identity, *, asked: bool) -> None:
        try:
            fresh = await asyncio.to_thread(self.file.load)
            if not asked and await asyncio.to_thread(self.file.identity, self.live.settings) != seen:
                return  # it is being written again: the next look sees that
            await self._take(fresh, asked=asked)
        except ConfigurationError as error:
            self._refuse(f"{error.message} {error.hint}".strip())
        except Exception:
            # A defect of ours must not end the work; what was in force before, or the new, is whole.
            logger.exception("settings_not_taken")
        self._known = seen

    async def _take(self, fresh: Settings, *, asked: bool) -> None:
        running = self.live.settings
        found = changes(running, fresh)
        news = bool(found.applied) or fresh.notify.url_file is not None
        if news:
            await self.follow(followed(running, fresh))
        if self.live.standing.error:
            logger.info("settings_valid_again", file=str(self.file.path))
        if found.applied or found.restart != self.live.standing.restart:
            logger.info(
                "settings_changed",
                changed="; ".join(found.applied) or "nothing yet",
                only_at_next_start=", ".join(found.restart) or "nothing",
            )
        elif asked:
            logger.info("settings_unchanged", file=str(self.file.path))
        self.live.standing = Standing(restart=found.restart)

    def _refuse(self, error: str) -> None:
        if error != self.live.standing.error:
            logger.error("settings_invalid", reason=error, hint=STAYS)
        self.live.standing = Standing(error, self.live.standing.restart)
