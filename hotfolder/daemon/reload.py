"""The settings in force, and their file: an edited one is taken up as a whole, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter
from pathlib import Path

from anyio import to_thread

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.config.load import load
from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.settings import InboxSettings as InboxSection
from hotfolder.config.settings import Settings
from hotfolder.daemon.intake import Intake
from hotfolder.daemon.newjobs import NOTHING
from hotfolder.errors import ConfigurationError, RuleRefused
from hotfolder.inbox.events import InboxSettings
from hotfolder.inbox.inbox import Inbox
from hotfolder.jobs.budget import Budgets
from hotfolder.jobs.context import Decision
from hotfolder.jobs.limits import START
from hotfolder.jobs.model import Job
from hotfolder.jobs.retention import RetentionPolicy
from hotfolder.jobs.worker import Worker
from hotfolder.pictures.facts import PictureLimits
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.telemetry.telemetry import Telemetry

logger = log.get("rules")

JOBS_PER_MERGE = 6
"""How many jobs are under way for each merge that may run at once: enough for all else to be in the works."""
KEPT = ("originals", "receipts", "results", "records")
LOOK_SECONDS = 2.0
"""Between two looks at the file. Two that agree are taken for a file that nobody is writing any more."""
STAYS = "What was in force before stays in force until the file is mended."
RESTART = (
    *("root", "inbox", "done", "failed", "archive", "state"),
    *("api.base_url", "api.key_file", "api.storage_hosts", "api.connect_timeout_seconds"),
    *("api.read_timeout_seconds", "api.paid_timeout_seconds"),
    *("settle.scan_seconds", "web.port", "web.host", "log.format"),
)
"""Settings that only a new start takes up, besides which inboxes there are. Every other one is live."""

Identity = tuple[tuple[int, int, int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class RulesStatus:
    """How the file of settings stands. `error` is empty while it is valid; `restart` names the settings in it
    that only a new start takes up."""

    error: str = ""
    restart: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """Settings and the rulebooks made of them, by the inboxes' names. Never changed, only replaced."""

    settings: Settings
    rulebooks: Mapping[str, Rulebook]

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        return cls(settings, {one.title: rulebook_for(settings, one) for one in settings.all_inboxes()})


@dataclass
class LiveRules:
    """The rules in force. Whoever treats a set asks for its rulebook once, and uses that one to the end."""

    rules: Rules
    status: RulesStatus = field(default_factory=RulesStatus)

    @property
    def settings(self) -> Settings:
        return self.rules.settings

    def rulebook(self, inbox: str) -> Rulebook:
        """Raises KeyError for an inbox that was not in the settings at the start."""
        return self.rules.rulebooks[inbox]

    def decide(self, job: Job, photo_count: int) -> Decision | None:
        """What the rules make of a job that begins; None where its inbox is not in the settings any more."""
        rulebook = self.rules.rulebooks.get(job.inbox)
        if rulebook is None:
            return None
        try:
            decided = plan(rulebook, job.project, job.folder or job.room, photo_count)
        except RuleRefused as error:
            return Decision(NOTHING, reason=error.message, hint=error.hint)
        return Decision(decided.recipe, decided.route)


def taken_up(running: Settings, fresh: Settings) -> tuple[Settings, tuple[str, ...]]:
    """What a daemon that runs by `running` goes by from now on, and the names of the edited settings that
    only a new start takes up."""
    inboxes = tuple(_with_rules_of(one, fresh) for one in running.all_inboxes())
    same = inboxes == running.all_inboxes()
    taken = fresh.model_copy(update={"inboxes": running.inboxes if same else inboxes})
    waiting = []
    for name in RESTART:
        before = attrgetter(name)(running)
        if before != attrgetter(name)(fresh):
            waiting.append(name)
            section, _, inner = name.partition(".")
            if inner:
                before = getattr(taken, section).model_copy(update={inner: before})
            taken = taken.model_copy(update={section: before})
    if "inbox" not in waiting and _places(running) != _places(fresh):
        waiting.append("inboxes")
    return taken, tuple(sorted(waiting))


def _places(settings: Settings) -> list[tuple[str, str]]:
    return [(one.title, one.path) for one in settings.all_inboxes()]


def _with_rules_of(one: InboxSection, fresh: Settings) -> InboxSection:
    """The inbox with the rules that `fresh` has for it; with its own, where `fresh` doesn't have it."""
    there = {(other.title, other.path): other for other in fresh.all_inboxes()}
    return there.get((one.title, one.path), one)


def inbox_settings(settings: Settings, rulebook: Rulebook) -> InboxSettings:
    settle = settings.settle
    return InboxSettings(
        quiet_seconds=settle.quiet_seconds,
        give_up_seconds=settle.give_up_seconds,
        scan_seconds=settle.scan_seconds,
        limits=PictureLimits(size_bytes=settings.limits.photo_bytes),
        rulebook=rulebook,
    )


def budgets(settings: Settings) -> Budgets:
    limits = settings.limits
    return Budgets(
        per_day=limits.paid_calls_per_day,
        per_project=limits.paid_calls_per_project,
        per_job=limits.paid_calls_per_job,
    )


