"""`hotfolder status`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hotfolder.config.whereabouts import whereabouts
from hotfolder.daemon.lock import holder_of
from hotfolder.jobs.database import read_store
from hotfolder.jobs.states import State
from hotfolder.jobs.store import Store
from hotfolder.service.overview import MOST_FINISHED, SETTLING, Overview, overview

MOST_ROWS = 40
COLOURS = {
    State.DONE: "green",
    State.FAILED: "red",
    State.NEEDS_ATTENTION: "bold red",
    SETTLING: "dim",
    State.QUEUED: "dim",
}


def status(config: Path, *, as_json: bool) -> int:
    """Print the overview. Only reads; whether or not the daemon runs and the settings have an error."""
    place = whereabouts(config, os.environ)
    database = read_store(place.state)
    if database is None and place.error is not None:
        raise place.error
    pid = holder_of(place.state)
    most = MOST_FINISHED if as_json else MOST_ROWS
    if database is None:
        seen = Overview(lines=(), counts={}, pid=pid)
    else:
        seen = overview(Store(database), pid=pid, most_finished=most)
        database.dispose()
    if place.error is not None:
        seen = replace(seen, settings_error=place.error.message)
    if as_json:
        print(json.dumps(seen.as_dict(), indent=2))
    else:
        show(seen)
    return 0


def show(seen: Overview) -> None:
    console = Console(highlight=False)
    running = f"running (process {seen.pid})" if seen.pid is not None else "not running"
    counts = ", ".join(seen.count_words())
    console.print(Text(f"hotfolder is {running}. {counts or 'No sets yet'}."))
    if seen.trouble:
        console.print(Text(f"Paused: {seen.trouble_told}", style="yellow"))
    if seen.paused:
        console.print(
            Text(f"Paid calls are paused: {seen.paused}. `hotfolder resume` goes on.", style="yellow")
        )
    if seen.schedule:
        console.print(Text(f"Whatever has still to be sent {seen.schedule}."))
    if seen.settings_error:
        until = "those before it stay in force" if seen.pid is not None else "nothing starts with them"
        console.print(Text(f"The settings have an error, and {until}:", style="yellow"))
        console.print(Text(seen.settings_error, style="yellow"))
    if seen.restart:
        console.print(Text(f"Edited, but only from the next start on: {', '.join(seen.restart)}."))
    for told in out_of_reach(seen):
        console.print(Text(told, style="yellow"))
    show_looking(seen, console)
    for notice in seen.notices:
        console.print(Text(notice, style="yellow"))
    if seen.lines:
        console.print(table(seen))


def out_of_reach(seen: Overview) -> Iterator[str]:
    yield from (f"Inbox {name}: {why}" for name, why in seen.degraded.items() if why)
    yield from (f"Out of reach: {why}" for why in seen.missing.values() if why)


def show_looking(seen: Overview, console: Console) -> None:
    for name, why in seen.looking.items():
        if why and not seen.degraded.get(name):
            console.print(Text(f"Inbox {name}: changes are found by looking, {why}."))


def table(seen: Overview) -> Table:
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("job", "project", "room", "state", "reason"):
        drawn.add_column(heading, overflow="fold")
    for line in seen.lines[-MOST_ROWS:]:
        high_or_low = line.priority in ("high", "low")
        words = f"{line.words} ({line.priority} priority)" if high_or_low else line.words
        cells = (line.job or "-", line.project, line.room, words, line.told)
        drawn.add_row(*(Text(cell) for cell in cells), style=COLOURS.get(line.state, ""))
    return drawn
