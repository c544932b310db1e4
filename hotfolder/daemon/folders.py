"""The daemon's folders: where they are, that they are there, locked, and tidied."""

from __future__ import annotations

import os
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from anyio import to_thread

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.config.settings import Settings
from hotfolder.daemon.reload import LiveSettings
from hotfolder.errors import LocalTrouble, UsageError
from hotfolder.jobs.context import JobContext, Places
from hotfolder.jobs.retention import Retention
from hotfolder.jobs.store import Store
from hotfolder.locks import FolderLock, Held, refuse_held
from hotfolder.newfiles import folder_at, own_token, token
from hotfolder.outbox.faults import FULL_BYTES, local_trouble, made_anywhere, make_our_folder
from hotfolder.outbox.files import Sharing, make_folder
from hotfolder.outbox.files import clear_leftovers as clear_temporaries
from hotfolder.outbox.outputs import OutputFolder, OutputFolders, ResultsFolder
from hotfolder.patience import START_SECONDS, NoAnswer, at_once
from hotfolder.telemetry.telemetry import Telemetry

FILE_NAME = "daemon.lock"


def lock_state(state: Path) -> FolderLock:
    """Let nobody else work with `state`, until the lock is closed. Raises UsageError, naming the holder,
    where another process does, and LocalTrouble."""
    lock = FolderLock(FILE_NAME, private=True)
    with local_trouble(state / FILE_NAME):
        try:
            with folder_at(state) as folder:
                if lock.hold(folder):
                    return lock
        except Held as held:
            raise UsageError(
                f"Another hotfolder ({held.holder}) already works with {state}.",
                hint="Stop that one first, or give this one a configuration with a `state` of its own.",
            ) from None
    raise UsageError(
        f"{state} lies on a disk that knows no file locks", hint="Name a folder on a local disk as `state`."
    )


def holder_of(state: Path) -> int | None:
    """The process id of the daemon that works with `state` now, None when there is none."""
    try:
        refuse_held(state, FILE_NAME)
    except Held as held:
        return held.pid
    return None


logger = log.get("daemon")

OURS = frozenset({"results", "work", "developed", "sandbox", "thumbnails"})
"""The folders in `state`."""


def places_of(settings: Settings) -> Places:
    """The folders that the settings name, absolute."""
    return Places(
        inboxes={inbox.title: settings.inbox_folder(inbox) for inbox in settings.all_inboxes()},
        done=settings.done_folder,
        failed=settings.failed_folder,
        archive=settings.archive_folder,
        shared_results=settings.results_folder,
        state=settings.state_folder,
    )


def make_folders(places: Places) -> list[Path]:
    """Make what is missing of inboxes and `state`, which is ours alone.

    Returns the inboxes that are in reach. One that isn't doesn't stop the others: it is degraded until it is
    back. Raises LocalTrouble where none can be made.
    """
    reached: list[Path] = []
    troubles = []
    for inbox in places.inboxes.values():
        try:
            at_once(inbox, partial(make_inbox, inbox), START_SECONDS)
            reached.append(inbox)
        except NoAnswer as error:
            logger.warning("inbox_not_reached", inbox=str(inbox), reason=error.message)
        except LocalTrouble as error:
            logger.warning("inbox_not_reached", inbox=str(inbox), reason=error.message)
            troubles.append(error)
    if len(troubles) == len(places.inboxes):
        raise troubles[0]
    own = (places.state, places.work, places.developed)
    for folder in own if places.shared_results is not None else (*own, places.results):
        make_our_folder(folder)
    keep_private(places.state)
    return reached


def make_inbox(inbox: Path) -> None:
    """Where it is missing: group-writable, as `done` and `failed` are. Raises LocalTrouble."""
    with made_anywhere(inbox):
        make_folder(inbox, Sharing())


def keep_private(state: Path) -> None:
    """Leave `state` and all in it to its owner, whoever made it: it tells addresses, prices and results. What
    belongs to somebody else, or lies on a disk that knows no rights, stays as it is."""
    for folder, below, names in os.walk(state):
        if Path(folder) == state:
            below[:] = [name for name in below if name in OURS]  # people keep other things beside them
        for name in (".", *names):
            path = Path(folder, name)
            with suppress(OSError):
                mode = path.lstat().st_mode
                if mode & 0o077 and not stat.S_ISLNK(mode):
                    path.chmod(stat.S_IMODE(mode) & 0o700)


