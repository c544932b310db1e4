"""The folders: there, writable, on which file system, with how much room."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hotfolder.config.settings import Settings
from hotfolder.doctor.findings import Finding, ok, problem, warning
from hotfolder.errors import HotfolderError
from hotfolder.inbox.guard import confirm_inbox
from hotfolder.mounts import Mount, mount_of
from hotfolder.newfiles import own_prefix
from hotfolder.outbox.faults import FULL_BYTES

MIB = 1024 * 1024
LOW_BYTES = 5 * 1024 * MIB


def folders(settings: Settings, marker_id: str | None) -> Iterator[Finding]:
    """`marker_id` is the store's own id; None where nothing has run yet, and folders are still to be made."""
    scan_seconds = settings.settle.scan_seconds
    for inbox in settings.all_inboxes():
        path = settings.inbox_folder(inbox)
        name = f"inbox {inbox.title}" if settings.inboxes else "inbox"
        yield from folder(name, path, new=marker_id is None)
        if path.is_dir():
            if marker_id is not None and writable(path):
                yield from confirmed(name, path, marker_id)
            yield how_noticed(name, mount_of(path), scan_seconds)
    for name in ("done", "failed"):
        yield from folder(name, getattr(settings, f"{name}_folder"), new=marker_id is None)
    yield from folder("state", settings.state_folder, new=marker_id is None)
    yield local("state", settings.state_folder, mount_of(settings.state_folder))
    yield from in_sight(settings.state_folder, settings.root_folder)
    yield from rooms(settings)


def folder(what: str, path: Path, *, new: bool) -> Iterator[Finding]:
    """That it is there and can be written. A file is made in it and removed at once."""
    if not path.exists():
        if not new:
            yield problem(
                what, f"{path} is not there", "Is its disk or share mounted? Nothing is made in its place."
            )
        elif writable(nearest(path)):
            yield ok(what, f"{path} is made at the first start")
        else:
            yield problem(what, f"{path} can't be made: {nearest(path)} is not writable", RIGHTS)
    elif not path.is_dir():
        yield problem(
            what, f"{path} is not a folder", "Rename that file, or name another folder in the settings."
        )
    elif not writable(path):
        yield problem(what, f"{path} can't be written", RIGHTS)
    else:
        yield ok(what, f"{path} is writable")


def in_sight(state: Path, root: Path) -> Iterator[Finding]:
    """That photographers can't delete, while tidying up, what is remembered."""
    if not state.is_relative_to(root):
        return
    elsewhere = "set `state` to a folder outside of root, such as /var/lib/hotfolder."
    hint = f"Before the first start, {elsewhere}"
    if state.exists():
        hint = f"Stop hotfolder, move the folder away, and {elsewhere} Left behind, all of it is forgotten."
    yield warning("state", f"{state}, which knows what was paid for, lies where photographers see it", hint)


RIGHTS = "Give the user that hotfolder runs as the right to write there."


def nearest(path: Path) -> Path:
    """The nearest folder above that is there."""
    return next(parent for parent in path.parents if parent.exists())


def writable(path: Path) -> bool:
    """By trying: what the permissions say is not what a share does."""
    try:
        with tempfile.NamedTemporaryFile(prefix=own_prefix(), dir=path):
            return True
    except OSError:
        return False


def confirmed(what: str, path: Path, marker_id: str) -> Iterator[Finding]:
    try:
        confirm_inbox(path, marker_id=marker_id)
    except HotfolderError as error:
        yield problem(what, error.message, error.hint)


def how_noticed(what: str, mount: Mount | None, scan_seconds: float) -> Finding:
    kind = mount.kind if mount is not None else "unknown"
    if mount is not None and mount.announces is True:
        return ok(what, f"on {kind}: changes are noticed at once")
    looks = f"everything is looked at every {scan_seconds:g} s"
    if mount is not None and mount.announces is False:
        return ok(what, f"on {kind}, which doesn't announce what other machines do: {looks}")
    return ok(what, f"on {kind}, which may or may not announce changes; in any case {looks}")


def local(what: str, path: Path, mount: Mount | None) -> Finding:
    if mount is None:
        return warning(
            what,
            f"this system doesn't say on which file system {path} lies",
            "Make sure that it is a local disk.",
        )
    if mount.network:
        return problem(
            what,
            f"{path} is on a network file system ({mount.kind}), where the store isn't safe",
            "Set `state` to a folder on a local disk; inbox, done and failed may stay on the share.",
        )
    if mount.kind in ("tmpfs", "ramfs", "overlay"):
        return warning(
            what,
            f"{path} is on {mount.kind}, which may be empty once the machine or container starts again",
            "Keep it on a disk or on a volume: it knows what was paid for.",
        )
    return ok(what, f"on {mount.kind}")


def rooms(settings: Settings) -> Iterator[Finding]:
    """Free room, once for each disk."""
    paths = [settings.inbox_folder(inbox) for inbox in settings.all_inboxes()]
    paths += [settings.done_folder, settings.failed_folder, settings.state_folder]
    seen: set[int] = set()
    for path in paths:
        there = path if path.exists() else nearest(path)
        device = os.stat(there).st_dev  # noqa: PTH116
        if device not in seen:
            seen.add(device)
            yield room(there, shutil.disk_usage(there).free)


def room(path: Path, free_bytes: int) -> Finding:
    text = f"{free_bytes / 1e9:.1f} GB are free on the disk of {path}"
    if free_bytes < FULL_BYTES:
        return problem("disk", text, "Make room there: without it nothing can be delivered.")
    if free_bytes < LOW_BYTES:
        return warning("disk", text, "Make room there soon.")
    return ok("disk", text)
