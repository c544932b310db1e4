"""`hotfolder run`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from hotfolder import log
from hotfolder.blocking import JOIN_SECONDS, join_threads
from hotfolder.cli.output import FAILED, INTERRUPTED, WORLD_BAD
from hotfolder.cli.page import refuse_start, run_beside, serve_first_setup
from hotfolder.config.load import SettingsFile, is_missing, load_key
from hotfolder.config.settings import Settings
from hotfolder.daemon.embedding import Embedding
from hotfolder.daemon.records import refuse_newer, wait_for_store
from hotfolder.daemon.service import ApiAccess, Daemon, Outcome
from hotfolder.errors import ConfigurationError, KeyRejected, StoreAway
from hotfolder.telemetry.overview import NOTHING_BOUGHT


def run(config: Path, *, sandbox: bool, until_idle: bool, page: bool = False) -> int:
    """Run the daemon; returns the exit code. Raises ConfigurationError, UsageError, StoreError."""
    if not sandbox and (code := serve_first_setup(config, page=page)) is not None:
        return code
    file = SettingsFile(config.absolute(), dict(os.environ))
    settings = file.load()
    log.configure(level=settings.log.level, json=settings.log.as_json)
    for warning in settings.warnings:
        log.get("cli").warning("setting_has_no_effect", reason=warning)
    if is_missing(config):
        log.get("cli").info("no_settings_file", file=str(config), going_by="HOTFOLDER_ variables alone")
    if page:
        refuse_start(settings)
    with ExitStack() as stack:
        if sandbox:
            access = stack.enter_context(closing(Embedding(settings.state_folder / "sandbox"))).access()
            log.get("cli").warning("with_the_stand_in", meaning=NOTHING_BOUGHT)
        else:
            access = real_access(settings)
        serving = serve(settings, access, file, until_idle=until_idle, page=config if page else None)
        code = asyncio.run(serving)
    if join_threads(JOIN_SECONDS):
        # They are blocked on a share that doesn't answer: the interpreter would wait for them, and systemd.
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def real_access(settings: Settings) -> ApiAccess:
    """Access to the configured API. The key is read at every request, so that a new key takes effect without
    a restart. Raises ConfigurationError where there is none now; `key` raises KeyRejected later."""
    load_key(settings, os.environ)

    def key() -> str:
        try:
            return load_key(settings, os.environ).get_secret_value()
        except ConfigurationError as error:  # valid at the start: the key is being changed
            raise KeyRejected(error.message, hint=error.hint) from None

    return ApiAccess(
        origin=settings.api.base_url,
        base_url=settings.api.base_url,
        storage_hosts=settings.api.storage_hosts,
        key=key,
        proxy=settings.api.proxy_url,
    )


async def serve(
    settings: Settings,
    access: ApiAccess,
    file: SettingsFile,
    *,
    until_idle: bool,
    page: Path | None = None,
) -> int:
    """Run the daemon until SIGINT or SIGTERM, or with `until_idle` until it is idle; returns the exit code. A
    second SIGINT exits at once; SIGHUP reloads `file`. With `page`, the settings' path, the page runs as a
    child process."""
    stop = asyncio.Event()
    signals: list[int] = []

    def on_signal(number: int) -> None:
        if number == signal.SIGINT and signal.SIGINT in signals:
            os._exit(INTERRUPTED)
        signals.append(number)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    beside = [asyncio.create_task(run_beside(page))] if page is not None else []
    try:
        daemon = None
        while daemon is None and await wait_for_store(settings, stop, until_idle=until_idle):
            with suppress(StoreAway):  # the database went away again: wait for it once more
                daemon = Daemon(settings, access, file=file)
        if daemon is None:
            return INTERRUPTED if signals[0] == signal.SIGINT else 0
        loop.add_signal_handler(signal.SIGHUP, daemon.live.request_reload)
        try:
            outcome = await daemon.run(stop=stop, until_idle=until_idle)
        except Exception:
            refuse_newer(settings)  # may be the cause
            raise
        finally:
            await daemon.close()
    finally:
        # Cancelled here, a page that hasn't begun never does; asyncio would start its process and hang.
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
    if signals:
        return INTERRUPTED if signals[0] == signal.SIGINT else 0
    return exit_code(outcome)


def exit_code(outcome: Outcome) -> int:
    """The exit code: 0 fine, 1 something needs a person, 3 the world is bad; 1 outranks 3."""
    if outcome.needing_person:
        return FAILED
    return WORLD_BAD if outcome.world_bad else 0
