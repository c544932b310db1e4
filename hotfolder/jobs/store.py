"""The job store: every change of a job is one durable transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple, overload

from sqlalchemy import ColumnElement, Engine, and_, exists, or_, tuple_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, func, select, update
from sqlmodel.sql.expression import Select, SelectOfScalar

from hotfolder.errors import LocalTrouble
from hotfolder.jobs.budget import pause, resume
from hotfolder.jobs.commands import note, project_priority
from hotfolder.jobs.database import batches, put, sessions
from hotfolder.jobs.generations import (
    NOT_THOSE_FILES,
    bought_generation,
    generation_for,
    generation_row,
    next_generation,
    take_pay_again,
)
from hotfolder.jobs.journal import Journal
from hotfolder.jobs.leases import Leases, database_now
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.model import (
    ApiProject,
    DaemonState,
    FileRole,
    FolderIdentity,
    FolderRole,
    InboxLease,
    Job,
    JobEvent,
    JobFile,
    Machine,
    NewJob,
    Pause,
    Picture,
    Purchase,
    StoreIdentity,
    TakenName,
    scope_key,
    scope_of,
)
from hotfolder.jobs.states import (
    ACTIVE,
    EXPLAINED,
    NEEDS_PERSON,
    OPEN,
    SETTLED,
    TRANSITIONS,
    IllegalMove,
    State,
    change_state,
)
from hotfolder.outbox.outputs import MountIdentity
from hotfolder.rules.sets import FileIdentity

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

EXPLAINING = (*EXPLAINED, State.DONE, *NEEDS_PERSON)
"""States that keep a job's reason and hint; entering any other state clears them."""
OLDEST_FIRST = (col(Job.created_at), col(Job.id))


