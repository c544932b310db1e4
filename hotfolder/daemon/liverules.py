"""The rules that the daemon goes by: one immutable rulebook an inbox, all of them swapped at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.settings import Settings
from hotfolder.daemon.newjobs import NOTHING
from hotfolder.errors import RuleRefused
from hotfolder.jobs.planning import Decision
from hotfolder.jobs.tables import Job
from hotfolder.rules.routing import Rulebook, plan


@dataclass(frozen=True, slots=True)
class Standing:
    """How the file of settings stands. `error` is empty while it is valid; `restart` names the settings in it
    that only a new start takes up."""

    error: str = ""
    restart: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """Settings and the rulebooks made of them, by the inboxes' names."""

    settings: Settings
    rulebooks: Mapping[str, Rulebook]

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        return cls(settings, {one.title: rulebook_for(settings, one) for one in settings.all_inboxes()})

    def decide(self, job: Job, photo_count: int) -> Decision | None:
        """What these rules make of a job that waits; None where its inbox is not in the settings any more."""
        rulebook = self.rulebooks.get(job.inbox)
        if rulebook is None:
            return None
        try:
            decided = plan(rulebook, job.project, job.folder or job.room, photo_count)
        except RuleRefused as error:
            return Decision(NOTHING, reason=error.message, hint=error.hint)
        return Decision(decided.recipe, decided.route)


@dataclass
class LiveRules:
    """The rules in force. Whoever treats a set asks for its rulebook once, and uses that one to the end."""

    rules: Rules
    standing: Standing = field(default_factory=Standing)

    def rulebook(self, inbox: str) -> Rulebook:
        """Raises KeyError for an inbox that was not in the settings at the start."""
        return self.rules.rulebooks[inbox]

    @property
    def settings(self) -> Settings:
        return self.rules.settings
