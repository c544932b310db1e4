"""`hotfolder check`, `hotfolder doctor` and `hotfolder notify`: is everything in order?"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from hotfolder.cli.output import FAILED, WORLD_BAD, Text, counted
from hotfolder.clock import SystemClock
from hotfolder.config.load import is_missing, load, load_key, notify_addresses
from hotfolder.config.schema import json_schema
from hotfolder.config.settings import Settings
from hotfolder.display import say as print
from hotfolder.doctor.checkup import checkup
from hotfolder.doctor.findings import Verdict
from hotfolder.doctor.folders import in_sight
from hotfolder.doctor.remote import out_of_sight
from hotfolder.errors import ConfigurationError, UsageError
from hotfolder.telemetry.notifier import Message, apprise_for, try_out


def check(config: Path, *, schema: bool, against_inbox: bool = False) -> int:
    """Print that the settings are fine, or raise ConfigurationError with everything that isn't."""
    if schema:
        print(json.dumps(json_schema(), indent=2))
        return 0
    if against_inbox:
        print(
            "--against-inbox and --json have gone: `hotfolder explain PATH --config FILE` says what a file of"
            " settings makes of a folder.",
            file=sys.stderr,
        )
    settings = load(config, os.environ)
    hidden = settings.api.key_file is not None and out_of_sight(settings, os.environ)
    refusals = list(no_start(settings, key_hidden=hidden))
    if refusals:
        raise ConfigurationError("\n".join(f"{config}: {refusal}" for refusal in refusals))
    rules = f"{counted(len(settings.routes), 'route')}, {counted(len(settings.tags), 'own tag')}"
    fine = "not there; the HOTFOLDER_ variables alone are fine" if is_missing(config) else "fine"
    print(f"{config}: {fine}. {rules}.")
    for inbox in settings.all_inboxes():
        print(f"  inbox   {settings.inbox_folder(inbox)}")
    for name in ("done", "failed", "state"):
        print(f"  {name:<7} {getattr(settings, f'{name}_folder')}")
    print(f"  key     {'only its owner may read it; ask `hotfolder doctor` as root' if hidden else 'found'}")
    for retired in settings.warnings:
        print(f"Warning: {retired}.")
    for warning in in_sight(settings.state_folder, settings.root_folder):
        print(f"Warning: {warning.text}.\n  {warning.hint}")
    return 0


def no_start(settings: Settings, *, key_hidden: bool) -> Iterator[str]:
    """Why `hotfolder run` would end at once, although the file is well-formed."""
    try:
        if not key_hidden:
            load_key(settings, os.environ)
    except ConfigurationError as error:
        yield f"{error.message} {error.hint} (`hotfolder run --sandbox` needs no key.)"
    try:
        for number, address in enumerate(notify_addresses(settings), start=1):
            apprise_for(address, number)
    except ConfigurationError as error:
        yield f"{error.message}. {error.hint}"


COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.PROBLEM: "bold red"}


def doctor(config: Path, *, as_json: bool) -> int:
    """Print what was found; 1 when there is a problem. Warnings alone are no failure."""
    found = []
    console = Console(highlight=False, soft_wrap=True)
    for finding in checkup(config, os.environ):
        found.append(finding)
        if not as_json:
            console.print(Text(f"{finding.verdict:<8}", COLOURS[finding.verdict]), end="")
            console.print(Text(f"{finding.what}: {finding.text}"))
            if finding.hint:
                console.print(Text(f"{'':<8}{finding.hint}", "dim"))
    problems = sum(finding.verdict == Verdict.PROBLEM for finding in found)
    if as_json:
        print(json.dumps({"ok": not problems, "findings": [asdict(finding) for finding in found]}, indent=2))
    else:
        warnings = sum(finding.verdict == Verdict.WARNING for finding in found)
        console.print(Text(f"{counted(problems, 'problem')}, {counted(warnings, 'warning')}."))
    return FAILED if problems else 0


TEST = Message("A test", "hotfolder can reach you here.")


def notify(config: Path, *, test: bool) -> int:
    """Try every address, or count them; 3 when one can't be reached. Their secrets are not printed."""
    addresses = notify_addresses(load(config, os.environ))
    if not addresses:
        raise UsageError("the settings name no address, so no messages are sent", hint="Set notify.url_file.")
    if not test:
        for number, address in enumerate(addresses, start=1):
            apprise_for(address, number)
        many = "1 address" if len(addresses) == 1 else f"{len(addresses)} addresses"
        print(f"Messages go to {many}. `hotfolder notify --test` sends each a message.")
        return 0
    outcome = asyncio.run(try_out(addresses, SystemClock(), TEST))
    for name, taken in outcome:
        print(f"{name}: {'accepted' if taken else 'NOT accepted'}")
    return 0 if all(taken for _, taken in outcome) else WORLD_BAD
