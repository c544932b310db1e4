"""What lies beside photos for somebody who never opens a terminal: REASON.txt, which says why a set came back
and what to do, and STATUS.txt in the inbox, whose text others make."""

from __future__ import annotations

import errno
import os
import stat
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from hotfolder.display import visible
from hotfolder.errors import LocalTrouble
from hotfolder.newfiles import folder_at
from hotfolder.outbox import linking
from hotfolder.outbox.faults import SHARE, local_trouble, shown
from hotfolder.outbox.files import Sharing, make_folder, replace_file
from hotfolder.outbox.names import folded
from hotfolder.outbox.placing import place_as, set_aside, taken_by_another
from hotfolder.words import LANGUAGES, word
from hotfolder.words.saying import said

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


NAME = "REASON.txt"
EARLIER = "REASON (earlier)"


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
    as_it_is: bool = True,
    also: Sequence[str] = (),
) -> str:
    """The page: what happened, what to do, what it cost, and that nothing is lost here.

    `title` is the headline, in that `language`; what else is to be said comes in English. `files` lie beside
    the page, and `removed` says in a sentence which of the set's somebody removed before they could be moved,
    empty for none. `charged` says in a sentence what was or may have been paid, empty for nothing. `when` is
    shown with its own time zone. `as_it_is`: the folder may be made as it is when it is dragged back; else
    only once somebody has done what the `hint` says. `also` are lines to be read at the end. The same
    arguments give the same text.
    """
    t, told = partial(word, language), partial(said, language)
    photos = "\n".join(f"    {plain(name)}" for name in files) or f"    {t('reason.none')}"
    facts = {
        "reason.project": plain(project),
        "reason.folder": plain(folder),
        "reason.when": f"{when:%Y-%m-%d %H:%M} {when.tzname() or ''}".rstrip(),
    }
    width = max(len(t(key)) for key in facts) + 1
    lost = f"{told(removed)} {t('reason.some_removed')}" if removed else t("reason.none_lost")
    parts = [
        paragraph(title),
        "=" * min(max(len(plain(title)), 3), WIDTH),
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
        *section(t("reason.again"), t("reason.drag_back" if as_it_is else "reason.mended_first")),
        *(section(t("reason.tags"), *map(told, also)) if also else ()),
        t("reason.job", job=plain(job)),
    ]
    return "\n".join(parts) + "\n"


def section(title: str, *texts: str) -> list[str]:
    return [title, *(paragraph(text, "  ") for text in texts), ""]


def write_reason(folder: Path, text: str, *, shared: Sharing) -> Path:
    """Make `folder`/REASON.txt say `text`; its path. To be called after the set's own files have moved.

    A photographer opens REASON.txt and must find the present reason there. The page of an earlier attempt,
    which travelled along, is kept as "REASON (earlier).txt". Raises `LocalTrouble`.
    """
    data = as_file(text)
    with local_trouble(folder):
        make_folder(folder, shared)
        for _ in range(2):  # another may come meanwhile
            for path in list(folder.iterdir()):
                if folded(path.name) == folded(NAME):
                    if path.is_file() and path.read_bytes() == data:
                        return path
                    set_aside(path, EARLIER)
            placed = place_as(lambda: [data], folder, NAME, shared=shared)
            if placed is not None:
                return placed.path
    raise taken_by_another(folder / NAME)


STATUS_NAME = "STATUS.txt"
HEADLINES = tuple(word(language, "status.headline") for language in LANGUAGES)
AS_OF = tuple(word(language, "status.as_of", time="") for language in LANGUAGES)


@contextmanager
def still_there(inbox: Path) -> Iterator[None]:
    """An inbox may go away at any moment, also between two steps of writing into it."""
    try:
        yield
    except FileNotFoundError:
        raise LocalTrouble(f"{shown(inbox)}: the inbox is not there", hint=SHARE) from None


def timeless(page: bytes) -> list[bytes]:
    """The lines of a page without the one that says when it was written."""
    return [line for line in page.splitlines() if not line.startswith(tuple(map(str.encode, AS_OF)))]


def write_status(inbox: Path, text: str) -> None:
    """Make STATUS.txt in `inbox` say `text`, in one step, and only if it doesn't yet. Where the disk is full
    it is written over, if it has the room: a page that says that all is well would be worse than half a one.

    A STATUS.txt that isn't ours is set aside as "STATUS (yours).txt". Raises `LocalTrouble`, also where the
    inbox isn't there: it is never created.
    """
    path, data = inbox / STATUS_NAME, as_file(text)
    if not inbox.is_dir():
        raise LocalTrouble(f"{shown(inbox)}: the inbox is not there", hint=SHARE)
    with local_trouble(inbox), still_there(inbox):
        if linking.status(path) is not None:
            present = b"" if path.is_symlink() or not path.is_file() else path.read_bytes()
            if timeless(present) == timeless(data):
                return
            if not present.startswith(tuple(map(str.encode, HEADLINES))):
                set_aside(path, "STATUS (yours)")
        try:
            replace_file(path, data, Sharing.of(inbox))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not written_over(inbox, data):
                raise


def written_over(inbox: Path, data: bytes) -> bool:
    """Whether our STATUS.txt is there, plain and by this one name, has room for `data` on the disk, and says
    that now. Raises OSError."""
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
