"""Opening the job store of a configuration, read-only or for changes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from hotfolder.config.load import load
from hotfolder.config.settings import Settings
from hotfolder.daemon.folders import has_less, holder_of, is_read_only, places_of
from hotfolder.daemon.records import store_of
from hotfolder.errors import CommandHint, HotfolderError, StoreError, Unknown, UsageError
from hotfolder.inbox.guard import confirm_inbox
from hotfolder.jobs.context import Places, with_former_archives
from hotfolder.jobs.database import empty_store, open_store, read_store, store_trouble
from hotfolder.jobs.journal import FILE_NAME as JOURNAL_FILE
from hotfolder.jobs.journal import Journal
from hotfolder.jobs.leases import known_machine
from hotfolder.jobs.sqlite import FILE_NAME as STORE_FILE
from hotfolder.jobs.sqlite import refuse_other_users
from hotfolder.jobs.store import Store
from hotfolder.newfiles import set_temporaries_owner
from hotfolder.outbox.faults import TROUBLES
from hotfolder.paths import exists
from hotfolder.telemetry.notifier import addresses_of
from hotfolder.telemetry.overview import Overview, overview

STORE_BYTES = 1024 * 1024
"""With less free space than this the store may not be writable."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The job store of one configuration, with its settings and folders."""

    store: Store
    settings: Settings
    places: Places

    @property
    def running(self) -> bool:
        """Whether a daemon works with this store, be it another machine's."""
        if holder_of(self.places.state) is not None:
            return True
        machines, _, now = self.store.machines()
        return any(one.alive_until > now for one in machines)


@contextmanager
def reading(settings: Settings, otherwise: HotfolderError | None = None) -> Iterator[Store]:
    """The store, opened read-only. Where nothing has run yet, raises `otherwise`, or without one yields an
    empty store. Raises StoreError, also where the store is gone and its journal isn't, and LocalTrouble."""
    place = store_of(settings)
    database = read_store(place)
    if database is None and isinstance(place, Path) and exists(place / JOURNAL_FILE):
        raise StoreError(
            f"the job store {place / STORE_FILE} is gone, or empty",
            hint="Restore it from a backup, and restart hotfolder. Without one, too, a restart takes what was"
            " paid for from the journal beside it, but knows nothing else of the sets.",
        )
    if database is None and otherwise is not None:
        raise otherwise
    database = database or empty_store()
    try:
        with store_trouble():
            yield Store(database, machine=machine_in(settings))
    finally:
        database.dispose()


def machine_in(settings: Settings) -> str:
    """This machine's id in a shared store, "" with SQLite. Raises LocalTrouble."""
    return known_machine(settings.state_folder) if settings.store.url is not None else ""


def reading_existing(settings: Settings) -> AbstractContextManager[Store]:
    """`reading`, but raises Unknown where nothing has run yet."""
    return reading(settings, Unknown("Nothing has been made here yet."))


def overview_in(state: Path, store: Store) -> Overview:
    """The overview of all sets by the store; `missing` also has a notice where the disk of `state` has no
    room for it, or became read-only after an error, when a daemon can't say so."""
    seen = overview(store, pid=holder_of(state))
    if is_read_only(state):
        seen = replace(seen, missing={**seen.missing, "state": TROUBLES[errno.EROFS][0]})
    elif has_less(state, STORE_BYTES):
        seen = replace(seen, missing={**seen.missing, "state": TROUBLES[errno.ENOSPC][0]})
    return seen


@contextmanager
def opened(config: Path, in_force: Settings | None = None) -> Iterator[Installation]:
    """The store of a configuration file, opened for changes; safe while the daemon runs. `in_force`
    replaces the file's settings, where it was read while it was valid. Raises ConfigurationError, StoreError,
    LocalTrouble, and UsageError where nothing has run yet."""
    settings = load(config, os.environ) if in_force is None else in_force
    place = store_of(settings)
    if isinstance(place, Path):
        refuse_other_users(place, writing=True)
    with reading(settings, nothing_yet_error(config)):
        # Refuses one that isn't migrated yet: only a starting daemon migrates it, since one of the older
        # release, or another machine, may be using it.
        database = open_store(place)
    try:
        journal = Journal(settings.state_folder / JOURNAL_FILE)
        store = Store(database, journal, machine=machine_in(settings))
        with store_trouble():
            identity = store.identity()
            set_temporaries_owner(store.machine or identity, identity)
            places = places_in_use(settings, store)
            places = replace(places, confirm_inbox=partial(confirm_inbox, marker_id=identity))
            yield Installation(store, settings, places)
    finally:
        database.dispose()


def places_in_use(settings: Settings, store: Store) -> Places:
    """The folders with their former archives. While this machine's daemon runs they are those that it was
    started with, which settings that were edited since may not name any more."""
    places = with_former_archives(places_of(settings), store)
    if holder_of(places.state) is None:
        return places
    met = {(one.role, one.name): Path(one.path) for one in store.known_folders()}
    return replace(
        places,
        inboxes={name: met.get(("inbox", name), path) for name, path in places.inboxes.items()},
        done=met.get(("output", "done"), places.done),
        failed=met.get(("output", "failed"), places.failed),
        shared_results=met.get(("output", "results"), places.shared_results),
    )


def refuse_bad_addresses(settings: Settings) -> Settings:
    """Return the settings. Raises ConfigurationError for unusable addresses for messages, because of which a
    running daemon would reject these settings and keep its former ones."""
    addresses_of(settings)
    return settings


def nothing_yet_error(config: Path) -> UsageError:
    return UsageError(
        f"Nothing has run with {config} yet.",
        hint=CommandHint("Start it with `hotfolder run`, or name the file with which it runs with --config."),
    )


def now() -> datetime:
    return datetime.now(UTC)
