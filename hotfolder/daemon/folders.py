"""The daemon's folders: their paths, how they are created, locked, checked and cleaned."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from anyio import to_thread

from hotfolder import log
from hotfolder.blocking import FILE_TIMEOUT_SECONDS, START_TIMEOUT_SECONDS, FileTimeout, call_within
from hotfolder.clock import Clock
from hotfolder.config.settings import Settings
from hotfolder.daemon.leftbehind import refuse_left_behind
from hotfolder.daemon.reload import LiveSettings
from hotfolder.errors import LocalTrouble, UsageError
from hotfolder.jobs.context import JobContext, Places
from hotfolder.jobs.retention import Retention
from hotfolder.jobs.store import Store
from hotfolder.locks import FolderLock, Held, refuse_held
from hotfolder.newfiles import folder_at, own_token, token
from hotfolder.outbox.faults import (
    FULL_BYTES,
    folder_making_trouble,
    free_bytes,
    local_trouble,
    make_our_folder,
)
from hotfolder.outbox.files import Sharing, make_folder
from hotfolder.outbox.files import delete_stale_temporaries as clear_temporaries
from hotfolder.outbox.outputs import ArchiveFolder, OutputFolder, OutputFolders, ResultsFolder
from hotfolder.paths import entries, is_dir
from hotfolder.telemetry.telemetry import Telemetry

FILE_NAME = "daemon.lock"


def lock_state(state: Path) -> FolderLock:
    """Lock `state` against other processes until the returned lock is closed. Raises UsageError, naming the
    holder, where another process has it or the disk has no file locks, and LocalTrouble."""
    lock = FolderLock(FILE_NAME, private=True)
    try:
        try:
            with naming_state(), local_trouble(state / FILE_NAME), folder_at(state) as folder:
                if lock.hold(folder):
                    return lock
        except LocalTrouble:
            refuse_held(state, FILE_NAME)  # as on a disk that became read-only: whoever has it comes first
            raise
    except Held as held:
        raise UsageError(
            f"Another hotfolder ({held.holder}) already works with {state}.",
            hint="Stop that one first, or give this one a configuration with a `state` of its own.",
        ) from None
    raise UsageError(
        f"{state} lies on a disk that knows no file locks", hint="Name a folder on a local disk as `state`."
    )


@contextmanager
def naming_state() -> Iterator[None]:
    """Name `state` in a LocalTrouble about a file or folder in it, which only hotfolder knows."""
    try:
        yield
    except LocalTrouble as error:
        raise LocalTrouble(f"Nothing can be put into state: {error.message}", hint=error.hint) from None


def holder_of(state: Path) -> int | None:
    """The process id of the daemon that works with `state` now, None when there is none."""
    try:
        refuse_held(state, FILE_NAME)
    except Held as held:
        return held.pid
    return None


logger = log.get("daemon")

OWN_FOLDERS = frozenset({"results", "work", "developed", "sandbox", "thumbnails"})
"""The folders in `state` that hotfolder makes."""


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
    """Make the missing inboxes and `state`, which is private to this user.

    Returns the inboxes that can be reached. One that can't doesn't stop the others: it is degraded until it
    is back. Raises LocalTrouble where no inbox, or not all of `state`, can be made.
    """
    reached: list[Path] = []
    troubles = []
    for inbox in places.inboxes.values():
        try:
            with folder_making_trouble(inbox):  # group-writable, as `done` and `failed` are
                call_within(inbox, partial(make_folder, inbox, Sharing()), START_TIMEOUT_SECONDS)
            reached.append(inbox)
        except FileTimeout as error:
            logger.warning("inbox_not_reached", inbox=str(inbox), reason=error.message)
        except LocalTrouble as error:
            logger.warning("inbox_not_reached", inbox=str(inbox), reason=error.message)
            troubles.append(error)
    if len(troubles) == len(places.inboxes):
        raise troubles[0]
    own = (places.state, places.work, places.developed)
    with naming_state():
        for folder in own if places.shared_results is not None else (*own, places.results):
            make_our_folder(folder)
    keep_private(places.state)
    return reached


def keep_private(state: Path) -> None:
    """Remove the permissions of group and others from `state`, its files and our folders in it: they hold
    addresses, prices and results. Other owners' files, or those on a disk without permissions, stay as they
    are."""
    for folder, below, names in os.walk(state):
        if Path(folder) == state:
            below[:] = [name for name in below if name in OWN_FOLDERS]  # people keep other things beside them
        for name in (".", *names):
            path = Path(folder, name)
            with suppress(OSError):
                mode = path.lstat().st_mode
                if mode & 0o077 and not stat.S_ISLNK(mode):
                    path.chmod(stat.S_IMODE(mode) & 0o700)


def output_folders(places: Places, store: Store, reached: Sequence[Path]) -> OutputFolders:
    """`done` and `failed`, shared with the inbox's group, and `results` where machines share it. Missing ones
    are made, unless their disk is known and not mounted. Raises LocalTrouble where a new one can't be
    used."""

    def sharing() -> Sharing:
        return Sharing.of(next(iter(reached or places.inboxes.values())))

    folders = {"done": places.done, "failed": places.failed}
    known = {name: store.folder_identity("output", name) for name in (*folders, "results")}
    each: dict[str, OutputFolder] = {
        name: OutputFolder(path, known[name], sharing) for name, path in folders.items()
    }
    if (path := places.shared_results) is not None:
        met_before = "results" in store.folder_names("output")
        each["results"] = ResultsFolder(path, known["results"], store.identity(), met_before=met_before)
    outputs = OutputFolders(each.items())
    outputs.check(START_TIMEOUT_SECONDS)
    refuse_left_behind(places, store)
    for name, output in outputs.by_name.items():
        if known[name] is None:
            output.confirm()  # never met before: the trouble ends the start
            assert output.known is not None
            store.remember_folder("output", name, output.known)
    return outputs


def clear_leftovers(places: Places, inboxes: Sequence[Path], gone: Collection[str]) -> None:
    """Delete half-written files of killed processes, of this machine or of those with the ids `gone`. Only
    for the holder of the lock on `state`.

    Of the inboxes only `inboxes` are searched. A folder that takes over START_SECONDS is cleared in the
    background. Raises LocalTrouble for folders in `state` alone.
    """
    for folder in (places.developed, places.work):
        with local_trouble(folder), suppress(FileNotFoundError):  # as in a `state` that is new
            for left in folder.iterdir():
                if not is_dir(left):
                    left.unlink()
    with suppress(LocalTrouble):
        call_within(places.results, partial(clear_parts, places, gone), START_TIMEOUT_SECONDS)
    archive = (places.archive,) if places.archive is not None else ()
    for folder in (places.done, places.failed, *archive, *inboxes):
        with suppress(LocalTrouble):
            call_within(folder, partial(clear_temporaries, folder, gone), START_TIMEOUT_SECONDS)


def clear_parts(places: Places, gone: Collection[str]) -> None:
    """Delete half-written downloads; in a shared folder only those of this machine and of `gone`."""
    owners = [own_token(), *map(token, gone)]
    with local_trouble(places.results):
        for left in entries(places.results):
            ours = places.shared_results is None or any(f".{owner}." in left.name for owner in owners)
            if ours and left.suffix == ".part":
                left.unlink(missing_ok=True)


CLEAN_SECONDS, CLEAN_AGAIN_SECONDS = 24 * 3600.0, 3600.0
"""The pause between two runs of the retention policy, and that after one in which the clock was in doubt."""
LOOK_SECONDS = 6.0


async def apply_retention(context: JobContext, live: LiveSettings, leads: Callable[[], bool]) -> None:
    """Once a day, delete what is past its retention time, while this machine `leads`. Until cancelled."""
    while True:
        if not leads():
            await context.clock.sleep(LOOK_SECONDS)
            continue
        # Finished sets are no longer worked on, so whose lease their inboxes have doesn't matter.
        retention = Retention(
            Store(context.store.database, context.store.journal, machine=context.store.machine),
            replace(context.places, confirm_ours=lambda _: None),
            context.store_thread,
            context.decoder,
            context.settings.result_limits,
            live.settings.keep,
            context.clock.now(),
            dry_run=False,
            probe=context.client.probe,
        )
        gone: Counter[str] = Counter()
        try:
            async for one in retention.apply():
                gone[one.kind] += not one.kept_because
                if one.kept_because and not retention.doubt:
                    logger.info("kept_although_old", path=str(one.path), reason=one.kept_because)
        except LocalTrouble as error:
            logger.warning("not_cleaned", reason=error.message)
        if gone.total():
            logger.info("cleaned", **{f"{kind}s": number for kind, number in gone.items()})
        if retention.doubt:
            hint = "Nothing is deleted until it is. `hotfolder doctor` compares the clocks."
            logger.warning("not_cleaned", reason=retention.doubt, hint=hint)
        await context.clock.sleep(CLEAN_AGAIN_SECONDS if retention.doubt else CLEAN_SECONDS)


async def watch_outputs(
    outputs: OutputFolders,
    places: Places,
    telemetry: Telemetry,
    clock: Clock,
    mended: Callable[[], None],
    beat: Callable[[], None],
) -> None:
    """Check every six seconds whether done/, failed/, results/ and the archive can be used, and note full
    disks, until cancelled. `mended` is called when one of them is usable again, or isn't full any
    more. While one is blocked the heartbeat `beat` stops, since only a restart helps."""
    bad: set[str] = set()
    archive = ArchiveFolder(places.archive) if places.archive is not None else None
    while True:
        await clock.sleep(LOOK_SECONDS)
        await to_thread.run_sync(outputs.check, FILE_TIMEOUT_SECONDS)
        if not any(output.blocked for output in outputs.by_name.values()):
            beat()
        disks = {"done": places.done, "state": places.state}
        if places.shared_results is not None:
            disks["results"] = places.shared_results
        away = {name for name, output in outputs.by_name.items() if output.trouble}
        there = {name: folder for name, folder in disks.items() if name not in away}
        telemetry.full_disks = tuple(await to_thread.run_sync(full_disks, there))
        if archive is not None:
            await to_thread.run_sync(archive.check, FILE_TIMEOUT_SECONDS)
            away |= {archive.trouble} - {""}
        before, bad = bad, away.union(telemetry.full_disks)
        if before - bad:
            mended()


def full_disks(folders: Mapping[str, Path]) -> list[str]:
    """The names of the folders whose disk is full; one that can't be queried is left out."""
    return [name for name, folder in folders.items() if has_less(folder, FULL_BYTES)]


def has_less(folder: Path, least_bytes: int) -> bool:
    """Whether the disk of `folder` has less free space; False where it can't be queried."""
    with suppress(OSError, FileTimeout):
        return call_within(folder, partial(free_bytes, folder)) < least_bytes
    return False


def is_read_only(folder: Path) -> bool:
    """Whether the disk of `folder` is mounted read-only; False where it can't be queried."""
    with suppress(OSError, FileTimeout):
        return bool(call_within(folder, partial(os.statvfs, folder)).f_flag & os.ST_RDONLY)
    return False
