"""Putting files into done/ and failed/ without ever replacing or losing one, and deleting files for good.

Every function that changes files may be killed at any point and called again with the same arguments.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from hotfolder import log
from hotfolder.errors import LocalTrouble, SetChanged
from hotfolder.outbox import linking
from hotfolder.outbox.faults import local_trouble, path_text
from hotfolder.outbox.files import (
    Fingerprint,
    Pieces,
    Sharing,
    file_pieces,
    fingerprint,
    make_folder,
    sha256_of,
    temporary_file,
)
from hotfolder.outbox.names import name_key, numbered_names, with_leading_dot
from hotfolder.paths import is_dir, is_file
from hotfolder.rules.sets import FileIdentity

# One thread at a time names files in a folder: two could choose "Room" and "room", or take over each
# other's reservation.
FOLDER_LOCKS = tuple(Lock() for _ in range(64))
logger = log.get("placing")
NUMBER = re.compile(r"( \(\d+\))?")
"""The part between stem and extension, as `numbered_names` makes it."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a file was put, and its SHA-256 in hex."""

    path: Path
    sha256: str


def find_placed(
    content: Pieces, folder: Path, stem: str, extension: str
) -> tuple[Placed | None, frozenset[str]]:
    """The file with this `content` among the files named `stem`, `stem (2)` …, if there is one; and the
    name keys of all of these files. Raises `LocalTrouble`."""
    with local_trouble(folder):
        found = namesakes(folder, keyed_names_in(folder) if is_dir(folder) else [], stem, extension)
        wanted = fingerprint(content()) if found else Fingerprint()
        known = next((path for path in found if has_content(path, wanted)), None)
    placed = None if known is None else Placed(known, wanted.sha256)
    return placed, frozenset(name_key(path.name) for path in found)


def place_as(content: Pieces, folder: Path, name: str, *, shared: Sharing) -> Placed | None:
    """Put a file of this `content` into `folder` under exactly this name; None where another file has it.

    Idempotent: a file with the same bytes under that name is returned. Raises `LocalTrouble`, and what
    `content` raises; nothing half-written is left then.
    """
    target = folder / name
    with local_trouble(folder):
        make_folder(folder, shared)
        with (
            temporary_file(folder, content(), shared.apply_to_file) as (temporary, written),
            folder_lock(folder),
        ):
            shared.guard(target)  # writing may have taken long
            try:
                linking.move_exclusively(temporary, target)
            except FileExistsError:
                if not has_content(target, written):
                    return None
            return Placed(target, written.sha256)


def folder_lock(folder: Path) -> Lock:
    """The lock under which names in `folder` are chosen; different folders may share one."""
    return FOLDER_LOCKS[hash(folder) % len(FOLDER_LOCKS)]


def keyed_names_in(folder: Path) -> list[tuple[str, str]]:
    """All names in a folder, as pairs of `name_key` and name. A shoot's folder can hold thousands."""
    return [(name_key(name), name) for name in os.listdir(folder)]  # noqa: PTH208


def set_aside(path: Path, stem: str) -> None:
    """Rename `path` to the first free name for `stem`, in its folder and with its extension. Raises
    OSError."""
    found = os.lstat(path)
    for sibling in path.parent.iterdir():
        other = linking.lstat_or_none(sibling)
        if other is None or sibling.name == path.name or other.st_nlink < 2:
            continue
        if linking.same_file(found, other):
            # A crash left both names: only the old one is still to be removed.
            path.unlink()
            return
    with folder_lock(path.parent):
        taken = {compared for compared, _ in keyed_names_in(path.parent)}
        for name in numbered_names(stem, path.suffix):
            if name_key(name) not in taken:
                with suppress(FileExistsError):
                    return linking.move_exclusively(path, path.with_name(name))


