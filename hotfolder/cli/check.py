"""`hotfolder check`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from hotfolder.cli.shoots import counted
from hotfolder.config.load import is_missing, load, load_key
from hotfolder.config.schema import json_schema
from hotfolder.config.settings import Settings
from hotfolder.daemon.telling import notify_addresses
from hotfolder.display import say as print
from hotfolder.doctor.folders import in_sight
from hotfolder.doctor.remote import out_of_sight
from hotfolder.errors import ConfigurationError
from hotfolder.service.notifier import apprise_for


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
        yield f"{error.message} {error.hint}"
