"""One pass over the inbox with scandir and lstat: no link is followed, no file is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from hotfolder.inbox import notices
from hotfolder.inbox.bare import BareFolders
from hotfolder.inbox.ignored import (
    READY_NAME,
    is_junk,
    is_junk_folder,
    is_ours,
    is_temporary,
    is_temporary_folder,
    names_photo,
)
from hotfolder.inbox.snapshot import (
    Notice,
    Obstacle,
    SeenFile,
    SetFolder,
    SetKey,
    Snapshot,
    natural_order,
)
from hotfolder.pictures.formats import is_photo_name, is_raw_name, is_tiff_name, printable_name
from hotfolder.rules.names import GATHERING
from hotfolder.rules.sets import FileIdentity, sharing_stem

_DEEPEST = 8


Moved = Callable[[], None]
"""Called after every folder: the file system has answered."""


def stay_silent() -> None:
    """For a pass whose progress nobody follows."""


def scan(
    root: Path, bare: BareFolders | None = None, now: float = 0.0, moved: Moved = stay_silent
) -> Snapshot:
    """Look at everything. What vanishes meanwhile is not seen. Raises OSError if `root` can't be listed.

    Folders that are known to `bare` as empty, at the monotonic time `now`, are not listed, and are left out.
    """
    bare = bare if bare is not None else BareFolders()
    found = _Pass(root, moved)
    with os.scandir(root) as entries:
        found.projects(list(entries), bare, now)
    bare.end_pass()
    return found.snapshot(None)


def scan_folders(root: Path, keys: Iterable[SetKey], moved: Moved = stay_silent) -> Snapshot:
    """Look at these sets alone."""
    scope = frozenset(keys)
    found = _Pass(root, moved)
    projects = {project: _is_plain_folder(root / project) for project, _ in scope}
    for project, folder in sorted(scope):
        if projects[project] and _is_plain_folder(root / project / folder):
            found.set_folder(project, folder)
    return found.snapshot(scope)


def identity_of(facts: os.stat_result) -> FileIdentity:
    """The identity of the file that an lstat or fstat was of."""
    return FileIdentity.of(facts)


class _Pass:
    def __init__(self, root: Path, moved: Moved) -> None:
        self._root = root
        self._moved = moved
        self._folders: dict[SetKey, SetFolder] = {}
        self._notices: list[Notice] = []
        self._unreadable: set[SetKey] = set()

    def snapshot(self, scope: frozenset[SetKey] | None) -> Snapshot:
        """What was found."""
        return Snapshot(
            folders=dict(sorted(self._folders.items())),
            scope=scope,
            notices=tuple(
                sorted(self._notices, key=lambda notice: (str(notice.path), notice.kind, notice.text))
            ),
            unreadable=frozenset(self._unreadable),
        )

    def projects(self, entries: list[os.DirEntry[str]], bare: BareFolders, now: float) -> None:
        """Take the entries of the inbox itself."""
        self._stray_photos(entries)
        for name, _ in self._inner_folders(self._root, entries):
            project = self._root / name
            try:
                with os.scandir(project) as inner:
                    found = list(inner)
                    folders = self._inner_folders(project, found)
                    self._loose(name, self._flat_drop(name, found))
            except OSError as error:
                self._missing(project, (name, ""), error)
                continue
            self._moved()
            for folder, facts in folders:
                key = (name, folder)
                if not bare.still(key, facts, now) and self.set_folder(*key):
                    bare.found(key, facts, now)

    def set_folder(self, project: str, folder: str) -> bool:
        """Take one set; whether its folder has no entry at all."""
        path = self._root / project / folder
        contents, empty = _Contents(path), True
        try:
            with os.scandir(path) as inner:
                if not folder:
                    self._flat_drop(project, list(inner))
                    return False
                for entry in inner:
                    empty = False
                    contents.take(entry)
        except OSError as error:
            self._missing(path, (project, folder), error)
            return False
        self._moved()
        self._folders[(project, folder)] = contents.as_set(project, folder)
        return empty

    def _loose(self, project: str, names: list[str]) -> None:
        if names:
            self._notices.append(notices.loose_files(self._root / project, names))

    def _flat_drop(self, project: str, entries: list[os.DirEntry[str]]) -> list[str]:
        """Take the photos that lie in the project's folder itself, if there are any; the names of files that
        have nothing to do with any of them."""
        contents = _Contents(self._root / project)
        for entry in entries:
            if not _is_room(entry):
                contents.take(entry)
        found = contents.as_flat_drop(project)
        if found.photos or found.temporaries or found.obstacles:
            self._folders[found.key] = found
        return contents.loose(found)

    def _inner_folders(
        self, parent: Path, entries: list[os.DirEntry[str]]
    ) -> list[tuple[str, os.stat_result]]:
        """Names and facts of real folders among `entries`; a notice for what can't be taken."""
        folders: list[tuple[str, os.stat_result]] = []
        for entry in entries:
            facts = _lstat(entry)
            if facts is None:
                continue
            if is_junk_folder(entry.name):
                self._gathering(parent, entry.name)
            elif stat.S_ISLNK(facts.st_mode):
                # In a project's folder a photo's link is an obstacle to the flat drop there.
                if parent == self._root or not is_photo_name(entry.name):
                    self._notices.append(notices.link(parent, entry.name))
            elif stat.S_ISDIR(facts.st_mode):
                if not _is_utf8(entry.name):
                    self._notices.append(notices.bad_name(parent, entry.name, folder=True))
                else:
                    folders.append((entry.name, facts))
        return sorted(folders)

    def _gathering(self, parent: Path, name: str) -> None:
        """A notice for a set that is on its way back."""
        if parent != self._root and name.startswith(GATHERING):
            job = name.removeprefix(GATHERING).removesuffix("-aside")
            self._notices.append(notices.on_its_way_back(parent, name, job))

    def _stray_photos(self, entries: list[os.DirEntry[str]]) -> None:
        """A notice for photos in the inbox itself."""
        stray = [
            printable_name(entry.name)
            for entry in entries
            if is_photo_name(entry.name)
            and not (is_junk(entry.name) or is_temporary(entry.name))
            and entry.is_file(follow_symlinks=False)
        ]
        if stray:
            self._notices.append(notices.outside_a_set(self._root, sorted(stray, key=natural_order)))

    def _missing(self, path: Path, key: SetKey, error: OSError) -> None:
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return
        self._unreadable.add(key)
        self._notices.append(notices.unreadable(path, error))


