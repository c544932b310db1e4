"""`hotfolder page`."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from hotfolder import log
from hotfolder.config.settings import LogFormat
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


def refuse_without_extra() -> None:
    """Raise UsageError where the packages of the extra `page` are missing."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"The page needs packages that are not installed: {', '.join(missing)}.",
            hint=f"Install them, {to_install('page')}",
        )
