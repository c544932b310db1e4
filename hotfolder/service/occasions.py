"""Looks at what goes on and finds what people should be told. Pure: facts and time are arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from hotfolder.jobs.states import ACTIVE, State
from hotfolder.outbox.names import safe_name
from hotfolder.service.alarms import Ailment, Alarms, Told
from hotfolder.service.notices import Happening, Kind, Memory
from hotfolder.service.overview import SETTLING, Line, Overview, with_hint

MIB = 1024 * 1024
DISK_WELL = 1.2
"""A disk that was told to be low must have so much more than the limit before it is told to be well."""
BUSY = (SETTLING, *ACTIVE)
ENDED_WORDS = {
    State.DONE: ("set is done", "sets are done"),
    State.FAILED: ("came back", "came back"),
    State.NEEDS_ATTENTION: ("needs a person", "need a person"),
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When something is worth telling."""

    finished_quiet_seconds: float = 120.0
    unreachable_seconds: float = 900.0
    refused_seconds: float = 60.0
    paused_seconds: float = 60.0
    held_seconds: float = 30.0
    disk_low_bytes: int = 5 * 1024 * MIB
    budget_share: float = 0.9


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit of paid calls: `used` of `most`, in the words of `name` ("today")."""

    name: str
    used: int
    most: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What goes on at one moment.

    `api_bad_seconds` is for how long the API has not been asked; `api_needs_person` that waiting won't help
    (401, 402). `free_bytes` is by disk, as people would call it. `rules_error` is empty while they are valid.
    """

    overview: Overview
    api_bad_seconds: float = 0.0
    api_needs_person: bool = False
    free_bytes: Mapping[str, int] = field(default_factory=dict)
    budgets: tuple[Budget, ...] = ()
    rules_error: str = ""


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


