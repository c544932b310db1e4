"""What one pass over the inbox saw. Values only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hotfolder.rules.sets import FileIdentity

SetKey = tuple[str, str]
"""The raw names of the project folder and of the set's folder."""


class NoticeKind(StrEnum):
    """Why something in the inbox is left as it is."""

    OUTSIDE_A_SET = "outside a set"
    TOO_DEEP = "too deep"
    WITHOUT_A_PHOTO = "without a photo"
    LINK = "link"
    HARD_LINK = "hard link"
    NOT_A_FILE = "not a file"
    NAME = "name"
    UNREADABLE = "unreadable"
    MARKER = "marker"
    LOCK = "lock"
    GATHERING = "gathering"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that is left untouched, said to whoever put it there. `path` can be printed and stored."""

    path: Path
    kind: NoticeKind
    text: str


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A regular file and its state."""

    name: str
    identity: FileIdentity


@dataclass(frozen=True, slots=True)
class Obstacle:
    """An entry of a set's folder that can't be taken. If it `blocks`, the set is incomplete without it."""

    name: str
    notice: Notice
    blocks: bool


@dataclass(frozen=True, slots=True)
class SetFolder:
    """One `inbox/<project>/<folder>/`; every tuple is in natural name order.

    `folder` is "" for the project's folder itself, a flat drop of a whole shoot: its companions are only the
    files that share a photo's stem, such as the RAW file beside a JPEG.

    `ready` is the `.ready` file where there is one. `temporaries` are files of a transfer under way, by their
    path relative to the folder.
    """

    project: str
    folder: str
    photos: tuple[SeenFile, ...] = ()
    companions: tuple[SeenFile, ...] = ()
    temporaries: tuple[SeenFile, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    ready: SeenFile | None = None

    @property
    def key(self) -> SetKey:
        return (self.project, self.folder)

    @property
    def flat(self) -> bool:
        return not self.folder

    @property
    def empty(self) -> bool:
        """Whether nothing is in it that matters to anybody."""
        return not (self.photos or self.companions or self.temporaries or self.obstacles or self.ready)

    def signal(self) -> SeenFile | None:
        """The `.ready` file if it was written after every photo. One copied along with them says nothing."""
        ready = self.ready
        if ready is None or any(file.identity.ctime_ns > ready.identity.ctime_ns for file in self.photos):
            return None
        return ready


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One pass. `scope` names the sets that were looked for, None for the whole inbox.

    A set in scope that is neither in `folders` nor covered by `unreadable` is not there, or known to be
    empty. `unreadable` holds sets, and `(project, "")` for a whole project. `notices` are those of the inbox
    and its project folders, and is empty for a pass with a scope.
    """

    folders: Mapping[SetKey, SetFolder]
    scope: frozenset[SetKey] | None = None
    notices: tuple[Notice, ...] = ()
    unreadable: frozenset[SetKey] = frozenset()

    def hides(self, key: SetKey) -> bool:
        """Whether the pass could not tell if this set is there."""
        return key in self.unreadable or (key[0], "") in self.unreadable


def natural_order(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """A sort key under which `IMG_9` comes before `IMG_10`; the raw name decides between equals."""
    pieces = re.split(r"([0-9]+)", name.casefold())
    numbered = tuple(
        (1, int(piece), "") if index % 2 else (0, 0, piece) for index, piece in enumerate(pieces)
    )
    return numbered, name
