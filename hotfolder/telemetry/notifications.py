"""What is worth telling people: sets that ended badly, finished projects, and alarms.

Pure: facts and the time are arguments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from hotfolder.jobs.model import ACTIVE, State
from hotfolder.jobs.steps.filing import REMOVED
from hotfolder.outbox.names import safe_name
from hotfolder.rules.prices import Prices
from hotfolder.telemetry.overview import SETTLING, Line, Overview, with_hint

MIB = 1024 * 1024
WELL_SECONDS = 60.0
"""How long an alarm's cause must be gone before the alarm is over."""
BUSY = (SETTLING, *ACTIVE)
ENDED_WORDS = {
    State.DONE: ("set is done", "sets are done"),
    State.FAILED: ("came back", "came back"),
    State.NEEDS_ATTENTION: ("needs a person", "need a person"),
}

Memory = dict[str, Any]
"""What outlives a restart, as JSON."""


class Kind(StrEnum):
    PROJECT_FINISHED = "project_finished"
    JOB_FAILED = "job_failed"
    NEEDS_PERSON = "needs_person"
    HELD = "held"
    API_UNREACHABLE = "api_unreachable"
    INBOX_UNREACHABLE = "inbox_unreachable"
    FOLDER_UNREACHABLE = "folder_unreachable"
    DISK_LOW = "disk_low"
    BUDGET_SPENT = "budget_spent"
    SETTINGS_REFUSED = "settings_refused"
    PAUSED = "paused"


class Severity(StrEnum):
    """As apprise names them, the gravest last."""

    SUCCESS = "success"
    INFO = "info"
    WARNING = "warning"
    FAILURE = "failure"