class Watcher:
    """Finds the happenings. `ended` hears of every job at its end; `look` is called again and again."""

    def __init__(self, links: Links, thresholds: Thresholds | None = None) -> None:
        self.links = links
        self.thresholds = thresholds or Thresholds()
        self._alarms = Alarms()
        self._ended: dict[tuple[str, str], dict[str, str]] = {}
        self._quiet_since: dict[tuple[str, str], float] = {}

    def ended(self, line: Line) -> list[Happening]:
        """A job has just ended. Those that are done are told with their project."""
        if line.state not in ENDED_WORDS:
            return []
        self._ended.setdefault((line.inbox, line.project), {})[line.folder] = line.state
        if line.state == State.DONE:
            return []
        kind = Kind.JOB_FAILED if line.state == State.FAILED else Kind.NEEDS_PERSON
        return [Happening(kind, f"{line.project} / {line.room}: {with_hint(line.reason, line.hint)}")]

    def look(self, facts: Facts, now: float) -> list[Happening]:
        """What has become worth telling since the last look."""
        quiet_seconds = self.thresholds.finished_quiet_seconds
        finished = self._finished(facts.overview, now, quiet_seconds)
        return [*finished, *self._alarms.look(self._ailments(facts), now)]

    def finish(self, seen: Overview, now: float) -> list[Happening]:
        """Projects that are finished if nothing more comes: for a run that ends because all is done."""
        return list(self._finished(seen, now, 0.0))

    def _finished(self, seen: Overview, now: float, quiet_seconds: float) -> Iterator[Happening]:
        busy = {(line.inbox, line.project) for line in seen.lines if line.state in BUSY}
        for place in list(self._ended):
            if place in busy:
                self._quiet_since.pop(place, None)
            elif now - self._quiet_since.setdefault(place, now) >= quiet_seconds:
                del self._quiet_since[place]
                counts = Counter(self._ended.pop(place).values())
                if counts[State.DONE]:
                    yield Happening(Kind.PROJECT_FINISHED, self._project_text(place[1], counts))

    def _project_text(self, project: str, counts: Counter[str]) -> str:
        told = [
            f"{counts[state]} {one if counts[state] == 1 else many}"
            for state, (one, many) in ENDED_WORDS.items()
            if counts[state]
        ]
        text = f"{project}: {', '.join(told)}.\n  Pictures: {self.links.of(self.links.done, project)}"
        if len(told) > 1:
            text += f"\n  Came back: {self.links.of(self.links.failed, project)}"
        return text

    def _out_of_reach(self, seen: Overview) -> Iterator[Ailment]:
        patience = self.thresholds.unreachable_seconds
        for inbox, why in seen.degraded.items():
            if why:
                over = f"The inbox {inbox} can be reached again."
                text = f"The inbox {inbox}: {why}"
                yield Ailment(Kind.INBOX_UNREACHABLE, f"inbox {inbox}", text, over, patience)
        for name, why in seen.missing.items():
            if why:
                over = f"Pictures and originals can be put into {name} again."
                text = f"Nothing can be put into {name}: {why}."
                yield Ailment(Kind.FOLDER_UNREACHABLE, f"folder {name}", text, over, patience)

    def _held(self, seen: Overview) -> Iterator[Ailment]:
        for line in seen.lines:
            if line.held:
                where = f"{line.project} / {line.room}" if line.room else line.project
                subject = f"held {line.inbox}/{line.project}/{line.folder}"
                text = f"{where}: {line.reason}."
                yield Ailment(Kind.HELD, subject, text, after_seconds=self.thresholds.held_seconds)

    def _ailments(self, facts: Facts) -> Iterator[Ailment]:
        limits, seen = self.thresholds, facts.overview
        patience = limits.refused_seconds if facts.api_needs_person else limits.unreachable_seconds
        if seen.trouble and facts.api_bad_seconds >= patience:
            minutes = max(1, round(facts.api_bad_seconds / 60))
            text = f"Nothing has been asked of the API for {minutes} min: {seen.trouble} {seen.trouble_hint}"
            yield Ailment(Kind.API_UNREACHABLE, "api", text.strip(), "The API answers again.")
        yield from self._out_of_reach(seen)
        yield from self._held(seen)
        if seen.paused:
            text = f"Nothing is paid for: {seen.paused}. `hotfolder resume` goes on."
            yield Ailment(Kind.PAUSED, "pause", text, "Paid calls go on.", limits.paused_seconds)
        for disk, free in facts.free_bytes.items():
            low = limits.disk_low_bytes
            if free < (low * DISK_WELL if f"disk {disk}" in self._alarms.told else low):
                text = f"{disk}: {free // MIB} MiB are free, less than {low // MIB} MiB. Make room there."
                yield Ailment(Kind.DISK_LOW, f"disk {disk}", text, f"{disk}: there is room again.")
        for budget in facts.budgets:
            if budget.most > 0 and budget.used >= limits.budget_share * budget.most:
                text = f"Paid calls, {budget.name}: {budget.used} of {budget.most} are used."
                yield Ailment(Kind.BUDGET_NEARLY_SPENT, f"budget {budget.name}", text)
        if facts.rules_error:
            text = f"The rules before it stay in force. {facts.rules_error}"
            over = "The rules are valid again."
            yield Ailment(Kind.RULES_INVALID, "rules", text, over, version=facts.rules_error)

    def memory(self) -> Memory:
        """What must outlive a restart, as JSON: what ended in projects under way, and what was told."""
        return {
            "projects": [[inbox, project, dict(ended)] for (inbox, project), ended in self._ended.items()],
            "told": [
                [subject, told.kind, told.over_text, told.version]
                for subject, told in self._alarms.told.items()
            ],
        }

    def recall(self, memory: Memory) -> None:
        """Take up what an earlier process left. Raises KeyError, TypeError or ValueError on anything else."""
        for inbox, project, ended in memory["projects"]:
            self._ended[str(inbox), str(project)] = {str(name): str(state) for name, state in ended.items()}
        for subject, kind, over_text, version in memory["told"]:
            self._alarms.told[str(subject)] = Told(Kind(kind), str(over_text), str(version))
