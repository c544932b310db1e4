"""What lies in one folder of an inbox, sorted into its kinds: by lstat, no link is followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from hotfolder.inbox import notices
from hotfolder.inbox.ignored import (
    is_junk,
    is_junk_folder,
    is_ours,
    is_ready,
    is_temporary,
    is_temporary_folder,
    names_photo,
)
from hotfolder.inbox.snapshot import Obstacle, SeenFile, SetFolder, natural_order
from hotfolder.pictures.formats import is_photo_name, is_raw_name, is_tiff_name
from hotfolder.rules.sets import FileIdentity, sharing_stem

DEEPEST = 8


class Contents:
    """The entries of one set's folder, sorted into their kinds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._photos: list[SeenFile] = []
        self._companions: list[SeenFile] = []
        self._temporaries: list[SeenFile] = []
        self._obstacles: list[Obstacle] = []
        self._ready: SeenFile | None = None

    def as_set(self, project: str, folder: str) -> SetFolder:
        """What was taken, in natural name order."""
        twins = self._twins()
        return SetFolder(
            project=project,
            folder=folder,
            photos=in_order([file for file in self._photos if file.name not in twins]),
            companions=in_order([*self._companions, *(file for file in self._photos if file.name in twins)]),
            temporaries=in_order(self._temporaries),
            obstacles=self._sorted_obstacles(),
            ready=self._ready,
        )

    def as_flat_drop(self, project: str) -> SetFolder:
        """What was taken of a project's folder itself, without what has nothing to do with its photos."""
        twins = self._twins()
        photos = [file for file in self._photos if file.name not in twins]
        beside = set(sharing_stem((file.name for file in self._companions), (file.name for file in photos)))
        companions = [file for file in self._companions if file.name in beside]
        companions += [file for file in self._photos if file.name in twins]
        return SetFolder(
            project=project,
            folder="",
            photos=in_order(photos),
            companions=in_order(companions),
            temporaries=in_order([file for file in self._temporaries if names_photo(file.name)]),
            obstacles=self._sorted_obstacles(blocking_only=True),
            ready=self._ready,
        )

    def _twins(self) -> set[str]:
        """Files of which another file of the same name shows the same photo better: RAW files beside anything
        developed, and what lies beside a TIFF. They only travel with it."""
        names = [file.name for file in self._photos]
        raw = {name for name in names if is_raw_name(name)}
        tiffs = {name for name in names if is_tiff_name(name)}
        if not raw and not tiffs:
            return set()
        pictures = [name for name in names if name not in raw]
        twins = set(sharing_stem(raw, pictures))
        return twins | set(sharing_stem((name for name in pictures if name not in tiffs), tiffs))

    def loose(self, found: SetFolder) -> list[str]:
        """Names of the files that were left out of a flat drop, in natural order."""
        taken = {file.name for file in found.companions}
        return [file.name for file in in_order(self._companions) if file.name not in taken]

    def _sorted_obstacles(self, *, blocking_only: bool = False) -> tuple[Obstacle, ...]:
        found = [obstacle for obstacle in self._obstacles if obstacle.blocks or not blocking_only]
        return tuple(sorted(found, key=lambda obstacle: natural_order(obstacle.name)))

    def take(self, entry: os.DirEntry[str]) -> None:
        """Sort one entry."""
        facts = lstat(entry)
        if facts is None or is_junk(entry.name):
            return
        if stat.S_ISDIR(facts.st_mode):
            self._take_folder(entry)
            return
        obstacle = self._obstacle(entry.name, facts)
        if obstacle is not None:
            self._obstacles.append(obstacle)
            return
        seen = SeenFile(entry.name, FileIdentity.of(facts))
        if is_temporary(entry.name):
            self._temporaries.append(seen)
        elif is_ready(entry.name):
            earlier = self._ready
            if earlier is None or earlier.identity.ctime_ns < seen.identity.ctime_ns:
                self._ready = seen
        elif is_photo_name(entry.name):
            self._photos.append(seen)
        elif not is_ours(entry.name):
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

    def _take_folder(self, entry: os.DirEntry[str]) -> None:
        if is_temporary_folder(entry.name):
            for name, facts in files_below(Path(entry.path), 1):
                self._temporaries.append(SeenFile(f"{entry.name}/{name}", FileIdentity.of(facts)))
        elif not is_junk_folder(entry.name):
            deeper = [name for name, _ in files_below(Path(entry.path), DEEPEST) if is_photo_name(name)]
            if deeper:
                notice = notices.too_deep(self._path, entry.name, len(deeper))
                self._obstacles.append(Obstacle(entry.name, notice, blocks=False))


def files_below(folder: Path, levels: int) -> Iterator[tuple[str, os.stat_result]]:
    """Names and facts of regular files in `folder`, down to `levels`; what can't be listed is left out."""
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


def in_order(files: list[SeenFile]) -> tuple[SeenFile, ...]:
    return tuple(sorted(files, key=lambda file: natural_order(file.name)))


def lstat(entry: os.DirEntry[str]) -> os.stat_result | None:
    """None for what has vanished. A folder that may be listed but not entered raises PermissionError here."""
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
