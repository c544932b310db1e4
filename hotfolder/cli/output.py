"""Errors and texts as a user meets them: what, where, what to do; and the exit code."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import rich.text

from hotfolder.display import say as print
from hotfolder.display import visible_lines
from hotfolder.errors import BadWorld, HotfolderError, StoreAway


class Text(rich.text.Text):
    """Rich's own, with nothing in it that a terminal obeys."""

    def __init__(self, text: str = "", *arguments: Any, **named: Any) -> None:
        super().__init__(visible_lines(text), *arguments, **named)


WORLD_BAD = 3
USAGE = 2
FAILED = 1
INTERRUPTED = 130


@contextmanager
def errors_told() -> Iterator[None]:
    """Print an error of ours and exit with its code; a Ctrl-C exits with 130. In systemd's journal it is a
    line of JSON, as all others are."""
    try:
        yield
    except HotfolderError as error:
        if journalled():
            from hotfolder import log  # late: `--help` needs none

            log.configure(json=True)
            detail = {"detail": error.detail} if isinstance(error, StoreAway) else {}
            log.get("cli").error("ended_with_error", reason=error.message, hint=error.hint, **detail)
        else:
            print(error.message, file=sys.stderr)
            for more in (error.hint, error.detail if isinstance(error, StoreAway) else ""):
                if more:
                    print(more, file=sys.stderr)
        sys.exit(WORLD_BAD if isinstance(error, BadWorld) else USAGE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


@contextmanager
def output_written() -> Iterator[None]:
    """Exit with FAILED where what was printed can't be written to its end, and say so; in silence where
    whoever read it has gone."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if not _refused():
            raise
        if not isinstance(error, BrokenPipeError):
            with suppress(OSError):
                print(f"What is printed can't be written: {error.strerror}.", file=sys.stderr)
        sys.exit(FAILED)


def _refused() -> bool:
    """Whether standard output can't be written. What it holds is thrown away then: the interpreter would
    complain of it once more."""
    try:
        sys.stdout.write("\n")  # an empty buffer would flush well
        sys.stdout.flush()
    except OSError:
        with Path(os.devnull).open("w") as nothing:
            os.dup2(nothing.fileno(), sys.stdout.fileno())
        return True
    return False


def fitted(lines: Iterable[str]) -> Iterator[str]:
    """Lines that are no wider than the terminal, each going on a little further in. Where nobody sees them,
    as in a pipe, they are left whole."""
    if not sys.stdout.isatty():
        yield from lines
        return
    width = shutil.get_terminal_size().columns
    for line in lines:
        further = " " * (len(line) - len(line.lstrip()) + 4)
        yield from textwrap.wrap(line, width, subsequent_indent=further, break_on_hyphens=False) or [line]


def journalled() -> bool:
    """Whether standard error goes into systemd's journal: it says which file that is (systemd.exec)."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):  # there is none
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def print_json(content: object) -> None:
    """What `--json` prints."""
    print(json.dumps(content, indent=2))
