"""STATUS.txt at the inbox's root: what is going on, for someone who never opens a terminal."""

from __future__ import annotations

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
from hotfolder.outbox.temporary import replace_file
from hotfolder.words import LANGUAGES, day_and_time, word
from hotfolder.words.saying import room_said, said

FILE_NAME = "STATUS.txt"
HEADLINES = tuple(word(language, "status.headline") for language in LANGUAGES)
AS_OF = tuple(word(language, "status.as_of", time="") for language in LANGUAGES)


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
    language: str = "en",
) -> str:
    """The page in that `language`, what needs a person first. What it is to say comes in English, but for
    `finished`.

    `notices` are sentences about the whole inbox: that the queue is paused and why, files in a wrong place.
    `finished` has a line for each project of which something was finished lately. `at` is when all this was
    so; the line that tells it is no reason to write the page anew. `stopped`: hotfolder was stopped then.
    """
    t = partial(word, language)
    headline = t("status.headline")
    parts = [headline, "=" * len(headline), ""]
    if at is not None and stopped:
        parts += [paragraph(t("status.stopped", time=day_and_time(language, at))), ""]
    elif at is not None:
        parts += [t("status.as_of", time=day_and_time(language, at)), ""]
    for notice in notices:
        parts += [paragraph(f"! {said(language, notice)}"), ""]
    sections = (
        ("status.attention", attention),
        ("status.continues" if stopped else "status.running", running),
        ("status.waiting", waiting),
        ("status.failed", failed),
    )
    for key, lines in sections:
        if lines:
            parts += [f"{t(key)}: {len(lines)}", *(entry(line, language) for line in lines), ""]
    if not any(lines for _, lines in sections):
        parts += [t("status.nothing"), ""]
    if finished:
        parts += [t("status.finished"), *(f"  {plain(line)}" for line in finished), ""]
    parts.append(t("status.footer"))
    return "\n".join(parts) + "\n"


def entry(line: StatusLine, language: str) -> str:
    state = said(language, line.state_words)
    room = room_said(language, line.room)
    words = [f"  {plain(line.project)} / {plain(room)}: {plain(state)}"]
    extras = (said(language, extra) for extra in (line.reason, line.hint) if plain(extra))
    return "\n".join([*words, *(paragraph(extra, "      ") for extra in extras)])


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
            if not present.startswith(tuple(map(str.encode, HEADLINES))):
                set_aside(path, "STATUS (yours)")
        replace_file(path, data, Sharing.of(inbox))
