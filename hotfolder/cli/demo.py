"""`hotfolder demo`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from anyio import to_thread
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from hotfolder import log
from hotfolder.cli.output import FAILED, Text
from hotfolder.config.load import load
from hotfolder.daemon.embedding import Embedding
from hotfolder.daemon.service import Daemon, Outcome
from hotfolder.demo.captions import dark_to_bright, drawable_text
from hotfolder.demo.contact_sheet import SheetRow, contact_sheet
from hotfolder.demo.workspace import (
    OwnSet,
    Workspace,
    drop_examples,
    drop_own_photos,
    find_sets,
    make_workspace,
)
from hotfolder.display import counted, natural_order
from hotfolder.errors import UsageError
from hotfolder.jobs.states import State
from hotfolder.outbox.names import originals_folder, safe_name
from hotfolder.paths import is_file
from hotfolder.sandbox.embedded import missing_extra
from hotfolder.sandbox.settings import SandboxError
from hotfolder.telemetry.overview import Line, overview

REFRESH_SECONDS = 0.25


def demo(target: Path, photos: Path | None, tag: str) -> int:
    """Create a workspace, drop photos into its inbox, run until idle, and show the results. Returns the exit
    code. Raises UsageError."""
    try:
        missing_extra()
    except SandboxError as error:
        raise UsageError(str(error)) from None
    if tag and photos is None:
        raise UsageError("--tag is for photos of your own.", hint="Name their folder with --photos.")
    console = Console(highlight=False)
    began = time.monotonic()
    own = find_sets(photos) if photos is not None else []
    workspace = make_workspace(target)
    console.print(f"Workspace: [bold]{workspace.folder}[/bold]  (no key, no network, no cost)")
    drop_brackets(workspace, own, tag, console)
    with workspace.log.open("w", encoding="utf-8") as stream:
        log.configure(stream=stream, json=False)
        with closing(Embedding(workspace.folder / "state" / "sandbox")) as embedding:
            outcome, lines, rows = asyncio.run(run_until_idle(workspace, embedding, console))
    log.configure()
    return show_results(workspace, console, outcome, lines, rows, time.monotonic() - began)


def drop_brackets(workspace: Workspace, own: Sequence[OwnSet], tag: str, console: Console) -> None:
    """Copy brackets into the inbox: the user's own, or else the package's examples."""
    if own:
        drop_own_photos(own, tag, workspace.inbox)
        console.print(f"Dropped {counted(len(own), 'folder')} of your photos into the inbox.")
        return
    folders = drop_examples(workspace.inbox)
    console.print(f"Dropped {folders} folders of example brackets into the inbox.")


async def run_until_idle(
    workspace: Workspace, embedding: Embedding, console: Console
) -> tuple[Outcome, Sequence[Line], list[SheetRow]]:
    """Run the daemon until it is idle, showing the progress of each set."""
    daemon = Daemon(load(workspace.config, {}), embedding.access())
    running = asyncio.create_task(daemon.run(stop=asyncio.Event(), until_idle=True))
    try:
        with Live(console=console, refresh_per_second=8, transient=console.is_terminal) as live:
            while not running.done():
                await asyncio.wait({running}, timeout=REFRESH_SECONDS)
                seen = await daemon.context.store_thread(overview, daemon.store, pid=0)
                if console.is_terminal:
                    live.update(progress_table(seen.lines))
        outcome = await running
        lines = (await daemon.context.store_thread(overview, daemon.store, pid=0)).lines
        rows = await to_thread.run_sync(sheet_rows, daemon, workspace, lines)
        return outcome, lines, rows
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await daemon.close()


def progress_table(lines: Sequence[Line]) -> Table:
    """A row for each set: a spinner or a mark, its project, its room and its state."""
    drawn = Table(box=None, pad_edge=False, show_header=False)
    for line in lines:
        over = line.state in (State.DONE, State.FAILED, State.NEEDS_ATTENTION)
        mark = Text("✓", style="green") if line.state == State.DONE else Text("✗", style="red")
        words = Text(line.words, style="dim")
        drawn.add_row(mark if over else Spinner("dots"), Text(line.project), Text(line.folder), words)
    return drawn


def sheet_rows(daemon: Daemon, workspace: Workspace, lines: Sequence[Line]) -> list[SheetRow]:
    """The contact sheet's rows, sorted by name: one for each set whose photos are found, with its pictures
    and captions, and the reason if the set is not done."""
    rows: list[SheetRow] = []
    for line in sorted(lines, key=lambda line: (natural_order(line.project), natural_order(line.folder))):
        job = daemon.store.job(line.job)
        if job is None or job.filed_as is None:
            continue
        project = safe_name(job.project)
        done = job.state == State.DONE
        kept = originals_folder(workspace.done, project, job.filed_as)
        kept = kept if done else workspace.failed / project / job.filed_as
        names = [file.name for file in daemon.store.photos(job.id)]
        photos = dark_to_bright([kept / name for name in names if is_file(kept / name)])
        pictures = sorted(daemon.store.pictures(job.id), key=lambda picture: picture.altered)
        paths = [workspace.done / picture.path for picture in pictures]
        captions = [path.stem.partition("__")[2].replace("__", " + ") or "merged" for path in paths]
        refused = "" if done else why_not_made(line)
        if photos:
            room = drawable_text(job.room, otherwise=f"room {len(rows) + 1}")
            title = f"{drawable_text(job.project, otherwise='project')} / {room}"
            rows.append(SheetRow(title, photos, list(zip(captions, paths, strict=True)), refused))
    return rows


def why_not_made(line: Line) -> str:
    return f"Not made: {(line.reason or line.words).removesuffix('.')}."


def show_results(
    workspace: Workspace,
    console: Console,
    outcome: Outcome,
    lines: Sequence[Line],
    rows: Sequence[SheetRow],
    seconds: float,
) -> int:
    """Draw the contact sheet and print the paths of the results; returns the exit code."""
    if rows:
        with console.status("Drawing the contact sheet …"):
            contact_sheet(rows, workspace.contact_sheet)
    for line in lines:
        if line.state == State.DONE:
            console.print(Text(f"✓ {line.project} / {line.folder}", style="green"))
        else:
            console.print(Text(f"✗ {line.project} / {line.folder}: {line.explanation}", style="red"))
    pictures = [path for row in rows for _, path in row.results]
    console.print(f"\nFinished in {seconds:.0f} s{':' if pictures else ', without a picture.'}")
    for path in pictures:
        console.print(Text(f"  {path}"))
    if rows:
        console.print(Text(f"\nBefore and after, on one sheet:\n  {workspace.contact_sheet}", style="bold"))
    if outcome.needing_person or any(line.state != State.DONE for line in lines):
        console.print(Text(f"What failed is in {workspace.failed}; the log is {workspace.log}", style="red"))
        return FAILED
    return 0
