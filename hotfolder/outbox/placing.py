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
from hotfolder.outbox.faults import local_trouble, shown
from hotfolder.outbox.files import (
    Fingerprint,
    Pieces,
    Sharing,
    fingerprint,
    make_folder,
    pieces_of,
    sha256_of,
    temporary_file,
)
from hotfolder.outbox.names import dotted, folded, numbered
from hotfolder.paths import is_dir, is_file
from hotfolder.rules.sets import FileIdentity

# One thread at a time names files in a folder: two could choose "Room" and "room", or take over each
# other's reservation.
NAMING = tuple(Lock() for _ in range(64))
logger = log.get("placing")
NUMBER = re.compile(r"( \(\d+\))?")
"""The part between stem and extension, as `numbered` makes it."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a file was put, and its SHA-256 in hex."""

    path: Path
    sha256: str


def placed_before(
    content: Pieces, folder: Path, stem: str, extension: str
) -> tuple[Placed | None, frozenset[str]]:
    """The file with this `content` among the files named `stem`, `stem (2)` …, if there is one; and the
    folded names of all of these files. Raises `LocalTrouble`."""
    with local_trouble(folder):
        found = namesakes(folder, names_in(folder) if is_dir(folder) else [], stem, extension)
        wanted = fingerprint(content()) if found else Fingerprint()
        known = next((path for path in found if holds(path, wanted)), None)
    placed = None if known is None else Placed(known, wanted.sha256)
    return placed, frozenset(folded(path.name) for path in found)


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
            naming(folder),
        ):
            shared.guard(target)  # writing may have taken long
            try:
                linking.put(temporary, target)
            except FileExistsError:
                if not holds(target, written):
                    return None
            return Placed(target, written.sha256)


def naming(folder: Path) -> Lock:
    return NAMING[hash(folder) % len(NAMING)]


def names_in(folder: Path) -> list[tuple[str, str]]:
    """All names there, as (folded, actual). A shoot's folder can hold thousands."""
    return [(folded(name), name) for name in os.listdir(folder)]  # noqa: PTH208


def set_aside(path: Path, stem: str) -> None:
    """Rename `path` to the first free name for `stem`, in its folder and with its extension. Raises
    OSError."""
    found = os.lstat(path)
    for sibling in path.parent.iterdir():
        other = linking.status(sibling)
        if other is None or sibling.name == path.name or other.st_nlink < 2:
            continue
        if linking.same_file(found, other):
            # A crash left both names: only the old one is still to be removed.
            path.unlink()
            return
    with naming(path.parent):
        taken = {compared for compared, _ in names_in(path.parent)}
        for name in numbered(stem, path.suffix):
            if folded(name) not in taken:
                with suppress(FileExistsError):
                    return linking.put(path, path.with_name(name))


def namesakes(folder: Path, names: Iterable[tuple[str, str]], stem: str, extension: str) -> list[Path]:
    """The files among `names` that `numbered` can give for `stem`, the shortest name first."""
    head, tail = folded(stem), folded(dotted(extension))
    found = [
        name
        for compared, name in names
        if compared.startswith(head)
        and compared.endswith(tail)
        and NUMBER.fullmatch(compared, len(head), len(compared) - len(tail))
    ]
    return [folder / name for name in sorted(found, key=lambda name: (len(name), name))]


def holds(path: Path, wanted: Fingerprint) -> bool:
    found = linking.status(path)
    if found is None or not stat.S_ISREG(found.st_mode) or found.st_size != wanted.size_bytes:
        return False
    return sha256_of(path) == wanted.sha256


def present(folder: Path) -> frozenset[str]:
    """The folded names in a folder; empty where it is missing. Raises `LocalTrouble`."""
    with local_trouble(folder):
        return frozenset(name for name, _ in names_in(folder)) if is_dir(folder) else frozenset()


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
        found = linking.status(source)
        if found is None:
            confirm_moved(source, target, expected)
            return
        confirm_unchanged(source, found, expected)
        make_folder(target.parent, shared)
        there = linking.status(target)
        if there is not None:
            finish(source, found, target, there)
            return
        try:
            with naming(target.parent):
                linking.put(source, target, sync)
        except FileExistsError as error:
            raise taken_by_another(target) from error
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            carry_across(source, found, target, shared)
            return
        undo_if_swapped(source, found, target)


