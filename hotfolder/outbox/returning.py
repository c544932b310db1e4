"""Putting a set back into the inbox atomically.

A part of a set would settle as a set, and be paid for. So its files are gathered in a folder beside the
room's, under a name that the inbox ignores, and one rename makes that the room's folder.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from hotfolder.crashpoints import HandStep
from hotfolder.errors import SetChanged, UsageError
from hotfolder.outbox import linking
from hotfolder.outbox.faults import local_trouble, path_text
from hotfolder.outbox.files import Sharing, file_pieces, make_folder
from hotfolder.outbox.names import name_key
from hotfolder.outbox.placing import move, place_as, taken_error
from hotfolder.paths import entries, is_dir, is_file
from hotfolder.pictures.formats import is_photo_name
from hotfolder.rules.foldernames import GATHERING_PREFIX
from hotfolder.rules.sets import FileIdentity

_NAMED = 3


def gathering_folder(target: Path, job: str) -> Path:
    """The folder in which a job's files are gathered on their way back to `target`."""
    return target.with_name(f"{GATHERING_PREFIX}{job}")


class SetReturn:
    """The return of one set from `source`, its folder in failed/, to `target`, its folder in the inbox.

    Call `gather`, then `arrive`; or `copy`, then `arrive`, which keeps the files in their place too. Killed
    at any point, the same calls continue; until `arrive` has returned, nothing of the set is in `target`.
    Files that are in `target` already, other than photos, arrive together with the set.
    """

    def __init__(self, source: Path, target: Path, job: str, *, shared: Sharing) -> None:
        self.target = target
        self.count = 0
        """The number of files from `source`, once gathered."""
        self._source = source
        self._gathering = gathering_folder(target, job)
        self._shared = shared

    @property
    def is_interrupted(self) -> bool:
        """Whether an earlier attempt was interrupted."""
        return is_dir(self._gathering)

    def gathered_files(self) -> dict[str, FileIdentity]:
        """The files that are about to arrive, by name."""
        return {path.name: FileIdentity.of(path.lstat()) for path in _plain_files(self._gathering)}

    def gather(self) -> None:
        """Move the files from `source` to the gathering folder. Raises LocalTrouble, and UsageError where
        there is nothing to put back, or where `target` isn't free; nothing is moved then."""
        with local_trouble(self._source), self._refusing_interference():
            coming = [*_plain_files(self._source), *_plain_files(self._gathering)]
            if not coming:
                raise UsageError(
                    f"{path_text(self._source)} is not there any more.",
                    hint="Where somebody has put its photos back into the inbox, the set is made anew;"
                    " else drop the photos into the inbox again.",
                )
            self._check_target({name_key(path.name) for path in coming})
            make_folder(self._gathering, self._shared)
            for path in _plain_files(self._source):
                move(path, self._gathering / path.name, expected=None, shared=self._shared)
                HandStep.FILE_GATHERED.passed()
            self.count = len(_plain_files(self._gathering))
            if is_dir(self._source) and not any(self._source.iterdir()):
                self._source.rmdir()
                linking.sync_folder(self._source.parent)
            HandStep.SOURCE_REMOVED.passed()

    def copy(self, originals: Sequence[Path]) -> None:
        """Copy these files to the gathering folder, in place of `gather`. Raises UsageError, LocalTrouble."""
        self._check_target({name_key(path.name) for path in originals})
        with local_trouble(self._gathering), self._refusing_interference():
            make_folder(self._gathering, self._shared)
            for path in originals:
                content = partial(file_pieces, path)
                copied = place_as(content, self._gathering, path.name, shared=self._shared)
                if copied is None:
                    raise taken_error(self._gathering / path.name)
                found = path.lstat()
                os.utime(copied.path, ns=(found.st_atime_ns, found.st_mtime_ns))
            self.count = len(originals)

    def arrive(self, before: Callable[[], None]) -> None:
        """Make the gathering folder the set's folder. `before` is called directly before that, and again when
        the call is repeated.

        Raises UsageError where something has come into the way meanwhile, and LocalTrouble.
        """
        with local_trouble(self.target), self._refusing_interference():
            self._check_target({name_key(path.name) for path in _plain_files(self._gathering)})
            for path in _plain_files(self.target):
                if not is_photo_name(path.name):  # a photo that came just now makes the rename below fail
                    move(path, self._gathering / path.name, expected=None, shared=self._shared)
                    HandStep.NEIGHBOUR_GATHERED.passed()
            before()
            HandStep.OUTCOME_RECORDED.passed()
            self._become_target()
        HandStep.SET_BACK.passed()

    @contextmanager
    def _refusing_interference(self) -> Iterator[None]:
        """Within this context, raise UsageError where files vanish on their way, as when two people put a set
        back at once."""
        try:
            yield
        except (FileNotFoundError, SetChanged) as error:
            raise UsageError(
                f"Somebody has just moved the photos on their way to {path_text(self.target)}.",
                hint="See where they are now.",
            ) from error

    def _become_target(self) -> None:
        with suppress(OSError):  # the room's folder stays the photographer's
            before = self.target.stat()
            self._gathering.chmod(stat.S_IMODE(before.st_mode))
            os.chown(self._gathering, before.st_uid, before.st_gid)
        try:
            self._gathering.rename(self.target)  # rename replaces only an empty folder
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            raise UsageError(
                f"Something has just been put into {path_text(self.target)}.", hint="Say the same again."
            ) from error
        linking.sync_folder(self.target.parent)

    def _check_target(self, coming: set[str]) -> None:
        found = linking.lstat_or_none(self.target)
        if found is None:
            return
        if not stat.S_ISDIR(found.st_mode):
            raise UsageError(
                f"{path_text(self.target)} is in the way: it is not a folder.",
                hint="Move it away, and say the same again; nothing has been put back yet.",
            )
        with local_trouble(self.target), os.scandir(self.target) as entries:
            in_the_way = sorted(
                entry.name
                for entry in entries
                if name_key(entry.name) in coming
                or is_photo_name(entry.name)
                or not entry.is_file(follow_symlinks=False)
            )
        if in_the_way:
            names = ", ".join(path_text(name) for name in in_the_way[:_NAMED])
            more = f" and {len(in_the_way) - _NAMED} more" if len(in_the_way) > _NAMED else ""
            raise UsageError(
                f"In {path_text(self.target)} there is already {names}{more}, and a set is put back as a"
                " whole.",
                hint="Move that away, and say the same again; nothing has been put back yet.",
            )


def _plain_files(folder: Path) -> list[Path]:
    return [path for path in entries(folder) if is_file(path) and not path.is_symlink()]
