"""What is thought of a photo and of a set. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from hotfolder.inbox.snapshot import SeenFile
from hotfolder.pictures.facts import PictureFacts
from hotfolder.rules.sets import FileIdentity


class Standing(Enum):
    """What the decoder made of a photo."""

    WHOLE = "whole"
    UNFINISHED = "unfinished"  # may become whole
    UNUSABLE = "unusable"  # never will


@dataclass(frozen=True, slots=True)
class Judgement:
    """Of one state of one photo. `reason` and `hint` are for a photographer, empty when it is whole."""

    standing: Standing
    facts: PictureFacts | None = None
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a set is given. `expected_photos` None: only quiet settles it."""

    quiet_seconds: float
    give_up_seconds: float
    expected_photos: int | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A state of a file and the monotonic time at which it was first seen."""

    identity: FileIdentity
    since: float


@dataclass(frozen=True, slots=True)
class SetState:
    """What is remembered of a set between looks. `given` files were in a verdict and belong to a job now."""

    changed_at: float
    files: Mapping[str, Sighting] = field(default_factory=dict)
    given: Mapping[str, FileIdentity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Nothing:
    """No photo here that isn't a job's already. `left` are the names of other files that no job has."""

    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not yet. `to_judge` photos are to be decoded now; `look_at` is when time alone may change the verdict.

    `complete` are the photos that are whole, each by itself, while others may still come. `quiet_from` is set
    while only the quiet time is missing. `may_proceed` is False for what a person must
    mend.
    """

    photo_count: int
    reason: str
    look_at: float | None = None
    to_judge: tuple[SeenFile, ...] = ()
    complete: tuple[SeenFile, ...] = ()
    quiet_from: float | None = None
    quiet_seconds: float = 0.0
    may_proceed: bool = True


@dataclass(frozen=True, slots=True)
class Ready:
    """The set as it is to be made, once. `approved`: `.ready` was written after its photos."""

    photos: tuple[SeenFile, ...]
    companions: tuple[SeenFile, ...]
    approved: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The set can't be made as it is. `files` are all of it."""

    files: tuple[SeenFile, ...]
    reason: str
    hint: str


Verdict = Nothing | Waiting | Ready | Refused
