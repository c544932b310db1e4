"""What the store says about pictures in done/ and the originals they were made of."""

from __future__ import annotations

from hotfolder.jobs.statements import ROOMS_AS_BEGUN
from hotfolder.jobs.store import Store
from hotfolder.jobs.tables import Job


def place_of_room(store: Store, job: Job) -> int:
    """Which of its project's rooms the job's is, from 1, in the order in which they first had a job. It never
    changes, and a room that is dropped again keeps it."""
    with store.database.connect() as connection:
        rooms = connection.execute(ROOMS_AS_BEGUN, {"project": job.project}).scalars().all()
    return rooms.index(job.room) + 1