def confirm_moved(source: Path, target: Path, expected: FileIdentity | None) -> None:
    there = linking.status(target)
    if there is None or (expected is not None and there.st_size != expected.size_bytes):
        raise SetChanged(f"{shown(source)} has vanished", hint="Drop the missing photo again.")


def confirm_unchanged(source: Path, found: os.stat_result, expected: FileIdentity | None) -> None:
    same = expected is None or FileIdentity.of(found).is_same_file(expected)
    if not (stat.S_ISREG(found.st_mode) and same):
        raise changed(source)


def changed(source: Path) -> SetChanged:
    return SetChanged(
        f"{shown(source)} has changed since it was looked at", hint="The folder is looked at anew."
    )


def taken_by_another(target: Path) -> LocalTrouble:
    return LocalTrouble(
        f"{shown(target)} is already there, and is another file",
        hint="Rename or move that file; the work continues by itself.",
    )


def finish(source: Path, found: os.stat_result, target: Path, there: os.stat_result) -> None:
    """Both names exist: remove `source` if `target` is the same original, as after a crash. Raises
    `LocalTrouble` if it isn't."""
    if linking.same_file(found, there):
        # With a single link the two are one directory entry (mounted twice, or a case-insensitive disk).
        if there.st_nlink < 2:
            raise taken_by_another(target)
    elif not holds(target, Fingerprint(found.st_size, sha256_of(source))):
        raise taken_by_another(target)
    linking.sync_folder(target.parent)
    drop_source(source, found)


def carry_across(source: Path, found: os.stat_result, target: Path, shared: Sharing) -> None:
    """Move between mounts: copy, fsync, read back and compare, and only then remove `source`."""

    def finish(descriptor: int) -> None:
        carry_attributes(source, found, descriptor)
        shared.apply_to_file(descriptor)

    with temporary_file(target.parent, pieces_of(source), finish) as (temporary, copied):
        if sha256_of(temporary) != copied.sha256:
            raise OSError(errno.EIO, "the copy differs from its source", str(temporary))
        confirm_same(source, found)
        try:
            with naming(target.parent):
                linking.put(temporary, target)
        except FileExistsError as error:
            raise taken_by_another(target) from error
    drop_source(source, found)


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
    now = linking.status(source)
    if now is None or not (linking.same_file(before, now) and linking.same_state(before, now)):
        raise changed(source)


def drop_source(source: Path, before: os.stat_result) -> None:
    confirm_same(source, before)
    source.unlink()
    linking.sync_folder(source.parent)


def undo_if_swapped(source: Path, before: os.stat_result, target: Path) -> None:
    """A rename moves whatever has the name by then. Move a newer file back, and raise `SetChanged`."""
    if linking.same_state(before, os.lstat(target)):
        return
    with suppress(FileExistsError):
        linking.put(target, source)
    raise changed(source)


def remove(path: Path, *, sha256: str, last_look: Callable[[], object] = lambda: None) -> bool:
    """Delete the file at `path` for good and fsync its folder, after a check of its hash: the only place
    where an original is. False where there is no file.

    Raises `SetChanged` where it isn't a regular file with this SHA-256, `LocalTrouble`, and what `last_look`
    raises, which is called after the hash was checked. The file is untouched then.
    """
    with local_trouble(path):
        found = linking.status(path)
        if found is None:
            return False
        confirm_unchanged(path, found, None)
        if sha256_of(path) != sha256:
            raise SetChanged(f"{shown(path)} has changed since its set was made")
        last_look()
        drop_source(path, found)
        return True


def unlike(path: Path, sha256: str) -> str:
    """Why `path` isn't a file with that hash; "" where it is. Raises `LocalTrouble`."""
    with local_trouble(path):
        if path.is_symlink() or not is_file(path):
            return "it isn't there any more"
        return "" if sha256_of(path) == sha256 else "it has changed since it was put there"


def deleted_or_why(path: Path, sha256: str) -> str:
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
