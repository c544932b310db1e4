"""`hotfolder page`."""

from __future__ import annotations

import os
import sys
from getpass import getpass
from importlib.util import find_spec
from pathlib import Path

from hotfolder import log
from hotfolder.config.load import load
from hotfolder.config.settings import LogFormat
from hotfolder.control import access
from hotfolder.display import say as print
from hotfolder.errors import UsageError, to_install

NEEDED = ("jinja2", "argon2", "python_multipart", "segno")


def page(config: Path, *, host: str | None, port: int | None) -> int:
    """Serve the page until it is ended; the exit code. Raises ConfigurationError, UsageError and
    LocalTrouble."""
    refuse_without_extra()
    from hotfolder.page.server import serve
    from hotfolder.page.site import site_for

    site = site_for(config, dict(os.environ), host=host, port=port)
    settings = site.settings().settings
    as_json = {LogFormat.AUTO: None, LogFormat.JSON: True, LogFormat.CONSOLE: False}[settings.log.format]
    log.configure(level=settings.log.level, json=as_json)
    return serve(site)


def set_password(config: Path, *, read_only: bool) -> int:
    """Ask for the new password, twice on a terminal. Raises UsageError, and as `page` does."""
    refuse_without_extra()
    state = load(config, os.environ).state_folder
    password = asked_for()
    access.set_password(state, access.READING if read_only else access.FULL, password)
    print("The password for looking is set." if read_only else "The password is set.")
    print("Whoever was signed in with an earlier one has to sign in anew.")
    return 0


def asked_for() -> str:
    """The first line of standard input where that is no terminal."""
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
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"The page needs packages that are not installed: {', '.join(missing)}.",
            hint=f"Install them, {to_install('page')}",
        )
