"""The inbox's interface types: options, events and its status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hotfolder.inbox.notices import Notice
from hotfolder.pictures.facts import PictureLimits
from hotfolder.rules.routing import Rulebook
from hotfolder.rules.sets import BracketSet, Photo

Claimed = Callable[[str, str], frozenset[str]]
"""Takes project and folder; returns the names of the files there that belong to unfinished jobs. Never
blocks."""


@dataclass(frozen=True, slots=True)
class InboxOptions:
    """The inbox's settings. Durations are in seconds; the quiet time comes from the `rulebook`."""

    give_up_seconds: float = 900.0
    scan_seconds: float = 10.0
    limits: PictureLimits = field(default_factory=PictureLimits)
    rulebook: Rulebook = field(default_factory=Rulebook)


@dataclass(frozen=True, slots=True)
class SetRefused:
    """A set can't be made as it is. `files` are all of its originals, as absolute paths with raw names."""

    project: str
    folder: str
    files: tuple[Path, ...]
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class SetArriving:
    """A set that hasn't settled yet. `photos` are those that are whole, possibly none;
    `photo_count` counts all. Emitted at every look."""

    project: str
    folder: str
    photos: tuple[Photo, ...]
    photo_count: int


InboxEvent = BracketSet | SetRefused | SetArriving
"""A set that has settled or is refused, each emitted once for the same files in the same state; or one that
is still arriving."""


@dataclass(frozen=True, slots=True)
class SettlingSet:
    """A set that isn't ready. `may_proceed`: it may become ready or refused without a person's action."""

    project: str
    folder: str
    reason: str
    may_proceed: bool
    hint: str = ""


@dataclass(frozen=True, slots=True)
class InboxStatus:
    """The inbox's status. `degraded` is the reason why it can't be used now, "" when it can.

    `why_looking` is why changes may be found by polling alone, "" where file-system events announce them.
    `may_proceed` says whether a set can still become ready or refused without a person's action; True before
    the first complete look unless the inbox is degraded or photos can't be read.
    """

    settling: tuple[SettlingSet, ...]
    notices: tuple[Notice, ...]
    degraded: str
    may_proceed: bool
    why_looking: str = ""
