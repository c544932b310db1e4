"""This machine: versions, limits, time zone, user."""

from __future__ import annotations

import os
import platform
import pwd
import resource
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hotfolder import __version__
from hotfolder.doctor.findings import Finding, ok, problem, warning

LIBRARIES = ("httpx", "pillow", "pydantic", "sqlmodel", "sqlalchemy", "structlog", "watchdog", "apprise")
INOTIFY = Path("/proc/sys/fs/inotify")
FEWEST_FILES = 1024
WAL_MENDED = (3, 51, 3)


def machine(folders: int, inotify: Path = INOTIFY) -> Iterator[Finding]:
    """What doesn't depend on the settings; `folders` is how many are to be watched."""
    yield ok("hotfolder", f"{__version__}, {platform.python_implementation()} {platform.python_version()}")
    yield sqlite(sqlite3.sqlite_version_info)
    yield ok("libraries", ", ".join(f"{name} {installed(name)}" for name in LIBRARIES))
    yield user(os.geteuid())
    yield open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    yield watches(folders, inotify)
    yield time_zone(datetime.now().astimezone())


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def sqlite(found: tuple[int, ...]) -> Finding:
    text = f"{'.'.join(map(str, found))}, used with the rollback journal"
    if found < WAL_MENDED:
        text += "; its WAL mode can damage a file before 3.51.3, so don't switch the store to it"
    return ok("SQLite", text)


def user(number: int) -> Finding:
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = str(number)
    if number == 0:
        return warning(
            "user",
            "asked as root, who may do more than the service",
            "Ask as the service's user: `sudo -u hotfolder hotfolder doctor --config …`.",
        )
    return ok("user", f"asked as {name}")


def open_files(limit: int) -> Finding:
    if limit != resource.RLIM_INFINITY and limit < FEWEST_FILES:
        return warning(
            "open files",
            f"a process may open {limit} files here; {FEWEST_FILES} are wise",
            "Raise it with `ulimit -n`, or LimitNOFILE= in the unit.",
        )
    return ok("open files", f"a process may open {limit if limit >= 0 else 'any number'} of them")


def watches(folders: int, inotify: Path = INOTIFY) -> Finding:
    """Whether the inboxes' folders can all be watched; others on this machine watch things too."""
    try:
        most = int((inotify / "max_user_watches").read_text())
        instances = int((inotify / "max_user_instances").read_text())
    except (OSError, ValueError):
        return warning(
            "watches",
            "this system has no inotify; changes are found by looking",
            "There is nothing to do: everything is looked at every settle.scan_seconds.",
        )
    text = f"folders to watch: {folders}; a user may watch {most}, with {instances} watchers"
    if folders > most * 0.8 or instances < 16:
        return warning(
            "watches",
            text,
            "With sysctl, raise fs.inotify.max_user_watches to 524288 and max_user_instances to 512;"
            " until then what can't be watched is found by looking.",
        )
    return ok("watches", text)


def time_zone(now: datetime) -> Finding:
    return ok(
        "time zone", f"{now.tzname()} (UTC{now:%z}); a day of budgets and schedules begins at its midnight"
    )


def clock(now: datetime, theirs: datetime | None) -> Finding:
    """Compared with the API's own. Both aware."""
    if theirs is None:
        return warning(
            "clock", "the API did not say what time it is", "Compare this machine's clock with another one."
        )
    off_seconds = (now - theirs).total_seconds()
    text = f"{abs(off_seconds):.0f} s {'ahead of' if off_seconds > 0 else 'behind'} the API's"
    hint = "Switch time synchronisation on: `timedatectl set-ntp true`."
    if abs(off_seconds) > 300:
        return problem("clock", f"{text}: signed addresses may count as expired", hint)
    return warning("clock", text, hint) if abs(off_seconds) > 30 else ok("clock", "within 30 s of the API's")
