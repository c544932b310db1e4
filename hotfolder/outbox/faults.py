"""Where the operating system's errors become ours, once."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hotfolder.errors import LocalTrouble

SPACE = "Make room on that disk; the work goes on by itself."
RIGHTS = "Give the user that hotfolder runs as the right to write there; the work goes on by itself."
SHARE = "Check that the disk or share is connected; the work goes on by itself."

TROUBLES = {
    errno.ENOSPC: ("the disk is full", SPACE),
    errno.EDQUOT: ("the disk quota is used up", SPACE),
    errno.EROFS: ("the disk is read-only", RIGHTS),
    errno.EACCES: ("no permission", RIGHTS),
    errno.EPERM: ("not permitted", RIGHTS),
    errno.EIO: ("the disk or share reports an error", SHARE),
    errno.ESTALE: ("the share has gone away", SHARE),
    errno.ENOTCONN: ("the share is not connected", SHARE),
    errno.ECONNABORTED: (
        "the share is not connected",
        SHARE,
    ),  # what was asked of a FUSE server that is killed
    errno.ECONNRESET: ("the share is not connected", SHARE),
    errno.ESHUTDOWN: ("the share is not connected", SHARE),
    errno.EREMOTEIO: ("the disk or share reports an error", SHARE),
    errno.ENODEV: ("the disk has gone away", SHARE),
    errno.ENXIO: ("the disk has gone away", SHARE),
    errno.EHOSTDOWN: ("the share's server doesn't answer", SHARE),
    errno.EHOSTUNREACH: ("the share's server doesn't answer", SHARE),
    errno.ENETUNREACH: ("the share's server doesn't answer", SHARE),
    errno.ETIMEDOUT: ("the share's server doesn't answer", SHARE),
    errno.ENOTDIR: (
        "a file stands where a folder is needed",
        "Rename that file; the work goes on by itself.",
    ),
}


def make_our_folder(path: Path) -> None:
    """Make a folder that is ours alone, with those above it, where it is missing. Raises LocalTrouble
    whatever is wrong with the place."""
    with made_anywhere(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def made_anywhere(path: Path) -> Iterator[None]:
    """`local_trouble` about a folder that is being made, whatever the error."""
    try:
        with local_trouble(path):
            yield
    except FileExistsError:
        what, hint = TROUBLES[errno.ENOTDIR]
        raise LocalTrouble(f"{shown(path)}: {what}", hint=hint) from None
    except OSError as error:
        raise LocalTrouble(
            f"{shown(path)}: the folder can't be made: {error.strerror}", hint="Name another place for it."
        ) from None


class TargetTaken(LocalTrouble):
    """Another file already has the name that an original was to be moved to. Nothing was touched."""


def shown(path: Path | str | bytes) -> str:
    """A path as text that can be printed and stored, whatever bytes its name is made of."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@contextmanager
def local_trouble(path: Path) -> Iterator[None]:
    """Turn what disks and shares answer into `LocalTrouble` about `path`; let every other error through."""
    try:
        yield
    except OSError as error:
        if error.errno not in TROUBLES:
            raise
        what, hint = TROUBLES[error.errno]
        where = error.filename if isinstance(error.filename, str | bytes) else path
        raise LocalTrouble(f"{shown(where)}: {what}", hint=hint) from error
