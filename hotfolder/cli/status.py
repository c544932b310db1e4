"""`hotfolder status`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding

from hotfolder.cli.output import Text
from hotfolder.config.load import load, state_location
from hotfolder.daemon.folders import holder_of
from hotfolder.display import counted
from hotfolder.display import say as print
from hotfolder.errors import ConfigurationError
from hotfolder.jobs.budget import midnight
from hotfolder.jobs.database import read_store
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.model import State
from hotfolder.jobs.store import Store
from hotfolder.rules.names import printable
from hotfolder.rules.prices import Prices
from hotfolder.telemetry.overview import NOTHING_BOUGHT, SETTLING, Line, Overview, overview

MOST_ROWS = 20
"""Of each part."""
WATCH_SECONDS = 2.0
COLOURS: Mapping[str, str] = {
    State.FAILED: "red",
    State.NEEDS_ATTENTION: "bold red",
    State.HALTING: "bold red",
}


def status(config: Path, *, as_json: bool, watch: bool = False) -> int:
    """Print the overview, with `watch` again and again until Ctrl-C. Only reads; whether or not the daemon
    runs and the settings have an error."""
    if as_json:
        print(json.dumps(look(config)[0].as_dict(), indent=2))
        return 0
    console = Console(highlight=False)
    if not watch:
        console.print(page(*look(config)))
        return 0
    with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
        while True:
            try:
                live.update(page(*look(config)), refresh=True)
                time.sleep(WATCH_SECONDS)
            except KeyboardInterrupt:
                return 0


def look(config: Path) -> tuple[Overview, str]:
    """How things stand, and what was paid today, in words."""
    place = state_location(config, os.environ)
    database = read_store(place.state)
    if database is None and place.error is not None:
        raise place.error
    pid = holder_of(place.state)
    if database is None:
        return Overview(lines=(), counts={}, pid=pid), ""
    try:
        seen = overview(Store(database), pid=pid)
        operations = Ledger(database).paid_operations_since(midnight(datetime.now(UTC)))
    finally:
        database.dispose()
    if place.error is not None:
        seen = replace(seen, settings_error=place.error.message)
    cost = prices_in(config).told(operations)
    calls = counted(len(operations), "paid call")
    return seen, f"Today: {calls}{f', {cost}' if cost else ''}." if operations else ""


def prices_in(config: Path) -> Prices:
    """None where the settings have an error."""
    try:
        return load(config, os.environ).prices
    except ConfigurationError:
        return Prices()


def page(seen: Overview, paid: str) -> RenderableType:
    """The whole overview: first what concerns everything, then sets, those first that need a person."""
    return Group(*(Text(text, style) for text, style in heading(seen, paid)), *parts(seen))


def heading(seen: Overview, paid: str) -> Iterator[tuple[str, str]]:
    """Sentences on the whole, with their colours."""
    running = f"running (process {seen.pid})" if seen.pid is not None else "not running"
    counts = ", ".join(seen.count_words())
    yield f"hotfolder is {running}. {counts or 'No sets yet'}.", ""
    if seen.sandbox:
        yield NOTHING_BOUGHT, "bold yellow"
    if paid:
        yield paid, ""
    if seen.trouble:
        yield f"Waiting: {seen.trouble_told}", "yellow"
    if seen.paused:
        yield f"No paid calls are made just now: {seen.paused}. `hotfolder resume` continues.", "yellow"
    if seen.schedule:
        yield f"Whatever has still to be sent {seen.schedule}.", ""
    if seen.settings_error:
        until = "those before it stay in force" if seen.pid is not None else "nothing starts with them"
        yield f"The settings have an error, and {until}:", "yellow"
        yield seen.settings_error, "yellow"
    if seen.restart:
        yield f"Edited, but only from the next start on: {', '.join(seen.restart)}.", ""
    yield from ((why, "yellow") for why in out_of_reach(seen))
    yield from ((notice, "yellow") for notice in seen.notices)


def out_of_reach(seen: Overview) -> Iterator[str]:
    several = len(seen.degraded) > 1
    for name, why in seen.degraded.items():
        inbox = f"The inbox {name}" if several else "The inbox"
        if why:
            yield f"{inbox}: {why}"
        elif seen.looking.get(name):
            yield f"{inbox}: changes are found by looking, {seen.looking[name]}."
    yield from (f"Out of reach: {why}" for why in seen.missing.values() if why)


def parts(seen: Overview) -> Iterator[RenderableType]:
    """The sets, part by part."""
    ended = (State.DONE, State.FAILED)
    attention = (State.NEEDS_ATTENTION, State.HALTING)
    needy = [line for line in seen.lines if line.held or line.state in attention]
    failed = list(seen.in_states([State.FAILED]))
    moving = [line for line in seen.lines if line not in needy and line.state not in ended]
    waiting = [line for line in moving if line.state in (SETTLING, State.QUEUED)]
    running = [line for line in moving if line not in waiting]
    for title, lines in (
        ("Needs a person", needy),
        ("Came back", failed),
        ("Being worked on", running),
        ("Waiting", waiting),
    ):
        yield from part(title, lines, said=seen.trouble)
    yield from finished(seen.in_states([State.DONE]))


def part(title: str, lines: Sequence[Line], *, said: str) -> Iterator[RenderableType]:
    """A heading, and for each set a line, with its reason on lines of its own, unless it is what was `said`
    of them all. Newest first where they have ended, since nobody scrolls for what has just happened."""
    if not lines:
        return
    yield Text(f"\n{title}: {len(lines)}", "bold")
    ended = lines[0].state in COLOURS
    for line in (list(reversed(lines)) if ended else lines)[:MOST_ROWS]:
        place = f"{line.project} / {line.room}" if line.room else line.project
        high_or_low = f", {line.priority} priority" if line.priority in ("high", "low") else ""
        job = f" ({line.job})" if line.job else ""
        words = "" if line.state == State.FAILED else f": {line.words}{high_or_low}"  # the heading says it
        row = Text(f"{printable(place)}{words}{job}", COLOURS.get(line.state, ""))
        yield Padding(row, (0, 0, 0, 2))
        if line.told and not (said and line.reason == said):
            yield Padding(Text(printable(line.told), "dim"), (0, 0, 0, 6))
    if len(lines) > MOST_ROWS:
        yield Text(f"  … and {len(lines) - MOST_ROWS} more; `hotfolder status --json` has all.")


def finished(lines: Sequence[Line]) -> Iterator[RenderableType]:
    """A line for each project, the one with the latest picture first; and one for each set of which there is
    something to say."""
    if not lines:
        return
    by_project = groupby(sorted(lines, key=lambda line: line.project), key=lambda line: line.project)
    projects = [
        (max(line.updated_at for line in group), project, group)
        for project, group in ((project, list(members)) for project, members in by_project)
    ]
    yield Text(f"\nDone: {len(lines)}", "bold")
    for last, project, group in sorted(projects, key=itemgetter(0, 1), reverse=True)[:MOST_ROWS]:
        row = Text(f"{printable(project)}: {counted(len(group), 'set')}, the last {moment(last)}", "green")
        yield Padding(row, (0, 0, 0, 2))
        for line in [one for one in group if one.reason][:MOST_ROWS]:
            yield Padding(Text(printable(f"{line.room}: {line.reason}"), "dim"), (0, 0, 0, 6))
    if len(projects) > MOST_ROWS:
        yield Text(f"  … and {len(projects) - MOST_ROWS} more projects")


def moment(iso: str) -> str:
    """A time of today, or a day, by this machine's clock."""
    at = datetime.fromisoformat(iso).astimezone()
    return f"at {at:%H:%M}" if at.date() == datetime.now().astimezone().date() else f"on {at:%Y-%m-%d}"
