"""The settings in force, and the reload of their file: an edited file is applied completely or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from anyio import move_on_after, to_thread

from hotfolder import log
from hotfolder.config.load import SettingsFile, changes_needing_restart, use_time_zone
from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.settings import Settings
from hotfolder.errors import ConfigurationError
from hotfolder.paths import exists
from hotfolder.rules.routing import Rulebook
from hotfolder.telemetry.telemetry import Telemetry

logger = log.get("reload")

LOOK_SECONDS = 2.0
"""The interval of the checks for a change. A file counts as written to its end when two checks agree."""
STAYS = "What was in force before stays in force until the file is fixed."

Rulebooks = Mapping[str, Rulebook]
"""The rulebooks, by inbox name."""
ApplySettings = Callable[[Settings, Rulebooks], None]
"""Applies new settings and rules. Raises ConfigurationError, with nothing changed."""


class LiveSettings:
    """The settings in force. A set is handled with one rulebook from start to end: read it once.

    `error` is why an edited file wasn't applied, empty while the file is valid; `restart` names the edited
    settings that only a restart applies.
    """

    def __init__(self, settings: Settings, file: SettingsFile | None = None) -> None:
        """`file` is where the settings came from, if it is to be reloaded when it changes."""
        self.file = file
        self.settings = settings
        self.error = ""
        self.restart: tuple[str, ...] = ()
        self._at_start = settings
        self.rulebooks = rulebooks(settings)
        """Of the inboxes that are in the settings now, and of those that were since the start."""
        self._had_file = file is not None and exists(file.path)
        self._asked = asyncio.Event()

    def request_reload(self) -> None:
        """Read the file now, changed or not, and tell systemd about the reload: for SIGHUP."""
        self._asked.set()

    async def run(self, follow: ApplySettings, telemetry: Telemetry) -> None:
        """Apply changes of the file until cancelled. It is read once in any case: it may have changed since
        the start."""
        file = self.file
        assert file is not None
        before = read_at = None
        while True:
            asked = self._asked.is_set()
            self._asked.clear()
            seen = await to_thread.run_sync(file.identity, self.settings)
            if asked:
                telemetry.reloading()
            # What an error is about, as a file that is named, need not be watched: looked at again each time.
            if asked or (seen == before and (seen != read_at or self.error)):
                await self._read(file, follow, asked=asked)
                read_at = seen
            if asked:
                telemetry.ready()
            before = seen
            with move_on_after(LOOK_SECONDS):
                await self._asked.wait()

    async def _read(self, file: SettingsFile, follow: ApplySettings, *, asked: bool) -> None:
        try:
            fresh = await to_thread.run_sync(partial(file.load, anew=self._had_file))
            self._take(fresh, follow, asked=asked)
        except ConfigurationError as error:
            reason = error.full_text
            if reason != self.error:
                logger.error("settings_invalid", reason=reason, hint=STAYS)
            self.error = reason
            use_time_zone(self.settings, file.environ)  # `load` has applied that of what is refused
        except Exception:
            # A defect of ours must not end the work.
            logger.exception("settings_not_taken")

    def _take(self, fresh: Settings, follow: ApplySettings, *, asked: bool) -> None:
        changed = [
            name for name in Settings.model_fields if getattr(fresh, name) != getattr(self.settings, name)
        ]
        restart = changes_needing_restart(self._at_start, fresh)
        if changed or fresh.notify.url_file is not None:
            # An inbox that was removed from the settings keeps its last rules until the next start.
            books = {**self.rulebooks, **rulebooks(fresh)}
            follow(fresh, books)
            # No await between `follow` and here: the change is atomic for every other task.
            self.settings, self.rulebooks = fresh, books
        if self.error:
            logger.info("settings_valid_again")
        if changed:
            later = ", ".join(restart) or "nothing"
            logger.info("settings_changed", changed=", ".join(changed), only_at_next_start=later)
        elif asked:
            logger.info("settings_unchanged")
        for warning in fresh.warnings if changed or asked else ():
            logger.warning("setting_has_no_effect", reason=warning)
        self.error, self.restart = "", restart


def rulebooks(settings: Settings) -> Rulebooks:
    return {inbox.title: rulebook_for(settings, inbox) for inbox in settings.all_inboxes()}
