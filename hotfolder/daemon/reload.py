"""The settings in force, and their file: an edited one is taken up as a whole, or not at all.

What each part takes of the settings is at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from pathlib import Path

from anyio import move_on_after, to_thread

from hotfolder import log
from hotfolder.config.load import load
from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.settings import Settings
from hotfolder.daemon.newjobs import NOTHING
from hotfolder.errors import ConfigurationError, RuleRefused
from hotfolder.inbox.events import InboxOptions
from hotfolder.jobs.budget import Budgets
from hotfolder.jobs.context import Decision, JobSettings
from hotfolder.jobs.limits import START
from hotfolder.jobs.model import Job
from hotfolder.jobs.retention import RetentionPolicy
from hotfolder.pictures.facts import PictureLimits
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.telemetry.telemetry import Telemetry

logger = log.get("rules")

LOOK_SECONDS = 2.0
"""Between two looks at the file. Two that agree are taken for a file that nobody is writing any more."""
STAYS = "What was in force before stays in force until the file is mended."
RESTART = (
    *("root", "inbox", "done", "failed", "archive", "state"),
    *("api.base_url", "api.key_file", "api.storage_hosts", "api.proxy", "api.connect_timeout_seconds"),
    *("api.read_timeout_seconds", "api.paid_timeout_seconds"),
    *("settle.scan_seconds", "web.port", "web.host", "page.port", "page.host", "page.hosts"),
    *("page.trusted_proxies", "log.format"),
)
"""Settings that only a new start takes up, besides which inboxes there are. Every other one is live."""

Rulebooks = Mapping[str, Rulebook]
"""By the inboxes' names."""
Follow = Callable[[Settings, Rulebooks], None]
"""Goes by new settings and rules from then on. Raises ConfigurationError, having changed nothing."""


@dataclass(frozen=True)
class SettingsFile:
    """Where the settings come from. The environment stays as it was at the start."""

    path: Path
    environ: Mapping[str, str]

    def load(self) -> Settings:
        """Raises ConfigurationError."""
        return load(self.path, self.environ)

    def identity(self, settings: Settings) -> tuple[object, ...]:
        """What changes whenever the file, or the list of addresses that it names, is written or replaced.
        None stands for a file that isn't there, as between two steps of an editor that replaces files."""
        beside = settings.notify.url_file
        found: list[object] = []
        for path in (self.path, *([Path(beside)] if beside else [])):
            try:
                seen = path.stat()
            except (OSError, ValueError):
                found.append(None)
            else:
                found.append((seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns))
        return tuple(found)


