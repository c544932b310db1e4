"""The contents of one folder of an inbox, classified by name and lstat. No link is followed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hotfolder.display import natural_order
from hotfolder.inbox import notices
from hotfolder.inbox.notices import Notice
from hotfolder.pictures.formats import (
    DESKTOP_FILES,
    PHOTO_SUFFIXES,
    is_heic_name,
    is_photo_name,
    is_raw_name,
    is_tiff_name,
)
from hotfolder.rules.sets import FileIdentity, names_sharing_stem

MARKER_NAME = ".hotfolder-root"
LOCK_NAME = ".hotfolder-lock"
READY_NAME = ".ready"
READY_NAMES = frozenset({READY_NAME, "ready.txt", "ready.txt.txt"})
"""In lower case. Finder refuses names that begin with a dot, and Explorer hides suffixes."""

_TEMPORARY_SUFFIXES = (
    ".tmp",
    ".temp",
    ".part",
    ".partial",
    ".crdownload",
    ".filepart",
    ".download",
    ".!sync",
    "~",
)
_TEMPORARY_STARTS = (
    "~",
    ".::tmpname:",
    ".syncthing.",
    ".goutputstream-",
    ".smbdelete",
    ".nfs",
    ".in.",
    ".pureftpd-upload.",
)
_TEMPORARY_FOLDERS = frozenset({".rsync-partial", ".~tmp~"})
# rsync writes `.IMG_1.jpg.Ab3dEf`. The inner suffix is required, since `.picasa.config` is no transfer.
_RSYNC = re.compile(r"\..+\.[^.]+\.[A-Za-z0-9]{6}")

_JUNK = DESKTOP_FILES | {"@eadir", "@syno"}
_MADE_BY_NAS = frozenset({"@eadir", ".@__thumb", "#snapshot", "@recently-snapshot", ".zfs", "@tmp"})
_ARCHIVE_SUFFIXES = (".zip", ".rar", ".7z", ".tar", ".tgz", ".tar.gz")
_JUNK_FOLDERS = frozenset(
    {"#recycle", "#snapshot", "$recycle.bin", "system volume information", "lost+found"}
)


def is_temporary(name: str) -> bool:
    """Whether copying programs give such a name to a file that they are still writing.

    True for a hidden name with a photo's suffix anywhere in it, such as Nextcloud's `.IMG_1.jpg.~1a2b3c`:
    exports don't use hidden names, and many uploaders do.
    """
    lower = name.lower()
    if is_junk(name):
        return False
    return (
        lower.endswith(_TEMPORARY_SUFFIXES)
        or lower.startswith(_TEMPORARY_STARTS)
        or _RSYNC.fullmatch(name) is not None
        or (name.startswith(".") and contains_photo_suffix(name))
    )


def contains_photo_suffix(name: str) -> bool:
    """Whether the name of a temporary file contains a photo's suffix."""
    pieces = re.split(r"[.~ ]", name.lower())
    return any(f".{piece}" in PHOTO_SUFFIXES for piece in pieces)


def is_temporary_folder(name: str) -> bool:
    """Whether a copying program keeps its unfinished files in a folder of this name."""
    return name in _TEMPORARY_FOLDERS


def is_junk(name: str) -> bool:
    """Whether a file of this name is a desktop's or a NAS's own (such as .DS_Store), or an office program's
    lock beside an open document; it is ignored."""
    return name.startswith(("._", "~$", ".~lock.")) or name.lower() in _JUNK


def is_junk_folder(name: str) -> bool:
    """Whether a folder of this name belongs to a system: hidden, a recycle bin, a NAS's thumbnails."""
    return name.startswith((".", "@")) or name.lower() in _JUNK_FOLDERS


def is_archive(name: str) -> bool:
    """Whether a file of this name is an archive, such as a zip file."""
    return name.lower().endswith(_ARCHIVE_SUFFIXES)


def is_nas_folder(name: str) -> bool:
    """Whether a NAS keeps thumbnails or snapshots in a folder of this name."""
    return name.lower() in _MADE_BY_NAS


def is_hotfolder_file(name: str) -> bool:
    """Whether a file of this name is hotfolder's marker or lock or a `.ready` file, and so no companion."""
    return name in (MARKER_NAME, LOCK_NAME) or is_ready_name(name)


def is_ready_name(name: str) -> bool:
    """Whether a file of this name approves the photos beside it."""
    return name.lower() in READY_NAMES


SetKey = tuple[str, str]
"""The raw names of the project folder and of the set's folder."""


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A regular file and its state."""

    name: str
    identity: FileIdentity


@dataclass(frozen=True, slots=True)
class Obstacle:
    """An entry of a set's folder that can't be used. If it `blocks`, the set is incomplete without it."""

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
        """Whether it holds no files and no obstacles; junk doesn't count."""
        return not (self.photos or self.companions or self.temporaries or self.obstacles or self.ready)

    def valid_ready(self) -> SeenFile | None:
        """The `.ready` file if its ctime is not before that of any photo, else None: an older one was copied
        along with the photos and approves nothing."""
        ready = self.ready
        if ready is None or any(file.identity.ctime_ns > ready.identity.ctime_ns for file in self.photos):
            return None
        return ready


MOST_LEVELS = 8


