"""`hotfolder check`, `doctor`, `notify`, `verify`, `gallery`, `clean`, `store migrate`, `lightroom` and
`install-service`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from hotfolder.cli.output import FAILED, WORLD_BAD, Text, print_json
from hotfolder.config.load import load
from hotfolder.config.schema import json_schema
from hotfolder.control import checkup, upkeep
from hotfolder.control import gallery as galleries
from hotfolder.control.local import Grade
from hotfolder.control.opening import opened
from hotfolder.display import counted, visible
from hotfolder.display import say as print
from hotfolder.errors import UsageError
from hotfolder.jobs.retention import Expired
from hotfolder.outbox.faults import shown as shown_path
from hotfolder.setup import install
from hotfolder.setup.lightroom import write as editors
from hotfolder.telemetry.notifier import Message, try_out

COLOURS = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.PROBLEM: "bold red"}
TEST = Message("A test", "hotfolder can reach you here.")
WORDS = {"original": "originals", "receipt": "receipts", "result": "bought results"}


def check(config: Path, *, schema: bool) -> int:
    """Print a summary of valid settings, or with `schema` the JSON Schema alone. Returns 0. Raises
    ConfigurationError with all problems."""
    if schema:
        print_json(json_schema())
        return 0
    found = checkup.check(config, os.environ)
    settings = found.settings
    rules = f"{counted(len(settings.routes), 'route')}, {counted(len(settings.tags), 'own tag')}"
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


def doctor(config: Path, *, as_json: bool) -> int:
    """Print the findings; returns 1 if there is a problem, 0 for warnings alone."""
    found = []
    console = Console(highlight=False, soft_wrap=True)
    for finding in checkup.checkup(config, os.environ):
        found.append(finding)
        if not as_json:
            console.print(Text(f"{finding.verdict:<8}", COLOURS[finding.verdict]), end="")
            console.print(Text(f"{finding.what}: {finding.text}"))
            if finding.hint:
                console.print(Text(f"{'':<8}{finding.hint}", "dim"))
    problems = sum(finding.verdict == Grade.PROBLEM for finding in found)
    if as_json:
        print_json({"ok": not problems, "findings": [asdict(finding) for finding in found]})
    else:
        warnings = sum(finding.verdict == Grade.WARNING for finding in found)
        console.print(Text(f"{counted(problems, 'problem')}, {counted(warnings, 'warning')}."))
    return FAILED if problems else 0


def notify(config: Path, *, test: bool) -> int:
    """With `test`, send a message to every address, else print their number. Returns 3 if one of them doesn't
    accept its message. Secrets in addresses are not printed."""
    addresses = checkup.addresses_of(load(config, os.environ))
    if not addresses:
        raise UsageError("The settings name no address: no messages are sent.", hint="Set notify.url_file.")
    if not test:
        number = "1 address" if len(addresses) == 1 else f"{len(addresses)} addresses"
        print(f"Messages go to {number}. `hotfolder notify --test` sends each a message.")
        return 0
    outcome = asyncio.run(try_out(addresses, TEST))
    for name, taken in outcome:
        print(f"{name}: {'accepted' if taken else 'NOT accepted'}")
    return 0 if all(taken for _, taken in outcome) else WORLD_BAD


def verify(config: Path) -> int:
    """Print the disagreements between store, journal and folders; returns 1 if there are any."""
    with opened(config) as installation:
        found = 0
        for one in upkeep.verify(installation):
            found += 1
            print(f"job {one.job}: {one.what}" if one.job else one.what)
    if found:
        print(f"{counted(found, 'disagreement')}.")
    else:
        print("Store, ledger and folders agree.")
    return FAILED if found else 0


def gallery(project: str, config: Path, *, as_json: bool) -> int:
    """Build a project's gallery and print its path. Returns 0; pictures that are left out are printed to
    standard error."""
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


def disclosure(project: str, config: Path) -> int:
    """Print what altered pictures lack of their disclosure; returns 1 if any lacks something."""
    with opened(config) as installation:
        found = list(galleries.undisclosed(installation, project))
    print("\n".join(found) or "Every altered picture has its label, its unaltered one and a link to both.")
    return FAILED if found else 0


def clean(config: Path, *, dry_run: bool, as_json: bool) -> int:
    with opened(config) as installation:
        found = asyncio.run(upkeep.clean(installation, dry_run=dry_run))
    if as_json:
        print_json(clean_as_dict(found, dry_run=dry_run))
    else:
        print("\n".join(clean_lines(found, dry_run=dry_run)))
    return 0


def clean_lines(found: Sequence[Expired], *, dry_run: bool) -> Iterator[str]:
    going = [one for one in found if not one.kept_because and one.kind in WORDS]
    staying = [one for one in found if one.kept_because and one.kind in WORDS]
    word = "Would go" if dry_run else "Gone"
    yield f"{word}: {number_and_size(going)}." if going else "Nothing is deleted."
    for kind, words in WORDS.items():
        of_kind = [one for one in going if one.kind == kind]
        if of_kind:
            yield f"  {words}: {number_and_size(of_kind)}"
            yield from (f"    {sized(one)}" for one in of_kind)
    if staying:
        yield f"Old enough to be deleted, and kept: {number_and_size(staying)}."
        yield from (f"    {sized(one)}: {one.kept_because}" for one in staying)
    records = [one for one in found if one.kind == "record"]
    if records:
        yield "Records of projects in the job store:"
    for one in records:
        stays = f"stay: {one.kept_because}" if one.kept_because else word.lower()
        yield f"    {visible(one.path.name)}: {stays}"


def number_and_size(found: Sequence[Expired]) -> str:
    return f"{counted(len(found), 'file')}, {megabytes(sum(one.size_bytes for one in found))}"


def sized(one: Expired) -> str:
    return f"{visible(str(one.path))} ({megabytes(one.size_bytes)})"


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


def move_store(config: Path, url: str) -> int:
    """Move the store to the PostgreSQL database at `url`, and print what to change in the settings."""
    moved = upkeep.move_to_server(config, os.environ, url)
    print("The store is moved." if moved else "The store was moved there before; nothing is left to do.")
    print(f"Write this into {config}, and start hotfolder again:")
    print(f"  store:\n    url: {url}")
    print("The file of SQLite stays in `state` as it was, and is not used any more.")
    return 0


def install_service(
    config: Path, *, user: str, group: str | None, write: bool, directory: Path, page: bool
) -> int:
    """Print the systemd unit and its drop-in, or with `write` write them to `directory`. Starts nothing."""
    site = install.site_of(load(config, os.environ), config, user, group, page=page)
    files = install.unit_files(site)
    if write:
        for path in install.write_all(directory, files):
            print(f"Wrote {path}.")
        print("\n".join(install.next_steps(site)))
        return 0
    for name, text in files.items():
        print(f"# {directory / name}\n{text}")
    steps = install.next_steps(site, install.command_to_write(site, directory))
    print("\n".join(f"# {line}" for line in steps))
    return 0


def lightroom(config: Path, directory: Path, *, share: str) -> int:
    """Write the plug-ins for Lightroom and darktable into `directory`, and print how to install them."""
    written = list(editors.write(directory, load(config, os.environ), share))
    print(f"Wrote {counted(len(written), 'file')} below {directory}.")
    for name, how in editors.HOW_TO_INSTALL.items():
        print(f"  {directory / name}\n      {how}")
    print("Say it again whenever tags or inboxes have changed. docs/lightroom.md tells each step.")
    return 0
