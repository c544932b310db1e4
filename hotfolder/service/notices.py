"""What people are told, and when: gathered and rate-limited, never one message a photo. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

GATHER_SECONDS = 60.0
PAUSE_SECONDS = 600.0
MOST_LINES = 20
MOST_LINE_CHARACTERS = 600
"""About what a reason, a hint and two links need."""

Memory = dict[str, Any]
"""What outlives a restart, as JSON."""


class Kind(StrEnum):
    """What a message can be about. There is at most one message of a kind in ten minutes."""

    PROJECT_FINISHED = "project_finished"
    JOB_FAILED = "job_failed"
    NEEDS_PERSON = "needs_person"
    HELD = "held"
    API_UNREACHABLE = "api_unreachable"
    INBOX_UNREACHABLE = "inbox_unreachable"
    FOLDER_UNREACHABLE = "folder_unreachable"
    DISK_LOW = "disk_low"
    BUDGET_NEARLY_SPENT = "budget_nearly_spent"
    RULES_INVALID = "rules_invalid"
    PAUSED = "paused"


class Weight(StrEnum):
    SUCCESS = "success"
    INFO = "info"
    WARNING = "warning"
    FAILURE = "failure"


TITLES: Mapping[Kind, tuple[str, str, Weight]] = {
    Kind.PROJECT_FINISHED: ("A project is finished", "{} projects are finished", Weight.SUCCESS),
    Kind.JOB_FAILED: ("A set came back", "{} sets came back", Weight.WARNING),
    Kind.NEEDS_PERSON: ("A set needs you", "{} sets need you", Weight.FAILURE),
    Kind.HELD: ("Photos wait for your word", "Photos wait for your word in {} places", Weight.WARNING),
    Kind.API_UNREACHABLE: ("The API does not answer", "The API does not answer", Weight.FAILURE),
    Kind.INBOX_UNREACHABLE: ("An inbox is out of reach", "Inboxes are out of reach", Weight.FAILURE),
    Kind.FOLDER_UNREACHABLE: (
        "A folder is out of reach",
        "Folders are out of reach",
        Weight.FAILURE,
    ),
    Kind.DISK_LOW: ("A disk is nearly full", "Disks are nearly full", Weight.FAILURE),
    Kind.BUDGET_NEARLY_SPENT: ("A budget is nearly spent", "Budgets are nearly spent", Weight.WARNING),
    Kind.PAUSED: ("Paid calls are paused", "Paid calls are paused", Weight.WARNING),
    Kind.RULES_INVALID: ("The rules have an error", "The rules have an error", Weight.WARNING),
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing to tell. `over` is the all-clear of something told before."""

    kind: Kind
    text: str
    over: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One message to people. `count` is how many happenings it speaks of."""

    title: str
    body: str
    weight: Weight = Weight.INFO
    kind: Kind | None = None
    count: int = 1


@dataclass
class Group:
    """What was gathered of one kind: each text with how often it came, oldest first."""

    since: float
    lines: dict[str, int] = field(default_factory=dict)
    unlisted: int = 0
    over: bool = False

    @property
    def count(self) -> int:
        return sum(self.lines.values()) + self.unlisted

    def add(self, happening: Happening) -> None:
        text = happening.text.strip()[:MOST_LINE_CHARACTERS]
        if text in self.lines or len(self.lines) < MOST_LINES:
            self.lines[text] = self.lines.get(text, 0) + 1
        else:
            self.unlisted += 1
        self.over = happening.over

    def message(self, kind: Kind) -> Message:
        one, many, weight = TITLES[kind]
        title = one if self.count == 1 else many.format(self.count)
        lines = [text if times == 1 else f"{text} ({times} times)" for text, times in self.lines.items()]
        if self.unlisted:
            lines.append(f"… and {self.unlisted} more; `hotfolder status` lists all.")
        return Message(
            title=f"Over: {one[0].lower()}{one[1:]}" if self.over else title,
            body="\n".join(lines),
            weight=Weight.SUCCESS if self.over else weight,
            kind=kind,
            count=self.count,
        )


class Gatherer:
    """Gathers happenings by kind.

    A group is given out once it has gathered for a minute, unless a message of its kind was given out in the
    last ten: then it goes on gathering. Nothing is dropped; what there is no room for is counted.
    """

    def __init__(
        self, *, gather_seconds: float = GATHER_SECONDS, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self.gather_seconds = gather_seconds
        self.pause_seconds = pause_seconds
        self._groups: dict[Kind, Group] = {}
        self._sent: dict[Kind, float] = {}

    def add(self, happening: Happening, now: float) -> None:
        self._groups.setdefault(happening.kind, Group(now)).add(happening)

    @property
    def waiting(self) -> int:
        """How many happenings have not been given out yet."""
        return sum(group.count for group in self._groups.values())

    def due(self, now: float, *, hurry: bool = False) -> list[Message]:
        """The messages to send now. `hurry`, at the end of a run, doesn't wait for more to gather."""
        ripe = [
            kind
            for kind, group in self._groups.items()
            if (hurry or now - group.since >= self.gather_seconds)
            and now - self._sent.get(kind, float("-inf")) >= self.pause_seconds
        ]
        self._sent.update(dict.fromkeys(ripe, now))
        return [self._groups.pop(kind).message(kind) for kind in ripe]

    def memory(self, now: float) -> Memory:
        """What must outlive a restart: the groups, and when each kind was last sent, in seconds ago."""
        return {
            "groups": {
                kind: {"lines": dict(group.lines), "unlisted": group.unlisted, "over": group.over}
                for kind, group in self._groups.items()
            },
            "sent_seconds_ago": {
                kind: round(now - at) for kind, at in self._sent.items() if now - at < self.pause_seconds
            },
        }

    def recall(self, memory: Memory, now: float) -> None:
        """Take up what an earlier process left. Raises KeyError, TypeError or ValueError on anything else."""
        for name, kept in memory["groups"].items():
            lines = {str(text): int(times) for text, times in kept["lines"].items()}
            self._groups[Kind(name)] = Group(now, lines, int(kept["unlisted"]), bool(kept["over"]))
        for name, ago in memory["sent_seconds_ago"].items():
            self._sent[Kind(name)] = now - float(ago)
