"""The tag `ok` at a folder's name: a person's word that what is held in the folder may be made.

Once the folder's sets have settled it gets a `.ready` file and its name without the tag. Whatever follows
(jobs, numbers, done/) never meets the tag, and knows the folder by the name it had before.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from hotfolder.errors import LocalTrouble
from hotfolder.inbox import notices
from hotfolder.inbox.contents import SetKey, is_junk, is_junk_folder
from hotfolder.inbox.events import Claimed
from hotfolder.inbox.notices import Notice
from hotfolder.inbox.ready import put_ready
from hotfolder.inbox.scan import Snapshot, listed
from hotfolder.newfiles import folder_beneath
from hotfolder.patience import patiently
from hotfolder.pictures.formats import is_photo_name
from hotfolder.rules.names import without_ok

_MOST_NAMES = 99
_TAKEN = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})

Marked = tuple[str, ...]
"""The names that lead from the inbox to a folder with the tag: a project's, or a project's and a room's."""


def marked_folder(key: SetKey) -> Marked | None:
    """The folder with the tag that the set lies in, the project's first; None where there is none."""
    project, folder = key
    if without_ok(project) != project:
        return (project,)
    return key if without_ok(folder) != folder else None


class Approvals:
    """The folders of one inbox that have the tag. `notices` tell of those that could not be renamed."""

    def __init__(self, inbox: Path, claimed: Claimed) -> None:
        self.notices: dict[Marked, Notice] = {}
        self._inbox = inbox
        self._claimed = claimed
        self._settled: set[Marked] = set()

    def settled(self, keys: Iterable[SetKey]) -> None:
        """Note that these sets have settled."""
        self._settled |= {folder for key in keys if (folder := marked_folder(key)) is not None}

    async def apply(self, seen: Snapshot, arriving: Collection[str]) -> bool:
        """Approve and rename the folders of which every set has settled; whether any was. In the projects
        that are `arriving` there are sets that have not. A folder that was renamed while jobs work on its
        photos gets its name back at once: they look for them there."""
        if seen.scope is None:
            there = {marked_folder(key) for key in seen.folders} | set(map(marked_folder, seen.unreadable))
            self._settled &= there
            self.notices = {folder: notice for folder, notice in self.notices.items() if folder in there}
        hurried = set(self._in_work(seen))
        renamed = False
        for folder in sorted(self._settled | hurried):
            waits = len(folder) == 1 and folder[0] in arriving and folder not in hurried
            if waits or (folder in self.notices and seen.scope is not None):
                continue
            renamed |= await self._approve(folder)
        return renamed

    def _in_work(self, seen: Snapshot) -> Iterator[Marked]:
        for key in seen.folders:
            folder = marked_folder(key)
            if folder is not None and self._claimed(*map(without_ok, key)):
                yield folder

    async def _approve(self, folder: Marked) -> bool:
        path = self._inbox.joinpath(*folder)
        try:
            inner = await patiently(path, folders_in, self._inbox, folder) if len(folder) == 1 else []
            claimed = {
                names: self._claimed(*map(without_ok, (*names, "")[:2]))
                for names in (folder, *((*folder, name) for name in inner))
            }
            await patiently(path, approve_folder, self._inbox, folder, claimed)
        except FileNotFoundError:
            pass  # a person renamed it
        except (OSError, LocalTrouble) as error:
            self.notices[folder] = notices.not_renamed(path, without_ok(folder[-1]), error)
            return False
        self.notices.pop(folder, None)
        self._settled.discard(folder)
        return True


def approve_folder(inbox: Path, folder: Marked, sets: Mapping[Marked, frozenset[str]]) -> None:
    """Put `.ready` beside the photos of each of the `sets`, given with the names of files that jobs work on
    already; then take the tag off the folder's name. Raises OSError."""
    for names, claimed in sets.items():
        with folder_beneath(inbox, *names) as inner:
            _put_ready(inner, claimed)
    name = without_ok(folder[-1])
    with folder_beneath(inbox, *folder[:-1]) as above:
        for free in (name, *(f"{name} ({number})" for number in range(2, _MOST_NAMES))):
            try:
                return os.rename(folder[-1], free, src_dir_fd=above, dst_dir_fd=above)
            except OSError as error:
                # Never onto a folder that holds anything: the system refuses that.
                if error.errno not in _TAKEN:
                    raise
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)


def _put_ready(folder: int, claimed: Collection[str]) -> None:
    with os.scandir(folder) as entries:
        names = [one.name for one in entries if not one.is_dir(follow_symlinks=False)]
    if any(is_photo_name(name) and not is_junk(name) and name not in claimed for name in names):
        put_ready(folder)


def folders_in(inbox: Path, folder: Marked) -> list[str]:
    """Names of a project's rooms. Raises OSError."""
    with listed(inbox, *folder) as entries:
        return [
            one.name for one in entries if one.is_dir(follow_symlinks=False) and not is_junk_folder(one.name)
        ]
