"""Approval of held sets by a person: a `.ready` file in the folder, or the tag `ok` on its name.

A `.ready` file approves all photos beside it that are no newer, as the rules group them, or the sets that
its lines name: `set ` and, as JSON, the set's name, the content hashes of its photos by their names, and what
a person saw that it makes. A room's names all of its photos, and approves nothing where they are others by
now. The set then starts at once, without the quiet time. `hotfolder approve`, the page and the plug-ins write
one; a person may put READY.txt in its place. It is removed once the set's jobs exist.

A folder with the tag gets a `.ready` file once its sets have settled, and is renamed to its name without the
tag. So jobs, numbers and done/ never see the tag, and keep the name that the folder had before.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hotfolder.blocking import call_in_thread
from hotfolder.errors import LocalTrouble
from hotfolder.inbox import notices
from hotfolder.inbox.contents import READY_NAME, SetKey, is_junk, is_junk_folder
from hotfolder.inbox.events import Claimed
from hotfolder.inbox.notices import Notice
from hotfolder.inbox.scan import Snapshot, listed
from hotfolder.newfiles import folder_beneath, open_beneath, write_whole
from hotfolder.pictures.formats import is_photo_name
from hotfolder.rules.drops import ChosenSet, why_made_otherwise, why_unmakeable
from hotfolder.rules.foldernames import quoted, without_ok
from hotfolder.rules.routing import Rulebook
from hotfolder.rules.sets import BracketSet, FileIdentity

SET_PREFIX = "set "
MOST_BYTES = 8 * 1024 * 1024
_MOST_NAMES = 99
_NAME_TAKEN_ERRORS = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})


@dataclass(frozen=True, slots=True)
class ReadyFile:
    """What a `.ready` file approves: all photos, or only `sets` where it names any. Nothing where there is
    `trouble`, the reason why the file can't be read. `identity` is that of the file that was read."""

    sets: tuple[ChosenSet, ...] = ()
    trouble: str = ""
    identity: FileIdentity | None = None

    @property
    def approves_all(self) -> bool:
        """Whether it approves all photos."""
        return not (self.sets or self.trouble)

    def why_not_approved(self, rulebook: Rulebook, found: BracketSet) -> str:
        """Why it doesn't approve a room as it is now; "" where it does."""
        there = {photo.name: photo for photo in found.photos}
        new = there.keys() - {name for one in self.sets for name in one.photos} if self.sets else ()
        whys = [
            why_unmakeable(one, there) or why_made_otherwise(rulebook, found.project, found.folder, one)
            for one in self.sets
        ]
        whys += [f"{quoted(name)} has come since" for name in sorted(new)]
        why = next(filter(None, whys), "")
        return self.trouble or (f"What was approved was not made: {why}" if why else "")


def as_approved(found: BracketSet, said: ReadyFile | None, rulebook: Rulebook) -> tuple[BracketSet, str]:
    """A room, `approved` where `said` approves it as it is now; and what has changed since, if it doesn't."""
    changed = said.why_not_approved(rulebook, found) if said is not None else ""
    return replace(found, approved=said is not None and not changed), changed


def read_ready(inbox: Path, ready: Path) -> ReadyFile | None:
    """Read the file at `ready`, in `inbox`; None where it is gone. A file with another name than READY_NAME
    was put there by a person: it approves all photos, and is not read. Errors become `trouble`."""
    if ready.name != READY_NAME:
        return ReadyFile()
    try:
        with os.fdopen(open_beneath(inbox, ready), "rb") as file:
            identity = FileIdentity.of(os.fstat(file.fileno()))
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        return ReadyFile(trouble=f"{READY_NAME} can't be read ({os.strerror(error.errno or 0)})")
    if len(content) > MOST_BYTES:
        return ReadyFile(trouble=f"{READY_NAME} is too long")
    lines = content.decode("utf-8", "replace").split("\n")
    try:
        sets = tuple(_set_in(line.removeprefix(SET_PREFIX)) for line in lines if line.startswith(SET_PREFIX))
    except ValueError:
        return ReadyFile(
            trouble=f"{READY_NAME} has a line that begins with {SET_PREFIX.strip()!r} and is no set"
        )
    return ReadyFile(sets, identity=identity)


def write_ready(inbox: Path, folder: Sequence[str], sets: Iterable[ChosenSet] = ()) -> None:
    """Approve all photos in a folder of the inbox, or these sets of them: writes `.ready` atomically,
    replacing an earlier one. Raises OSError."""
    named = [{"name": one.name, "photos": dict(one.photos), "makes": [*one.makes]} for one in sets]
    lines = [f"{SET_PREFIX}{json.dumps(one)}\n" for one in named]
    with folder_beneath(inbox, *folder) as opened:
        put_ready(opened, "".join(lines).encode())


def put_ready(folder: int, content: bytes = b"") -> None:
    """Write `.ready` atomically into the folder with the descriptor `folder`: a new inode each time, since it
    approves no photo that is newer than itself. Raises OSError."""
    # The temporary name is one that the inbox takes for a transfer under way.
    write_whole(folder, READY_NAME, content, f"{READY_NAME}.{secrets.token_hex(8)}.tmp")