def retention_policy(settings: Settings) -> RetentionPolicy:
    """For how long things are kept."""
    keep = settings.keep
    days = (getattr(keep, f"{kind}_days") for kind in KEPT)
    return RetentionPolicy(*(timedelta(days=each) if each is not None else None for each in days))


def most_jobs(settings: Settings) -> int:
    """How many jobs are worked on at once."""
    return JOBS_PER_MERGE * (settings.limits.merges or START["merges"])


def concurrency(settings: Settings) -> dict[str, int | None]:
    return {name: getattr(settings.limits, name) for name in ("uploads", "merges", "operations", "downloads")}


def result_limits(settings: Settings) -> PictureLimits:
    return PictureLimits(size_bytes=settings.limits.result_bytes, pixels=settings.limits.result_pixels)


@dataclass(frozen=True)
class Following:
    """The parts that go by the settings."""

    live: LiveRules
    engine: Worker
    intake: Intake
    inboxes: Mapping[str, Inbox]
    telemetry: Telemetry

    def follow(self, settings: Settings) -> None:
        """Go by `settings` from now on. Raises ConfigurationError, having changed nothing."""
        self.telemetry.follow(settings)
        # From here on nothing fails, and nothing is awaited: nobody sees a part of it.
        self.live.rules = Rules.of(settings)
        context = self.engine.context
        context.budgets, context.result_limits = budgets(settings), result_limits(settings)
        context.merge_timeout_seconds = settings.api.merge_timeout_seconds
        context.throttle.bytes_per_second = settings.limits.upload_rate
        context.hours, context.prices = settings.schedule.active, settings.prices
        context.limits.configure(**concurrency(settings))
        self.engine.most_jobs = most_jobs(settings)
        log.set_level(settings.log.level)
        for name, inbox in self.inboxes.items():
            inbox.follow(inbox_settings(settings, self.live.rulebook(name)))
        # What was held is looked at anew: by the new rules it may be beyond doubt.
        for place in list(self.intake.held):
            del self.intake.held[place]
            self.intake.look_anew(*place)


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

    def __init__(self, file: SettingsFile, parts: Following, clock: Clock, telemetry: Telemetry) -> None:
        self.file = file
        self.live = parts.live
        self.follow = parts.follow
        self.clock = clock
        self.telemetry = telemetry
        self._asked = asyncio.Event()
        self._known: Identity | None = None
        self._had_file = stat_of(file.path) is not None

    def ask(self) -> None:
        """Read the file now, whether it looks changed or not."""
        self._asked.set()

    async def run(self) -> None:
        """Look until cancelled. The file is read once in any case: it may have changed since the start."""
        before: Identity | None = None
        while True:
            asked = self._asked.is_set()
            self._asked.clear()
            seen = await to_thread.run_sync(self.file.identity, self.live.settings)
            if asked:
                self.telemetry.reloading()
                await self._read(seen, asked=True)
                self.telemetry.ready()
            elif seen == before and seen != self._known:
                await self._read(seen, asked=False)
            before = seen
            await self._rest()

    async def _rest(self) -> None:
        waiting = asyncio.create_task(self._asked.wait())
        resting = asyncio.create_task(self.clock.sleep(LOOK_SECONDS))
        try:
            await asyncio.wait({waiting, resting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            resting.cancel()

    async def _read(self, seen: Identity, *, asked: bool) -> None:
        try:
            if seen[0] is None and self._had_file:  # HOTFOLDER_ROOT alone would do: no rules
                raise ConfigurationError(f"{self.file.path}: the file is gone.")
            self._had_file = seen[0] is not None
            fresh = await to_thread.run_sync(self.file.load)
            if not asked and await to_thread.run_sync(self.file.identity, self.live.settings) != seen:
                return  # it is being written again: the next look sees that
            self._take(fresh, asked=asked)
        except ConfigurationError as error:
            self._refuse(f"{error.message} {error.hint}".strip())
        except Exception:
            # A defect of ours must not end the work; what was in force before, or the new, is whole.
            logger.exception("settings_not_taken")
        self._known = seen

    def _take(self, fresh: Settings, *, asked: bool) -> None:
        running, status = self.live.settings, self.live.status
        taken, restart = taken_up(running, fresh)
        changed = [name for name in Settings.model_fields if getattr(taken, name) != getattr(running, name)]
        if changed or fresh.notify.url_file is not None:
            self.follow(taken)
        if status.error:
            logger.info("settings_valid_again", file=str(self.file.path))
        if changed or restart != status.restart:
            logger.info(
                "settings_changed",
                changed=", ".join(changed) or "nothing yet",
                only_at_next_start=", ".join(restart) or "nothing",
            )
        elif asked:
            logger.info("settings_unchanged", file=str(self.file.path))
        for warning in fresh.warnings if changed or asked else ():
            logger.warning("setting_has_no_effect", reason=warning)
        self.live.status = RulesStatus(restart=restart)

    def _refuse(self, error: str) -> None:
        if error != self.live.status.error:
            logger.error("settings_invalid", reason=error, hint=STAYS)
        self.live.status = RulesStatus(error, self.live.status.restart)
