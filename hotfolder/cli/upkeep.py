"""The commands for whoever runs it: check, doctor, notify, verify, gallery, clean, store migrate, lightroom,
install-service."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from hotfolder.cli.options import CONFIG, DAILY, OPERATING, AsJson, Config, parse_folder
from hotfolder.cli.output import FAILED, WORLD_BAD, Text, print_json
from hotfolder.display import counted, visible
from hotfolder.display import say as print
from hotfolder.errors import UsageError

if TYPE_CHECKING:
    from hotfolder.jobs.retention import Expired

commands, store_commands = typer.Typer(), typer.Typer(no_args_is_help=True)
COLOURS = {"ok": "green", "warning": "yellow", "problem": "bold red"}


@store_commands.callback()
def store() -> None:
    """Where jobs and purchases are recorded."""


@commands.command(rich_help_panel=OPERATING)
def check(
    config: Config = CONFIG,
    schema: Annotated[bool, typer.Option("--schema", help="Print a JSON Schema for editors.")] = False,
) -> int:
    """Say what is wrong with the settings.

    With line and column, all at once. Touches nothing.
    """
    from hotfolder.config.jsonschema import json_schema
    from hotfolder.control import upkeep

    if schema:
        print_json(json_schema())
        return 0
    found = upkeep.check(config, os.environ)
    settings = found.settings
    own_tags = len(settings.tags) + sum(len(inbox.tags) for inbox in settings.inboxes)
    rules = f"{counted(settings.route_count, 'route')}, {counted(own_tags, 'own tag')}"
    fine = "not there; the HOTFOLDER_ variables alone are fine" if found.without_file else "fine"
    print(f"{config}: {fine}. {rules}.")
    for inbox in settings.all_inboxes():
        print(f"  inbox   {settings.inbox_folder(inbox)}")
    for name in ("done", "failed", "state"):
        print(f"  {name:<7} {getattr(settings, f'{name}_folder')}")
    unseen = "only its owner may read it; ask `hotfolder doctor` as root"
    print(f"  key     {unseen if found.key_hidden else 'found'}")
    for retired in settings.warnings:
        print(f"Warning: {retired}.")
    for warning in found.warnings:
        print(f"Warning: {warning.text}.\n  {warning.hint}")
    return 0


@commands.command(rich_help_panel=OPERATING)
def doctor(config: Config = CONFIG, as_json: AsJson = False) -> int:
    """Check everything around it: key, API, folders.

    Also clock, disks, limits and versions. Says what to do, and costs nothing.
    """
    return print_findings(config, os.environ, as_json=as_json)


def print_findings(config: Path, environ: Mapping[str, str], *, as_json: bool) -> int:
    """Print what `doctor` finds with these environment variables; returns the exit code."""
    from hotfolder.control import upkeep

    found = []
    console = Console(highlight=False, soft_wrap=True)
    for finding in upkeep.checkup(config, environ):
        found.append(finding)
        if not as_json:
            console.print(Text(f"{finding.verdict:<8}", COLOURS[finding.verdict]), end="")
            console.print(Text(f"{finding.what}: {finding.text}"))
            if finding.hint:
                console.print(Text(f"{'':<8}{finding.hint}", "dim"))
    problems = sum(finding.verdict == "problem" for finding in found)
    if as_json:
        print_json({"ok": not problems, "findings": [asdict(finding) for finding in found]})
    else:
        warnings = sum(finding.verdict == "warning" for finding in found)
        console.print(Text(f"{counted(problems, 'problem')}, {counted(warnings, 'warning')}."))
    return FAILED if problems else 0


@commands.command(rich_help_panel=OPERATING)
def notify(
    test: Annotated[bool, typer.Option("--test", help="Send each address a message now.")] = False,
    config: Config = CONFIG,
) -> int:
    """Show, or with --test try, who gets messages."""
    from hotfolder.config.load import load
    from hotfolder.telemetry.notifier import Message, addresses_of, send_test

    addresses = addresses_of(load(config, os.environ))
    if not addresses:
        raise UsageError("The settings name no address: no messages are sent.", hint="Set notify.url_file.")
    if not test:
        number = "1 address" if len(addresses) == 1 else f"{len(addresses)} addresses"
        print(f"Messages go to {number}. `hotfolder notify --test` sends each a message.")
        return 0
    outcome = asyncio.run(send_test(addresses, Message("A test", "hotfolder can reach you here.")))
    for name, taken in outcome:
        print(f"{name}: {'accepted' if taken else 'NOT accepted'}")
    return 0 if all(taken for _, taken in outcome) else WORLD_BAD


@commands.command(rich_help_panel=OPERATING)
def verify(
    config: Config = CONFIG,
    disclosure: Annotated[
        str,
        typer.Option(
            "--disclosure",
            metavar="PROJECT",
            help="Only this: has each altered picture of the project a label, its unaltered one and a link?",
        ),
    ] = "",
) -> int:
    """Compare records, paid calls and folders."""
    from hotfolder.control import gallery as galleries
    from hotfolder.control import upkeep
    from hotfolder.control.opening import opened

    with opened(config) as installation:
        if disclosure:
            lacking = list(galleries.undisclosed(installation, disclosure))
            all_well = "Every altered picture has its label, its unaltered one and a link to both."
            print("\n".join(lacking) or all_well)
            return FAILED if lacking else 0
        found = 0
        for job, what in upkeep.verify(installation):
            found += 1
            print(f"job {job}: {what}" if job else what)
    if found:
        print(f"{counted(found, 'disagreement')}.")
    else:
        print("Store, ledger and folders agree.")
    return FAILED if found else 0


@commands.command(rich_help_panel=DAILY)
def gallery(
    project: Annotated[str, typer.Argument(help="A project's folder in done, or its name.")],
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> int:
    """Make a page of a project's pictures to give away.

    Static files in done/PROJECT/gallery, which work from a disk and on any host: every altered picture beside
    its unaltered one.
    """
    from hotfolder.control import gallery as galleries
    from hotfolder.control.opening import opened
    from hotfolder.outbox.faults import path_text as shown_path

    with opened(config) as installation:
        made = asyncio.run(galleries.gallery(installation, project))
        url = installation.settings.gallery.base_url
    page = shown_path(made.page)
    if as_json:
        told = {"page": page, "pictures": made.pictures, "left_out": list(made.left_out)}
        print_json({**told, "anew": made.anew})
        return 0
    print(f"{page}: {counted(made.pictures, 'picture')}{'' if made.anew else ', as before'}.")
    for sentence in made.left_out:
        print(f"  {sentence}", file=sys.stderr)
    if url is None:
        print("Without gallery.base_url it has no QR code, and nobody can be given a link to it.")
    return 0


@commands.command(rich_help_panel=OPERATING)
def clean(
    config: Config = CONFIG,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would go, and what would stay and why.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Delete what is older than the settings allow.

    As the daemon does by itself once a day.
    """
    from hotfolder.control import upkeep
    from hotfolder.control.opening import opened

    with opened(config) as installation:
        found = asyncio.run(upkeep.clean(installation, dry_run=dry_run))
    if as_json:
        print_json(clean_as_dict(found, dry_run=dry_run))
    else:
        print("\n".join(clean_lines(found, dry_run=dry_run)))
    return 0