@dataclass(eq=False)
class Store:
    """Jobs, their files and their pictures; and the `ledger` of what they bought. Every method is one durable
    transaction; the rows it returns are detached.

    `journal` is None for a read-only store. `machine` is this machine's `Machine.id`, which its rows of
    folders, states and purchases name; "" with SQLite. `leases` are asked before rows of an inbox are created
    or changed; None for a single machine, and for commands, which any machine may give.
    """

    database: Engine
    journal: Journal | None = None
    _: KW_ONLY
    machine: str = ""
    leases: Leases | None = None

    def __post_init__(self) -> None:
        self.session = sessions(self.database)
        self.ledger = Ledger(self, self.journal)
        self.changes = 0
        """A counter of this object's changes to jobs, by which readers in this process notice them."""

    @overload
    def rows(self, query: SelectOfScalar[T]) -> list[T]: ...

    @overload
    def rows(self, query: Select[*Ts]) -> list[tuple[*Ts]]: ...

    def rows(self, query: Any) -> list[Any]:
        """All rows of a query."""
        with self.session() as session:
            return list(session.exec(query).all())

    @overload
    def rows_with(self, query: SelectOfScalar[T], column: object, values: Iterable[Any]) -> list[T]: ...

    @overload
    def rows_with(self, query: Select[*Ts], column: object, values: Iterable[Any]) -> list[tuple[*Ts]]: ...

    def rows_with(self, query: Any, column: Any, values: Iterable[Any]) -> list[Any]:
        """All rows of a query with one of the values in the column. Runs in batches of BATCH values, each a
        transaction of its own."""
        return [row for some in batches([*values]) for row in self.rows(query.where(col(column).in_(some)))]

    def first(self, query: SelectOfScalar[T]) -> T | None:
        """The first row of a query; None where there is none."""
        with self.session() as session:
            return session.exec(query.limit(1)).first()

    def fence(self, session: Session, inbox: str) -> None:
        """Raise LeaseLost where another machine owns the inbox, which can't change before the transaction
        ends."""
        if self.leases is not None:
            self.leases.confirm(session, inbox)

    @property
    def shared(self) -> bool:
        """Whether machines share the store: its database is not SQLite."""
        return self.database.dialect.name != "sqlite"

    def create(self, new: NewJob, origin: str, at: datetime, *, supersedes: Sequence[str] = ()) -> Job:
        """Record a new job. Jobs of the ids `supersedes` that wait for a person become SUPERSEDED. Raises
        LocalTrouble while another job of the same set is open."""
        scope = scope_of(new, origin)
        hashes = [file.sha256 for file in new.files if file.role == FileRole.PHOTO]
        present = generation_for(self, origin, hashes, new.recipe, new.folder)
        job = Job(
            id=new.id,
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
            open_as=None if new.reason else "/".join((new.inbox, new.project, new.folder, new.room)),
            scope=scope,
            created_at=at,
            updated_at=at,
        )
        self.changes += 1
        with self.session.begin() as session:
            self.fence(session, new.inbox)
            returning = session.exec(select(Job).where(col(Job.id).in_(supersedes))).all()
            anew = take_pay_again(session, scope, new, self.machine)
            job.generation = next_generation(session, scope, new, returning, present, anew=bool(anew))
            job.priority = project_priority(session, new.inbox, new.project)
            for old in returning:
                if old.state in NEEDS_PERSON:
                    move_job(session, old, State.SUPERSEDED, at, f"dropped again as job {job.id}")
            session.add(job)
            try:
                session.flush()
            except IntegrityError:
                raise LocalTrouble(
                    f"an earlier set of {new.project} / {new.room} is still being made",
                    hint="It is waited for; this one continues by itself then.",
                ) from None
            for number, file in enumerate(new.files):
                own = {"job_id": job.id, "position": number, "is_middle": file.name == new.middle}
                session.add(JobFile(**(file.model_dump() | own)))
            notes = [*new.notes]
            if new.again and job.generation == bought_generation(session, scope)[0]:
                notes.append("Its __again was obeyed before: what was bought then is used again.")
            if anew is False:
                notes.append(NOT_THOSE_FILES)
            note(session, job, at, " ".join(filter(None, (new.reason, *notes))))
        return job

    def fenced_job(self, session: Session, job_id: str) -> Job:
        """The job's row for a change, after the fence, which holds until the transaction ends."""
        self.changes += 1
        job = session.get_one(Job, job_id)
        self.fence(session, job.inbox)
        return job

    def restart_at(self, job_id: str, origin: str, at: datetime) -> Job:
        """Restart a job that was begun at another API at the API `origin`."""
        with self.session.begin() as session:
            job = self.fenced_job(session, job_id)
            photos = select(JobFile.sha256).where(JobFile.job_id == job_id, JobFile.role == FileRole.PHOTO)
            scope = scope_key(origin, session.exec(photos).all())
            generation, _ = bought_generation(session, scope)
            text = f"begun at {job.origin}, and anew at {origin}"
            begun = {"origin": origin, "scope": scope, "generation": generation}
            move_job(session, job, State.QUEUED, at, text, group_id=None, api_project_id=None, **begun)
        return job

    def job(self, job_id: str) -> Job | None:
        with self.session() as session:
            return session.get(Job, job_id)

    def files(self, job_id: str) -> list[JobFile]:
        """A job's files: photos in the order they are sent, then companions."""
        return self.rows(select(JobFile).where(JobFile.job_id == job_id).order_by(col(JobFile.position)))

    def photos(self, job_id: str) -> list[JobFile]:
        """A job's photos, in the order they are sent."""
        return [file for file in self.files(job_id) if file.role == FileRole.PHOTO]

    def record_identities(self, job_id: str, identities: Mapping[str, FileIdentity]) -> None:
        """Record the identities, as this machine sees them, of a job's unchanged files, by name."""
        with self.session.begin() as session:
            self.fenced_job(session, job_id)
            for name, identity in identities.items():
                session.get_one(JobFile, (job_id, name)).sqlmodel_update(asdict(identity))

    def of_project(self, project: str) -> list[Job]:
        """All jobs of a project, from all inboxes."""
        return self.rows(select(Job).where(Job.project == project))

    def finished_projects(self, before: datetime) -> list[str]:
        """Projects whose jobs were all finished before that moment, with no purchase in doubt. A failed job
        doesn't count as finished: it waits for a person."""
        finished = (State.DONE, State.SUPERSEDED, State.WITHDRAWN)
        waiting = select(Job.project).where(col(Job.state).not_in(finished))
        in_doubt = select(Purchase.project).where(col(Purchase.state).not_in(SETTLED))
        statement = (
            select(Job.project)
            .where(col(Job.project).not_in(waiting), col(Job.project).not_in(in_doubt))
            .group_by(col(Job.project))
            .having(func.max(Job.updated_at) < before)
            .order_by(col(Job.project))
        )
        return self.rows(statement)

    def delete_records(self, jobs: Sequence[Job], at: datetime) -> list[str] | None:
        """Delete the records of these jobs, all jobs of one project. Their purchases stay, with
        `job_let_go_at` set; returns their uids, for the journal. Returns None, with nothing changed, where
        the project's jobs or their states have changed meanwhile."""
        uids: list[str] = []
        with self.session.begin() as session:
            those = col(Job.project).in_({job.project for job in jobs})
            there = select(Job.id, Job.state).where(those).with_for_update()
            for inbox in sorted({job.inbox for job in jobs}):
                self.fence(session, inbox)
            if {(job.id, job.state) for job in jobs} != set(session.exec(there).all()):
                return None
            for job in jobs:
                if job.generation and job.scope:  # how often these photos were bought anew
                    row = generation_row(session, job.scope)
                    row.number, _ = bought_generation(session, job.scope)
            for some in batches([job.id for job in jobs]):
                own = col(Purchase.job_id).in_(some)
                uids += session.exec(select(Purchase.uid).where(own).order_by(col(Purchase.id))).all()
                session.exec(update(Purchase).where(own).values(job_let_go_at=at))
                for table in (JobFile, Picture, JobEvent, TakenName):
                    session.exec(delete(table).where(col(table.job_id).in_(some)))
                session.exec(delete(Job).where(col(Job.id).in_(some)))
        self.changes += 1
        return uids

    def active(self, inbox: str | None = None) -> list[Job]:
        """Unfinished jobs, oldest first: all, or those of one inbox."""
        return self.in_states(ACTIVE, inbox=inbox)

    def in_states(
        self, states: Iterable[State], *, newest: int | None = None, inbox: str | None = None
    ) -> list[Job]:
        """Jobs in `states`, oldest first: all, or those of one inbox; at most the `newest` ones."""
        # With the index of states, SQLite would sort all jobs of years to find the newest.
        state = col(Job.state) if newest is None else func.coalesce(Job.state, "")
        jobs = select(Job).where(state.in_(list(states)))
        if inbox is not None:
            jobs = jobs.where(Job.inbox == inbox)
        if newest is None:
            return self.rows(jobs.order_by(*OLDEST_FIRST))
        return self.rows(jobs.order_by(col(Job.created_at).desc(), col(Job.id)).limit(newest))[::-1]

    def page(self, state: State, after: Job | None, most: int) -> list[Job]:
        """A page of at most `most` jobs in `state`, oldest first, that begins after the job `after`; None
        begins with the oldest. For iterating over all jobs of years without holding them in memory."""
        jobs = select(Job).where(Job.state == state)
        if after is not None:
            jobs = jobs.where(tuple_(*OLDEST_FIRST) > tuple_(after.created_at, after.id))
        return self.rows(jobs.order_by(*OLDEST_FIRST).limit(most))

    def needing_person(self, new: NewJob, origin: str) -> list[Job]:
        """Failed and halted jobs of the same project, or of the same photos in another one."""
        scope = scope_of(new, origin)
        same = or_(in_project(new.inbox, new.project), and_(col(Job.scope) == scope, col(Job.scope) != ""))
        return self.rows(select(Job).where(col(Job.state).in_(NEEDS_PERSON), same))

    def latest_of_folder(self, inbox: str, project: str, folder: str) -> Job | None:
        """The newest job whose photos lay in this folder, without withdrawn ones and those of unusable
        photos; None without any."""
        of_folder = (in_project(inbox, project), Job.folder == folder, Job.state != State.WITHDRAWN)
        has_photos = exists().where(col(JobFile.role) == FileRole.PHOTO, col(JobFile.job_id) == col(Job.id))
        return self.first(select(Job).where(*of_folder, has_photos).order_by(col(Job.created_at).desc()))

    def rooms(self, inbox: str, project: str) -> set[str]:
        """The rooms of a project that have or had a job, withdrawn ones excluded."""
        rooms = select(Job.room).where(in_project(inbox, project), Job.state != State.WITHDRAWN)
        return set(self.rows(rooms.distinct()))

    def identity(self) -> str:
        """The store's own id."""
        return self.rows(select(StoreIdentity.uid))[0]

    def gone_machines(self) -> Sequence[str]:
        """Ids of machines without a heartbeat for a day, by the database's clock: their temporary files are
        orphaned. Empty with SQLite."""
        if not self.machine:
            return ()
        with self.session() as session:
            now = database_now(session)
            gone = select(Machine.id).where(Machine.heartbeat_at < now - timedelta(days=1))
            return session.exec(gone).all()

    def folder_identity(self, role: FolderRole, name: str) -> MountIdentity | None:
        """The folder that this machine's daemon last saw in that role; None if it never has."""
        with self.session() as session:
            seen = session.get(FolderIdentity, (self.machine, role, name))
        return MountIdentity(seen.path, seen.device, seen.inode, seen.mount) if seen is not None else None

    def known_folders(self) -> list[FolderIdentity]:
        """The folders that this machine's daemons last saw, in all roles; of archives, all that they used."""
        return self.rows(select(FolderIdentity).where(FolderIdentity.machine == self.machine))

    def folder_names(self, role: FolderRole) -> set[str]:
        """The names of the folders that daemons of any machine have seen in a role; an archive's is its
        path."""
        return set(self.rows(select(FolderIdentity.name).where(FolderIdentity.role == role)))

    def remember_folder(self, role: FolderRole, name: str, folder: MountIdentity) -> None:
        """Record this machine's folder in that role, replacing the earlier one of that name."""
        with self.session.begin() as session:
            put(session, FolderIdentity(machine=self.machine, role=role, name=name, **asdict(folder)))

    def count_by_state(self) -> dict[str, int]:
        """How many jobs are in each state."""
        return dict(self.rows(select(Job.state, func.count()).group_by(col(Job.state))))

    def advance(self, job_id: str, state: State, at: datetime, **changes: Any) -> Job:
        """Move a job to `state`, as the transition table allows, and set the columns `changes` with it.
        Raises IllegalMove, and LeaseLost by the fence."""
        text = str(changes.get("reason") or "")
        if state not in EXPLAINING:
            changes |= {"reason": "", "hint": ""}
        with self.session.begin() as session:
            job = self.fenced_job(session, job_id)
            move_job(session, job, state, at, text, **changes)
        return job

    def set_columns(self, job_id: str, **changes: Any) -> Job:
        """Set columns of a job that stays in its state."""
        with self.session.begin() as session:
            job = self.fenced_job(session, job_id)
            for name, value in changes.items():
                setattr(job, name, value)
        return job

    def replace_recipe(self, job_id: str, recipe: str, route: str | None, at: datetime) -> Job:
        """Replace the recipe of a job that hasn't begun; `route` is None for the defaults."""
        with self.session.begin() as session:
            job = self.fenced_job(session, job_id)
            job.recipe, job.route = recipe, route
            note(session, job, at, f"planned anew: by {f'the route {route}' if route else 'the defaults'}")
        return job

    def record_wait(self, job_id: str, reason: str, hint: str, at: datetime) -> None:
        """Record why a job waits, in its reason (not on the way to failed/) and in its history."""
        with self.session.begin() as session:
            job = self.fenced_job(session, job_id)
            if job.state not in EXPLAINED:
                job.reason, job.hint = reason, hint
            note(session, job, at, f"it waits: {reason}")

    def api_project(self, origin: str, inbox: str, project: str) -> str | None:
        with self.session() as session:
            row = session.get(ApiProject, (origin, inbox, project))
            return row.api_id if row else None

    def remember_api_project(self, origin: str, inbox: str, project: str, api_id: str) -> str:
        """Record the API's project id of a project folder; returns the recorded one, which is another
        process's where that was faster."""
        try:
            with self.session.begin() as session:
                session.add(ApiProject(origin=origin, inbox=inbox, project=project, api_id=api_id))
        except IntegrityError:
            return self.api_project(origin, inbox, project) or api_id
        return api_id

    def forget_api_project(self, origin: str, inbox: str, project: str, api_id: str) -> None:
        """Delete the recorded id of a project that the API doesn't know any more, unless replaced since."""
        with self.session.begin() as session:
            row = session.get(ApiProject, (origin, inbox, project), with_for_update=True)
            if row is not None and row.api_id == api_id:
                session.delete(row)

    def record_deletion(self, job_id: str, name: str, at: datetime | None) -> None:
        """Set `JobFile.let_go_at` before a file of a job is deleted; None clears it."""
        with self.session.begin() as session:
            self.fenced_job(session, job_id)
            session.get_one(JobFile, (job_id, name)).let_go_at = at

    def add_pictures(self, pictures: Iterable[Picture]) -> None:
        """Record delivered pictures. Idempotent."""
        with self.session.begin() as session:
            for picture in pictures:
                self.fenced_job(session, picture.job_id)
                put(session, picture)

    def pictures(self, job_id: str) -> list[Picture]:
        return self.rows(select(Picture).where(Picture.job_id == job_id))

    def history(self, job_id: str) -> list[JobEvent]:
        return self.rows(select(JobEvent).where(JobEvent.job_id == job_id).order_by(col(JobEvent.id)))

    def pause(self, reason: str) -> None:
        """Pause paid calls until `resume`. The first reason stays."""
        with self.session.begin() as session:
            pause(session, reason)

    def resume(self) -> bool:
        """End the pause of paid calls; returns whether there was one."""
        with self.session.begin() as session:
            return resume(session)

    def paused(self) -> str | None:
        """Why paid calls are paused; None when they aren't."""
        return self.rows(select(Pause.reason))[0]

    def publish(self, name: str, content: object, at: datetime, *, inbox: str = "") -> None:
        """Publish a daemon's state under that name, for other processes and the next daemon. With an `inbox`
        it is about that and not about this machine, and written by the inbox's owner alone: raises LeaseLost
        by the fence."""
        machine = "" if inbox else self.machine
        with self.session.begin() as session:
            if inbox:
                self.fence(session, inbox)
            put(session, DaemonState(machine=machine, name=name, content=content, updated_at=at))

    def published(self, name: str, *, shared: bool = False) -> Any:
        """The state published under that name by this machine's daemon, or with `shared` by any; None without
        one."""
        with self.session() as session:
            state = session.get(DaemonState, ("" if shared else self.machine, name))
        return None if state is None else state.content

    def published_of_inboxes(self, beginning: str, end: str = "") -> dict[str, Any]:
        """The shared states whose names have this beginning and this end, by name."""
        states = select(DaemonState).where(
            DaemonState.machine == "",
            col(DaemonState.name).startswith(beginning, autoescape=True),
            col(DaemonState.name).endswith(end, autoescape=True),
        )
        return {one.name: one.content for one in self.rows(states)}

    def replace_published(self, before: DaemonState, content: object) -> None:
        """Replace another machine's state, unless it has changed since it was read as `before`."""
        as_read = (
            col(DaemonState.machine) == before.machine,
            col(DaemonState.name) == before.name,
            col(DaemonState.updated_at) == before.updated_at,
        )
        with self.session.begin() as session:
            session.exec(update(DaemonState).where(*as_read).values(content=content))

    def machines(self) -> tuple[list[Machine], dict[str, str | None], datetime]:
        """The machines that share the store, sorted by name; the owner's id by inbox, None without a valid
        lease; and the database's time. The first two are empty with SQLite."""
        with self.session() as session:
            machines = session.exec(select(Machine).order_by(Machine.name, Machine.id)).all()
            now = database_now(session)
            leases = session.exec(select(InboxLease)).all()
            owners = {one.inbox: one.machine if one.expires_at > now else None for one in leases}
            return list(machines), owners, now


def in_project(inbox: str, project: str) -> ColumnElement[bool]:
    return and_(col(Job.inbox) == inbox, col(Job.project) == project)


def move_job(session: Session, job: Job, state: State, at: datetime, text: str, **changes: object) -> None:
    """Compare-and-set a job's state, as the transition table allows, with these changes and a line in its
    history. Raises IllegalMove where it doesn't, or where the state has changed since `job` was read."""
    as_read = (col(Job.id) == job.id, col(Job.state) == job.state)
    change_state("a job", TRANSITIONS, State(job.state), state)
    values = {"state": state, "updated_at": at, **({} if state in OPEN else {"open_as": None}), **changes}
    # SQLAlchemy sets the values in `job`, too.
    if session.exec(update(Job).where(*as_read).values(values)).rowcount != 1:
        raise IllegalMove(f"job {job.id} is not {job.state} any more, so it cannot become {state}")
    note(session, job, at, text)
