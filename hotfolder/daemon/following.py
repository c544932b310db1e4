"""What each part of the daemon is told of the settings: once when it is made, and again when they change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from hotfolder import log
from hotfolder.config.settings import Settings
from hotfolder.daemon.intake import Intake
from hotfolder.daemon.liverules import LiveRules, Rules
from hotfolder.daemon.telling import Telling
from hotfolder.errors import LocalTrouble
from hotfolder.inbox.events import InboxSettings
from hotfolder.inbox.inbox import Inbox
from hotfolder.jobs.allowance import Budgets
from hotfolder.jobs.backoff import backoff_seconds
from hotfolder.jobs.engine import Engine
from hotfolder.jobs.retention import RetentionPolicy
from hotfolder.jobs.turns import START
from hotfolder.pictures.facts import PictureLimits

logger = log.get("rules")

JOBS_PER_MERGE = 6
"""How many jobs are under way for each merge that may run at once: enough for all else to be in the works."""
PLAN_ATTEMPTS = 5
KEPT = ("originals", "receipts", "results", "records")


def inbox_settings(settings: Settings) -> InboxSettings:
    settle = settings.settle
    return InboxSettings(
        quiet_seconds=settle.quiet_seconds,
        give_up_seconds=settle.give_up_seconds,
        scan_seconds=settle.scan_seconds,
        limits=PictureLimits(size_bytes=settings.limits.photo_bytes),
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


def slots(settings: Settings) -> dict[str, int | None]:
    return {name: getattr(settings.limits, name) for name in ("uploads", "merges", "operations", "downloads")}


def result_limits(settings: Settings) -> PictureLimits:
    return PictureLimits(size_bytes=settings.limits.result_bytes, pixels=settings.limits.result_pixels)


@dataclass(frozen=True)
class Following:
    """The parts that go by the settings."""

    live: LiveRules
    engine: Engine
    intake: Intake
    inboxes: Mapping[str, Inbox]
    telling: Telling

    async def follow(self, settings: Settings) -> None:
        """Go by `settings` from now on. Raises ConfigurationError, having changed nothing."""
        self.telling.follow(settings)
        # From here on nothing fails, and up to the first `await` nobody sees a part of it.
        self.live.rules = Rules.of(settings)
        tools = self.engine.tools
        tools.budgets, tools.result_limits = budgets(settings), result_limits(settings)
        tools.merge_timeout_seconds = settings.api.merge_timeout_seconds
        tools.throttle.bytes_per_second = settings.limits.upload_rate
        tools.hours = settings.schedule.active
        tools.slots.resize(**slots(settings))
        self.engine.most_jobs = most_jobs(settings)
        log.set_level(settings.log.level)
        for inbox in self.inboxes.values():
            inbox.follow(inbox_settings(settings))
        # What was held is looked at anew: by the new rules it may be beyond doubt.
        for place in list(self.intake.held):
            del self.intake.held[place]
            self.intake.look_anew(*place)
        await self._plan_waiting()

    async def _plan_waiting(self) -> None:
        for failures in range(1, PLAN_ATTEMPTS + 1):
            try:
                changed = await self.engine.plan_anew(self.live.rules.decide)
            except LocalTrouble as error:
                logger.warning("waiting_sets_not_planned_yet", reason=error.message, hint=error.hint)
                await self.engine.tools.clock.sleep(backoff_seconds(failures))
            else:
                if changed:
                    logger.info("waiting_sets_planned_anew", sets=changed)
                return
