"""`hotfolder status` and `hotfolder logs`."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from itertools import zip_longest
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding

from hotfolder.cli.output import Text, print_json
from hotfolder.control.board import Status, history
from hotfolder.control.board import status as read_status
from hotfolder.display import counted, visible
from hotfolder.display import say as print
from hotfolder.jobs.model import SANDBOX
from hotfolder.jobs.states import State
from hotfolder.telemetry.daemons import MachineLine
from hotfolder.telemetry.history import JobHistory
from hotfolder.telemetry.overview import Line
from hotfolder.words import format_day_and_time

MOST_ROWS = 20
"""The most rows shown in each section, and the most notices."""
WATCH_SECONDS = 2.0
OTHER_SETTINGS = "Where hotfolder runs with other settings, name their file with --config."
COLOURS: Mapping[str, str] = {
    State.FAILED: "red",
    State.NEEDS_ATTENTION: "bold red",
    State.HALTING: "bold red",
}


def status(config: Path, *, as_json: bool, watch: bool = False) -> int:
    """Print the status of all sets; with `watch`, every WATCH_SECONDS until Ctrl-C. Returns 0."""
    if as_json:
        found = read_status(config, os.environ)
        print_json({**found.seen.as_dict(), "state_folder": str(found.state_folder)})
        return 0
    console = Console(highlight=False)
    if not watch:
        console.print(render_status(read_status(config, os.environ)))
        return 0
    enough = threading.Event()
    # KeyboardInterrupt would be lost when raised in a destructor or in a library's callback.
    signal.signal(signal.SIGINT, lambda *_: enough.set())
    # Without a terminal (a pipe, ssh without a pty) Live would show the last page only.
    live = Live(console=console, screen=True, auto_refresh=False) if console.is_terminal else None
    with live or nullcontext():
        while True:
            shown = render_status(read_status(config, os.environ))
            if live is not None:
                live.update(shown, refresh=True)
            else:
                console.print(shown)
            if enough.wait(WATCH_SECONDS):
                return 0


def render_status(found: Status) -> RenderableType:
    """The whole status: general information first, then the sets, beginning with those that need a person."""
    seen = found.seen
    begun = "Being worked on" if seen.running_at_all else "Continues when hotfolder is started again"
    parts = (
        ("Needs a person", seen.needing_person),
        ("Came back", seen.failed),
        (begun, seen.running),
        ("Waiting", seen.waiting),
    )
    return Group(
        *(Text(text, style) for text, style in heading(found)),
        *(each for title, lines in parts for each in section(title, lines, found)),
        *finished_lines(found),
    )


def heading(found: Status) -> Iterator[tuple[str, str]]:
    """The sentences about the daemon as a whole, each with its style."""
    seen = found.seen
    running = f"running (process {seen.pid})" if seen.pid is not None else "not running"
    if seen.machines:
        working = sum(machine.running for machine in seen.machines)
        running = f"running on {working} of {counted(len(seen.machines), 'machine')}"
    counts = ", ".join(seen.count_words())
    none = "No sets are recorded" if seen.missing.get("state") else "No sets yet"
    yield f"hotfolder is {running}. {counts or none}.", ""
    yield from map(machine_sentence, seen.machines)
    if not (seen.running_at_all or seen.machines):
        yield f"Nothing works with the state folder {found.state_folder}. {OTHER_SETTINGS}", ""
    if found.kinds_paid_today:
        cost = found.prices.sum_text(found.kinds_paid_today)
        yield f"Today: {counted(len(found.kinds_paid_today), 'paid call')}{f', {cost}' if cost else ''}.", ""
    yield from ((one.full_text, "yellow" if one.bad or one.stops else "") for one in seen.conditions())
    for name, why in seen.looking.items():
        if why and not seen.degraded.get(name):
            yield f"In {name} changes are found by looking, {why}.", ""
    yield from ((notice, "yellow") for notice in seen.notices[:MOST_ROWS])
    if len(seen.notices) > MOST_ROWS:
        yield omitted_rows_text(seen.notices), "yellow"


def machine_sentence(machine: MachineLine) -> tuple[str, str]:
    """A sentence on one of the machines that share the store, with its style."""
    if not machine.running:
        since = format_day_and_time("en", datetime.fromisoformat(machine.seen_at).astimezone())
        return f"{machine.name}: not running; last seen {since}.", "yellow"
    return f"{machine.name}: works with {', '.join(machine.working) or 'no inbox just now'}.", ""


def section(title: str, lines: Sequence[Line], found: Status) -> Iterator[RenderableType]:
    """A section of the status: its heading, and for each of at most MOST_ROWS sets a line, followed by its
    reason unless that is shown above for all, or below for several. Sets that have ended are sorted newest
    first."""
    if not lines:
        return
    yield Text(f"\n{title}: {len(lines)}", "bold")
    ended = lines[0].state in COLOURS
    shown = (list(reversed(lines)) if ended else lines)[:MOST_ROWS]
    for line, following in zip_longest(shown, shown[1:]):
        place = f"{line.project} / {line.room}" if line.room else line.project
        place += inbox_of(line, found)
        high_or_low = f", {line.priority} priority" if line.priority in ("high", "low") else ""
        job = f" ({line.job})" if line.job else ""
        words = "" if line.state == State.FAILED else f": {line.words}{high_or_low}"  # the heading says it
        yield indented_row(f"{place}{words}{job}", COLOURS.get(line.state, ""))
        above = found.seen.trouble and line.reason == found.seen.trouble
        if line.explanation and not (above or line.same_explanation(following)):
            yield indented_row(line.explanation, "dim", indent=6)
    if len(lines) > MOST_ROWS:
        yield Text(f"  {omitted_rows_text(lines)}")


def omitted_rows_text(rows: Sequence[object]) -> str:
    """The line below MOST_ROWS rows that tells how many more there are."""
    return f"… and {len(rows) - MOST_ROWS} more; `hotfolder status --json` has all."


def finished_lines(found: Status) -> Iterator[RenderableType]:
    """A line for each finished project, and one for each of its sets that has a reason to show."""
    projects = found.finished
    if projects:
        listed = sum(map(len, projects))
        every = max(listed, found.seen.counts.get(State.DONE, 0))
        yield Text(f"\nDone: {every}{f', of these the latest {listed}:' if every > listed else ''}", "bold")
    for lines in projects[:MOST_ROWS]:
        last = time_or_day(max(line.updated_at for line in lines))
        name = f"{lines[0].project}{inbox_of(lines[0], found)}"
        yield indented_row(f"{name}: {counted(len(lines), 'set')}, the last {last}", "green")
        for line in [one for one in lines if one.reason][:MOST_ROWS]:
            yield indented_row(f"{line.room}: {line.reason}", "dim", indent=6)
    if len(projects) > MOST_ROWS:
        yield Text(f"  … and {len(projects) - MOST_ROWS} more projects")


def inbox_of(line: Line, found: Status) -> str:
    """The suffix ` (inbox NAME)` of a project's or set's name; empty where there is only one inbox."""
    return f" (inbox {line.inbox})" if found.several_inboxes else ""


def indented_row(text: str, style: str, *, indent: int = 2) -> RenderableType:
    """One indented line; when wrapped, the rest has the same indentation."""
    return Padding(Text(visible(text), style), (0, 0, 0, indent))


def time_or_day(iso: str) -> str:
    """`at 14:05` for a time of today, else `on 2026-05-04`, in local time."""
    at = datetime.fromisoformat(iso).astimezone()
    return f"at {at:%H:%M}" if at.date() == datetime.now().astimezone().date() else f"on {at:%Y-%m-%d}"


def logs(job_id: str, config: Path, *, as_json: bool) -> int:
    """Print the whole history of one job."""
    told, line = history(config, os.environ, job_id)
    if as_json:
        print_json(told.as_dict())
    else:
        print("\n".join(history_lines(told, line)))
    return 0


def history_lines(told: JobHistory, line: Line) -> Iterator[str]:
    """The history for people, in local time, with a heading wherever the day or the UTC offset changes. Where
    the job stands, and why, is told as in `status`."""
    job = told.job
    yield visible(f"{job.project} / {job.room} (job {job.id}): {line.words}")
    route = f'route "{job.route}"' if job.route else "no route, by the defaults"
    photos = counted(len(told.photos), "photo")
    yield visible(f"{photos} from {job.inbox}/{job.project}/{job.folder}; {route}")
    if job.origin == SANDBOX:
        yield "Made by the sandbox: what is called paid has cost nothing."
    day = ""
    for entry in told.entries:
        at = datetime.fromisoformat(entry.at).astimezone()
        if f"{at:%A %Y-%m-%d, %Z}" != day:
            day = f"{at:%A %Y-%m-%d, %Z}"
            yield f"\n{day}"
        yield visible(f"  {at:%H:%M:%S}  {entry.paid.upper():<11}  {entry.text}")
    yield ""
    if line.explanation:
        yield visible(f"Why: {line.explanation}")
    if job.charged:
        yield visible(job.charged)
    for picture in told.pictures:
        yield visible(f"In done: {picture.path}")