def combine_sets(said: Iterable[ChosenSet], more: Sequence[ChosenSet]) -> tuple[ChosenSet, ...]:
    """The sets of `said` and `more`, without those of `said` that share a name or a photo with one of
    `more`."""
    names = {one.name for one in more}
    photos = {photo for one in more for photo in one.photos}
    return (*(one for one in said if one.name not in names and not one.photos.keys() & photos), *more)


def _set_in(text: str) -> ChosenSet:
    """Parse one line without its prefix. Raises ValueError."""
    match json.loads(text):
        case {"name": str(name), "photos": dict(photos), **more} if name:
            makes = more.get("makes", [])
            if isinstance(makes, list) and all(isinstance(one, str) for one in (*photos.values(), *makes)):
                return ChosenSet(name, photos, makes)
    raise ValueError(text)


MarkedFolder = tuple[str, ...]
"""The path of a folder with the tag, relative to the inbox: a project's name, or a project's and a room's."""


def marked_folder(key: SetKey) -> MarkedFolder | None:
    """The folder of the set that has the tag: the project's if it has it, else the room's; None where neither
    has."""
    project, folder = key
    if without_ok(project) != project:
        return (project,)
    return key if without_ok(folder) != folder else None


class Approvals:
    """Approves and renames the folders of one inbox that have the tag. `notices` are for those that could not
    be renamed."""

    def __init__(self, inbox: Path, claimed: Claimed) -> None:
        self.notices: dict[MarkedFolder, Notice] = {}
        self._inbox = inbox
        self._claimed = claimed
        self._settled: set[MarkedFolder] = set()

    def record_settled(self, keys: Iterable[SetKey]) -> None:
        """Record that these sets have settled, as far as a folder of theirs has the tag."""
        self._settled |= {folder for key in keys if (folder := marked_folder(key)) is not None}

    async def apply(self, seen: Snapshot, arriving: Collection[str]) -> bool:
        """Approve and rename the folders whose sets have all settled; returns whether any was renamed. A
        project in `arriving` has sets that have not settled, so its own folder is not renamed yet. A folder
        that got the tag while jobs work on its photos is renamed at once: they look for the photos under the
        old name. A failure is noted in `notices` and retried at the next full scan."""
        if seen.scope is None:
            there = {marked_folder(key) for key in seen.folders} | set(map(marked_folder, seen.unreadable))
            self._settled &= there
            self.notices = {folder: notice for folder, notice in self.notices.items() if folder in there}
        hurried = {
            folder
            for key in seen.folders
            if (folder := marked_folder(key)) is not None and self._claimed(*map(without_ok, key))
        }
        renamed = False
        for folder in sorted(self._settled | hurried):
            waits = len(folder) == 1 and folder[0] in arriving and folder not in hurried
            if waits or (folder in self.notices and seen.scope is not None):
                continue
            renamed |= await self._approve(folder)
        return renamed

    async def _approve(self, folder: MarkedFolder) -> bool:
        path = self._inbox.joinpath(*folder)
        try:
            inner = await call_in_thread(path, rooms_in, self._inbox, folder) if len(folder) == 1 else []
            claimed = {
                names: self._claimed(*map(without_ok, (*names, "")[:2]))
                for names in (folder, *((*folder, name) for name in inner))
            }
            await call_in_thread(path, approve_folder, self._inbox, folder, claimed)
        except FileNotFoundError:
            pass  # a person renamed it
        except (OSError, LocalTrouble) as error:
            self.notices[folder] = notices.not_renamed(path, without_ok(folder[-1]), error)
            return False
        self.notices.pop(folder, None)
        self._settled.discard(folder)
        return True


def approve_folder(inbox: Path, folder: MarkedFolder, sets: Mapping[MarkedFolder, frozenset[str]]) -> None:
    """Write `.ready` into each of the folders in `sets` that holds photos besides those that jobs work on
    (given by name); then remove the tag from the folder's name, with ` (2)` to ` (98)` behind it where that
    name is taken. Raises OSError, FileExistsError where all of these are.

    Called once more for the same folder, it finds no folder of that name and changes nothing."""
    for names, claimed in sets.items():
        with folder_beneath(inbox, *names) as inner, os.scandir(inner) as entries:
            files = [one.name for one in entries if not one.is_dir(follow_symlinks=False)]
            if any(is_photo_name(one) and not is_junk(one) and one not in claimed for one in files):
                put_ready(inner)
    name = without_ok(folder[-1])
    with folder_beneath(inbox, *folder[:-1]) as above:
        for free in (name, *(f"{name} ({number})" for number in range(2, _MOST_NAMES))):
            try:
                return os.rename(folder[-1], free, src_dir_fd=above, dst_dir_fd=above)
            except OSError as error:
                # rename(2) refuses to replace a folder that isn't empty.
                if error.errno not in _NAME_TAKEN_ERRORS:
                    raise
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)


def rooms_in(inbox: Path, folder: MarkedFolder) -> list[str]:
    """Names of the rooms' folders in a project's folder. Raises OSError."""
    with listed(inbox, *folder) as entries:
        return [
            one.name for one in entries if one.is_dir(follow_symlinks=False) and not is_junk_folder(one.name)
        ]
