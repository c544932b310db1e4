"""STATUS.txt at the inbox's root: what is going on, for someone who never opens a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from hotfolder.errors import LocalTrouble
from hotfolder.outbox import linking
from hotfolder.outbox.faults import SHARE, local_trouble, shown
from hotfolder.outbox.placing import set_aside
from hotfolder.outbox.reasons import as_file, paragraph, plain
from hotfolder.outbox.sharing import Sharing
from hotfolder.outbox.temporary import temporary_file, write_all

FILE_NAME = "STATUS.txt"
HEADLINE = "What hotfolder is doing with this folder"
AS_OF = "As of "


@dataclass(frozen=True, slots=True)
class StatusLine:
    """One set. `state_words` is its state in plain words; `reason` and `hint` may be empty."""

    project: str
    room: str
    state_words: str
    reason: str = ""
    hint: str = ""


def status_text(
    *,
    attention: Sequence[StatusLine] = (),
    running: Sequence[StatusLine] = (),
    waiting: Sequence[StatusLine] = (),
    failed: Sequence[StatusLine] = (),
    finished: Sequence[str] = (),
    notices: Sequence[str] = (),
    at: datetime | None = None,
    stopped: bool = False,
) -> str:
    """The page, what needs a person first.

    `notices` are sentences about the whole inbox: that the queue is paused and why, files in a wrong place.
    `finished` has a line for each project of which something was finished lately. `at` is when all this was
    so; the line that tells it is no reason to write the page anew. `stopped`: hotfolder was stopped then.
    """
    parts = [HEADLINE, "=" * len(HEADLINE), ""]
    if at is not None and stopped:
        words = f"hotfolder was stopped at {clock_time(at)}. Nothing continues until it is started again."
        parts += [paragraph(words), ""]
    elif at is not None:
        parts += [f"{AS_OF}{clock_time(at)}", ""]
    for notice in notices:
        parts += [paragraph(f"! {notice}"), ""]
    sections = (
        ("Needs a person", attention),
        ("Continues when hotfolder is started again" if stopped else "Being worked on", running),
        ("Waiting", waiting),
        ("Came back lately (see REASON.txt in failed)", failed),
    )
    for title, lines in sections:
        if lines:
            parts += [f"{title}: {len(lines)}", *(entry(line) for line in lines), ""]
    if not any(lines for _, lines in sections):
        parts += ["Nothing is waiting. Finished pictures are in the done folder.", ""]
    if finished:
        parts += ["Finished lately (see the done folder)", *(f"  {plain(line)}" for line in finished), ""]
    parts.append("This page is rewritten whenever something changes; hotfolder never reads it.")
    return "\n".join(parts) + "\n"


def clock_time(at: datetime) -> str:
    """`17:08, 4 May 2026`, in the time zone that `at` is in."""
    return f"{at:%H:%M}, {at.day} {at:%B %Y}"


def entry(line: StatusLine) -> str:
    words = [f"  {plain(line.project)} / {plain(line.room)}: {plain(line.state_words)}"]
    words += [paragraph(extra, "      ") for extra in (line.reason, line.hint) if plain(extra)]
    return "\n".join(words)


@contextmanager
def still_there(inbox: Path) -> Iterator[None]:
    """An inbox may go away at any moment, also between two steps of writing into it."""
    try:
        yield
    except FileNotFoundError:
        raise LocalTrouble(f"{shown(inbox)}: the inbox is not there", hint=SHARE) from None


def timeless(page: bytes) -> list[bytes]:
    """The lines of a page without the one that says when it was written."""
    return [line for line in page.splitlines() if not line.startswith(AS_OF.encode())]


def write_status(inbox: Path, text: str) -> None:
    """Make STATUS.txt in `inbox` say `text`, in one step, and only if it doesn't yet.

    A STATUS.txt that isn't ours is set aside as "STATUS (yours).txt". Raises `LocalTrouble`, also where the
    inbox isn't there: it is never created.
    """
    path, data = inbox / FILE_NAME, as_file(text)
    if not inbox.is_dir():
        raise LocalTrouble(f"{shown(inbox)}: the inbox is not there", hint=SHARE)
    with local_trouble(inbox), still_there(inbox):
        if linking.status(path) is not None:
            present = b"" if path.is_symlink() or not path.is_file() else path.read_bytes()
            if timeless(present) == timeless(data):
                return
            if not present.startswith(HEADLINE.encode()):
                set_aside(path, "STATUS (yours)")
        with temporary_file(inbox, partial(write_all, data), Sharing.of(inbox)) as temporary:
            os.replace(temporary, path)  # noqa: PTH105
