"""Decides what people are notified of: sets that failed, finished projects, and alarms.

The situation and the time are arguments; what was sent before is remembered. For a new kind, add a member to
`Kind`, and its cause to `Detector`. Messages are always in English.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hotfolder.config.settings import Notify
from hotfolder.display import counted, with_hint
from hotfolder.jobs.budget import THIS_SET, own_budget_in
from hotfolder.jobs.states import ACTIVE, State
from hotfolder.jobs.steps.filing import REMOVED
from hotfolder.outbox.names import safe_name
from hotfolder.rules.foldernames import to_nfc
from hotfolder.rules.kinds import Prices
from hotfolder.telemetry.overview import SETTLING, About, Line, Overview, disk_full

ALL_CLEAR_SECONDS = 60.0
"""How long the cause of an alarm must be gone before its all-clear is sent."""
REFUSED_SECONDS, PAUSED_SECONDS, HELD_SECONDS = 60.0, 60.0, 30.0
"""How long a refused key or account, a pause and a held set must last before a notification is sent."""
BUSY = (SETTLING, *ACTIVE)
ENDED = {
    State.DONE: ("set is done", "sets are done"),
    State.FAILED: ("came back", "came back"),
    State.NEEDS_ATTENTION: ("needs a person", "need a person"),
}

SavedState = dict[str, Any]
"""State that is kept over a restart, as JSON."""


class Severity(StrEnum):
    """apprise's names, the most severe last."""

    SUCCESS = "success"
    INFO = "info"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Wording:
    """A message's title, for one notification and, where it differs, for several, and the text `over` of the
    all-clear. If that is empty, no all-clear is sent."""

    one: str
    several: str = ""
    severity: Severity = Severity.FAILURE
    over: str = ""


class Kind(Enum):
    """The kinds of notification. Their names are stored over a restart."""

    PROJECT_FINISHED = Wording("A project is finished", "{} projects are finished", Severity.SUCCESS)
    JOB_FAILED = Wording("A set came back", "{} sets came back", Severity.WARNING)
    NEEDS_PERSON = Wording("A set needs you", "{} sets need you")
    HELD = Wording("Photos wait for you", "Photos wait for you in {} places", Severity.WARNING)
    API_UNREACHABLE = Wording("The API can't be used", over="The API can be used again.")
    STORE_UNREACHABLE = Wording("The job store can't be used", over="The job store can be used again.")
    INBOX_UNREACHABLE = Wording(
        "An inbox is out of reach", "Inboxes are out of reach", over="Every inbox can be reached again."
    )
    FOLDER_UNREACHABLE = Wording(
        "A folder is out of reach", "Folders are out of reach", over="Every folder can be reached again."
    )
    DISK_FULL = Wording("A disk is full", "Disks are full", over="There is room on every disk again.")
    BUDGET_SPENT = Wording("A budget is spent", "Budgets are spent", Severity.WARNING)
    SETTINGS_REFUSED = Wording(
        "The settings have an error", severity=Severity.WARNING, over="The settings are valid again."
    )
    PAUSED = Wording("Paid calls are paused", severity=Severity.WARNING, over="Paid calls continue.")


MACHINE_ALARMS = (Kind.HELD, Kind.DISK_FULL)
"""Alarms whose all-clear is sent by their own machine, whether or not it leads: about its inboxes, its
`state`."""
OWN_DISK = "state"
ALARMS: Mapping[About, tuple[Kind, float | None]] = {
    About.STORE: (Kind.STORE_UNREACHABLE, None),
    About.API: (Kind.API_UNREACHABLE, None),
    About.INBOX: (Kind.INBOX_UNREACHABLE, None),
    About.FOLDER: (Kind.FOLDER_UNREACHABLE, None),
    About.PAUSE: (Kind.PAUSED, PAUSED_SECONDS),
    About.SETTINGS: (Kind.SETTINGS_REFUSED, 0.0),
}
"""The alarms for conditions, with the seconds that a condition must last; None for `unreachable_seconds`."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One event or alarm to notify people of. `over`: the all-clear of an alarm that was sent before."""

    kind: Kind
    text: str
    over: bool = False