class Contents:
    """Collects the entries of one set's folder and classifies them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._photos: list[SeenFile] = []
        self._companions: list[SeenFile] = []
        self._temporaries: list[SeenFile] = []
        self._obstacles: list[Obstacle] = []
        self._ready: SeenFile | None = None

    def as_set(self, project: str, folder: str) -> SetFolder:
        """The collected entries in natural name order. For a project's folder itself (`folder` is "") files
        unrelated to its photos are left out."""
        twins = self._lesser_versions()
        photos = [file for file in self._photos if file.name not in twins]
        companions, temporaries, obstacles = self._companions, self._temporaries, self._obstacles
        if not folder:
            beside = set(
                names_sharing_stem((file.name for file in companions), (file.name for file in photos))
            )
            companions = [file for file in companions if file.name in beside]
            temporaries = [file for file in temporaries if contains_photo_suffix(file.name)]
            obstacles = [obstacle for obstacle in obstacles if obstacle.blocks]
        return SetFolder(
            project=project,
            folder=folder,
            photos=in_name_order(photos),
            companions=in_name_order([*companions, *(file for file in self._photos if file.name in twins)]),
            temporaries=in_name_order(temporaries),
            obstacles=tuple(sorted(obstacles, key=lambda obstacle: natural_order(obstacle.name))),
            ready=self._ready,
        )

    def _lesser_versions(self) -> set[str]:
        """Names of photos that share their stem with a better version of the same photo: a TIFF ranks first,
        then other exports, then HEIC, then RAW. They become companions of that version."""
        ranks: dict[int, set[str]] = {}
        for file in self._photos:
            ranks.setdefault(rank_of(file.name), set()).add(file.name)
        better: set[str] = set()
        twins: set[str] = set()
        for _, names in sorted(ranks.items()):
            twins.update(names_sharing_stem(names, better) if better else ())
            better |= names
        return twins

    def unrelated_files(self, found: SetFolder) -> list[str]:
        """Names of the companions that `found`, a flat drop, leaves out, in natural order."""
        taken = {file.name for file in found.companions}
        return [file.name for file in in_name_order(self._companions) if file.name not in taken]

    def add(self, entry: os.DirEntry[str]) -> None:
        """Classify one entry and add it. A vanished or junk entry is ignored. Raises PermissionError as
        `lstat` does."""
        facts = lstat(entry)
        if facts is None or is_junk(entry.name):
            return
        if stat.S_ISDIR(facts.st_mode):
            self._add_folder(entry)
            return
        obstacle = self._obstacle(entry.name, facts)
        if obstacle is not None:
            self._obstacles.append(obstacle)
            return
        seen = SeenFile(entry.name, FileIdentity.of(facts))
        if is_temporary(entry.name):
            self._temporaries.append(seen)
        elif is_ready_name(entry.name):
            earlier = self._ready
            if earlier is None or earlier.identity.ctime_ns < seen.identity.ctime_ns:
                self._ready = seen
        elif is_photo_name(entry.name):
            self._photos.append(seen)
        elif not is_hotfolder_file(entry.name):
            self._companions.append(seen)

    def _obstacle(self, name: str, facts: os.stat_result) -> Obstacle | None:
        if not is_utf8(name):
            notice = notices.bad_name(self._path, name, folder=False)
        elif stat.S_ISLNK(facts.st_mode):
            notice = notices.link(self._path, name)
        elif not stat.S_ISREG(facts.st_mode):
            notice = notices.not_a_file(self._path, name)
        elif facts.st_nlink > 1:
            notice = notices.hard_link(self._path, name)
        else:
            return None
        return Obstacle(name, notice, blocks=is_photo_name(name))

    def _add_folder(self, entry: os.DirEntry[str]) -> None:
        if is_temporary_folder(entry.name):
            for name, facts in files_below(self._path / entry.name, 1):
                self._temporaries.append(SeenFile(f"{entry.name}/{name}", FileIdentity.of(facts)))
        elif not is_junk_folder(entry.name):
            below = files_below(self._path / entry.name, MOST_LEVELS)
            deeper = [name for name, _ in below if is_photo_name(name)]
            if deeper:
                notice = notices.too_deep(self._path, entry.name, len(deeper))
                self._obstacles.append(Obstacle(entry.name, notice, blocks=False))


def files_below(folder: Path, levels: int) -> Iterator[tuple[str, os.stat_result]]:
    """Names and lstat results of the regular files in `folder`, down to `levels` levels; folders that can't
    be listed are skipped."""
    seen: list[tuple[os.DirEntry[str], os.stat_result | None]] = []
    with suppress(OSError), os.scandir(folder) as inner:
        seen.extend((entry, lstat(entry)) for entry in inner)
    for entry, facts in seen:
        if facts is None or is_junk(entry.name):
            continue
        if stat.S_ISREG(facts.st_mode):
            yield entry.name, facts
        elif stat.S_ISDIR(facts.st_mode) and levels > 1 and not is_junk_folder(entry.name):
            yield from files_below(Path(entry.path), levels - 1)


def unused_file_notices(
    folder: Path, names: Sequence[str], notice_for: Callable[[Path, list[str]], Notice]
) -> list[Notice]:
    """The notices for files that belong to no set: one for archives, and one by `notice_for` for the
    others."""
    packed = [name for name in names if is_archive(name)]
    others = [name for name in names if not is_archive(name)]
    found = [notices.archives(folder, packed)] if packed else []
    return [*found, *([notice_for(folder, others)] if others else [])]


def rank_of(name: str) -> int:
    """The rank of a file among several versions of one photo; the lowest is the best."""
    if is_tiff_name(name):
        return 0
    return 3 if is_raw_name(name) else 2 if is_heic_name(name) else 1


def in_name_order(files: list[SeenFile]) -> tuple[SeenFile, ...]:
    return tuple(sorted(files, key=lambda file: natural_order(file.name)))


def lstat(entry: os.DirEntry[str]) -> os.stat_result | None:
    """The entry's lstat result, None if it has vanished. Raises PermissionError in a folder that may be
    listed but not entered."""
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


def is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
