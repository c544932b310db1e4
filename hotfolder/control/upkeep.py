"""Maintenance of records and folders: verify, clean, store migrate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from hotfolder.config.load import load
from hotfolder.config.settings import StoreSettings
from hotfolder.control.opening import Installation, nothing_yet, now
from hotfolder.daemon.folders import clear_leftovers, lock_state, places_of
from hotfolder.daemon.service import result_limits
from hotfolder.errors import UsageError
from hotfolder.jobs.database import StoreThread
from hotfolder.jobs.leases import machine_of
from hotfolder.jobs.moving import identity_of, move_store
from hotfolder.jobs.postgres import StoreServer
from hotfolder.jobs.retention import Expired, Retention
from hotfolder.jobs.verify import Disagreement
from hotfolder.jobs.verify import verify as disagreements
from hotfolder.newfiles import own_temporaries
from hotfolder.outbox.outputs import bring_results, confirm_results
from hotfolder.pictures.decoder import Decoder
from hotfolder.rules.delivery import Keep


def verify(installation: Installation) -> Iterator[Disagreement]:
    """Every disagreement between store, journal, receipts and folders. Raises LocalTrouble, StoreError."""
    return disagreements(installation.store, installation.ledger, installation.places)


async def clean(
    installation: Installation,
    *,
    dry_run: bool,
    keep: Keep | None = None,
    at: datetime | None = None,
) -> list[Expired]:
    """Run the retention policy and return what was deleted or kept; with `dry_run` nothing is deleted. `keep`
    defaults to the file's settings, `at`, by which ages are measured, to now. Raises LocalTrouble."""
    store_thread, decoder = StoreThread(), Decoder()
    retention = Retention(
        installation.store,
        installation.ledger,
        installation.places,
        store_thread,
        decoder,
        result_limits(installation.settings),
        keep or installation.settings.keep,
        at or now(),
        dry_run,
    )
    try:
        return [one async for one in retention.apply()]
    finally:
        await decoder.close()
        store_thread.close()


def move_to_server(config: Path, environ: Mapping[str, str], url: str) -> bool:
    """Move the store in the settings' `state` into the database at `url`, with the settings' password file,
    and copy the bought pictures into their `results`. Returns False where the move was done before. May be
    repeated after an interruption. Raises UsageError, also while a daemon runs with `state`, StoreError and
    LocalTrouble."""
    settings = load(config, environ)
    try:
        StoreSettings(url=url)
    except ValidationError as error:
        told = str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
        raise UsageError(told.replace("store.url", "--to")) from None
    file = settings.store.password_file
    server = StoreServer(url, Path(file) if file else None)
    if not settings.state_folder.is_dir():
        raise nothing_yet(config)
    state, results = settings.state_folder, settings.results_folder
    with closing(lock_state(state)):
        if results is None:
            raise UsageError(
                "The settings name no folder `results`, which machines that share a store need.",
                hint="Make one on the share and name it; what was bought until now is then copied there.",
            )
        machine, identity = machine_of(state), identity_of(state)
        own_temporaries(identity, identity)  # a killed daemon's temporary files are named by the store's id
        places = places_of(settings)
        clear_leftovers(places, [inbox for inbox in places.inboxes.values() if inbox.is_dir()], ())
        own_temporaries(machine, identity)
        confirm_results(results, identity, met_before=False)
        bring_results(state / "results", results)  # before a daemon looks there for the store's results
        return move_store(state, server, machine)
