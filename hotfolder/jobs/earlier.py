"""The sets that were made, or are being made, of what lay in a project's folder itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container

from sqlmodel import col, select

from hotfolder.jobs.states import ACTIVE, ASKS_API, State
from hotfolder.jobs.store import Store
from hotfolder.jobs.tables import HOLDING, Call, FileRole, Job, JobFile
from hotfolder.rules.grouping.model import GroupingPhoto
from hotfolder.rules.late import EarlierSet, Standing
from hotfolder.rules.remembered import shot_from


def earlier_sets(store: Store, inbox: str, project: str) -> list[EarlierSet]:
    """Oldest first; of each room the newest that stands, and whatever was withdrawn since."""
    with store.session() as session:
        of_drop = (Job.inbox == inbox, Job.project == project, Job.folder == "")
        jobs = session.exec(select(Job).where(*of_drop).order_by(col(Job.created_at), col(Job.id))).all()
        ids = select(Job.id).where(*of_drop)
        held = select(Call.job_id).where(col(Call.state).in_(HOLDING), col(Call.job_id).in_(ids))
        paid_for = set(session.exec(held).all())
        photos: dict[str, list[GroupingPhoto]] = defaultdict(list)
        files = select(JobFile).where(JobFile.role == FileRole.PHOTO, col(JobFile.job_id).in_(ids))
        for file in session.exec(files).all():
            photos[file.job_id].append(shot_from(file.name, file.sha256, file.mtime_ns, file.shot))
    standing: dict[str, EarlierSet] = {}
    withdrawn: dict[str, EarlierSet] = {}
    for job in jobs:
        how = standing_of(job, paid_for)
        if how is None or not photos[job.id]:
            continue
        one = EarlierSet(job.id, job.room, how, tuple(photos[job.id]))
        if how is Standing.WITHDRAWN:
            withdrawn[job.room] = one
        else:
            standing[job.room] = one
            withdrawn.pop(job.room, None)
    return [*withdrawn.values(), *standing.values()]


def standing_of(job: Job, paid_for: Container[str]) -> Standing | None:
    """None for one that stands for nothing any more: it failed before anything was paid for, or another has
    taken its place."""
    state = State(job.state)
    if state is State.WITHDRAWN:
        return Standing.WITHDRAWN
    if state in ACTIVE:
        return Standing.OPEN if state in ASKS_API and job.id not in paid_for else Standing.BUSY
    if state is State.DONE or (job.id in paid_for and state is not State.SUPERSEDED):
        return Standing.MADE
    return None
