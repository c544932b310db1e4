"""Scans of the inbox with scandir and lstat: no link is followed, no file is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hotfolder.display import natural_order, visible
from hotfolder.errors import SetChanged
from hotfolder.inbox import notices
from hotfolder.inbox.contents import (
    Contents,
    SetFolder,
    SetKey,
    files_below,
    is_archive,
    is_junk,
    is_junk_folder,
    is_nas_folder,
    is_temporary,
    is_temporary_folder,
    is_utf8,
    lstat,
    unused_file_notices,
)
from hotfolder.inbox.notices import Notice
from hotfolder.newfiles import folder_beneath
from hotfolder.pictures.formats import is_photo_name
from hotfolder.rules.foldernames import GATHERING_PREFIX
from hotfolder.rules.sets import FileIdentity

_SHALLOW = 3
"""The depth of the search for photos in folders that are passed over."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The result of one scan. `scope` holds the sets that were asked for, None for the whole inbox.

    A set in scope that is neither in `folders` nor covered by `unreadable` does not exist, or is a flat drop
    without photos. `unreadable` holds sets, and `(project, "")` for a whole project. `notices` concern the
    inbox and its project folders, and folders that can't be read; the latter alone where there is a scope.
    """

    folders: Mapping[SetKey, SetFolder]
    scope: frozenset[SetKey] | None = None
    notices: tuple[Notice, ...] = ()
    unreadable: frozenset[SetKey] = frozenset()

    def leaves_open(self, key: SetKey) -> bool:
        """Whether the scan could not determine if this set exists."""
        return key in self.unreadable or (key[0], "") in self.unreadable


ProgressCallback = Callable[[], None]
"""A progress callback, called after every folder: the file system has answered."""


def ignore_progress() -> None:
    """The progress callback that does nothing."""


def scan(root: Path, moved: ProgressCallback = ignore_progress) -> Snapshot:
    """Scan the whole inbox. Entries that vanish meanwhile are omitted; folders that can't be read are listed
    as `unreadable`. Raises OSError if `root` can't be listed."""
    found = _Scan(root, moved)
    with listed(root) as entries:
        found.projects(list(entries))
    return found.snapshot(None)


def scan_folders(root: Path, keys: Iterable[SetKey], moved: ProgressCallback = ignore_progress) -> Snapshot:
    """Scan the folders of these sets alone, as `scan` does. Does not raise OSError for `root`: where it is
    missing, no set exists."""
    scope = frozenset(keys)
    found = _Scan(root, moved)
    projects = {project: _is_plain_folder(root / project) for project, _ in scope}
    for project, folder in sorted(scope):
        if projects[project] and _is_plain_folder(root / project / folder):
            found.set_folder(project, folder)
    return found.snapshot(scope)


@contextmanager
def listed(root: Path, *names: str) -> Iterator[Iterator[os.DirEntry[str]]]:
    """Yield the entries of a folder beneath `root`, following no link on the way to it. Call their `stat`
    and the like inside the block; their `path` is not valid. Raises OSError."""
    with folder_beneath(root, *names) as folder, os.scandir(folder) as entries:
        yield entries


