"""`hotfolder check`."""

from __future__ import annotations

import json
import os
from pathlib import Path

from hotfolder.cli.comparing import compare
from hotfolder.config.keys import load_key
from hotfolder.config.load import load
from hotfolder.config.schema import json_schema
from hotfolder.config.settings import Settings
from hotfolder.errors import ConfigurationError


def check(config: Path, *, schema: bool, against_inbox: bool, as_json: bool) -> int:
    """Print that the settings are fine, or raise ConfigurationError with everything that isn't."""
    if schema:
        print(json.dumps(json_schema(), indent=2))
        return 0
    settings = load(config, os.environ)
    if against_inbox and as_json:
        print(json.dumps(compare(settings).as_dict(), indent=2))
        return 0
    print(f"{config}: fine. {len(settings.routes)} routes, {len(settings.tags)} own tags.")
    for inbox in settings.all_inboxes():
        print(f"  inbox   {settings.inbox_folder(inbox)}")
    for name in ("done", "failed", "state"):
        print(f"  {name:<7} {getattr(settings, f'{name}_folder')}")
    print(f"  key     {key_standing(settings)}")
    if against_inbox:
        print("\n".join(compare(settings).lines()))
    return 0


def key_standing(settings: Settings) -> str:
    """Whether there is an API key. None is no error here: settings are checked on other machines, too."""
    try:
        load_key(settings, os.environ)
    except ConfigurationError as error:
        return f"{error.message} {error.hint}"
    return "is there"