class LiveSettings:
    """The settings in force. Whoever treats a set asks for its rulebook once, and uses that one to the end.

    `error` says why an edited file isn't taken up, and is empty while it is valid; `restart` names edited
    settings that only a new start takes up.
    """

    def __init__(self, settings: Settings, file: SettingsFile | None = None) -> None:
        """`file` is where the settings came from, if its changes are to be taken up."""
        self.file = file
        self.settings = settings
        self.error = ""
        self.restart: tuple[str, ...] = ()
        self._at_start = settings
        self._rulebooks = rulebooks(settings)
        self._had_file = file is not None and file.path.exists()
        self._asked = asyncio.Event()

    def rulebook(self, inbox: str) -> Rulebook:
        """Raises KeyError for an inbox that was not in the settings at the start."""
        return self._rulebooks[inbox]

    def decide(self, job: Job, photo_count: int) -> Decision | None:
        """What the rules make of a job that begins; None where its inbox is not in the settings any more."""
        rulebook = self._rulebooks.get(job.inbox)
        if rulebook is None:
            return None
        try:
            decided = plan(rulebook, job.project, job.folder or job.room, photo_count)
        except RuleRefused as error:
            return Decision(NOTHING, reason=error.message, hint=error.hint)
        return Decision(decided.recipe, decided.route)

    def ask(self) -> None:
        """Read the file now, whether it looks changed or not, and tell systemd: for SIGHUP."""
        self._asked.set()

    async def run(self, follow: Follow, telemetry: Telemetry) -> None:
        """Take up what changes in the file, until cancelled. It is read once in any case: it may have changed
        since the start."""
        file = self.file
        assert file is not None
        before: tuple[object, ...] | None = None
        read_at: tuple[object, ...] | None = None
        while True:
            asked = self._asked.is_set()
            self._asked.clear()
            seen = await to_thread.run_sync(file.identity, self.settings)
            if asked:
                telemetry.reloading()
            if asked or (seen == before and seen != read_at):
                await self._read(file, follow, gone=self._had_file and seen[0] is None, asked=asked)
                read_at, self._had_file = seen, self._had_file or seen[0] is not None
            if asked:
                telemetry.ready()
            before = seen
            with move_on_after(LOOK_SECONDS):
                await self._asked.wait()

    async def _read(self, file: SettingsFile, follow: Follow, *, gone: bool, asked: bool) -> None:
        try:
            if gone:  # without it HOTFOLDER_ROOT alone would do: no rules
                raise ConfigurationError(f"{file.path}: the file is gone.")
            self._take(await to_thread.run_sync(file.load), follow, asked=asked)
        except ConfigurationError as error:
            reason = f"{error.message} {error.hint}".strip()
            if reason != self.error:
                logger.error("settings_invalid", reason=reason, hint=STAYS)
            self.error = reason
        except Exception:
            # A defect of ours must not end the work.
            logger.exception("settings_not_taken")

    def _take(self, fresh: Settings, follow: Follow, *, asked: bool) -> None:
        changed = [
            name for name in Settings.model_fields if getattr(fresh, name) != getattr(self.settings, name)
        ]
        restart = only_at_next_start(self._at_start, fresh)
        if changed or fresh.notify.url_file is not None:
            # An inbox that is not in the settings any more goes by its last rules until the next start.
            books = {**self._rulebooks, **rulebooks(fresh)}
            follow(fresh, books)
            # Nothing is awaited from there to here: nobody sees a part of it.
            self.settings, self._rulebooks = fresh, books
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


def only_at_next_start(at_start: Settings, fresh: Settings) -> tuple[str, ...]:
    """The names of the edited settings that a running daemon doesn't take up."""
    waiting = [name for name in RESTART if attrgetter(name)(at_start) != attrgetter(name)(fresh)]
    inboxes = [[(one.title, one.path) for one in settings.all_inboxes()] for settings in (at_start, fresh)]
    if inboxes[0] != inboxes[1] and "inbox" not in waiting:
        waiting.append("inboxes")
    return tuple(sorted(waiting))


JOBS_PER_MERGE = 6
"""How many jobs are under way for each merge that may run at once: enough for all else to be in the works."""


def most_jobs(settings: Settings) -> int:
    """How many jobs are worked on at once."""
    return JOBS_PER_MERGE * (settings.limits.merges or START["merges"])


def concurrency(settings: Settings) -> dict[str, int | None]:
    return settings.limits.model_dump(include={"uploads", "merges", "operations", "downloads"})


def job_settings(settings: Settings) -> JobSettings:
    """What jobs go by."""
    limits = settings.limits
    return JobSettings(
        result_limits=PictureLimits(size_bytes=limits.result_bytes, pixels=limits.result_pixels),
        merge_timeout_seconds=settings.api.merge_timeout_seconds,
        budgets=Budgets(
            per_day=limits.paid_calls_per_day,
            per_project=limits.paid_calls_per_project,
            per_job=limits.paid_calls_per_job,
        ),
        hours=settings.schedule.active,
        prices=settings.prices,
    )


def inbox_settings(settings: Settings, rulebook: Rulebook, scan_seconds: float) -> InboxOptions:
    return InboxOptions(
        quiet_seconds=settings.settle.quiet_seconds,
        give_up_seconds=settings.settle.give_up_seconds,
        scan_seconds=scan_seconds,
        limits=PictureLimits(size_bytes=settings.limits.photo_bytes),
        rulebook=rulebook,
    )


def retention_policy(settings: Settings) -> RetentionPolicy:
    """For how long things are kept."""
    kept = {name.removesuffix("_days"): days for name, days in settings.keep}
    return RetentionPolicy(**{name: timedelta(days=days) for name, days in kept.items() if days is not None})