def namesakes(folder: Path, names: Iterable[tuple[str, str]], stem: str, extension: str) -> list[Path]:
    """The files among `names` that `numbered_names` can give for `stem`, the shortest name first."""
    head, tail = name_key(stem), name_key(with_leading_dot(extension))
    found = [
        name
        for compared, name in names
        if compared.startswith(head)
        and compared.endswith(tail)
        and NUMBER.fullmatch(compared, len(head), len(compared) - len(tail))
    ]
    return [folder / name for name in sorted(found, key=lambda name: (len(name), name))]


def has_content(path: Path, wanted: Fingerprint) -> bool:
    """Whether the file at `path` has this size and hash."""
    found = linking.lstat_or_none(path)
    if found is None or not stat.S_ISREG(found.st_mode) or found.st_size != wanted.size_bytes:
        return False
    return sha256_of(path) == wanted.sha256


def name_keys_in(folder: Path) -> frozenset[str]:
    """The `name_key` of each name in a folder; empty where it is missing. Raises `LocalTrouble`."""
    with local_trouble(folder):
        return frozenset(name for name, _ in keyed_names_in(folder)) if is_dir(folder) else frozenset()


def move(
    source: Path,
    target: Path,
    *,
    expected: FileIdentity | None,
    shared: Sharing,
    sync: linking.Sync = linking.sync_folder,
) -> None:
    """Move one original to exactly `target`, across mounts too, without replacing anything. On one mount it
    is a rename, durable once `sync` is done with both folders.

    Idempotent: finishes what an earlier call began; does nothing where `source` is gone and `target` is
    there. Raises `SetChanged` where `source` isn't the regular file that `expected` describes (size, mtime,
    inode; linking changes ctime), and `LocalTrouble`, also where `target` is another file. Both files are
    untouched then.
    """
    with local_trouble(target):
        shared.guard(target)  # on an unmounted disk the target only seems to be missing
        found = linking.lstat_or_none(source)
        if found is None:
            confirm_moved(source, target, expected)
            return
        confirm_unchanged(source, found, expected)
        make_folder(target.parent, shared)
        there = linking.lstat_or_none(target)
        if there is not None:
            finish(source, found, target, there)
            return
        try:
            with folder_lock(target.parent):
                linking.move_exclusively(source, target, sync)
        except FileExistsError as error:
            raise taken_error(target) from error
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            copy_across_mounts(source, found, target, shared)
            return
        undo_if_swapped(source, found, target)


def confirm_movable(folder: Path) -> None:
    """Raise `LocalTrouble` where this user may not move files out of `folder`, as far as permissions tell."""
    with local_trouble(folder):
        read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
        if read_only or not os.access(folder, os.W_OK | os.X_OK):
            number = errno.EROFS if read_only else errno.EACCES
            raise OSError(number, os.strerror(number), str(folder))


def confirm_moved(source: Path, target: Path, expected: FileIdentity | None) -> None:
    there = linking.lstat_or_none(target)
    if there is None or (expected is not None and there.st_size != expected.size_bytes):
        raise SetChanged(f"{path_text(source)} has vanished", hint="Drop the missing photo again.")


def confirm_unchanged(source: Path, found: os.stat_result, expected: FileIdentity | None) -> None:
    same = expected is None or FileIdentity.of(found).is_same_file(expected)
    if not (stat.S_ISREG(found.st_mode) and same):
        raise changed_error(source)


def changed_error(source: Path) -> SetChanged:
    return SetChanged(
        f"{path_text(source)} has changed since it was looked at", hint="The folder is looked at anew."
    )


def taken_error(target: Path) -> LocalTrouble:
    return LocalTrouble(
        f"{path_text(target)} is already there, and is another file",
        hint="Rename or move that file; the work continues by itself.",
    )


