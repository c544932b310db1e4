"""What the inbox is told, what it says, once, and how it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hotfolder.inbox.notices import Notice
from hotfolder.pictures.facts import PictureLimits
from hotfolder.rules.routing import Rulebook
from hotfolder.rules.sets import BracketSet, Photo

Claimed = Callable[[str, str], frozenset[str]]
"""Takes project and folder; the names of the files there that belong to unfinished jobs. Never blocks."""


@dataclass(frozen=True, slots=True)
class InboxOptions:
    """Durations in seconds. The quiet time is the `rulebook`'s."""

    give_up_seconds: float = 900.0
    scan_seconds: float = 10.0
    limits: PictureLimits = field(default_factory=PictureLimits)
    rulebook: Rulebook = field(default_factory=Rulebook)


@dataclass(frozen=True, slots=True)
class SetRefused:
    """A set can't be made as it is. `files` are all of its originals, as absolute paths with raw names."""

    inbox: Path
    project: str
    folder: str
    files: tuple[Path, ...]
    reason: str
    hint: str

    @property
    def path(self) -> Path:
        return self.inbox / self.project / self.folder


@dataclass(frozen=True, slots=True)
class SetArriving:
    """A set that hasn't settled yet. `photos` are complete, each by itself, and may be none yet;
    `photo_count` are there in all. Said again at every look."""

    project: str
    folder: str
    photos: tuple[Photo, ...]
    photo_count: int


InboxEvent = BracketSet | SetRefused | SetArriving
"""A set that has settled, said once for the same files in the same state; one that is refused, or that still
arrives."""


@dataclass(frozen=True, slots=True)
class SettlingSet:
    """A set that isn't ready. `may_proceed`: time alone may make it ready, or refused."""

    project: str
    folder: str
    photo_count: int
    reason: str
    may_proceed: bool
    hint: str = ""


@dataclass(frozen=True, slots=True)
class InboxOutlook:
    """How the inbox stands. `degraded` is "" when all is well.

    `why_looking` is why changes are found by looking again and again alone, "" where events tell of them.
    `may_proceed` says whether something can still become ready or refused without anybody's doing; True
    before the first complete look.
    """

    settling: tuple[SettlingSet, ...]
    notices: tuple[Notice, ...]
    degraded: str
    may_proceed: bool
    why_looking: str = ""
