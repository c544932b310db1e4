"""The job store: every change of a job is one durable transaction."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Engine, and_, func, or_, tuple_
from sqlmodel import Session, col, select

from hotfolder.jobs.allowance import pause, pause_reason, resume
from hotfolder.jobs.keys import scope_key
from hotfolder.jobs.newjobs import NewJob, job_file, scope_of
from hotfolder.jobs.states import ACTIVE, EXPLAINED, NEEDS_PERSON, Event, State, advance
from hotfolder.jobs.tables import (
    ApiProject,
    Bulletin,
    FileRole,
    Generation,
    Job,
    JobFile,
    Moment,
    Picture,
    stamp,
)
from hotfolder.jobs.wishes import project_priority

ID_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is misread over the phone


class Store:
    """Jobs, their files and their pictures. Every method is one transaction; what it returns is detached."""

    def __init__(self, database: Engine) -> None:
        self.database = database
        self.changes = 0
        """Grows with every change of a job, so that a reader in this process knows when to look again."""

    def session(self) -> Session:
        return Session(self.database, expire_on_commit=False)

    def create(self, new: NewJob, origin: str, at: datetime, *, supersedes: Sequence[str] = ()) -> Job:
        """Record a job; those of the ids `supersedes` that wait for a person are spoken for by it."""
        scope = scope_of(new, origin)
        job = Job(
            id="".join(secrets.choice(ID_ALPHABET) for _ in range(8)),
            inbox=new.inbox,
            project=new.project,
            folder=new.folder,
            room=new.room,
            title=new.title,
            state=State.REFUSING if new.reason else State.QUEUED,
            reason=new.reason,
            hint=new.hint,
            route=new.route,
            recipe=new.recipe.model_dump_json(),
            origin=origin,
            scope=scope,
            created_at=stamp(at),
            updated_at=stamp(at),
        )
        self.changes += 1
        with self.session() as session, session.begin():
            returning = list(session.exec(select(Job).where(col(Job.id).in_(supersedes))).all())
            again = new.again and not self._asked_before(session, scope, new, returning)
            job.generation = self._generation(session, scope, again=again)
            job.priority = project_priority(session, new.inbox, new.project)
            for old in returning:
                if State(old.state) in NEEDS_PERSON:
                    move(session, old, Event.SUPERSEDE, at, f"dropped again as job {job.id}")
            session.add(job)
            session.flush()
            session.add_all(
                job_file(job.id, position, file, new.middle) for position, file in enumerate(new.files)
            )
            text = " ".join(filter(None, (new.reason, *new.notes)))
            session.add(Moment(job_id=job.id, at=stamp(at), state=job.state, text=text))
        return job

    @staticmethod
    def _asked_before(session: Session, scope: str, new: NewJob, returning: Iterable[Job]) -> bool:
        """Whether these photos are back from failed/ under the name that they had there, or from an upload
        that they changed in: their `__again` was obeyed when they came first, and one that is obeyed at every
        try would be paid at every try."""
        if any(old.scope == scope and new.folder in (old.folder, old.filed_as) for old in returning):
            return True
        newest = select(Job).where(Job.scope == scope).order_by(col(Job.created_at).desc()).limit(1)
        before = session.exec(newest).first()
        return before is not None and before.state == State.WITHDRAWN

    def begin_anew(self, job_id: str, origin: str, at: datetime) -> Job:
        """Let a job that was begun at another API begin again at this one."""
        self.changes += 1
        with self.session() as session, session.begin():
            job = session.get_one(Job, job_id)
            statement = select(JobFile.sha256).where(JobFile.job_id == job_id, JobFile.role == FileRole.PHOTO)
            hashes = session.exec(statement).all()
            text = f"begun at {job.origin}, and anew at {origin}"
            job.origin, job.scope = origin, scope_key(origin, hashes)
            job.generation = self._generation(session, job.scope, again=False)
            job.group_id = job.api_project_id = None
            move(session, job, Event.BEGIN_ANEW, at, text)
        return job

    @staticmethod
    def _generation(session: Session, scope: str, *, again: bool) -> int:
        """The generation to buy in; `again` raises it, in the transaction that creates the job."""
        row = session.get(Generation, scope)
        if row is None:
            row = Generation(scope=scope, number=0)
        if again and scope:
            row.number += 1
            session.add(row)
        return row.number

    def generation(self, scope: str) -> int:
        """The generation that these photos are bought in now."""
        with self.session() as session:
            row = session.get(Generation, scope)
            return row.number if row else 0

    def raise_generation(self, scope: str) -> int:
        """Allow the photos of `scope` to be bought once more. Returns the new generation."""
        with self.session() as session, session.begin():
            return self._generation(session, scope, again=True)

    def job(self, job_id: str) -> Job | None:
        with self.session() as session:
            return session.get(Job, job_id)

    def files(self, job_id: str) -> list[JobFile]:
        """A job's files: photos in the order they are sent, then companions."""
        with self.session() as session:
            statement = select(JobFile).where(JobFile.job_id == job_id).order_by(col(JobFile.position))
            return list(session.exec(statement).all())

    def active(self) -> list[Job]:
        """Jobs with something left to do, oldest first."""
        return self.in_states(ACTIVE)

    def in_states(self, states: Iterable[State], *, newest: int | None = None) -> list[Job]:
        """Jobs in `states`, oldest first; with `newest`, only the newest so many."""
        with self.session() as session:
            statement = select(Job).where(col(Job.state).in_(list(states)))
            if newest is None:
                return list(session.exec(statement.order_by(col(Job.created_at), col(Job.id))).all())
            latest = statement.order_by(col(Job.created_at).desc(), col(Job.id)).limit(newest)
            return list(reversed(session.exec(latest).all()))

    def page(self, state: State, after: Job | None, most: int) -> list[Job]:
        """The first so many jobs in `state` that are younger than the job `after`; None begins with the
        oldest. For whoever goes through all there ever were: years of them take a lot of memory."""
        with self.session() as session:
            statement = select(Job).where(Job.state == state)
            if after is not None:
                key = (col(Job.created_at), col(Job.id))
                statement = statement.where(tuple_(*key) > tuple_(after.created_at, after.id))
            return list(session.exec(statement.order_by(col(Job.created_at), col(Job.id)).limit(most)).all())

    def needing_person(self, new: NewJob, origin: str) -> list[Job]:
        """Failed and halted jobs of the same project, or of the same photos in another one."""
        scope = scope_of(new, origin)
        with self.session() as session:
            same = and_(col(Job.project) == new.project, col(Job.inbox) == new.inbox)
            if scope:
                same = or_(same, col(Job.scope) == scope)
            return list(session.exec(select(Job).where(col(Job.state).in_(NEEDS_PERSON), same)).all())

    def latest_of_folder(self, inbox: str, project: str, folder: str) -> Job | None:
        """The newest job whose photos lay in this folder, one that was withdrawn aside."""
        with self.session() as session:
            statement = select(Job).where(
                Job.inbox == inbox, Job.project == project, Job.folder == folder, Job.state != State.WITHDRAWN
            )
            return session.exec(statement.order_by(col(Job.created_at).desc()).limit(1)).first()

    def rooms(self, inbox: str, project: str) -> set[str]:
        """The rooms of a project that have or had a job, one that was withdrawn aside."""
        with self.session() as session:
            statement = select(Job.room).where(
                Job.inbox == inbox, Job.project == project, Job.state != State.WITHDRAWN
            )
            return set(session.exec(statement).all())

    def identity(self, at: datetime) -> str:
        """The store's own id, made at the first call."""
        known = self.bulletin("identity")
        if isinstance(known, str):
            return known
        made = secrets.token_hex(16)
        self.post("identity", made, at)
        return made

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state."""
        with self.session() as session:
            rows = session.exec(select(Job.state, func.count()).group_by(Job.state)).all()
            return dict(rows)

    def advance(
        self, job_id: str, event: Event, at: datetime, *, text: str = "", **changes: str | None
    ) -> Job:
        """Make the move that the table of states holds for `event`, and set `changes` with it."""
        self.changes += 1
        with self.session() as session, session.begin():
            job = session.get_one(Job, job_id)
            for name, value in changes.items():
                setattr(job, name, value)
            if event not in (Event.REFUSE, Event.HALT, Event.FINISH):
                job.reason = ""
                job.hint = ""
            move(session, job, event, at, text or str(changes.get("reason") or ""))
        return job

    def change(self, job_id: str, **changes: str | None) -> Job:
        """Set columns of a job that stays in its state."""
        self.changes += 1
        with self.session() as session, session.begin():
            job = session.get_one(Job, job_id)
            for name, value in changes.items():
                setattr(job, name, value)
            session.add(job)
        return job

    def wait(self, job_id: str, reason: str, hint: str, at: datetime) -> None:
        """Say why a job doesn't move, and note it in its story. On the way to failed/ it keeps its reason."""
        self.changes += 1
        with self.session() as session, session.begin():
            job = session.get_one(Job, job_id)
            if State(job.state) not in EXPLAINED:
                job.reason, job.hint = reason, hint
                session.add(job)
            session.add(Moment(job_id=job_id, at=stamp(at), state=job.state, text=f"it waits: {reason}"))

    def api_project(self, origin: str, inbox: str, project: str) -> str | None:
        with self.session() as session:
            row = session.get(ApiProject, (origin, inbox, project))
            return row.api_id if row else None

    def remember_api_project(self, origin: str, inbox: str, project: str, api_id: str) -> None:
        with self.session() as session, session.begin():
            session.add(ApiProject(origin=origin, inbox=inbox, project=project, api_id=api_id))

    def forget_api_project(self, origin: str, inbox: str, project: str, api_id: str) -> None:
        """Of a project that the API doesn't know any more; another one may have been made since."""
        with self.session() as session, session.begin():
            row = session.get(ApiProject, (origin, inbox, project))
            if row is not None and row.api_id == api_id:
                session.delete(row)

    def folders_taken(self, same_project: Callable[[str], bool]) -> set[str]:
        """Names under originals/ and failed/ that jobs of these projects hold or are about to hold, whatever
        inbox they came from."""
        with self.session() as session:
            known = session.exec(select(Job.project).distinct()).all()
            projects = [project for project in known if same_project(project)]
            # One that was dropped again has left its folder.
            statement = select(Job.filed_as).where(
                col(Job.project).in_(projects), Job.state != State.SUPERSEDED
            )
            return {name for name in session.exec(statement).all() if name}

    def let_go(self, job_id: str, name: str, at: datetime | None) -> None:
        """Write down that a file of a job is about to be deleted, or, without `at`, that it is not."""
        with self.session() as session, session.begin():
            file = session.get_one(JobFile, (job_id, name))
            file.let_go_at = stamp(at) if at else None
            session.add(file)

    def add_picture(self, picture: Picture) -> None:
        with self.session() as session, session.begin():
            session.merge(picture)

    def pictures(self, job_id: str) -> list[Picture]:
        with self.session() as session:
            return list(session.exec(select(Picture).where(Picture.job_id == job_id)).all())

    def story(self, job_id: str) -> list[Moment]:
        with self.session() as session:
            statement = select(Moment).where(Moment.job_id == job_id).order_by(col(Moment.id))
            return list(session.exec(statement).all())

    def post(self, name: str, content: object, at: datetime) -> None:
        """Put up a bulletin for other processes, in place of the one of that name."""
        with self.session() as session, session.begin():
            session.merge(Bulletin(name=name, text=json.dumps(content), updated_at=stamp(at)))

    def pause(self, reason: str, at: datetime) -> None:
        """Let no paid call begin until `resume`."""
        with self.session() as session, session.begin():
            pause(session, reason, at)

    def resume(self, at: datetime) -> bool:
        """Let paid calls begin again; whether they had been paused."""
        with self.session() as session, session.begin():
            return resume(session, at)

    def paused(self) -> str | None:
        """Why everything paid is paused, None when it isn't."""
        with self.session() as session:
            return pause_reason(session)

    def bulletin(self, name: str) -> object:
        """The bulletin of that name, None when there is none."""
        with self.session() as session:
            row = session.get(Bulletin, name)
            return json.loads(row.text) if row else None


def move(session: Session, job: Job, event: Event, at: datetime, text: str) -> None:
    job.state = advance(State(job.state), event)
    job.updated_at = stamp(at)
    session.add(job)
    session.add(Moment(job_id=job.id, at=stamp(at), state=job.state, text=text))
