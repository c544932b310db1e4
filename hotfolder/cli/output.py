"""Output for users: errors with their exit codes, text for terminals, JSON."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import rich.text
import typer

from hotfolder.display import say as print
from hotfolder.display import visible_lines
from hotfolder.errors import BadWorld, HotfolderError, StoreAway


class Text(rich.text.Text):
    """Rich's Text with control characters made visible."""

    def __init__(self, text: str = "", *arguments: Any, **named: Any) -> None:
        super().__init__(visible_lines(text), *arguments, **named)


WORLD_BAD = 3
USAGE = 2
FAILED = 1
INTERRUPTED = 130


@contextmanager
def report_errors() -> Iterator[None]:
    """Context manager: print a HotfolderError to standard error and exit with its code (3 for BadWorld, else
    2); a Ctrl-C exits with 130, at a prompt too. To systemd's journal the error is written as a line of JSON,
    as all log lines are."""
    try:
        yield
    except HotfolderError as error:
        if stderr_is_journal():
            from hotfolder import log  # imported late, since `--help` doesn't need it

            log.configure(json=True)
            detail = {"detail": error.detail} if isinstance(error, StoreAway) else {}
            log.get("cli").error("ended_with_error", reason=error.message, hint=error.hint, **detail)
        else:
            print(error.message, file=sys.stderr)
            # A service is started again, and a daemon tries again; what was typed has ended.
            again = "This command has ended: say it again then." if "by itself" in error.hint else ""
            for more in (error.hint, again, error.detail if isinstance(error, StoreAway) else ""):
                if more:
                    print(more, file=sys.stderr)
        sys.exit(WORLD_BAD if isinstance(error, BadWorld) else USAGE)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)


@contextmanager
def flush_output() -> Iterator[None]:
    """Context manager: flush standard output at the end; exit with FAILED where it can't be written, with a
    message unless the reader has closed the pipe. Other OSErrors are raised. Characters that the terminal's
    encoding lacks are escaped."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if not _stdout_unwritable():
            raise
        if not isinstance(error, BrokenPipeError):
            with suppress(OSError):
                print(f"What is printed can't be written: {error.strerror}.", file=sys.stderr)
        sys.exit(FAILED)


def _stdout_unwritable() -> bool:
    """Whether writing to standard output fails. If so, its buffer is discarded, so that the interpreter
    doesn't report the error again at exit."""
    try:
        sys.stdout.write("\n")  # flushing an empty buffer never fails
        sys.stdout.flush()
    except OSError:
        with Path(os.devnull).open("w") as nothing:
            os.dup2(nothing.fileno(), sys.stdout.fileno())
        return True
    return False


def stderr_is_journal() -> bool:
    """Whether standard error is systemd's journal: JOURNAL_STREAM has its device and inode (see
    systemd.exec)."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):  # standard error is closed
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def print_json(content: object) -> None:
    """Print an object as indented JSON."""
    print(json.dumps(content, indent=2))
