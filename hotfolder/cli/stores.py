"""Opening the store of a configuration, for the commands that read or change it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hotfolder.clock import SystemClock
from hotfolder.config.load import load
from hotfolder.daemon.folders import places_of
from hotfolder.errors import UsageError
from hotfolder.jobs.context import Places
from hotfolder.jobs.database import FILE_NAME, open_store, refuse_strangers
from hotfolder.jobs.journal import FILE_NAME as LEDGER_FILE
from hotfolder.jobs.journal import Journal
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.store import Store
from hotfolder.newfiles import own_temporaries


@dataclass(frozen=True)
class Books:
    """The store, the ledger and the folders of one configuration."""

    places: Places
    store: Store
    ledger: Ledger
    storage_hosts: tuple[str, ...]


@contextmanager
def books(config: Path) -> Iterator[Books]:
    """Open them; safe while the daemon runs. Raises UsageError when nothing has run yet."""
    settings = load(config, os.environ)
    places = places_of(settings)
    refuse_strangers(places.state, writing=True)
    if not (places.state / FILE_NAME).is_file():
        raise UsageError(
            f"nothing has run with {config} yet", hint="There is no store in its `state` folder."
        )
    database = open_store(places.state)
    try:
        ledger = Ledger(database, Journal(places.state / LEDGER_FILE))
        store = Store(database)
        own_temporaries(store.identity(SystemClock().now()))
        yield Books(places, store, ledger, tuple(settings.api.storage_hosts))
    finally:
        database.dispose()