class _Contents:
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
            photos=_in_order([file for file in self._photos if file.name not in twins]),
            companions=_in_order([*self._companions, *(file for file in self._photos if file.name in twins)]),
            temporaries=_in_order(self._temporaries),
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
            photos=_in_order(photos),
            companions=_in_order(companions),
            temporaries=_in_order([file for file in self._temporaries if names_photo(file.name)]),
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
        return [file.name for file in _in_order(self._companions) if file.name not in taken]

    def _sorted_obstacles(self, *, blocking_only: bool = False) -> tuple[Obstacle, ...]:
        found = [obstacle for obstacle in self._obstacles if obstacle.blocks or not blocking_only]
        return tuple(sorted(found, key=lambda obstacle: natural_order(obstacle.name)))

    def take(self, entry: os.DirEntry[str]) -> None:
        """Sort one entry."""
        facts = _lstat(entry)
        if facts is None or is_junk(entry.name):
            return
        if stat.S_ISDIR(facts.st_mode):
            self._take_folder(entry)
            return
        obstacle = self._obstacle(entry.name, facts)
        if obstacle is not None:
            self._obstacles.append(obstacle)
            return
        seen = SeenFile(entry.name, identity_of(facts))
        if is_temporary(entry.name):
            self._temporaries.append(seen)
        elif entry.name == READY_NAME:
            self._ready = seen
        elif is_photo_name(entry.name):
            self._photos.append(seen)
        elif not is_ours(entry.name):
            self._companions.append(seen)

    def _obstacle(self, name: str, facts: os.stat_result) -> Obstacle | None:
        if not _is_utf8(name):
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
            for name, facts in _files_below(Path(entry.path), 1):
                self._temporaries.append(SeenFile(f"{entry.name}/{name}", identity_of(facts)))
        elif not is_junk_folder(entry.name):
            deeper = [name for name, _ in _files_below(Path(entry.path), _DEEPEST) if is_photo_name(name)]
            if deeper:
                notice = notices.too_deep(self._path, entry.name, len(deeper))
                self._obstacles.append(Obstacle(entry.name, notice, blocks=False))


def _files_below(folder: Path, levels: int) -> Iterator[tuple[str, os.stat_result]]:
    """Names and facts of regular files in `folder`, down to `levels`; what can't be listed is left out."""
    seen: list[tuple[os.DirEntry[str], os.stat_result | None]] = []
    with suppress(OSError), os.scandir(folder) as inner:
        seen.extend((entry, _lstat(entry)) for entry in inner)
    for entry, facts in seen:
        if facts is None or is_junk(entry.name):
            continue
        if stat.S_ISREG(facts.st_mode):
            yield entry.name, facts
        elif stat.S_ISDIR(facts.st_mode) and levels > 1 and not is_junk_folder(entry.name):
            yield from _files_below(Path(entry.path), levels - 1)


def _in_order(files: list[SeenFile]) -> tuple[SeenFile, ...]:
    return tuple(sorted(files, key=lambda file: natural_order(file.name)))


def _is_room(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and not is_temporary_folder(entry.name)


def _lstat(entry: os.DirEntry[str]) -> os.stat_result | None:
    """None for what has vanished. A folder that may be listed but not entered raises PermissionError here."""
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


def _is_plain_folder(path: Path) -> bool:
    if is_junk_folder(path.name) or not _is_utf8(path.name):
        return False
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except PermissionError:
        return True
    except OSError:
        return False


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