class _Scan:
    def __init__(self, root: Path, moved: ProgressCallback) -> None:
        self._root = root
        self._moved = moved
        self._folders: dict[SetKey, SetFolder] = {}
        self._notices: list[Notice] = []
        self._unreadable: set[SetKey] = set()

    def snapshot(self, scope: frozenset[SetKey] | None) -> Snapshot:
        """The result so far."""
        return Snapshot(
            folders=self._folders,
            scope=scope,
            notices=tuple(sorted(self._notices, key=lambda notice: (str(notice.path), notice.text))),
            unreadable=frozenset(self._unreadable),
        )

    def projects(self, entries: list[os.DirEntry[str]]) -> None:
        """Scan every project among `entries`, which are those of the inbox itself."""
        self._add_stray_notices(entries)
        for name in self._inner_folders(self._root, entries):
            project = self._root / name
            try:
                with listed(self._root, name) as inner:
                    found = list(inner)
                    folders = self._inner_folders(project, found)
                    loose = self._flat_drop(name, found)
                    self._notices += unused_file_notices(project, loose, notices.unrelated_files)
            except OSError as error:
                self._record_unreadable(project, (name, ""), error)
                continue
            self._moved()
            for folder in folders:
                self.set_folder(name, folder)

    def set_folder(self, project: str, folder: str) -> None:
        """Scan one set's folder, or a project's own for its flat drop (`folder` is "")."""
        path = self._root / project / folder
        try:
            with listed(self._root, project, *filter(None, [folder])) as inner:
                if folder:
                    contents = Contents(path)
                    for entry in inner:
                        contents.add(entry)
                    self._folders[(project, folder)] = contents.as_set(project, folder)
                else:
                    self._flat_drop(project, inner)
        except OSError as error:
            self._record_unreadable(path, (project, folder), error)
            return
        self._moved()

    def _flat_drop(self, project: str, entries: Iterable[os.DirEntry[str]]) -> list[str]:
        """Record the project's flat drop if there is one, and return the names of the files in the project's
        folder that share no photo's stem."""
        contents = Contents(self._root / project)
        for entry in entries:
            if is_temporary_folder(entry.name) or not entry.is_dir(follow_symlinks=False):
                contents.add(entry)
        found = contents.as_set(project, "")
        if found.photos or found.temporaries or found.obstacles:
            self._folders[found.key] = found
        return contents.unrelated_files(found)

    def _inner_folders(self, parent: Path, entries: list[os.DirEntry[str]]) -> list[str]:
        """Sorted names of the real folders among `entries`; adds a notice for each that can't be used."""
        folders: list[str] = []
        for entry in entries:
            facts = lstat(entry)
            if facts is None:
                continue
            if is_junk_folder(entry.name):
                self._passed_over(parent, entry.name, facts)
            elif stat.S_ISLNK(facts.st_mode):
                # In a project's folder a photo's link is an obstacle to the flat drop there.
                if parent == self._root or not is_photo_name(entry.name):
                    self._notices.append(notices.link(parent, entry.name))
            elif stat.S_ISDIR(facts.st_mode):
                if not is_utf8(entry.name):
                    self._notices.append(notices.bad_name(parent, entry.name, folder=True))
                else:
                    folders.append(entry.name)
        return sorted(folders)

    def _passed_over(self, parent: Path, name: str, facts: os.stat_result) -> None:
        """Add a notice for a set that is being put back, or for photos in a folder that is never scanned."""
        if parent != self._root and name.startswith(GATHERING_PREFIX):
            self._notices.append(notices.unfinished_return(parent, name, name.removeprefix(GATHERING_PREFIX)))
            return
        silent = is_nas_folder(name) or is_temporary_folder(name) or not stat.S_ISDIR(facts.st_mode)
        if not silent and any(is_photo_name(inner) for inner, _ in files_below(parent / name, _SHALLOW)):
            self._notices.append(notices.photos_in_system_folder(parent, name))

    def _add_stray_notices(self, entries: list[os.DirEntry[str]]) -> None:
        """Add notices for photos and for archives in the inbox itself."""
        stray = [
            visible(entry.name)
            for entry in entries
            if is_photo_name(entry.name)
            and not (is_junk(entry.name) or is_temporary(entry.name))
            and entry.is_file(follow_symlinks=False)
        ]
        if stray:
            self._notices.append(notices.outside_a_set(self._root, sorted(stray, key=natural_order)))
        packed = [entry.name for entry in entries if is_archive(entry.name) and not is_junk(entry.name)]
        if packed:
            self._notices.append(notices.archives(self._root, sorted(packed, key=natural_order)))

    def _record_unreadable(self, path: Path, key: SetKey, error: OSError) -> None:
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return
        self._unreadable.add(key)
        self._notices.append(notices.unreadable(path, error))


def _is_plain_folder(path: Path) -> bool:
    if is_junk_folder(path.name) or not is_utf8(path.name):
        return False
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except PermissionError:
        return True
    except OSError:
        return False


def refuse_changed_set(
    inbox: Path,
    project: str,
    folder: str,
    expected: Mapping[str, FileIdentity],
    others: Collection[str] = frozenset(),
) -> None:
    """Raise SetChanged unless the set's folder holds exactly the `expected` photos (by name), unchanged.

    An additional photo is a change too: it belongs to the picture that is about to be paid for. Exceptions
    are the project's folder itself (`folder` is ""), where other sets lie beside this one, and the names in
    `others`, which are not part of this set.
    """
    seen = scan_folders(inbox, [(project, folder)]).folders.get((project, folder))
    photos = {file.name: file.identity for file in seen.photos} if seen else {}
    for name, identity in expected.items():
        if name not in photos:
            raise SetChanged(f"{name} is gone")
        if photos[name] != identity:
            raise SetChanged(f"{name} was changed after its set had settled")
    joined = sorted(photos.keys() - expected.keys() - set(others)) if folder else []
    if joined:
        raise SetChanged(f"{joined[0]} joined after its set had settled")


def refuse_renamed(inbox: Path, project: str, folder: str, expected: Mapping[str, FileIdentity]) -> None:
    """Raise SetChanged where none of the `expected` photos (by name) is left in the set's folder and all of
    them are in another folder of the inbox: the folder was renamed. Other photos may be there by now under
    their names. A room's photos are looked for in rooms' folders only, a flat drop's in projects' folders
    only. Raises OSError if the inbox can't be listed."""
    seen = scan_folders(inbox, [(project, folder)]).folders.get((project, folder))
    left = {file.name: file.identity for file in seen.photos} if seen else {}
    if any(name in left and left[name].is_same_file(one) for name, one in expected.items()):
        return
    for key, found in scan(inbox).folders.items():
        there = {file.name: file.identity for file in found.photos}
        same_kind = bool(key[1]) == bool(folder)
        if same_kind and all(
            name in there and there[name].is_same_file(one) for name, one in expected.items()
        ):
            raise SetChanged(f"its folder is {'/'.join(filter(None, key))} by now")