def finish(source: Path, found: os.stat_result, target: Path, there: os.stat_result) -> None:
    """Both names exist: remove `source` if `target` is the same original, as after a crash. Raises
    `LocalTrouble` if it isn't."""
    if linking.same_file(found, there):
        # With a single link the two are one directory entry (mounted twice, or a case-insensitive disk).
        if there.st_nlink < 2:
            raise taken_error(target)
    elif not has_content(target, Fingerprint(found.st_size, sha256_of(source))):
        raise taken_error(target)
    linking.sync_folder(target.parent)
    delete_source(source, found)


def copy_across_mounts(source: Path, found: os.stat_result, target: Path, shared: Sharing) -> None:
    """Move between mounts: copy, fsync, read back and compare, and only then remove `source`."""

    def finish(descriptor: int) -> None:
        carry_attributes(source, found, descriptor)
        shared.apply_to_file(descriptor)

    with temporary_file(target.parent, file_pieces(source), finish) as (temporary, copied):
        if sha256_of(temporary) != copied.sha256:
            raise OSError(errno.EIO, "the copy differs from its source", str(temporary))
        confirm_same(source, found)
        try:
            with folder_lock(target.parent):
                linking.move_exclusively(temporary, target)
        except FileExistsError as error:
            raise taken_error(target) from error
    delete_source(source, found)


def carry_attributes(source: Path, found: os.stat_result, descriptor: int) -> None:
    """Copy times, permissions and extended attributes (Finder's), as far as the target supports them."""
    with suppress(OSError):
        for name in os.listxattr(source):
            with suppress(OSError):
                os.setxattr(descriptor, name, os.getxattr(source, name))
    with suppress(OSError):
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
    with suppress(OSError):
        os.utime(descriptor, ns=(found.st_atime_ns, found.st_mtime_ns))


def confirm_same(source: Path, before: os.stat_result) -> None:
    now = linking.lstat_or_none(source)
    if now is None or not (linking.same_file(before, now) and linking.same_state(before, now)):
        raise changed_error(source)


def delete_source(source: Path, before: os.stat_result) -> None:
    confirm_same(source, before)
    source.unlink()
    linking.sync_folder(source.parent)


def undo_if_swapped(source: Path, before: os.stat_result, target: Path) -> None:
    """A rename moves whatever has the name by then. Move a newer file back, and raise `SetChanged`."""
    if linking.same_state(before, os.lstat(target)):
        return
    with suppress(FileExistsError):
        linking.move_exclusively(target, source)
    raise changed_error(source)


def remove(path: Path, *, sha256: str, last_look: Callable[[], object] = lambda: None) -> bool:
    """Delete the file at `path` for good and fsync its folder, after a check of its hash: the only place
    where an original is. False where there is no file.

    Raises `SetChanged` where it isn't a regular file with this SHA-256, `LocalTrouble`, and what `last_look`
    raises, which is called after the hash was checked. The file is untouched then.
    """
    with local_trouble(path):
        found = linking.lstat_or_none(path)
        if found is None:
            return False
        confirm_unchanged(path, found, None)
        if sha256_of(path) != sha256:
            raise SetChanged(f"{path_text(path)} has changed since its set was made")
        last_look()
        delete_source(path, found)
        return True


def content_mismatch(path: Path, sha256: str) -> str:
    """The reason why `path` isn't a file with that hash; "" where it is. Raises `LocalTrouble`."""
    with local_trouble(path):
        if path.is_symlink() or not is_file(path):
            return "it isn't there any more"
        return "" if sha256_of(path) == sha256 else "it has changed since it was put there"


def delete_or_reason(path: Path, sha256: str) -> str:
    """Delete the file if it has that hash; else return why it stays."""
    try:
        remove(path, sha256=sha256)
    except (SetChanged, LocalTrouble) as error:
        return error.message
    return ""


def drop_empty_folder(folder: Path) -> None:
    """Remove the folder if it is empty. Errors are logged only."""
    try:
        folder.rmdir()
    except OSError as error:
        logger.debug("folder_stays", folder=str(folder), reason=error.strerror or str(error))
