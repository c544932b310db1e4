"""Diagnosis and maintenance: check, doctor, verify, clean, store migrate."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from hotfolder.config.load import is_missing, load, load_key
from hotfolder.config.settings import Settings, StoreSettings
from hotfolder.control.local import Finding, folders, machine, ok, problem, state_in_root, warning
from hotfolder.control.opening import Installation, nothing_yet_error, now, reading, reading_existing
from hotfolder.control.remote import NO_KEY, key, out_of_sight, probe, remote, server
from hotfolder.daemon.folders import clear_leftovers, holder_of, lock_state, places_of
from hotfolder.daemon.leftbehind import refuse_left_behind
from hotfolder.daemon.records import refuse_sqlite_left_behind, store_of
from hotfolder.daemon.service import result_limits
from hotfolder.display import counted
from hotfolder.errors import ConfigurationError, LocalTrouble, StoreAway, StoreError, Unknown, UsageError
from hotfolder.inbox.guard import folders_below, marker_at
from hotfolder.jobs.database import StoreThread
from hotfolder.jobs.leases import machine_of
from hotfolder.jobs.postgres import StoreServer
from hotfolder.jobs.retention import Expired, Retention
from hotfolder.jobs.storemove import identity_of, move_store
from hotfolder.jobs.verify import Disagreement
from hotfolder.jobs.verify import verify as disagreements
from hotfolder.newfiles import set_temporaries_owner
from hotfolder.outbox.outputs import confirm_results, copy_results
from hotfolder.paths import is_dir
from hotfolder.pictures.decoder import Decoder
from hotfolder.rules.delivery import Keep
from hotfolder.telemetry.notifier import addresses_of

START = "Start it: `systemctl start hotfolder`, `docker compose up -d`, or `hotfolder run`."


@dataclass(frozen=True, slots=True)
class Checked:
    """Settings with which `hotfolder run` would start. `without_file`: there is no file, only the
    environment; `key_hidden`: this user may not read the key, which was therefore not checked."""

    settings: Settings
    without_file: bool
    key_hidden: bool
    warnings: tuple[Finding, ...]


def check(config: Path, environ: Mapping[str, str]) -> Checked:
    """Check the settings and their files. Read-only. Raises ConfigurationError with all problems, one a
    line."""
    settings = load(config, environ)
    hidden = settings.api.key_file is not None and out_of_sight(settings, environ)
    refusals = list(_no_start(settings, config, environ, key_hidden=hidden))
    if refusals:
        raise ConfigurationError("\n".join(refusals))
    warnings = tuple(state_in_root(settings.state_folder, settings.root_folder))
    return Checked(settings, is_missing(config), hidden, warnings)


def _no_start(
    settings: Settings, config: Path, environ: Mapping[str, str], *, key_hidden: bool
) -> Iterator[str]:
    """Why `hotfolder run` would fail at its start, although the file is well-formed."""
    try:
        if not key_hidden:
            load_key(settings, environ)
    except ConfigurationError as error:
        yield f"{config}: {error.message} {error.hint} (`hotfolder run --sandbox` needs no key.)"
    try:
        addresses_of(settings)
    except ConfigurationError as error:
        yield error.full_text
    try:
        with suppress(OSError):
            refuse_sqlite_left_behind(settings)
    except StoreError as error:
        yield f"{config}: {error.full_text}"
    try:
        with suppress(StoreError, LocalTrouble), reading(settings) as store:
            refuse_left_behind(places_of(settings), store)
    except UsageError as error:
        yield f"{config}: {error.full_text}"


def checkup(config: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """All findings of `hotfolder doctor`. Makes only free requests, and changes nothing except for temporary
    files that are removed at once."""
    try:
        settings = load(config, environ)
    except ConfigurationError as error:
        yield problem("settings", error.message, error.hint or "Fix the file; `hotfolder check` looks again.")
        yield from machine(0)
        return
    yield ok("settings", f"{config}: fine, {counted(settings.route_count, 'route')}")
    yield key(settings, environ, running=holder_of(settings.state_folder) is not None)
    try:
        addresses_of(settings)
    except ConfigurationError as error:
        yield problem("messages", error.message, error.hint)
    yield from asyncio.run(remote(settings, environ))
    place = store_of(settings)
    if isinstance(place, StoreServer):
        yield from server(place)
    identity, found = records(settings)
    yield from folders(settings, identity)
    yield found
    # The daemon watches two levels below each inbox.
    inboxes = places_of(settings).inboxes.values()
    yield from machine(sum(1 + len([*folders_below(inbox, 2)]) for inbox in inboxes))


def records(settings: Settings) -> tuple[str | None, Finding]:
    """The store's id, None where nothing has run or it can't be read; and the finding on the daemon, or on a
    store that can't be read."""
    pid = holder_of(settings.state_folder)
    service = f"running (process {pid})" if pid is not None else "not running"
    identity: str | None = None
    try:
        with reading_existing(settings) as opened:
            identity = opened.identity()
    except Unknown:
        marked = [path for path in places_of(settings).inboxes.values() if marker_at(path) is not None]
        if marked and pid is None and settings.store.url is None:
            return None, problem(
                "state",
                f"{settings.state_folder} has no records, and hotfolder worked with {marked[0]} before",
                "Mount the disk of `state`, or put its backup back, before hotfolder is started: what is paid"
                " for and not delivered yet is written only there.",
            )
        service = f"{service}; nothing has run with these settings yet"
    except StoreAway:
        pass  # reported by `server`
    except (StoreError, LocalTrouble) as error:
        return None, problem("store", error.message, error.hint)
    return identity, ok("service", service) if pid is not None else warning("service", service, START)


