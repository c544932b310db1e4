"""What the store says about pictures in done/ and the originals they were made of."""

from __future__ import annotations

from sqlmodel import col, func, select

from hotfolder.jobs.store import Store
from hotfolder.jobs.tables import Job, Moment


def place_of_room(store: Store, job: Job) -> int:
    """Which of its project's rooms the job's is, from 1, in the order in which they first had a job. It never
    changes, and a room that is dropped again keeps it."""
    as_begun = (
        select(Job.room)
        .join(Moment, col(Moment.job_id) == col(Job.id))
        .where(Job.project == job.project)
        .group_by(col(Job.room))
        .order_by(func.min(col(Moment.id)))
    )
    with store.session() as session:
        rooms = session.exec(as_begun).all()
    return rooms.index(job.room) + 1
