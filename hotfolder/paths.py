"""What is at a path, with every error raised but that of a missing file.

A share that is out of reach must not count as files that were deleted. Methods of `pathlib.Path` hide what
the system says: `glob` since Python 3.13, `exists`, `is_dir` and `is_file` since 3.14.
"""

from __future__ import annotations

import errno
import stat
from pathlib import Path

_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


def exists(path: Path) -> bool:
    """Whether something is there, links followed. Raises OSError."""
    return _mode(path) != 0


def is_dir(path: Path) -> bool:
    """Whether a folder is there, links followed. Raises OSError."""
    return stat.S_ISDIR(_mode(path))


def is_file(path: Path) -> bool:
    """Whether a regular file is there, links followed. Raises OSError."""
    return stat.S_ISREG(_mode(path))


def entries(folder: Path) -> list[Path]:
    """The paths in the folder, sorted; none where it is missing. Raises OSError."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except ValueError:  # a name with a zero byte
        return 0
    except OSError as error:
        if error.errno in _MISSING:
            return 0
        raise
