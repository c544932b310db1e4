"""The first settings: the smallest configuration, and the key in a file of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import yaml

from hotfolder.config.load import KEY_VARIABLE, ROOT_VARIABLE, checked_key, is_missing, load
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
"""In the folder `state`, which is its owner's alone."""
GIVEN = (ROOT_VARIABLE, KEY_VARIABLE, "HOTFOLDER_API__KEY_FILE")
"""One of them, and whoever starts it has said by the environment what there is to say."""


class Wrong(StrEnum):
    FOLDER = "folder_wrong"
    KEY = "key_wrong"
    REFUSED = "key_refused"


@dataclass(frozen=True, slots=True)
class FirstSettings:
    """What a person gives before anything runs. `password` is for the page, empty where none is served, and
    `host` the name by which people reach that."""

    root: Path
    state: Path
    key: str
    password: str = ""
    host: str = ""


def setup_port(config: Path, environ: Mapping[str, str]) -> int | None:
    """The port at which a person is asked for settings and key: the image names one. None where there are
    some, or where nobody is to be asked."""
    port = environ.get(SETUP_PORT, "").strip()
    given = any(environ.get(name, "").strip() for name in GIVEN)
    return int(port) if port.isdecimal() and not given and is_missing(config) else None


async def wrong_with(config: Path, environ: Mapping[str, str], first: FirstSettings) -> Wrong | None:
    """What hotfolder could not work with. Raises ConfigurationError for what the environment says besides."""
    if not first.root.is_absolute() or not os.access(first.root, os.W_OK | os.X_OK):
        return Wrong.FOLDER
    try:
        key = checked_key(first.key, "The API key")
    except ConfigurationError:
        return Wrong.KEY
    settings = load(config, {**environ, ROOT_VARIABLE: str(first.root)})
    return None if await accepts(settings, key) else Wrong.REFUSED


def set_up(config: Path, environ: Mapping[str, str], first: FirstSettings) -> None:
    """Write the key, the password and, last, the configuration: from then on hotfolder starts by them. Raises
    UsageError, ConfigurationError, StoreError and LocalTrouble."""
    key_file = first.state / KEY_FILE
    make_our_folder(first.state)
    with local_trouble(key_file):
        key_file.unlink(missing_ok=True)  # of a set-up that was broken off
    write_once(key_file, f"{first.key}\n", OWNERS_ALONE)
    page: dict[str, object] = {}
    if first.password:
        said = {**environ, ROOT_VARIABLE: str(first.root), STATE_VARIABLE: str(first.state)}
        settings = load(config, said)
        # Whoever runs this runs hotfolder, whosever the folder is on which the volume was mounted.
        open_store(store_of(settings)).dispose()
        set_password(settings, FULL, first.password)
        page = {"host": EVERYWHERE, "hosts": [first.host]} if first.host else {"host": EVERYWHERE}
    if not write_once(config, smallest(first.root, first.state, key_file, page), 0o644):
        raise UsageError("There is a configuration by now.", hint="Start hotfolder again: it is taken up.")


def smallest(root: Path, state: Path, key_file: Path | None, page: Mapping[str, object] | None = None) -> str:
    """The text of a configuration that says these and leaves everything else as it is by default."""
    said: dict[str, object] = {"root": str(root), "state": str(state)}
    if key_file is not None:
        said["api"] = {"key_file": str(key_file)}
    if page:
        said["page"] = dict(page)
    return yaml.safe_dump(said, sort_keys=False, allow_unicode=True)