def output_folders(places: Places, store: Store, reached: Sequence[Path]) -> OutputFolders:
    """`done` and `failed`, which are shared with the group of the inbox. Made where they are missing, unless
    they were met before and their disk is gone. And `results`, where machines share them."""

    def sharing() -> Sharing:
        return Sharing.of(next(iter(reached or places.inboxes.values())))

    folders = {"done": places.done, "failed": places.failed}
    known = {name: store.folder_identity("output", name) for name in (*folders, "results")}
    each: dict[str, OutputFolder] = {
        name: OutputFolder(path, known[name], sharing) for name, path in folders.items()
    }
    if (path := places.shared_results) is not None:
        met_before = store.met("output", "results")
        each["results"] = ResultsFolder(path, known["results"], store.identity(), met_before=met_before)
    outputs = OutputFolders(each.items())
    with suppress(NoAnswer):  # whoever puts something into them waits
        at_once(places.done, outputs.look, START_SECONDS)
    for name, output in outputs.by_name.items():
        if known[name] is None:
            output.confirm()  # with nothing known, trouble is for whoever starts it
            assert output.known is not None
            store.remember_folder("output", name, output.known)
    return outputs


def met_inbox(store: Store, inbox: str, path: Path) -> tuple[int, int] | None:
    """Device and inode of an inbox when a daemon with this store last met it there; None if none ever has."""
    met = store.folder_identity("inbox", inbox)
    return (met.device, met.inode) if met is not None and met.path == str(path) else None


def clear_leftovers(places: Places, inboxes: Sequence[Path], gone: Collection[str]) -> None:
    """Clear away what a killed process left half-written, of this machine or of those whose ids are `gone`.
    Only for who holds the lock on `state`.

    Only `inboxes` are looked at; a folder that takes its time is cleared while everything else begins.
    """
    for folder in (places.developed, places.work):
        with local_trouble(folder), suppress(FileNotFoundError):  # as in a state that no daemon has had
            for left in folder.iterdir():
                if not left.is_dir():
                    left.unlink()
    with suppress(LocalTrouble):
        at_once(places.results, partial(clear_parts, places, gone), START_SECONDS)
    archive = (places.archive,) if places.archive is not None else ()
    for folder in (places.done, places.failed, *archive, *inboxes):
        with suppress(LocalTrouble):
            at_once(folder, partial(clear_temporaries, folder, gone), START_SECONDS)


def clear_parts(places: Places, gone: Collection[str]) -> None:
    """Remove what downloads left half-written; in a folder that is shared not that of other machines."""
    owners = [own_token(), *map(token, gone)]
    with local_trouble(places.results):
        for left in places.results.glob("*.part"):
            if places.shared_results is None or any(f".{owner}." in left.name for owner in owners):
                left.unlink(missing_ok=True)


CLEAN_SECONDS = 24 * 3600.0
LOOK_SECONDS = 6.0


async def apply_retention(context: JobContext, live: LiveSettings, leads: Callable[[], bool]) -> None:
    """Once a day, delete what was kept for long enough, while this machine `leads`. Until cancelled."""
    while True:
        if not leads():
            await context.clock.sleep(LOOK_SECONDS)
            continue
        # Finished sets are nobody's work, whoever works with their inboxes.
        retention = Retention(
            Store(context.store.database, machine=context.store.machine),
            context.ledger,
            replace(context.places, confirm_ours=lambda _: None),
            context.store_thread,
            context.decoder,
            context.settings.result_limits,
            live.settings.keep,
            context.clock.now(),
            dry_run=False,
        )
        gone: Counter[str] = Counter()
        try:
            async for one in retention.apply():
                gone[one.kind] += not one.kept_because
                if one.kept_because:
                    logger.info("kept_although_old", path=str(one.path), reason=one.kept_because)
        except LocalTrouble as error:
            logger.warning("not_cleaned", reason=error.message)
        if gone.total():
            logger.info("cleaned", **{f"{kind}s": number for kind, number in gone.items()})
        await context.clock.sleep(CLEAN_SECONDS)


async def keep_looking(outputs: OutputFolders, places: Places, telemetry: Telemetry, clock: Clock) -> None:
    """Notice that a disk of done/ or failed/ is gone or is back, or is full. A dead share can hold it for
    hours."""
    while True:
        await clock.sleep(LOOK_SECONDS)
        await to_thread.run_sync(outputs.look)
        disks = {"done": places.done, "state": places.state}
        if places.shared_results is not None:
            disks["results"] = places.shared_results
        telemetry.full_disks = await to_thread.run_sync(full_disks, disks)


def full_disks(folders: Mapping[str, Path]) -> tuple[str, ...]:
    """The names of those whose disk is full; one that can't be asked is left out."""
    found = []
    for name, folder in folders.items():
        with suppress(OSError):
            if shutil.disk_usage(folder).free < FULL_BYTES:
                found.append(name)
    return tuple(found)
