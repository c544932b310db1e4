"""The daemon's records: locates, waits for and opens the store with its journal, and the leases."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from anyio import to_thread

from hotfolder import log
from hotfolder.blocking import START_TIMEOUT_SECONDS, call_within
from hotfolder.clock import SystemClock, sleep_until_set
from hotfolder.config.settings import Settings
from hotfolder.daemon.folders import places_of
from hotfolder.errors import CommandHint, LocalTrouble, StoreError
from hotfolder.jobs.context import Places
from hotfolder.jobs.database import StorePlace, open_store, read_store
from hotfolder.jobs.journal import FILE_NAME as LEDGER_FILE
from hotfolder.jobs.journal import Journal
from hotfolder.jobs.leases import Leases, machine_of
from hotfolder.jobs.postgres import StoreServer
from hotfolder.jobs.sqlite import FILE_NAME as STORE_FILE
from hotfolder.jobs.store import Store
from hotfolder.jobs.storemove import is_moved
from hotfolder.outbox.texts import STATUS_NAME, write_status
from hotfolder.paths import is_file
from hotfolder.telemetry.health import Systemd
from hotfolder.telemetry.statusfile import status_text

logger = log.get("daemon")


def store_of(settings: Settings) -> StorePlace:
    """Where the store is, by the settings: a state folder or a server."""
    store = settings.store
    if store.url is None:
        return settings.state_folder
    return StoreServer(store.url, Path(store.password_file) if store.password_file else None)


AWAY_SECONDS, LONGEST_AWAY_SECONDS = 1.0, 60.0
"""The interval at which a store server that is away is retried at the start, and how long a run with
`--until-idle` waits for it."""


async def wait_for_store(settings: Settings, stop: asyncio.Event, *, until_idle: bool) -> bool:
    """Wait until the store's database can be reached; False where `stop` was set before. Exiting would not
    help: the service manager would only start the daemon again. Raises StoreError, and LocalTrouble where a
    run with `until_idle` has waited for LONGEST_AWAY_SECONDS."""
    place, clock, systemd = store_of(settings), SystemClock(), Systemd.of(dict(os.environ))
    began, warning = clock.monotonic(), log.RecurringWarning(logger, "waits_for_store")
    while isinstance(place, StoreServer) and not stop.is_set():
        try:
            (await to_thread.run_sync(make_store, settings)).database.dispose()
            return True
        except LocalTrouble as error:
            if until_idle and clock.monotonic() - began > LONGEST_AWAY_SECONDS:
                raise
            warning.warn(f"{error.message}: {error.detail}" if error.detail else error.message)
            systemd.ready(error.message)  # without it systemd ends the service at its start timeout
            systemd.feed_watchdog([])
            await to_thread.run_sync(tell_waiting, settings, error.full_text)
        await sleep_until_set(stop, clock, AWAY_SECONDS)
    return not stop.is_set()


def tell_waiting(settings: Settings, why: str) -> None:
    """Write the reason into each STATUS.txt that exists: without the store an inbox can't be told from a bare
    mount point, so none is created. Errors are ignored."""
    told, now = why[:1].upper() + why[1:], datetime.now().astimezone()
    text = status_text(None, notices=[told], at=now, language=settings.language)

    def tell(inbox: Path) -> None:
        if is_file(inbox / STATUS_NAME):
            write_status(inbox, text)

    for inbox in places_of(settings).inboxes.values():
        with suppress(LocalTrouble, OSError):
            call_within(inbox, partial(tell, inbox), START_TIMEOUT_SECONDS)


def refuse_newer(settings: Settings) -> None:
    """Raise StoreError where a newer release has migrated the store meanwhile, on another machine."""
    with suppress(LocalTrouble):
        if (database := read_store(store_of(settings))) is not None:
            database.dispose()


def make_store(settings: Settings) -> Store:
    """Open the store, created where there is none. Raises StoreError, with nothing created, and
    LocalTrouble."""
    refuse_sqlite_left_behind(settings)
    return Store(open_store(store_of(settings)))


def refuse_sqlite_left_behind(settings: Settings) -> None:
    """Raise StoreError where `state` holds an SQLite store and the settings name a server: its jobs and
    purchases would be ignored."""
    state = settings.state_folder
    if settings.store.url is not None and is_file(state / STORE_FILE) and not is_moved(state):
        raise StoreError(
            f"{state} holds a job store in SQLite, and store.url names another one",
            hint=CommandHint(
                "`hotfolder store migrate --to URL` moves it there. For a machine that begins with nothing,"
                " name a new folder as `state`."
            ),
        )


def open_records(settings: Settings, places: Places) -> Store:
    """Open the store with its journal, and with leases where machines share it. Raises StoreError,
    LocalTrouble."""
    database, journal = make_store(settings).database, Journal(places.state / LEDGER_FILE)
    if settings.store.url is None:
        return Store(database, journal)
    machine = machine_of(places.state)
    leases = Leases(database, machine, places.state, places.inboxes, seconds=settings.store.lease_seconds)
    return Store(database, journal, machine=machine, leases=leases)
