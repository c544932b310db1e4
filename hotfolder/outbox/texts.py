"""Text files for people who never open a terminal: REASON.txt and STATUS.txt."""

from __future__ import annotations

import textwrap

from hotfolder.display import visible

WIDTH = 76


def plain(text: str) -> str:
    """`text` on one line and without anything that could disturb the page around it."""
    return " ".join(visible(text).split())


def paragraph(text: str, indent: str = "") -> str:
    """`text` in short lines; words and file names are never cut."""
    return textwrap.fill(
        plain(text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def as_file(text: str) -> bytes:
    """UTF-8 with the line ends that every Windows editor shows right; names that aren't UTF-8 are marked."""
    return "\r\n".join(text.splitlines()).encode("utf-8", "backslashreplace") + b"\r\n"
