"""What people ask of jobs that run: to be cancelled, to go first. The worker reads it in their columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum

from sqlalchemy import or_
from sqlmodel import Session, col, select

from hotfolder.errors import Cancelled, CommandHint, UsageError
from hotfolder.jobs.database import Records, put
from hotfolder.jobs.model import Job, JobEvent, ProjectPriority
from hotfolder.jobs.states import ACTIVE, ASKS_API

HINT = "To have it made after all, drag the folder back into the inbox; what is paid for is used again."


class Priority(IntEnum):
    """Who goes first, among those that wait for the same thing; then the oldest set."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


def job_at(session: Session, place: str) -> Job | None:
    """The newest job of a `project/room`, which may also be written as the path of the room's folder."""
    project, room = ("", *(part.strip() for part in place.rstrip("/").split("/")))[-2:]
    named = or_(col(Job.room) == room, col(Job.folder) == room)
    found = select(Job).where(Job.project == project, named).order_by(col(Job.created_at).desc())
    return session.exec(found.limit(1)).first() if project else None


def meant(
    session: Session, target: str, inbox: str = "", dropped: Sequence[str] = (), arriving: Sequence[str] = ()
) -> tuple[Sequence[Job], str, str]:
    """The job of that id or that `project/room`; or the unfinished jobs of the project of that name, with its
    inbox and its name, of which nothing need have begun in the inboxes where it is `dropped`. Raises
    UsageError where there is none of them, where the job is finished or the room is still `arriving` in some
    inbox, or where several inboxes have such a project and none is named."""
    job = session.get(Job, target) or job_at(session, target)
    if job is not None:
        if job.state not in ACTIVE:
            raise UsageError(
                f"{job.project} / {job.room} (job {job.id}) is finished already: {job.state}.",
                hint="Only a set that isn't finished can be cancelled or go first.",
            )
        return [job], "", ""
    if arriving:
        raise UsageError(
            f"{target} is still arriving, and nothing of it has begun.",
            hint="Take its folder out of the inbox to keep it from being made; only its project can be given"
            " a priority now.",
        )
    project = target.rstrip("/").rpartition("/")[2]
    known = [Job.project == project, *([Job.inbox == inbox] if inbox else [])]
    begun = session.exec(select(Job.inbox).where(*known).distinct()).all()
    inboxes = list(dict.fromkeys([*begun, *(name for name in dropped if inbox in ("", name))]))
    if not inboxes:
        raise UsageError(
            f"Nothing is known of {target}.",
            hint=CommandHint(
                "Give a job's id, a project's folder, or project/room, as `hotfolder status` shows them."
            ),
        )
    if len(inboxes) > 1:
        raise UsageError(
            f"Several inboxes have a project {project}.",
            hint=CommandHint(f"Add --inbox with one of: {', '.join(inboxes)}."),
        )
    unfinished = select(Job).where(*known, col(Job.state).in_(list(ACTIVE))).order_by(col(Job.created_at))
    return session.exec(unfinished).all(), inboxes[0], project


def cancel(session: Session, jobs: Sequence[Job], by: str, at: datetime) -> list[Job]:
    """Ask for the jobs to be cancelled; those for which it isn't too late. May be repeated."""
    for job in jobs:
        session.refresh(job, with_for_update=True)  # so that it isn't too late by the time that it is asked
    taken = [job for job in jobs if job.state in ASKS_API]
    for job in taken:
        if not job.cancelled_by:
            job.cancelled_by = by
            note(session, job, at, f"cancelled by {by}")
    return taken


def prioritise(session: Session, jobs: Sequence[Job], level: Priority, by: str, at: datetime) -> None:
    """Give the jobs this priority."""
    for job in jobs:
        job.priority = level
        note(session, job, at, f"priority {level.name.lower()}, by {by}")


def prioritise_project(session: Session, inbox: str, project: str, level: Priority) -> None:
    """Give this priority to the jobs that the project will have."""
    put(session, ProjectPriority(inbox=inbox, project=project, level=level))


def project_priority(session: Session, inbox: str, project: str) -> int:
    row = session.get(ProjectPriority, (inbox, project))
    return Priority.NORMAL if row is None else row.level


def note(session: Session, job: Job, at: datetime, text: str) -> None:
    """One more line of the job's history."""
    session.add(JobEvent(job_id=job.id, at=at, state=job.state, text=text))


def refuse_cancelled(session: Session, job_id: str) -> None:
    """Raise Cancelled when the job is to be cancelled. Within the transaction of an intent, so that nothing
    is bought once the command is in the store."""
    by = session.exec(select(Job.cancelled_by).where(Job.id == job_id).with_for_update()).first()
    if by:
        raise cancellation(by)


def cancellation(by: str) -> Cancelled:
    return Cancelled(f"cancelled by {by}", hint=HINT)


def open_commands(store: Records) -> tuple[list[str], dict[str, int]]:
    """The jobs that are still to be cancelled, and the priorities that aren't normal, by job."""
    can_be_cancelled = col(Job.state).in_(list(ASKS_API)), col(Job.cancelled_by) != ""
    unfinished = col(Job.state).in_(list(ACTIVE)), col(Job.priority) != Priority.NORMAL
    cancelled = store.rows(select(Job.id).where(*can_be_cancelled))
    return cancelled, dict(store.rows(select(Job.id, Job.priority).where(*unfinished)))