def verify(installation: Installation) -> Iterator[Disagreement]:
    """Every disagreement between store, journal, receipts and folders. Raises LocalTrouble, StoreError."""
    return disagreements(installation.store, installation.places)


async def clean(
    installation: Installation,
    *,
    dry_run: bool,
    keep: Keep | None = None,
    at: datetime | None = None,
) -> list[Expired]:
    """Run the retention policy and return what was deleted or kept; with `dry_run` nothing is deleted. `keep`
    defaults to the file's settings, `at`, by which ages are measured, to now, which the API has to confirm.
    Raises LocalTrouble."""
    settings = installation.settings
    store_thread, decoder = StoreThread(), Decoder()
    retention = Retention(
        installation.store,
        installation.places,
        store_thread,
        decoder,
        result_limits(settings),
        keep or settings.keep,
        at or now(),
        dry_run,
        None if at else partial(probe, settings, NO_KEY),
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
        message = str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
        raise UsageError(
            message.partition("; leave it out")[0].replace("store.url", "--to"),
            hint="Name an empty database, like postgresql+psycopg://hotfolder@db.example/hotfolder.",
        ) from None
    file = settings.store.password_file
    server = StoreServer(url, Path(file) if file else None)
    if not is_dir(settings.state_folder):
        raise nothing_yet_error(config)
    state, results = settings.state_folder, settings.results_folder
    with closing(lock_state(state)):
        if results is None:
            raise UsageError(
                "The settings name no folder `results`, which machines that share a store need.",
                hint="Make one on the share and name it; what was bought until now is then copied there.",
            )
        machine, identity = machine_of(state), identity_of(state)
        set_temporaries_owner(identity, identity)  # killed daemons' temporary files have the store's id
        places = places_of(settings)
        clear_leftovers(places, [inbox for inbox in places.inboxes.values() if is_dir(inbox)], ())
        set_temporaries_owner(machine, identity)
        confirm_results(results, identity, met_before=False)
        copy_results(state / "results", results)  # before a daemon looks there for the store's results
        return move_store(state, server, machine)
