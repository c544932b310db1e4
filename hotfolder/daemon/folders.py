"""The daemon's folders: where they are, that they are there, and clean."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from hotfolder import log
from hotfolder.config.settings import Settings
from hotfolder.errors import LocalTrouble
from hotfolder.jobs.darkroom import clear as clear_developed
from hotfolder.jobs.store import Store
from hotfolder.jobs.tools import Places
from hotfolder.outbox.faults import local_trouble, made_anywhere, make_our_folder
from hotfolder.outbox.folders import OutputFolder, OutputFolders, identity_from
from hotfolder.outbox.sharing import Sharing, make_folder
from hotfolder.outbox.temporary import clear_leftovers as clear_temporaries
from hotfolder.patience import START_SECONDS, NoAnswer, at_once

logger = log.get("daemon")

PLACE = "place of folder "
OURS = frozenset({"results", "work", "developed", "sandbox"})
"""The folders in `state`."""


def places_of(settings: Settings) -> Places:
    """The folders that the settings name, absolute."""
    return Places(
        inboxes={inbox.title: settings.inbox_folder(inbox) for inbox in settings.all_inboxes()},
        done=settings.done_folder,
        failed=settings.failed_folder,
        archive=settings.archive_folder,
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
    for own in (places.state, places.results, places.work, places.developed):
        make_our_folder(own)
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
    they were met before and their disk is gone."""

    def sharing() -> Sharing:
        return Sharing.of(next(iter(reached or places.inboxes.values())))

    folders = {"done": places.done, "failed": places.failed}
    known = {name: identity_from(store.bulletin(f"{PLACE}{name}")) for name in folders}
    outputs = OutputFolders(
        (name, OutputFolder(path, known[name], sharing)) for name, path in folders.items()
    )
    with suppress(NoAnswer):  # whoever puts something into them waits
        at_once(places.done, outputs.look, START_SECONDS)
    for name, output in outputs.by_name.items():
        if known[name] is None:
            output.confirm()  # with nothing known, trouble is for whoever starts it
    return outputs


def clear_leftovers(places: Places, inboxes: Sequence[Path]) -> None:
    """Clear away what a killed process left half-written. Only for who holds the lock on `state`.

    Only `inboxes` are looked at; a folder that takes its time is cleared while everything else begins.
    """
    clear_developed(places.developed)
    with local_trouble(places.state):
        for left in (*places.work.iterdir(), *places.results.glob("*.part")):
            left.unlink()
    archive = (places.archive,) if places.archive is not None else ()
    for folder in (places.done, places.failed, *archive, *inboxes):
        with suppress(LocalTrouble):
            at_once(folder, partial(clear_temporaries, folder), START_SECONDS)
