"""The text of STATUS.txt: the state of one inbox, for people who never open a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import zip_longest

from hotfolder.jobs.model import stamp
from hotfolder.jobs.states import State
from hotfolder.jobs.steps.filing import REMOVED
from hotfolder.outbox.texts import one_line, paragraph
from hotfolder.rules.foldernames import to_nfc
from hotfolder.telemetry.overview import SETTLING, About, Line, Overview
from hotfolder.words import format_day_and_time, word
from hotfolder.words.saying import translate, translate_room

MOST_SHOWN = 50
"""Sets listed in each section, and notices."""
LATELY = timedelta(days=7)
MOST_PROJECTS = 10
"""Projects listed of which something was finished lately."""


def status_page(
    seen: Overview,
    inbox: str,
    ended: Mapping[str, Mapping[str, datetime]],
    now: datetime,
    *,
    stopped: bool = False,
    language: str = "en",
) -> str:
    """The page of one inbox, as of `now`, in the local time zone. `ended` has by project the rooms that were
    finished lately, with the time of each."""
    trouble = seen.trouble  # it concerns the whole queue and is shown above all sets
    lines = tuple(
        replace(line, reason="", hint="") if trouble and line.reason == trouble else line
        for line in seen.lines
        if line.inbox == inbox
    )
    here = replace(seen, lines=lines, pid=None if stopped else seen.pid)
    lately = stamp(now - LATELY)
    removed = (
        f"{line.project} / {line.room}: {line.reason}"
        for line in lines
        if line.state == State.DONE and REMOVED in line.reason and line.updated_at > lately
    )
    sections = {
        "status.attention": here.needing_person,
        "status.continues" if stopped else "status.running": here.running,
        "status.waiting": here.waiting,
        "status.failed": here.failed[::-1],  # the latest first
    }
    whole = (one.text for one in here.conditions() if one.about not in (About.INBOX, About.RESTART))
    notices = [*whole, *removed, *seen.notices_of.get(inbox, ())]
    finished_lines = list(finished(lines, ended, now, language))
    return status_text(sections, finished_lines, notices, at=now, stopped=stopped, language=language)


def status_text(
    sections: Mapping[str, Sequence[Line]] | None,
    finished: Sequence[str] = (),
    notices: Sequence[str] = (),
    *,
    at: datetime | None = None,
    stopped: bool = False,
    language: str = "en",
) -> str:
    """The page in that `language`. The arguments are in English, except `finished`.

    `sections` are sets by the catalogue's key of their heading, in order; None where the sets are unknown.
    `notices` are sentences about the whole inbox: that the queue is paused and why, files in a wrong place.
    `finished` has a line for each project of which something was finished lately. `at` is the time of all
    this; a change of its line alone is no reason to write the page again. `stopped`: hotfolder was stopped
    then.
    """
    t = partial(word, language)
    headline = t("status.headline")
    parts = [headline, "=" * len(headline), ""]
    if at is not None and stopped:
        parts += [paragraph(t("status.stopped", time=format_day_and_time(language, at))), ""]
    elif at is not None:
        parts += [t("status.as_of", time=format_day_and_time(language, at)), ""]
    for notice in notices[:MOST_SHOWN]:
        first, *more = f"! {translate(language, notice)}".split("\n")  # settings may have several errors
        parts += [paragraph(first), *(paragraph(one, "  ") for one in more), ""]
    if len(notices) > MOST_SHOWN:
        parts += [t("status.more", number=len(notices) - MOST_SHOWN), ""]
    for key, lines in (sections or {}).items():
        if lines:
            shown = lines[:MOST_SHOWN]
            entries = (entry(*pair, language) for pair in zip_longest(shown, shown[1:]))
            parts += [f"{t(key)}: {len(lines)}", *entries]
            parts += [t("status.more", number=len(lines) - MOST_SHOWN)] * (len(lines) > MOST_SHOWN) + [""]
    if sections is not None and not any(sections.values()):
        parts += [t("status.nothing"), ""]
    if finished:
        parts += [t("status.finished"), *(f"  {one_line(line)}" for line in finished), ""]
    parts.append(t("status.footer"))
    return "\n".join(parts) + "\n"


def entry(line: Line, following: Line | None, language: str) -> str:
    """The lines of one set; without its reason where the `following` one has the same, and shows it."""
    # A set without a job goes by its folder's name, since two folders may belong to one room.
    called = line.folder if line.state == SETTLING and line.folder else line.room
    room, state = translate_room(language, called), translate(language, line.words)
    reason = "" if line.reason == line.words else line.reason
    why = () if line.same_explanation(following) else (reason, line.hint)
    extras = (translate(language, extra) for extra in why if one_line(extra))
    first = f"  {one_line(line.project)} / {one_line(room)}: {one_line(state)}"
    return "\n".join([first, *(paragraph(extra, "      ") for extra in extras)])


def finished(
    lines: Sequence[Line], ended: Mapping[str, Mapping[str, datetime]], now: datetime, language: str
) -> Iterator[str]:
    """Lines such as "12 Elm Road: 3 of 5 rooms, the last at 17:08", the latest project first."""
    latest = sorted(ended.items(), key=lambda one: max(one[1].values()), reverse=True)
    for project, rooms in latest[:MOST_PROJECTS]:
        there = {line.room for line in lines if to_nfc(line.project) == project and line.folder + line.job}
        number, every = len(rooms), len(there | rooms.keys())
        key = "status.some_rooms" if every > number else "status.rooms" if number > 1 else "status.room"
        # With the UTC offset of that time: daylight saving may have changed since.
        last = max(rooms.values()).astimezone()
        when = word(language, "time.clock", clock=f"{last:%H:%M}")
        when = when if last.date() == now.date() else format_day_and_time(language, last)
        yield word(language, key, project=project, number=number, most=every, time=when)
