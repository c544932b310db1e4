"""Errors as a user meets them: what, where, what to do; and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hotfolder.errors import BadWorld, HotfolderError

WORLD_BAD = 3
USAGE = 2
FAILED = 1
INTERRUPTED = 130


@contextmanager
def told() -> Iterator[None]:
    """Print an error of ours and exit with its code; a Ctrl-C exits with 130."""
    try:
        yield
    except HotfolderError as error:
        print(error.message, file=sys.stderr)
        if error.hint:
            print(error.hint, file=sys.stderr)
        sys.exit(WORLD_BAD if isinstance(error, BadWorld) else USAGE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(FAILED)
