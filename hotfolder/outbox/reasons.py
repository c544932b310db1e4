"""REASON.txt: why a set came back, and what to do."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from hotfolder.display import visible
from hotfolder.outbox import linking
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.names import folded
from hotfolder.outbox.placing import place_bytes, set_aside
from hotfolder.outbox.sharing import Sharing, make_folder

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


STEM, EXTENSION = "REASON", ".txt"
EARLIER = "REASON (earlier)"
BACK = (
    "Drag this whole folder back into the project's folder in the inbox. This page may stay in it. "
    "Whatever is already paid for is used again and is not paid a second time."
)
MENDED_FIRST = (
    'Do what is said under "What to do" first: as it is, the folder would come back again. Then drag it into '
    "the project's folder in the inbox. This page may stay in it."
)


def reason_text(
    *,
    project: str,
    folder: str,
    title: str,
    reason: str,
    hint: str,
    charged: str,
    files: Sequence[str],
    removed: str = "",
    when: datetime,
    job: str,
    as_it_is: bool = True,
    also: Sequence[str] = (),
) -> str:
    """The page: what happened, what to do, what it cost, and that nothing is lost here.

    `title` is the headline; `files` lie beside the page, and `removed` says in a sentence which of the set's
    somebody removed before they could be moved, empty for none. `charged` says in a sentence what was or may
    have been paid, empty for nothing. `when` is shown with its own time zone. `as_it_is`: the folder may be
    made as it is when it is dragged back; else only once somebody has done what the `hint` says. `also` are
    lines to be read at the end. The
    same arguments give the same text.
    """
    photos = "\n".join(f"    {plain(name)}" for name in files) or "    (none)"
    parts = [
        paragraph(title),
        "=" * min(max(len(plain(title)), 3), 76),
        "",
        f"Project: {plain(project)}",
        f"Folder:  {plain(folder)}",
        f"When:    {when:%Y-%m-%d %H:%M} {when.tzname() or ''}".rstrip(),
        "",
        "What happened",
        paragraph(reason, "  "),
        "",
        "What to do",
        paragraph(hint or "Drop the folder again. If it comes back, show this page to your manager.", "  "),
        "",
        "What it cost",
        paragraph(charged or "Nothing was charged.", "  "),
        "",
        "Is anything lost?",
        paragraph(
            f"{removed} hotfolder has deleted none of them. The others lie beside this page, unchanged:"
            if removed
            else "No. Every file that you dropped lies beside this page, unchanged:",
            "  ",
        ),
        photos,
        "",
        "To try again",
        paragraph(BACK if as_it_is else MENDED_FIRST, "  "),
        "",
        *(["The tags there are", *(paragraph(line, "  ") for line in also), ""] if also else []),
        f"(job {plain(job)})",
    ]
    return "\n".join(parts) + "\n"


def write_reason(folder: Path, text: str, *, shared: Sharing) -> Path:
    """Make `folder`/REASON.txt say `text`; its path. To be called after the set's own files have moved.

    A photographer opens REASON.txt and must find the present reason there. The page of an earlier attempt,
    which travelled along, is kept as "REASON (earlier).txt". Raises `LocalTrouble`.
    """
    data = as_file(text)
    with local_trouble(folder):
        make_folder(folder, shared)
        for path in list(folder.iterdir()):
            if folded(path.name) == folded(STEM + EXTENSION):
                if path.is_file() and path.read_bytes() == data:
                    return path
                if not linking.is_left_reservation(path):
                    set_aside(path, EARLIER)
    return place_bytes(data, folder, STEM, EXTENSION, shared=shared)
