"""The daemon's folders: where they are, that they are there, and clean."""

from __future__ import annotations

from hotfolder.config.settings import Settings
from hotfolder.inbox.ignored import MARKER_NAME
from hotfolder.jobs.tools import Places
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.sharing import Sharing, make_folder
from hotfolder.outbox.temporary import clear_leftovers as clear_temporaries


def places_of(settings: Settings) -> Places:
    """The folders that the settings name, absolute."""
    return Places(
        inboxes={inbox.title: settings.inbox_folder(inbox) for inbox in settings.all_inboxes()},
        done=settings.done_folder,
        failed=settings.failed_folder,
        archive=settings.archive_folder,
        state=settings.state_folder,
    )


def make_folders(places: Places) -> None:
    """Make what is missing below `root`: shared with the inbox's group, but for `state`, which is ours alone.

    Raises LocalTrouble.
    """
    for inbox in places.inboxes.values():
        with local_trouble(inbox):
            inbox.mkdir(parents=True, exist_ok=True)
    for folder in (places.done, places.failed):
        with local_trouble(folder):
            make_folder(folder, Sharing.of(next(iter(places.inboxes.values()))))
    with local_trouble(places.state):
        places.state.mkdir(mode=0o750, parents=True, exist_ok=True)
        places.results.mkdir(exist_ok=True)
        places.work.mkdir(exist_ok=True)


def clear_leftovers(places: Places) -> None:
    """Clear away what a killed process left half-written. Only for who holds the lock on `state`."""
    with local_trouble(places.state):
        for left in (*places.work.iterdir(), *places.results.glob("*.part")):
            left.unlink()
    for folder in (places.done, places.failed, *places.inboxes.values()):
        clear_temporaries(folder)
    for inbox in places.inboxes.values():
        with local_trouble(inbox):
            for left in inbox.glob(f"{MARKER_NAME}.*.tmp"):
                left.unlink()
