"""`hotfolder check`."""

from __future__ import annotations

import json
import os
from pathlib import Path

from hotfolder.cli.comparing import compare
from hotfolder.config.load import load
from hotfolder.config.schema import json_schema


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
    if against_inbox:
        print("\n".join(compare(settings).lines()))
    return 0
