"""What people ask of jobs while they run: to be cancelled, to go first. Told through the store."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING

from sqlalchemy import or_
from sqlmodel import Session, col, select

from hotfolder import log
from hotfolder.errors import Cancelled, LocalTrouble, UsageError
from hotfolder.jobs.model import (
    ACTIVE,
    ASKS_API,
    DaemonState,
    Job,
    JobEvent,
    ProjectPriority,
    Purchase,
    State,
    stamp,
)

if TYPE_CHECKING:
    from hotfolder.jobs.store import Store
    from hotfolder.jobs.worker import Worker

WISHES = "wishes"
"""The bulletin that changes with every wish, so that the daemon need look at nothing else."""
HINT = "To have it made after all, drag the folder back into the inbox; what is paid for is used again."


class Priority(IntEnum):
    """Who goes first, among those that wait for the same thing; then the oldest set."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


@dataclass(frozen=True, slots=True)
class Commands:
    """As the store has them. `levels` holds only jobs whose priority isn't normal; `seen` tells a change."""

    seen: object = None
    cancelled: tuple[str, ...] = ()
    levels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Aim:
    """What is meant: one job, or a project with its unfinished jobs."""

    jobs: Sequence[Job]
    inbox: str = ""
    project: str = ""


def job_at(session: Session, place: str) -> Job | None:
    """The newest job of a `project/room`, which may also be written as the path of the room's folder."""
    project, room = ("", *(part.strip() for part in place.rstrip("/").split("/")))[-2:]
    named = or_(col(Job.room) == room, col(Job.folder) == room)
    found = select(Job).where(Job.project == project, named).order_by(col(Job.created_at).desc())
    return session.exec(found.limit(1)).first() if project else None


def meant(
    session: Session, target: str, inbox: str = "", dropped: Sequence[str] = (), arriving: Sequence[str] = ()
) -> Aim:
    """The job of that id or that `project/room`, or the project of that name, of which nothing need have
    begun in the inboxes where it is `dropped`. Raises UsageError where there is none of them, where the job
    is finished or the room is still `arriving` in some inbox, or where several inboxes have such a project
    and none is named."""
    job = session.get(Job, target) or job_at(session, target)
    if job is not None:
        if State(job.state) not in ACTIVE:
            raise UsageError(
                f"{job.project} / {job.room} (job {job.id}) is finished already: {job.state}.",
                hint="Only a set that isn't finished can be cancelled or go first.",
            )
        return Aim([job])
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
            hint="Give a job's id, a project's folder, or project/room, as `hotfolder status` shows them.",
        )
    if len(inboxes) > 1:
        raise UsageError(
            f"Several inboxes have a project {project}.",
            hint=f"Add --inbox with one of: {', '.join(inboxes)}.",
        )
    unfinished = select(Job).where(*known, col(Job.state).in_(list(ACTIVE))).order_by(col(Job.created_at))
    return Aim(session.exec(unfinished).all(), inboxes[0], project)


def cancel(session: Session, jobs: Sequence[Job], by: str, at: datetime) -> list[Job]:
    """Wish the jobs cancelled; those for which it wasn't too late. Repeating it changes nothing."""
    taken = []
    for job in jobs:
        if State(job.state) not in ASKS_API:
            continue
        taken.append(job)
        if not job.cancelled_by:
            job.cancelled_by = by
            session.add(job)
            note(session, job, at, f"cancelled by {by}")
    announce(session, at)
    return taken


def prioritise(session: Session, jobs: Sequence[Job], level: Priority, by: str, at: datetime) -> None:
    """Give the jobs this priority."""
    for job in jobs:
        job.priority = level
        session.add(job)
        note(session, job, at, f"priority {level.name.lower()}, by {by}")
    announce(session, at)


def prioritise_project(session: Session, inbox: str, project: str, level: Priority) -> None:
    """Give this priority to the jobs that the project will have."""
    session.merge(ProjectPriority(inbox=inbox, project=project, level=level))


def project_priority(session: Session, inbox: str, project: str) -> int:
    row = session.get(ProjectPriority, (inbox, project))
    return Priority.NORMAL if row is None else row.level


UNFINISHED = col(Job.state).in_(list(ACTIVE))
CANCELLED = select(Job.id).where(UNFINISHED, Job.cancelled_by != "")
NOT_NORMAL = select(Job.id, Job.priority).where(UNFINISHED, Job.priority != Priority.NORMAL)


def wishes(session: Session) -> Commands:
    """All that concern unfinished jobs."""
    cancelled = session.exec(CANCELLED).all()
    return Commands(seen(session), tuple(cancelled), dict(session.exec(NOT_NORMAL).all()))


def seen(session: Session) -> object:
    """Differs from an earlier one when somebody has wished something since."""
    row = session.get(DaemonState, WISHES)
    return None if row is None else row.text


def refuse_cancelled(session: Session, call: Purchase) -> None:
    """Raise Cancelled when the call's job is to be cancelled. Within the transaction of the intent, so that
    nothing is bought once the wish is in the store."""
    by = session.exec(select(Job.cancelled_by).where(Job.id == call.job_id)).first()
    if by:
        raise cancellation(by)


def cancellation(by: str) -> Cancelled:
    return Cancelled(f"cancelled by {by}", hint=HINT)


def note(session: Session, job: Job, at: datetime, text: str) -> None:
    session.add(JobEvent(job_id=job.id, at=stamp(at), state=job.state, text=text))


def announce(session: Session, at: datetime) -> None:
    session.merge(DaemonState(name=WISHES, text=json.dumps(secrets.token_hex(8)), updated_at=stamp(at)))


logger = log.get("steering")

POLL_SECONDS = 1.0


class CommandPoll:
    """Asks every second whether somebody has wished something."""

    def __init__(self, engine: Worker) -> None:
        self.engine = engine
        self._done: Commands | None = None

    async def run(self) -> None:
        """Until cancelled."""
        context = self.engine.context
        trouble = log.News(logger, "wishes_not_seen")
        while True:
            try:
                await self.look()
                trouble.over()
            except LocalTrouble as error:
                trouble.met(error.message)
            await context.clock.sleep(POLL_SECONDS)

    async def look(self) -> None:
        """Do what is wished, as far as it can be done at once; the rest is tried at the next look."""
        context = self.engine.context
        found = await context.desk(read, context.store, self._done)
        if found is None:
            return
        context.limits.prioritise(found.levels)
        done = [await self.engine.cancel(job_id) for job_id in found.cancelled]
        self._done = found if all(done) else None


def read(store: Store, done: Commands | None) -> Commands | None:
    """The wishes as they are now; None when they are those that were done."""
    with store.session() as session:
        if done is not None and seen(session) == done.seen:
            return None
        return wishes(session)
