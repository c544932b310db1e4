"""The text files beside photos for people who never open a terminal: REASON.txt, which says why a set came
back and what to do, and STATUS.txt in the inbox, whose text the caller makes."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from hotfolder.display import visible
from hotfolder.errors import LocalTrouble
from hotfolder.newfiles import folder_at
from hotfolder.outbox import linking
from hotfolder.outbox.faults import SHARE_HINT, local_trouble, path_text
from hotfolder.outbox.files import Sharing, make_folder, replace_file
from hotfolder.outbox.names import name_key
from hotfolder.outbox.placing import place_as, set_aside, taken_error
from hotfolder.paths import is_file
from hotfolder.words import LANGUAGES, word
from hotfolder.words.saying import translate

WIDTH = 76


def one_line(text: str) -> str:
    """`text` on one line, without characters that could break the layout."""
    return " ".join(visible(text).split())


def paragraph(text: str, indent: str = "") -> str:
    """`text` wrapped to short lines; words and file names are never cut."""
    return textwrap.fill(
        one_line(text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def as_file(text: str) -> bytes:
    """`text` as UTF-8 with CRLF line ends, which every Windows editor shows; other bytes are escaped."""
    return "\r\n".join(text.splitlines()).encode("utf-8", "backslashreplace") + b"\r\n"


REASON_NAME = "REASON.txt"
EARLIER_STEM = "REASON (earlier)"
TITLES = ("reason.needs_person", "reason.cancelled", "reason.unfinished")
ALL_NAMES = re.compile(r"REASON( \(.+\))?\.txt", re.IGNORECASE)
"""The names that REASON.txt has, also as the page of an earlier attempt."""
OWN_REASON_TEXTS = tuple(
    re.compile(
        "(?:"
        + "|".join(word(language, title, room=".+").replace(" ", r"\s") for title in TITLES)
        + r")\n=+\n.*\n"
        + re.escape(word(language, "reason.job", job="JOB")).replace("JOB", r"\S+"),
        re.DOTALL,
    )
    for language in LANGUAGES
)
"""Matches a whole REASON.txt of ours, in each language."""
MOST_BYTES = 64 * 1024
"""More than any REASON.txt of ours has."""


def reason_text(
    *,
    project: str,
    folder: str,
    title: str,
    language: str = "en",
    reason: str,
    hint: str,
    charged: str,
    files: Sequence[str],
    removed: str = "",
    when: datetime,
    job: str,
    drag_back_is_enough: bool = True,
    pays_again: bool = False,
    also: Sequence[str] = (),
) -> str:
    """The text of REASON.txt: what happened, what to do, what it cost, and that nothing was lost.

    `title` is the headline in `language`; `reason`, `hint`, `charged`, `removed` and `also` are English, and
    are translated. `files` are in the same folder; `removed` is a sentence about files of the set that
    somebody removed before they could be moved, empty for none. `charged` is a sentence about what was or may
    have been paid, empty for nothing. `when` is shown in its own time zone. `drag_back_is_enough`: else the
    `hint` must be followed first. `pays_again`: the folder's name says so. `also` are lines shown at the end.
    The same arguments give the same text.
    """
    t, told = partial(word, language), partial(translate, language)
    drag_back = "reason.drag_back_again" if pays_again else "reason.drag_back"
    photos = "\n".join(f"    {one_line(name)}" for name in files) or f"    {t('reason.none')}"
    facts = {
        "reason.project": one_line(project),
        "reason.folder": one_line(folder),
        "reason.when": f"{when:%Y-%m-%d %H:%M} {when.tzname() or ''}".rstrip(),
    }
    width = max(len(t(key)) for key in facts) + 1
    lost = f"{told(removed)} {t('reason.some_removed')}" if removed else t("reason.none_lost")
    parts = [
        paragraph(title),
        "=" * min(max(len(one_line(title)), 3), WIDTH),
        "",
        *(f"{t(key) + ':':{width}} {value}" for key, value in facts.items()),
        "",
        *section(t("reason.happened"), told(reason)),
        *section(t("reason.to_do"), told(hint) or t("reason.drop_again")),
        *section(t("reason.cost"), told(charged) or t("reason.free")),
        t("reason.lost"),
        paragraph(lost, "  "),
        photos,
        "",
        *section(t("reason.again"), t(drag_back if drag_back_is_enough else "reason.mended_first")),
        *(section(t("reason.tags"), *map(told, also)) if also else ()),
        t("reason.job", job=one_line(job)),
    ]
    return "\n".join(parts) + "\n"


def section(title: str, *texts: str) -> list[str]:
    return [title, *(paragraph(text, "  ") for text in texts), ""]


def write_reason(folder: Path, text: str, *, shared: Sharing) -> Path:
    """Make `folder`/REASON.txt say `text`; return its path. Call it after the set's own files have moved.
    Idempotent.

    The page of an earlier attempt, which travelled along, is kept as "REASON (earlier).txt", so that
    REASON.txt always has the present reason. Raises `LocalTrouble`.
    """
    data = as_file(text)
    with local_trouble(folder):
        make_folder(folder, shared)
        for _ in range(2):  # another may appear meanwhile
            for path in list(folder.iterdir()):
                if name_key(path.name) == name_key(REASON_NAME):
                    if is_file(path) and path.read_bytes() == data:
                        return path
                    set_aside(path, EARLIER_STEM)
            placed = place_as(lambda: [data], folder, REASON_NAME, shared=shared)
            if placed is not None:
                return placed.path
    raise taken_error(folder / REASON_NAME)


def hash_of_reason(path: Path) -> str:
    """The SHA-256 of a REASON.txt as `write_reason` made it; "" for any other file, also one to whose
    beginning or end somebody has added. Raises `LocalTrouble`."""
    if not ALL_NAMES.fullmatch(path.name):
        return ""
    with local_trouble(path):
        found = linking.lstat_or_none(path)
        if found is None or not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
            return ""
        data = path.read_bytes()
    text = "\n".join(data.decode("utf-8", "replace").splitlines())
    ours = as_file(text) == data and any(pattern.fullmatch(text) for pattern in OWN_REASON_TEXTS)
    return hashlib.sha256(data).hexdigest() if ours else ""


STATUS_NAME = "STATUS.txt"
HEADLINES = tuple(word(language, "status.headline") for language in LANGUAGES)
AS_OF = tuple(word(language, "status.as_of", time="") for language in LANGUAGES)


def without_timestamp(page: bytes) -> list[bytes]:
    """The lines of a page without its timestamp."""
    return [line for line in page.splitlines() if not line.startswith(tuple(map(str.encode, AS_OF)))]


def write_status(inbox: Path, text: str) -> None:
    """Write STATUS.txt in `inbox` atomically, unless it already says `text`, timestamp apart. On a full disk
    it is overwritten in place, where it has the space: an outdated "all is well" is worse than a torn page.

    A STATUS.txt that isn't ours is renamed to "STATUS (yours).txt". Raises `LocalTrouble`, also where the
    inbox isn't there: it is never created.
    """
    path, data = inbox / STATUS_NAME, as_file(text)
    try:
        with local_trouble(inbox):
            if linking.lstat_or_none(path) is not None:
                present = b"" if path.is_symlink() or not is_file(path) else path.read_bytes()
                if without_timestamp(present) == without_timestamp(data):
                    return
                if not present.startswith(tuple(map(str.encode, HEADLINES))):
                    set_aside(path, "STATUS (yours)")
            try:
                replace_file(path, data, Sharing.of(inbox))
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not overwrite_in_place(inbox, data):
                    raise
    except FileNotFoundError:
        raise LocalTrouble(f"{path_text(inbox)}: the inbox is not there", hint=SHARE_HINT) from None


def overwrite_in_place(inbox: Path, data: bytes) -> bool:
    """Overwrite our STATUS.txt in place; False where it isn't there as a regular file with one link and
    enough blocks for `data`. Raises OSError."""
    with folder_at(inbox) as folder, suppress(FileNotFoundError):
        safely = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(STATUS_NAME, os.O_WRONLY | safely, dir_fd=folder)
        with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - a descriptor has no path
            found = os.fstat(descriptor)
            room = found.st_blocks * 512
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1 or room < len(data):
                return False
            file.write(data)
            file.truncate()
            return True
    return False
