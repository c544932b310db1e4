"""`hotfolder retry`."""

from __future__ import annotations

import os
from pathlib import Path

from hotfolder.config.load import load
from hotfolder.daemon.service import places_of
from hotfolder.errors import UsageError
from hotfolder.jobs.database import open_store
from hotfolder.jobs.states import NEEDS_PERSON, State
from hotfolder.jobs.store import Store
from hotfolder.jobs.tables import Job
from hotfolder.jobs.tools import Places
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.names import safe_name
from hotfolder.outbox.placing import move
from hotfolder.service.overview import WORDS


def retry(job_id: str, config: Path, *, pay_again: bool) -> int:
    """Move a failed set back into the inbox, as dragging it would. Safe while the daemon runs."""
    settings = load(config, os.environ)
    places = places_of(settings)
    if not places.state.is_dir():
        raise UsageError(f"there is no job {job_id}: nothing has run with this configuration yet")
    database = open_store(places.state)
    try:
        store = Store(database)
        job = retriable(store, job_id)
        if pay_again and job.scope:
            store.raise_generation(job.scope)  # before the daemon can see the files
        moved = put_back(places, job)
    finally:
        database.dispose()
    again = " Its calls are paid for anew." if pay_again else " What was paid for is used again."
    print(f"{moved} files are back in {places.folder(job)}.{again}")
    return 0


def retriable(store: Store, job_id: str) -> Job:
    """The job, if it is one that can be tried again. Raises UsageError."""
    job = store.job(job_id)
    if job is None:
        raise UsageError(f"there is no job {job_id}", hint="`hotfolder status` lists them.")
    if State(job.state) not in NEEDS_PERSON:
        words = WORDS.get(job.state, job.state)
        raise UsageError(f"job {job_id} can't be tried again: it is {words}", hint="Only failed sets can.")
    return job


def put_back(places: Places, job: Job) -> int:
    """Move everything in the set's folder from failed/ back into the inbox; returns how many files."""
    folder = places.failed / safe_name(job.project) / (job.filed_as or "")
    if not folder.is_dir() or job.filed_as is None:
        raise UsageError(f"{folder} is not there any more", hint="Drop the photos into the inbox again.")
    target = places.folder(job)
    sharing = places.sharing(job)
    moved = 0
    with local_trouble(folder):
        for path in sorted(folder.iterdir()):
            if path.is_file():
                move(path, target / path.name, expected=None, shared=sharing)
                moved += 1
        if not any(folder.iterdir()):
            folder.rmdir()
    return moved
