"""All looks, in the order in which people ask."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from hotfolder.config.load import load
from hotfolder.config.settings import Settings
from hotfolder.daemon.folders import holder_of
from hotfolder.doctor.findings import Finding, ok, problem, warning
from hotfolder.doctor.folders import folders
from hotfolder.doctor.machine import machine
from hotfolder.doctor.remote import key, remote
from hotfolder.errors import ConfigurationError, StoreError, to_install
from hotfolder.jobs.database import read_store
from hotfolder.jobs.model import State
from hotfolder.jobs.store import Store
from hotfolder.telemetry.overview import Overview, overview


def checkup(config: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at everything. Nothing is paid for, and no folder is changed but for a file that is gone again."""
    try:
        settings = load(config, environ)
    except ConfigurationError as error:
        yield problem(
            "settings", error.message, error.hint or "Mend the file; `hotfolder check` looks again."
        )
        yield from machine(0)
        return
    yield ok(
        "settings", f"{config}: fine, {len(settings.routes)} route{'' if len(settings.routes) == 1 else 's'}"
    )
    yield key(settings, environ, running=holder_of(settings.state_folder) is not None)
    yield from asyncio.run(remote(settings, environ))
    marker_id, found = store(settings)
    yield from folders(settings, marker_id)
    yield from found
    yield from messages(settings)
    yield from machine(count_folders(settings))


START = "Start it: `systemctl start hotfolder`, `docker compose up -d`, or `hotfolder run`."


def store(settings: Settings) -> tuple[str | None, list[Finding]]:
    """The store's id, and what is to be said of it and of the daemon that works with it."""
    pid = holder_of(settings.state_folder)
    running = f"running (process {pid})" if pid is not None else "not running"
    try:
        database = read_store(settings.state_folder)
    except StoreError as error:
        return None, [problem("store", error.message, error.hint)]
    if database is None:
        text = f"{running}; nothing has run with these settings yet"
        return None, [ok("service", text) if pid is not None else warning("service", text, START)]
    try:
        opened = Store(database)
        marker_id = opened.bulletin("identity")
        seen = overview(opened, pid=pid)
    finally:
        database.dispose()
    service = ok("service", running) if pid is not None else warning("service", running, START)
    found = [service, *told_by_daemon(seen)]
    return (marker_id if isinstance(marker_id, str) else None), found


def told_by_daemon(seen: Overview) -> Iterator[Finding]:
    """What the running service itself says is wrong."""
    if seen.trouble:
        yield problem("service", seen.trouble, seen.trouble_hint)
    for name, why in seen.missing.items():
        if why:
            yield problem(name, why, "Connect its disk or share; the work continues by itself.")
    if seen.paused:
        yield warning("service", f"no paid calls are made: {seen.paused}", "`hotfolder resume` continues.")
    if seen.settings_error:
        yield problem(
            "service",
            f"the file of settings has an error, and those before it stay in force: {seen.settings_error}",
            "Correct the file; it is then read again by itself.",
        )
    if seen.restart:
        yield warning(
            "service",
            f"edited, and in force only after a restart: {', '.join(seen.restart)}",
            "Restart hotfolder.",
        )
    needing = seen.counts.get(State.NEEDS_ATTENTION, 0)
    if needing:
        need = "1 needs" if needing == 1 else f"{needing} need"
        yield warning("sets", f"{need} a person", "`hotfolder status` lists them.")


def messages(settings: Settings) -> Iterator[Finding]:
    if not settings.notify.urls and settings.notify.url_file is None:
        yield ok("messages", "none are sent: the settings name no address")
    elif find_spec("apprise") is None:
        yield problem("messages", "apprise is not installed", f"Install it, {to_install('notify')}")
    else:
        yield ok("messages", "people are told; `hotfolder notify --test` tries it")


def count_folders(settings: Settings) -> int:
    """How many folders the inboxes have, three levels deep, as far as they can be read."""
    total = 0
    for inbox in settings.all_inboxes():
        root = settings.inbox_folder(inbox)
        for parent, below, _ in os.walk(root):
            total += 1
            if len(Path(parent).relative_to(root).parts) >= 2:
                below.clear()
    return total