@dataclass(frozen=True, slots=True)
class Alarm:
    """A current problem. `subject` identifies it: each is sent once, when it has lasted `after_seconds`
    since this process first saw it; a restart begins that time anew."""

    kind: Kind
    subject: str
    text: str
    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Situation:
    """The daemon's state at one moment.

    `overview` leaves out the sets of inboxes that other machines work with, which send theirs. `leads`: this
    machine sends the alarms that concern all machines of the store. `api_needs_person`: waiting won't help
    (401, 402); `full_disks` names the folders whose disks are full; `spent_budget` is the day's budget of
    paid calls if all of it is used, else None.
    """

    overview: Overview
    leads: bool = True
    api_needs_person: bool = False
    full_disks: Sequence[str] = ()
    spent_budget: int | None = None


@dataclass(slots=True)
class Project:
    """A project's sets that have ended since its last notification: `ended` is their state by folder, `paid`
    the operations bought for them. `quiet_since` is since when none of its sets is in progress."""

    ended: dict[str, str] = field(default_factory=dict)
    paid: list[str] = field(default_factory=list)
    quiet_since: float | None = None


class Detector:
    """Finds what to notify people of. Call `ended` for every job that ends, and `look` periodically. `notify`
    and `prices` may be replaced by newer settings."""

    def __init__(self, notify: Notify, prices: Prices, *, done: Path, failed: Path) -> None:
        self.notify = notify
        self.prices = prices
        self.done = done
        self.failed = failed
        self._projects: dict[tuple[str, str], Project] = {}
        self._since: dict[str, float] = {}
        self._gone_since: dict[str, float] = {}
        self._sent: dict[str, Kind] = {}

    def ended(self, line: Line) -> list[Notification]:
        """The notifications for a job that has just ended. A job that is done is reported with its project,
        unless originals of it were removed."""
        if line.state not in ENDED:
            return []
        project = self._projects.setdefault((line.inbox, to_nfc(line.project)), Project())
        project.ended[line.folder] = line.state
        where = f"{line.project} / {line.room}"
        if line.state == State.DONE:
            removed = REMOVED in line.reason
            return [Notification(Kind.NEEDS_PERSON, f"{where}: {line.reason}")] if removed else []
        kind = Kind.JOB_FAILED if line.state == State.FAILED else Kind.NEEDS_PERSON
        return [Notification(kind, f"{where}: {with_hint(line.reason, line.hint)}")]

    def paid(self, inbox: str, project: str, operations: Sequence[str]) -> None:
        """Count operations that a job of the project, which has `ended`, has paid for."""
        if (known := self._projects.get((inbox, to_nfc(project)))) is not None:
            known.paid.extend(operations)

    def drop(self, inbox: str) -> None:
        """Forget an inbox: its projects with ended sets, and the alarms sent about its sets."""
        self._projects = {place: one for place, one in self._projects.items() if place[0] != inbox}
        self._sent = {
            subject: kind for subject, kind in self._sent.items() if not concerns_inbox(subject, inbox)
        }

    def look(self, situation: Situation, now: float) -> list[Notification]:
        """The notifications that have become due since the last call; `now` in seconds of a monotonic clock,
        which is meaningless after a restart."""
        quiet = self.notify.finished_quiet_seconds
        return [
            *self.finished(situation.overview, now, quiet),
            *self._due(list(self._alarms(situation)), now, situation.leads),
        ]

    def finished(self, seen: Overview, now: float, quiet_seconds: float = 0.0) -> Iterator[Notification]:
        """Forget the projects without a set in progress for `quiet_seconds`; a notification for each of them
        that has a set that is done."""
        busy = {(line.inbox, to_nfc(line.project)) for line in seen.lines if line.state in BUSY}
        for place, project in list(self._projects.items()):
            if place in busy:
                project.quiet_since = None
                continue
            if project.quiet_since is None:
                project.quiet_since = now
            if now - project.quiet_since >= quiet_seconds:
                del self._projects[place]
                if State.DONE in project.ended.values():
                    yield Notification(Kind.PROJECT_FINISHED, self._project_text(place[1], project))

    def _project_text(self, name: str, project: Project) -> str:
        counts = Counter(project.ended.values())
        parts = [
            f"{counts[state]} {one if counts[state] == 1 else several}"
            for state, (one, several) in ENDED.items()
            if counts[state]
        ]
        text = f"{name}: {', '.join(parts)}.\n  Pictures: {link(self.notify.done_link or self.done, name)}"
        if len(parts) > 1:
            text += f"\n  Came back: {link(self.notify.failed_link or self.failed, name)}"
        cost = self.prices.sum_text(project.paid)
        return f"{text}\n  Paid: {cost}" if cost else text

    def _due(self, alarms: Sequence[Alarm], now: float, leads: bool) -> Iterator[Notification]:
        """Notifications for alarms that have lasted long enough, and all-clears. The all-clear of an alarm
        that concerns all machines is sent by the machine that leads by then."""
        present = {alarm.subject for alarm in alarms}
        self._since = {subject: self._since.get(subject, now) for subject in present}
        self._gone_since = {
            subject: self._gone_since.get(subject, now) for subject in self._sent.keys() - present
        }
        for alarm in alarms:
            if alarm.subject not in self._sent and now - self._since[alarm.subject] >= alarm.after_seconds:
                self._sent[alarm.subject] = alarm.kind
                yield Notification(alarm.kind, alarm.text)
        for subject, since in self._gone_since.items():
            if now - since >= ALL_CLEAR_SECONDS:
                kind = self._sent.pop(subject)
                sends = leads or kind in MACHINE_ALARMS
                if sends and kind.value.over and kind not in self._sent.values():
                    yield Notification(kind, kind.value.over, over=True)

    def _alarms(self, situation: Situation) -> Iterator[Alarm]:
        seen = situation.overview
        for name in situation.full_disks:
            if situation.leads or name == OWN_DISK:
                yield Alarm(Kind.DISK_FULL, f"disk {name}", disk_full(name))
        for line in seen.lines:
            if line.held:
                where = f"{line.project} / {line.room}" if line.room else line.project
                subject = f"held {line.inbox}/{line.project}/{line.folder or line.room}"
                yield Alarm(Kind.HELD, subject, f"{where}: {line.reason}.", HELD_SECONDS)
            if line.waits and (own := own_budget_in(line.reason)):
                folder = line.folder if own == THIS_SET else ""  # a project's budget: one alarm for all sets
                text = f"{line.project} / {line.room}: {with_hint(line.reason, line.hint)}"
                yield Alarm(Kind.BUDGET_SPENT, f"budget {line.inbox}/{line.project}/{folder}", text)
        if situation.leads:
            yield from self._shared_alarms(situation)

    def _shared_alarms(self, situation: Situation) -> Iterator[Alarm]:
        for one in situation.overview.conditions():
            if one.about in ALARMS:
                kind, after = ALARMS[one.about]
                if after is None:
                    needs_person = one.about is About.API and situation.api_needs_person
                    after = REFUSED_SECONDS if needs_person else self.notify.unreachable_seconds
                yield Alarm(kind, f"{one.about} {one.name}".strip(), one.full_text, after)
        if situation.spent_budget:
            calls = counted(situation.spent_budget, "paid call")
            text = f"Today's budget of {calls} is used up; what is left waits for another day."
            yield Alarm(Kind.BUDGET_SPENT, "budget today", text)

    def memory(self) -> SavedState:
        """The state to keep over a restart: what ended in unfinished projects, and the alarms sent."""
        return {
            "projects": [
                [*place, dict(project.ended), list(project.paid)] for place, project in self._projects.items()
            ],
            "told": {subject: kind.name for subject, kind in self._sent.items()},
        }

    def restore(self, memory: SavedState) -> None:
        """Restore what `memory` of an earlier process returned. Raises KeyError, TypeError or ValueError on
        anything else; nothing is restored then."""
        projects = {
            (inbox, name): Project(dict(ended), list(paid)) for inbox, name, ended, paid in memory["projects"]
        }
        sent = {subject: Kind[kind] for subject, kind in dict(memory["told"]).items()}
        self._projects |= projects
        self._sent |= sent


def concerns_inbox(subject: str, inbox: str) -> bool:
    """Whether an alarm's subject is a set or a project in that inbox."""
    return subject.startswith((f"held {inbox}/", f"budget {inbox}/"))


def link(base: Path | str, project: str) -> str:
    r"""A project's folder below `base`: a path, a share (`\\nas\done`) or an address (smb://nas/done)."""
    text, name = str(base), safe_name(project)
    if "://" in text:
        return f"{text.rstrip('/')}/{quote(name)}"
    return f"{text.rstrip(chr(92))}\\{name}" if "\\" in text else f"{text.rstrip('/')}/{name}"
