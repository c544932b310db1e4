"""`hotfolder notify`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from hotfolder.cli.problems import WORLD_BAD
from hotfolder.clock import SystemClock
from hotfolder.config.load import load
from hotfolder.daemon.telling import notify_addresses
from hotfolder.display import say as print
from hotfolder.errors import UsageError
from hotfolder.service.notifier import Message, try_out

TEST = Message("A test", "hotfolder can reach you here.")


def notify(config: Path, *, test: bool) -> int:
    """Try every address, or count them; 3 when one can't be reached. Their secrets are not printed."""
    addresses = notify_addresses(load(config, os.environ))
    if not addresses:
        raise UsageError("the settings name no address, so no messages are sent", hint="Set notify.url_file.")
    if not test:
        number = "1 address" if len(addresses) == 1 else f"{len(addresses)} addresses"
        print(f"Messages go to {number}. `hotfolder notify --test` sends each a message.")
        return 0
    outcome = asyncio.run(try_out(addresses, SystemClock(), TEST))
    for name, taken in outcome:
        print(f"{name}: {'accepted' if taken else 'NOT accepted'}")
    return 0 if all(taken for _, taken in outcome) else WORLD_BAD
