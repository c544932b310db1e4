"""`hotfolder page`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from getpass import getpass
from pathlib import Path

from hotfolder import log
from hotfolder.config.load import KEY_VARIABLE, load
from hotfolder.config.settings import Settings
from hotfolder.control import access, first
from hotfolder.display import say as print
from hotfolder.errors import StoreAway, StoreError, UsageError, to_install
from hotfolder.processes import die_with_parent
from hotfolder.setup.deployment import DATA_VOLUME, STATE_VOLUME

FIRST_WAIT_SECONDS, KILLED_WAIT_SECONDS, LAST_WAIT_SECONDS = 1.0, 4.0, 60.0
"""Pauses before an ended page is restarted: the first one, and the longest where it was killed by a signal
and where it exited by itself. Between them the pause doubles."""
END_SECONDS = 5.0


def page(config: Path, *, host: str | None, port: int | None, beside: int | None = None) -> int:
    """Serve the page until SIGTERM or Ctrl-C; returns the exit code. With `beside`, the parent's process id,
    it ends with that process. Raises ConfigurationError, UsageError and LocalTrouble."""
    if beside is not None:
        die_with_parent(beside, signal.SIGTERM)
    refuse_without_extra()
    from hotfolder.page.app import serve
    from hotfolder.page.site import site_for

    site = site_for(config, dict(os.environ), host=host, port=port)
    settings = site.on_disk.current().settings
    log.configure(level=settings.log.level, json=settings.log.as_json)
    return serve(site)


def refuse_start(settings: Settings) -> None:
    """Raise UsageError if a page with these settings would exit at once."""
    refuse_without_extra()
    with suppress(StoreError, StoreAway):  # an older store, which the daemon migrates, or one not reachable
        access.refuse_unprotected(settings, settings.page)


def serve_first_setup(config: Path, *, page: bool) -> int | None:
    """Serve the set-up page in a container that has neither settings nor key, until they are written. Returns
    None then, and where no set-up is needed; else the exit code. Raises LocalTrouble."""
    port = first.setup_port(config, os.environ)
    if port is None or access.missing_packages():
        return None
    from hotfolder.page.setup import SetupSite, serve_setup

    log.configure(level="info")
    # Without a mounted volume the state would be lost with the container.
    state = STATE_VOLUME if STATE_VOLUME.is_mount() else None
    return serve_setup(
        SetupSite(config.absolute(), dict(os.environ), DATA_VOLUME, state, with_page=page), port
    )


async def run_beside(config: Path) -> None:
    """Keep a page running as a child process, restarted with exponential backoff, until cancelled. Its
    failures don't affect the daemon."""
    command = (sys.executable, "-m", "hotfolder", "page", "--config", str(config.absolute()))
    # The page needs no API key, and must not send systemd the readiness of the service.
    environ = {name: text for name, text in os.environ.items() if name not in (KEY_VARIABLE, "NOTIFY_SOCKET")}
    wait_seconds = FIRST_WAIT_SECONDS
    while True:
        begun = time.monotonic()
        child = await asyncio.create_subprocess_exec(
            *command, "--beside", str(os.getpid()), stdin=asyncio.subprocess.DEVNULL, env=environ
        )
        try:
            code = await child.wait()
        finally:
            await end_page(child)
        if time.monotonic() - begun > LAST_WAIT_SECONDS:
            wait_seconds = FIRST_WAIT_SECONDS
        log.get("cli").warning("page_ended", code=code, again_in_seconds=wait_seconds)
        await asyncio.sleep(wait_seconds)
        wait_seconds = min(2 * wait_seconds, KILLED_WAIT_SECONDS if code < 0 else LAST_WAIT_SECONDS)


async def end_page(child: asyncio.subprocess.Process) -> None:
    """Terminate the process; kill it if it hasn't finished its current requests after END_SECONDS."""
    if child.returncode is not None:
        return
    child.terminate()
    try:
        async with asyncio.timeout(END_SECONDS):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()


def set_password(config: Path, *, read_only: bool) -> int:
    """Read the new password (asked for twice on a terminal) and set it. Raises as `page` does, and
    StoreError."""
    refuse_without_extra()
    settings = load(config, os.environ)
    password = read_password()
    access.set_password(settings, access.READING if read_only else access.FULL, password)
    print("The password for looking is set." if read_only else "The password is set.")
    print("Whoever was signed in with an earlier one has to sign in anew.")
    return 0


def read_password() -> str:
    """The password: typed twice on a terminal, else the first line of standard input. Raises UsageError."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    try:
        password = getpass("New password: ")
        access.refuse_weak(password)
        if getpass("Once more: ") != password:
            raise UsageError("The two are different.", hint="Nothing was changed. Try again.")
    except EOFError:
        raise UsageError("No password was given.", hint="Nothing was changed.") from None
    return password


def refuse_without_extra() -> None:
    """Raise UsageError where the packages of the extra `page` are missing."""
    missing = access.missing_packages()
    if missing:
        raise UsageError(
            f"The page needs packages that are not installed: {', '.join(missing)}.",
            hint=f"Install them, {to_install('page')}",
        )
