"""Commands for unfinished jobs: cancel and priority. They are columns of the job, which the worker polls."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import IntEnum

from sqlalchemy import ColumnElement, or_, true
from sqlmodel import Session, col, select

from hotfolder.errors import Cancelled, CommandHint, Unknown, UsageError
from hotfolder.jobs.database import put
from hotfolder.jobs.model import Job, JobEvent, ProjectPriority
from hotfolder.jobs.states import ACTIVE, ASKS_API
from hotfolder.rules.foldernames import to_nfc, unicode_forms

HINT = "To have it made after all, drag the folder back into the inbox."


class Priority(IntEnum):
    """The order of jobs that wait for the same thing; among equals the oldest set goes first."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


def jobs_at(session: Session, place: str, inbox: str = "") -> Sequence[Job]:
    """The job of that id, or the jobs of `project/room` (room or folder name, maybe after a path), the newest
    first: those of all inboxes, or of `inbox`."""
    if (job := session.get(Job, place)) is not None:
        return [job]
    project, room = ("", *(part.strip() for part in place.rstrip("/").split("/")))[-2:]
    named = or_(col(Job.room).in_(unicode_forms(room)), col(Job.folder).in_(unicode_forms(room)))
    found = select(Job).where(col(Job.project).in_(unicode_forms(project)), named, _is_of(inbox))
    return session.exec(found.order_by(col(Job.created_at).desc())).all() if project else []


def _is_of(inbox: str) -> ColumnElement[bool]:
    return col(Job.inbox) == inbox if inbox else true()


def resolve_target(
    session: Session,
    target: str,
    inbox: str,
    above: Sequence[str],
    dropped: Sequence[str],
    arriving: Sequence[str],
) -> tuple[Sequence[Job], str, str]:
    """Resolve a command's target: jobs, inbox, project. A job's id or a `project/room` gives that one job and
    "", ""; a project's name gives its unfinished jobs, its inbox and its name. It may come after a path that
    ends at one of the folders `above`. `dropped` are the inboxes that hold a folder of that project, which
    may have no job yet; `arriving` those in which that room's photos still arrive. Raises Unknown where
    nothing matches, UsageError where the room is still arriving, or several inboxes have the project, or
    unfinished jobs of the room, and `inbox` is empty."""
    if found := jobs_at(session, target, inbox):
        going = [job for job in found if job.state in ACTIVE]
        _refuse_several(f"room {target}", {job.inbox for job in going})
        return (going or found)[:1], "", ""
    if any(inbox in ("", name) for name in arriving):
        raise UsageError(
            f"{target} is still arriving, and nothing of it has begun.",
            hint="Take its folder out of the inbox to keep it from being made; only its project can be given"
            " a priority now.",
        )
    path, _, name = target.rstrip("/").rpartition("/")
    project = to_nfc(name)
    known = [col(Job.project).in_(unicode_forms(project)), _is_of(inbox)]
    begun = session.exec(select(Job.inbox).where(*known).distinct()).all()
    inboxes = list(dict.fromkeys([*begun, *(name for name in dropped if inbox in ("", name))]))
    # What a project of that name has is not meant by the room of another one.
    if not inboxes or (path and path.rpartition("/")[2] not in above):
        where = f" in an inbox {inbox}" if inbox else ""
        raise Unknown(
            f"Nothing is known of {target}{where}.",
            hint=CommandHint(
                "Give a job's id, a project's folder, or project/room, as `hotfolder status` shows them."
            ),
        )
    _refuse_several(f"project {project}", inboxes)
    unfinished = select(Job).where(*known, col(Job.state).in_(list(ACTIVE))).order_by(col(Job.created_at))
    return session.exec(unfinished).all(), inboxes[0], project


def _refuse_several(what: str, inboxes: Collection[str]) -> None:
    if len(inboxes) > 1:
        raise UsageError(
            f"Several inboxes have a {what}.",
            hint=CommandHint(f"Add --inbox with one of: {', '.join(sorted(inboxes))}."),
        )


def cancel(session: Session, jobs: Sequence[Job], by: str, at: datetime) -> list[Job]:
    """Request the cancellation of jobs; returns those for which it isn't too late. Idempotent."""
    for job in jobs:
        session.refresh(job, with_for_update=True)  # locked, so that its state can't change before the commit
    taken = [job for job in jobs if job.state in ASKS_API]
    for job in taken:
        if not job.cancelled_by:
            job.cancelled_by = by
            note(session, job, at, f"cancelled by {by}")
    return taken


def prioritise(session: Session, jobs: Sequence[Job], level: Priority, by: str, at: datetime) -> None:
    """Set the priority of these jobs, and note it in their history."""
    for job in jobs:
        job.priority = level
        note(session, job, at, f"priority {level.name.lower()}, by {by}")


def prioritise_project(session: Session, inbox: str, project: str, level: Priority) -> None:
    """Set the priority that new jobs of the project begin with."""
    put(session, ProjectPriority(inbox=inbox, project=to_nfc(project), level=level))


def project_priority(session: Session, inbox: str, project: str) -> int:
    row = session.get(ProjectPriority, (inbox, to_nfc(project)))
    return Priority.NORMAL if row is None else row.level


def note(session: Session, job: Job, at: datetime, text: str) -> None:
    """Append a line to the job's history."""
    session.add(JobEvent(job_id=job.id, at=at, state=job.state, text=text))


def refuse_cancelled(session: Session, job_id: str) -> None:
    """Raise Cancelled where the job's cancellation was requested. Runs in the intent's transaction and locks
    the job's row, so that nothing is bought once the command is in the store."""
    by = session.exec(select(Job.cancelled_by).where(Job.id == job_id).with_for_update()).first()
    if by:
        raise cancellation(by)


def cancellation(by: str) -> Cancelled:
    return Cancelled(f"Cancelled by {by}", hint=HINT)
