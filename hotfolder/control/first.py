"""First set-up: writes a minimal configuration, and the API key to a file of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from hotfolder.config.load import KEY_VARIABLE, ROOT_VARIABLE, is_missing, load, validate_key
from hotfolder.config.sources import SETUP_PORT
from hotfolder.control.access import FULL, set_password
from hotfolder.control.remote import accepts
from hotfolder.daemon.records import store_of
from hotfolder.errors import ConfigurationError, UsageError
from hotfolder.jobs.database import open_store
from hotfolder.outbox.faults import local_trouble, make_our_folder
from hotfolder.outbox.files import write_once

OWNERS_ALONE = 0o600
EVERYWHERE = "0.0.0.0"
STATE_VARIABLE = "HOTFOLDER_STATE"
KEY_FILE = "key"
"""The key's file in `state`, which only its owner can read."""
GIVEN = (ROOT_VARIABLE, KEY_VARIABLE, "HOTFOLDER_API__KEY_FILE")
"""Environment variables; where one of them is set, the environment configures hotfolder and no set-up
runs."""


Wrong = Literal["folder_wrong", "key_wrong", "key_refused"]
"""What can be wrong with the input, as the set-up page's texts are named."""


@dataclass(frozen=True, slots=True)
class FirstSettings:
    """The input of the set-up. `password` is the page's, "" where no page is served; `host` is the host name
    under which people reach it."""

    root: Path
    state: Path
    key: str
    password: str = ""
    host: str = ""


def setup_port(config: Path, environ: Mapping[str, str]) -> int | None:
    """The port of the set-up page, from the environment (the image sets it). None where it isn't set, or
    where the configuration exists or is given by the environment."""
    port = environ.get(SETUP_PORT, "").strip()
    given = any(environ.get(name, "").strip() for name in GIVEN)
    return int(port) if port.isdecimal() and not given and is_missing(config) else None


async def problem_with(config: Path, environ: Mapping[str, str], first: FirstSettings) -> Wrong | None:
    """Why hotfolder can't start with this input; None where it can. Makes a free API request to check the
    key. Raises ConfigurationError for other errors of the environment."""
    if not first.root.is_absolute() or not os.access(first.root, os.W_OK | os.X_OK):
        return "folder_wrong"
    try:
        key = validate_key(first.key, "The API key")
    except ConfigurationError:
        return "key_wrong"
    settings = load(config, {**environ, ROOT_VARIABLE: str(first.root)})
    return None if await accepts(settings, key) else "key_refused"


def set_up(config: Path, environ: Mapping[str, str], first: FirstSettings) -> None:
    """Write the key, the password and, last, the configuration, with which hotfolder can start. May be
    repeated after an interruption. Raises UsageError, also where a configuration exists by now;
    ConfigurationError, StoreError and LocalTrouble."""
    key_file = first.state / KEY_FILE
    make_our_folder(first.state)
    with local_trouble(key_file):
        key_file.unlink(missing_ok=True)  # left by an interrupted set-up
    write_once(key_file, f"{first.key}\n", OWNERS_ALONE)
    page: dict[str, object] = {}
    if first.password:
        known = {**environ, ROOT_VARIABLE: str(first.root), STATE_VARIABLE: str(first.state)}
        settings = load(config, known)
        # The store first: `set_password` refuses to create it in a folder of another owner, as of a volume.
        open_store(store_of(settings)).dispose()
        set_password(settings, FULL, first.password)
        page = {"host": EVERYWHERE, "hosts": [first.host]} if first.host else {"host": EVERYWHERE}
    if not write_once(config, minimal_yaml(first.root, first.state, key_file, page), 0o644):
        raise UsageError("There is a configuration by now.", hint="Start hotfolder again: it is taken up.")


def minimal_yaml(root: Path, state: Path, key_file: Path, page: Mapping[str, object]) -> str:
    """The YAML of a configuration with these settings; all others keep their defaults."""
    values: dict[str, object] = {"root": str(root), "state": str(state), "api": {"key_file": str(key_file)}}
    if page:
        values["page"] = dict(page)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