def clean_lines(found: Sequence[Expired], *, dry_run: bool) -> Iterator[str]:
    going = [one for one in found if not one.kept_because]
    files = [one for one in going if one.kind != "record"]
    size = megabytes(sum(one.size_bytes for one in files))
    yield f"{'Would go' if dry_run else 'Gone'}: {counted(len(files), 'file')}, {size}."
    for one in [*going, *(one for one in found if one.kept_because)]:
        why = f"; stays: {one.kept_because}" if one.kept_because else ""
        file = f"{visible(str(one.path))} ({megabytes(one.size_bytes)})"
        what = f"{visible(one.path.name)}, in the job store" if one.kind == "record" else file
        yield f"  {one.kind:<8} {what}{why}"


def megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"


def clean_as_dict(found: Sequence[Expired], *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "bytes": sum(one.size_bytes for one in found if not one.kept_because),
        "files": [
            {
                "kind": one.kind,
                "path": os.fsencode(one.path).decode("utf-8", "backslashreplace"),
                "bytes": one.size_bytes,
                "kept_because": one.kept_because,
            }
            for one in found
        ],
    }


@store_commands.command("migrate")
def migrate(
    url: Annotated[
        str, typer.Option("--to", help="Like postgresql+psycopg://hotfolder@db.example/hotfolder.")
    ],
    config: Config = CONFIG,
) -> int:
    """Move the store from SQLite into an empty PostgreSQL database.

    With everything in flight, while hotfolder is stopped. If it is interrupted, run it again.
    """
    from hotfolder.control import upkeep

    moved = upkeep.move_to_server(config, os.environ, url)
    print("The store is moved." if moved else "The store was moved there before; nothing is left to do.")
    print(f"Start hotfolder again once {config} says this:")
    print(f"  store:\n    url: {url}")
    print("The file of SQLite stays in `state`, marked, so that nobody goes on with it.")
    return 0


