"""The daemon's folders: where they are, that they are there, and clean."""

from __future__ import annotations

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
from hotfolder.outbox.faults import local_trouble, make_our_folder
from hotfolder.outbox.outlets import Outlet, Outlets, whereabouts_from
from hotfolder.outbox.sharing import Sharing
from hotfolder.outbox.temporary import clear_leftovers as clear_temporaries
from hotfolder.patience import START_SECONDS, NoAnswer, at_once

logger = log.get("daemon")

PLACE = "place of folder "


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
            at_once(inbox, partial(make_our_folder, inbox), START_SECONDS)
            reached.append(inbox)
        except NoAnswer as error:
            logger.warning("inbox_not_reached", inbox=str(inbox), reason=error.message)
        except LocalTrouble as error:
            logger.warning("inbox_not_reached", inbox=str(inbox), reason=error.message)
            troubles.append(error)
    if len(troubles) == len(places.inboxes):
        raise troubles[0]
    make_our_folder(places.state, mode=0o750)
    for own in (places.results, places.work, places.developed):
        make_our_folder(own)
    return reached


def outlets_of(places: Places, store: Store, reached: Sequence[Path]) -> Outlets:
    """`done` and `failed`, which are shared with the group of the inbox. Made where they are missing, unless
    they were met before and their disk is gone."""

    def sharing() -> Sharing:
        return Sharing.of(next(iter(reached or places.inboxes.values())))

    folders = {"done": places.done, "failed": places.failed}
    known = {name: whereabouts_from(store.bulletin(f"{PLACE}{name}")) for name in folders}
    outlets = Outlets((name, Outlet(path, known[name], sharing)) for name, path in folders.items())
    with suppress(NoAnswer):  # whoever puts something into them waits
        at_once(places.done, outlets.look, START_SECONDS)
    for name, outlet in outlets.by_name.items():
        if known[name] is None:
            outlet.confirm()  # with nothing known, trouble is for whoever starts it
    return outlets


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