TITLES: Mapping[Kind, tuple[str, str, Severity]] = {
    Kind.PROJECT_FINISHED: ("A project is finished", "{} projects are finished", Severity.SUCCESS),
    Kind.JOB_FAILED: ("A set came back", "{} sets came back", Severity.WARNING),
    Kind.NEEDS_PERSON: ("A set needs you", "{} sets need you", Severity.FAILURE),
    Kind.HELD: ("Photos wait for you", "Photos wait for you in {} places", Severity.WARNING),
    Kind.API_UNREACHABLE: ("The API does not answer", "The API does not answer", Severity.FAILURE),
    Kind.INBOX_UNREACHABLE: ("An inbox is out of reach", "Inboxes are out of reach", Severity.FAILURE),
    Kind.FOLDER_UNREACHABLE: ("A folder is out of reach", "Folders are out of reach", Severity.FAILURE),
    Kind.DISK_LOW: ("A disk is nearly full", "Disks are nearly full", Severity.FAILURE),
    Kind.BUDGET_SPENT: ("A budget is spent", "Budgets are spent", Severity.WARNING),
    Kind.SETTINGS_REFUSED: ("The settings have an error", "The settings have an error", Severity.WARNING),
    Kind.PAUSED: ("Paid calls are paused", "Paid calls are paused", Severity.WARNING),
}


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing to tell. `over` is the all-clear of an alarm that was told before."""

    kind: Kind
    text: str
    over: bool = False


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that is wrong at this moment. `subject` identifies it; another `version` of it is told anew.

    It is told once it has lasted `after_seconds`; with an empty `over_text` its end is not told.
    """

    kind: Kind
    subject: str
    text: str
    over_text: str = ""
    after_seconds: float = 0.0
    version: str = ""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How long, or how much, makes something worth telling; the first three are settings."""

    finished_quiet_seconds: float = 120.0
    unreachable_seconds: float = 900.0
    disk_low_bytes: int = 5 * 1024 * MIB
    refused_seconds: float = 60.0
    paused_seconds: float = 60.0
    held_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Facts:
    """How things stand at one moment.

    `api_bad_seconds` is for how long the API has not been asked; `api_needs_person` that waiting won't help
    (401, 402). `free_bytes` is by disk, as people would call it; `paid_today` of `daily_budget` paid calls
    are used, which is None without a budget.
    """

    overview: Overview
    api_bad_seconds: float = 0.0
    api_needs_person: bool = False
    free_bytes: Mapping[str, int] = field(default_factory=dict)
    paid_today: int = 0
    daily_budget: int | None = None


@dataclass(frozen=True, slots=True)
class Links:
    r"""Where people find done/ and failed/: a path, a share (`\\nas\done`) or an address (smb://nas/done)."""

    done: str
    failed: str

    def of(self, base: str, project: str) -> str:
        """The folder of a project below `base`."""
        name = safe_name(project)
        if "://" in base:
            return f"{base.rstrip('/')}/{quote(name)}"
        return f"{base.rstrip('/')}/{name}" if "\\" not in base else f"{base.rstrip(chr(92))}\\{name}"


class Detector:
    """Finds what to tell. `ended` hears of every job at its end; `look` is called again and again."""

    def __init__(self, links: Links, thresholds: Thresholds | None = None) -> None:
        self.links = links
        self.thresholds = thresholds or Thresholds()
        self.prices = Prices()
        self._ended: dict[tuple[str, str], dict[str, str]] = {}
        self._quiet_since: dict[tuple[str, str], float] = {}
        self._paid: dict[tuple[str, str], list[str]] = {}
        self._alarm_since: dict[str, float] = {}
        self._well_since: dict[str, float] = {}
        self._told: dict[str, Alarm] = {}

    def ended(self, line: Line, paid: Sequence[str] = ()) -> list[Notification]:
        """A job has just ended, which paid for these operations. Those that are done are told with their
        project."""
        if line.state not in ENDED_WORDS:
            return []
        self._paid.setdefault((line.inbox, line.project), []).extend(paid)
        self._ended.setdefault((line.inbox, line.project), {})[line.folder] = line.state
        if line.state == State.DONE:
            where = f"{line.project} / {line.room}"
            return (
                [Notification(Kind.NEEDS_PERSON, f"{where}: {line.reason}")] if REMOVED in line.reason else []
            )
        kind = Kind.JOB_FAILED if line.state == State.FAILED else Kind.NEEDS_PERSON
        return [Notification(kind, f"{line.project} / {line.room}: {with_hint(line.reason, line.hint)}")]

    def look(self, facts: Facts, now: float) -> list[Notification]:
        """What has become worth telling since the last look; `now` in seconds of a monotonic clock."""
        finished = self._finished(facts.overview, now, self.thresholds.finished_quiet_seconds)
        alarms = {alarm.subject: alarm for alarm in self._alarms(facts)}
        self._alarm_since = {subject: self._alarm_since.get(subject, now) for subject in alarms}
        return [*finished, *self._begun(alarms.values(), now), *self._over(alarms, now)]

    def finish(self, seen: Overview, now: float) -> list[Notification]:
        """Projects that are finished if nothing more comes: for a run that ends because all is done."""
        return list(self._finished(seen, now, 0.0))

    def _begun(self, alarms: Iterable[Alarm], now: float) -> Iterator[Notification]:
        for alarm in alarms:
            self._well_since.pop(alarm.subject, None)
            known = self._told.get(alarm.subject)
            lasted = now - self._alarm_since[alarm.subject] >= alarm.after_seconds
            if lasted and (known is None or known.version != alarm.version):
                self._told[alarm.subject] = alarm
                yield Notification(alarm.kind, alarm.text)

    def _over(self, alarms: Mapping[str, Alarm], now: float) -> Iterator[Notification]:
        for subject in [subject for subject in self._told if subject not in alarms]:
            if now - self._well_since.setdefault(subject, now) >= WELL_SECONDS:
                del self._well_since[subject]
                told = self._told.pop(subject)
                if told.over_text:
                    yield Notification(told.kind, told.over_text, over=True)

    def _finished(self, seen: Overview, now: float, quiet_seconds: float) -> Iterator[Notification]:
        busy = {(line.inbox, line.project) for line in seen.lines if line.state in BUSY}
        for place in list(self._ended):
            if place in busy:
                self._quiet_since.pop(place, None)
            elif now - self._quiet_since.setdefault(place, now) >= quiet_seconds:
                del self._quiet_since[place]
                counts = Counter(self._ended.pop(place).values())
                paid = self._paid.pop(place, [])
                if counts[State.DONE]:
                    yield Notification(Kind.PROJECT_FINISHED, self._project_text(place[1], counts, paid))

    def _project_text(self, project: str, counts: Counter[str], paid: Sequence[str]) -> str:
        told = [
            f"{counts[state]} {one if counts[state] == 1 else many}"
            for state, (one, many) in ENDED_WORDS.items()
            if counts[state]
        ]
        text = f"{project}: {', '.join(told)}.\n  Pictures: {self.links.of(self.links.done, project)}"
        if len(told) > 1:
            text += f"\n  Came back: {self.links.of(self.links.failed, project)}"
        cost = self.prices.told(paid)
        return f"{text}\n  Paid: {cost}" if cost else text

    def _alarms(self, facts: Facts) -> Iterator[Alarm]:
        yield from self._out_of_reach(facts)
        limits, seen = self.thresholds, facts.overview
        for line in seen.lines:
            if line.held:
                where = f"{line.project} / {line.room}" if line.room else line.project
                subject = f"held {line.inbox}/{line.project}/{line.folder or line.room}"
                yield Alarm(Kind.HELD, subject, f"{where}: {line.reason}.", after_seconds=limits.held_seconds)
        if seen.paused:
            text = f"Nothing is paid for: {seen.paused}. `hotfolder resume` continues."
            over = "Paid calls continue."
            yield Alarm(Kind.PAUSED, "pause", text, over, limits.paused_seconds)
        for disk, free in facts.free_bytes.items():
            if free < limits.disk_low_bytes:
                low = limits.disk_low_bytes // MIB
                text = f"{disk}: {free // MIB} MiB are free, less than {low} MiB. Make room there."
                yield Alarm(Kind.DISK_LOW, f"disk {disk}", text, f"{disk}: there is room again.")
        if facts.daily_budget and facts.paid_today >= facts.daily_budget:
            text = f"All {facts.daily_budget} paid calls of today are used; the rest waits for midnight."
            yield Alarm(Kind.BUDGET_SPENT, "budget today", text)
        if seen.settings_error:
            text = f"The settings before it stay in force. {seen.settings_error}"
            over = "The settings are valid again."
            yield Alarm(Kind.SETTINGS_REFUSED, "settings", text, over, version=seen.settings_error)

    def _out_of_reach(self, facts: Facts) -> Iterator[Alarm]:
        limits, seen = self.thresholds, facts.overview
        patience = limits.refused_seconds if facts.api_needs_person else limits.unreachable_seconds
        if seen.trouble and facts.api_bad_seconds >= patience:
            minutes = max(1, round(facts.api_bad_seconds / 60))
            why = with_hint(seen.trouble, seen.trouble_hint)
            text = f"Nothing has been asked of the API for {minutes} min: {why}"
            yield Alarm(Kind.API_UNREACHABLE, "api", text, "The API answers again.")
        for inbox, why in seen.degraded.items():
            if why:
                text, over = why, f"The inbox {inbox} can be reached again."
                yield Alarm(Kind.INBOX_UNREACHABLE, f"inbox {inbox}", text, over, limits.unreachable_seconds)
        for name, why in seen.missing.items():
            if why:
                text = f"Nothing can be put into {name}: {why}."
                over = f"Pictures and originals can be put into {name} again."
                yield Alarm(Kind.FOLDER_UNREACHABLE, f"folder {name}", text, over, limits.unreachable_seconds)

    def memory(self) -> Memory:
        """What must outlive a restart: what ended in projects under way, and the alarms that were told."""
        return {
            "projects": [[inbox, project, dict(ended)] for (inbox, project), ended in self._ended.items()],
            "paid": [[inbox, project, list(paid)] for (inbox, project), paid in self._paid.items()],
            "told": [
                [subject, alarm.kind, alarm.over_text, alarm.version] for subject, alarm in self._told.items()
            ],
        }

    def recall(self, memory: Memory) -> None:
        """Take up what an earlier process left. Raises KeyError, TypeError or ValueError on anything else."""
        for inbox, project, ended in memory["projects"]:
            self._ended[str(inbox), str(project)] = {str(name): str(state) for name, state in ended.items()}
        for inbox, project, paid in memory.get("paid", ()):
            self._paid[str(inbox), str(project)] = [str(operation) for operation in paid]
        for subject, kind, over_text, version in memory["told"]:
            self._told[str(subject)] = Alarm(
                Kind(kind), str(subject), "", str(over_text), version=str(version)
            )
