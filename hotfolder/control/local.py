"""The doctor's findings on this machine: versions, limits, time zone, user, folders and disks."""

from __future__ import annotations

import math
import os
import platform
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hotfolder import __version__
from hotfolder.config.settings import Settings
from hotfolder.errors import HotfolderError, LocalTrouble
from hotfolder.inbox.guard import confirm_inbox
from hotfolder.jobs.sqlite import user_named
from hotfolder.mounts import Mount, mount_of
from hotfolder.newfiles import own_prefix
from hotfolder.outbox.faults import FULL_BYTES, free_bytes, trouble_of
from hotfolder.outbox.outputs import confirm_results, nearest_existing
from hotfolder.paths import exists, is_dir

LIBRARIES = ("httpx", "pillow", "pydantic", "sqlmodel", "sqlalchemy", "structlog", "watchdog", "apprise")
INOTIFY = Path("/proc/sys/fs/inotify")
LOW_BYTES = 5 * 1024 * 1024 * 1024
TEMPORARY = (Path("/tmp"), Path("/var/tmp"))
"""Folders that systems clear. A systemd service may have private ones in their place (PrivateTmp)."""


class Grade(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, with a limitation that should be known."""
    PROBLEM = "problem"
    """It doesn't work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check: `what` was checked, in a word or two; `text` is the result, `hint` what to do.
    Contains no secrets."""

    what: str
    verdict: Grade
    text: str
    hint: str = ""


def ok(what: str, text: str) -> Finding:
    return Finding(what, Grade.OK, text)


def warning(what: str, text: str, hint: str) -> Finding:
    return Finding(what, Grade.WARNING, text, hint)


def problem(what: str, text: str, hint: str) -> Finding:
    return Finding(what, Grade.PROBLEM, text, hint)


def machine(folders: int, inotify: Path = INOTIFY) -> Iterator[Finding]:
    """The findings that don't depend on the settings; `folders` is the number of folders to watch."""
    yield ok("hotfolder", f"{__version__}, {platform.python_implementation()} {platform.python_version()}")
    libraries = [f"{name} {installed(name)}" for name in LIBRARIES]
    yield ok("libraries", ", ".join([f"SQLite {sqlite3.sqlite_version}", *libraries]))
    yield user(os.geteuid())
    yield watches(folders, inotify)
    now = datetime.now().astimezone()
    zone = f"{now.tzname()} (UTC{now:%z})"
    yield ok("time zone", f"{zone}; a day of budgets and schedules begins at its midnight")


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def user(number: int) -> Finding:
    if number == 0:
        return warning(
            "user",
            "asked as root, who may do more than the service",
            "Ask as the service's user: `sudo -u hotfolder hotfolder doctor --config …`.",
        )
    return ok("user", f"asked as {user_named(number)}")


def watches(folders: int, inotify: Path = INOTIFY) -> Finding:
    """Whether inotify's limits allow watching all folders, with a margin for other programs."""
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


def folders(settings: Settings, marker_id: str | None) -> Iterator[Finding]:
    """The findings on the settings' folders. `marker_id` is the store's own id; None where nothing has run
    yet, so that missing folders are created at the first start."""
    scan_seconds = settings.settle.scan_seconds
    for inbox in settings.all_inboxes():
        path = settings.inbox_folder(inbox)
        name = f"inbox {inbox.title}" if settings.inboxes else "inbox"
        yield from folder(name, path, new=marker_id is None)
        if trouble_reaching(path) is None and is_dir(path):
            if marker_id is not None and trouble_writing(path) is None:
                yield from confirmed(name, partial(confirm_inbox, path, marker_id=marker_id))
            yield noticing_method(name, mount_of(path), scan_seconds)
    for name in ("done", "failed"):
        yield from folder(name, getattr(settings, f"{name}_folder"), new=marker_id is None)
    if settings.results_folder is not None:
        results = settings.results_folder
        yield from folder("results", results, new=False)
        if marker_id is not None and trouble_reaching(results) is None and is_dir(results):
            yield from confirmed("results", partial(confirm_results, results, marker_id, met_before=True))
    yield from folder("state", settings.state_folder, new=marker_id is None)
    yield on_local_disk(settings.state_folder, mount_of(settings.state_folder))
    yield from state_in_root(settings.state_folder, settings.root_folder)
    yield from temporary({"root": settings.root_folder, "state": settings.state_folder})
    yield from disks(settings)


def folder(what: str, path: Path, *, new: bool) -> Iterator[Finding]:
    """Whether the folder exists and is writable, by a temporary file. With `new` it may be missing."""
    if (why := trouble_reaching(path)) is not None:
        yield problem(what, f"{path} can't be reached: {why.message}", why.hint)
    elif not exists(path) and not path.is_symlink():
        if not new:
            yield problem(
                what, f"{path} is not there", "Is its disk or share mounted? Nothing is made in its place."
            )
        elif (why := trouble_writing(nearest_existing(path))) is None:
            yield ok(what, f"{path} is made at the first start")
        else:
            yield problem(what, f"{path} can't be made: {nearest_existing(path)}: {why.message}", why.hint)
    elif not is_dir(path):
        yield problem(
            what, f"{path} is not a folder", "Rename that file, or name another folder in the settings."
        )
    elif why := trouble_writing(path):
        yield problem(what, f"{path} can't be written: {why.message}", why.hint)
    else:
        yield ok(what, f"{path} is writable")


def state_in_root(state: Path, root: Path) -> Iterator[Finding]:
    """A warning where `state` lies in `root`, in which photographers could delete it while tidying up."""
    if not state.is_relative_to(root):
        return
    elsewhere = "set `state` to a folder outside of root, such as /var/lib/hotfolder."
    hint = f"Before the first start, {elsewhere}"
    if trouble_reaching(state) is not None or exists(state):
        hint = f"Stop hotfolder, move the folder away, and {elsewhere} Left behind, all of it is forgotten."
    yield warning("state", f"{state}, which knows what was paid for, lies where photographers see it", hint)


def temporary(folders: Mapping[str, Path]) -> Iterator[Finding]:
    """A warning for each of these folders, by the name of its setting, that lies in a folder for temporary
    files, without those inside another one."""
    for name, path in folders.items():
        inside = any(path.is_relative_to(other) for other in folders.values() if other != path)
        for above in TEMPORARY:
            if path.is_relative_to(above) and not inside:
                text = f"{path} lies in {above}, which systems clear; a service sees its own {above} instead"
                such_as = "/var/lib/hotfolder" if name == "state" else "/srv/photos"
                yield warning(name, text, f"Name a folder elsewhere, such as {such_as}.")


def trouble_reaching(path: Path) -> LocalTrouble | None:
    """Why it can't be told whether something is there, None where it can."""
    try:
        exists(path)
    except OSError as error:
        return trouble_of(OSError(error.errno, error.strerror))
    return None


def trouble_writing(path: Path) -> LocalTrouble | None:
    """Why no file can be created in the folder, None where one can. Tried out, since on a share the mode bits
    say little."""
    try:
        with tempfile.NamedTemporaryFile(prefix=own_prefix(), dir=path):
            return None
    except OSError as error:
        return trouble_of(OSError(error.errno, error.strerror))


def confirmed(what: str, confirm: Callable[[], None]) -> Iterator[Finding]:
    try:
        confirm()
    except HotfolderError as error:
        yield problem(what, error.message, error.hint)


def noticing_method(what: str, mount: Mount | None, scan_seconds: float) -> Finding:
    if mount is not None and mount.reports_changes:
        return ok(what, f"on {mount.kind}: changes are noticed at once")
    kind = mount.kind if mount is not None else "an unknown file system"
    return ok(what, f"on {kind}: changes are noticed by looking, every {scan_seconds:g} s")


def on_local_disk(path: Path, mount: Mount | None) -> Finding:
    """Whether `state` is on a local disk that lasts."""
    if mount is None:
        return warning(
            "state",
            f"this system doesn't say on which file system {path} lies",
            "Make sure that it is a local disk.",
        )
    if mount.network:
        return problem(
            "state",
            f"{path} is on a network file system ({mount.kind}), where the store isn't safe",
            "Set `state` to a folder on a local disk; inbox, done and failed may stay on the share.",
        )
    if mount.kind in ("tmpfs", "ramfs", "overlay"):
        return warning(
            "state",
            f"{path} is on {mount.kind}, which may be empty once the machine or container starts again",
            "Keep it on a disk or on a volume: it knows what was paid for.",
        )
    return ok("state", f"on {mount.kind}")


def disks(settings: Settings) -> Iterator[Finding]:
    """The free space, once for each disk."""
    paths = [settings.inbox_folder(inbox) for inbox in settings.all_inboxes()]
    paths += [settings.done_folder, settings.failed_folder, settings.state_folder]
    paths += filter(None, [settings.results_folder])
    seen: set[int] = set()
    for path in paths:
        if trouble_reaching(path) is not None:
            continue  # said of the folder
        there = path if exists(path) else nearest_existing(path)
        device = os.stat(there).st_dev  # noqa: PTH116
        if device not in seen:
            seen.add(device)
            yield disk(there, free_bytes(there))


def disk(path: Path, free_bytes: float) -> Finding:
    if free_bytes == math.inf:
        return ok("disk", f"the disk of {path} doesn't say how much is free")
    text = f"{free_bytes / 1e9:.1f} GB are free on the disk of {path}"
    if free_bytes < FULL_BYTES:
        return problem("disk", text, "Make room there: without it nothing can be delivered.")
    if free_bytes < LOW_BYTES:
        return warning("disk", text, "Make room there soon.")
    return ok("disk", text)