@commands.command("install-service", rich_help_panel=OPERATING)
def install_service(
    config: Config = CONFIG,
    write: Annotated[bool, typer.Option("--write", help="Write the files instead of printing them.")] = False,
    user: Annotated[
        str | None, typer.Option("--user", help="The user that the service runs as; hotfolder.")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="Its group; left out: the one that shares the inbox.")
    ] = None,
    directory: Annotated[Path, typer.Option("--directory", help="Where units are written to.")] = Path(
        "/etc/systemd/system"
    ),
    page: Annotated[
        bool | None,
        typer.Option("--page/--no-page", help="Let it serve the page for browsers, as `run --page` does."),
    ] = None,
) -> int:
    """Print, or write, the systemd unit.

    For the folders of these settings, with what to do next. Starts nothing. A unit that is there keeps its
    user and its page unless another is named.
    """
    from hotfolder.config.load import load
    from hotfolder.setup import install
    from hotfolder.setup.deployment import USER

    before = install.read_drop_in(directory)
    user = user or before.get("User", USER)
    page = install.serves_page(before) if page is None else page
    site = install.service_for(load(config, os.environ), config, user, group, page=page)
    files = install.unit_files(site)
    if write:
        for path in install.write_files(directory, files):
            print(f"Wrote {path}.")
        print("\n".join(install.next_steps(site)))
        return 0
    for name, text in files.items():
        print(f"# {directory / name}\n{text}")
    steps = install.next_steps(site, install.write_command(site, directory))
    print("\n".join(f"# {line}" for line in steps))
    return 0


@commands.command(rich_help_panel=OPERATING)
def lightroom(
    write: Annotated[
        Path,
        typer.Option(
            "--write", metavar="DIR", parser=parse_folder, help="The folder to write to; made where missing."
        ),
    ],
    config: Config = CONFIG,
    share: Annotated[
        str,
        typer.Option(
            "--share",
            metavar="PATH",
            help="What `root` is called on photographers' computers, such as /Volumes/photos or P:/.",
        ),
    ] = "",
) -> int:
    """Write plug-ins for Lightroom and darktable.

    Made from these rules: they offer their tags. With export presets for whole shoots in one folder.
    """
    from hotfolder.config.load import load
    from hotfolder.setup.lightroom import write as editors

    written = list(editors.write(write, load(config, os.environ), share))
    print(f"Wrote {counted(len(written), 'file')} below {write}.")
    for name, how in editors.HOW_TO_INSTALL.items():
        print(f"  {write / name}\n      {how}")
    print("Run it again whenever tags or inboxes have changed. docs/lightroom.md tells each step.")
    return 0
