"""The job store: every change of a job is one durable transaction."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, delete, tuple_
from sqlmodel import Session, col, select

from hotfolder.errors import UsageError
from hotfolder.jobs import statements
from hotfolder.jobs.allowance import pause, pause_reason, resume
from hotfolder.jobs.keys import scope_key
from hotfolder.jobs.newjobs import NewJob, file_row, scope_of
from hotfolder.jobs.rows import API_PROJECTS, BULLETINS, FILES, GENERATIONS, JOBS, MOMENTS, PICTURES
from hotfolder.jobs.states import ACTIVE, EXPLAINED, NEEDS_PERSON, Event, State, advance
from hotfolder.jobs.tables import (
    ApiProject,
    Bulletin,
    Call,
    Generation,
    Job,
    JobFile,
    Moment,
    Picture,
    stamp,
)
from hotfolder.jobs.wishes import project_priority

EXPLAINING = (Event.REFUSE, Event.HALT, Event.FINISH)
"""What a job's reason outlives; with any other move it is over."""
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
        with self.database.begin() as connection:
            returning = JOBS.find(connection, statements.WITH_IDS, ids=list(supersedes)) if supersedes else []
            again = new.again and not self._asked_before(connection, scope, new, returning)
            job.generation = self._generation(connection, scope, again=again)
            job.priority = project_priority(connection, new.inbox, new.project)
            for old in returning:
                if State(old.state) in NEEDS_PERSON:
                    move(connection, old, Event.SUPERSEDE, at, f"dropped again as job {job.id}")
            JOBS.add(connection, job)
            files = enumerate(new.files)
            FILES.insert(connection, (file_row(job.id, number, file, new.middle) for number, file in files))
            tell(connection, job, at, " ".join(filter(None, (new.reason, *new.notes))))
        return job

    @staticmethod
    def _asked_before(connection: Connection, scope: str, new: NewJob, returning: Iterable[Job]) -> bool:
        """Whether these photos are back from failed/ under the name that they had there, or from an upload
        that they changed in: their `__again` was obeyed when they came first, and one that is obeyed at every
        try would be paid at every try."""
        if any(old.scope == scope and new.folder in (old.folder, old.filed_as) for old in returning):
            return True
        before = JOBS.first(connection, statements.NEWEST_OF_SCOPE, scope=scope)
        return before is not None and before.state == State.WITHDRAWN

    def begin_anew(self, job_id: str, origin: str, at: datetime) -> Job:
        """Let a job that was begun at another API begin again at this one."""
        self.changes += 1
        with self.database.begin() as connection:
            job = JOBS.get_one(connection, job_id)
            photos = FILES.find(connection, statements.PHOTOS_OF_JOB, job_id=job_id)
            scope = scope_key(origin, [photo.sha256 for photo in photos])
            generation = self._generation(connection, scope, again=False)
            text = f"begun at {job.origin}, and anew at {origin}"
            begun = {"origin": origin, "scope": scope, "generation": generation}
            move(connection, job, Event.BEGIN_ANEW, at, text, group_id=None, api_project_id=None, **begun)
        return job

    @staticmethod
    def _generation(connection: Connection, scope: str, *, again: bool) -> int:
        """The generation to buy in; `again` raises it, in the transaction that creates the job."""
        row = GENERATIONS.get(connection, scope) or Generation(scope=scope, number=0)
        if again and scope:
            row.number += 1
            GENERATIONS.put(connection, row)
        return row.number

    def generation(self, scope: str) -> int:
        """The generation that these photos are bought in now."""
        with self.database.connect() as connection:
            return self._generation(connection, scope, again=False)

    def raise_generation(self, scope: str) -> int:
        """Allow the photos of `scope` to be bought once more. Returns the new generation."""
        with self.database.begin() as connection:
            return self._generation(connection, scope, again=True)

    def job(self, job_id: str) -> Job | None:
        with self.database.connect() as connection:
            return JOBS.get(connection, job_id)

    def files(self, job_id: str) -> list[JobFile]:
        """A job's files: photos in the order they are sent, then companions."""
        with self.database.connect() as connection:
            return FILES.find(connection, statements.FILES_OF_JOB, job_id=job_id)

    def active(self) -> list[Job]:
        """Jobs with something left to do, oldest first."""
        return self.in_states(ACTIVE)

    def in_states(self, states: Iterable[State], *, newest: int | None = None) -> list[Job]:
        """Jobs in `states`, oldest first; with `newest`, only the newest so many."""
        with self.database.connect() as connection:
            if newest is None:
                return JOBS.find(connection, statements.IN_STATES_OLDEST, states=list(states))
            return JOBS.find(connection, statements.IN_STATES_NEWEST, states=list(states), most=newest)[::-1]

    def page(self, state: State, after: Job | None, most: int) -> list[Job]:
        """The first so many jobs in `state` that are younger than the job `after`; None begins with the
        oldest. For whoever goes through all there ever were: years of them take a lot of memory."""
        statement = JOBS.where(col(Job.state) == state)
        if after is not None:
            statement = statement.where(tuple_(*statements.OLDEST_FIRST) > tuple_(after.created_at, after.id))
        with self.database.connect() as connection:
            return JOBS.find(connection, statement.order_by(*statements.OLDEST_FIRST).limit(most))

    def needing_person(self, new: NewJob, origin: str) -> list[Job]:
        """Failed and halted jobs of the same project, or of the same photos in another one."""
        scope = scope_of(new, origin)
        with self.database.connect() as connection:
            return JOBS.find(
                connection, statements.NEEDING_PERSON, inbox=new.inbox, project=new.project, scope=scope
            )

    def latest_of_folder(self, inbox: str, project: str, folder: str) -> Job | None:
        """The newest job whose photos lay in this folder, one that was withdrawn aside."""
        with self.database.connect() as connection:
            return JOBS.first(
                connection, statements.NEWEST_OF_FOLDER, inbox=inbox, project=project, folder=folder
            )

    def rooms(self, inbox: str, project: str) -> set[str]:
        """The rooms of a project that have or had a job, one that was withdrawn aside."""
        with self.database.connect() as connection:
            rows = statements.ROOMS_OF_PROJECT.rows(connection, {"inbox": inbox, "project": project})
            return {row[0] for row in rows}

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
        with self.database.connect() as connection:
            rows = connection.execute(statements.STATES)
            return {row[0]: row[1] for row in rows}

    def advance(
        self, job_id: str, event: Event, at: datetime, *, text: str = "", **changes: str | None
    ) -> Job:
        """Make the move that the table of states holds for `event`, and set `changes` with it."""
        self.changes += 1
        text = text or str(changes.get("reason") or "")
        if event not in EXPLAINING:
            changes |= {"reason": "", "hint": ""}
        with self.database.begin() as connection:
            job = JOBS.get_one(connection, job_id)
            move(connection, job, event, at, text, **changes)
        return job

    def change(self, job_id: str, **changes: str | None) -> Job:
        """Set columns of a job that stays in its state."""
        self.changes += 1
        with self.database.begin() as connection:
            job = JOBS.get_one(connection, job_id)
            JOBS.change(connection, job, **changes)
        return job

    def plan_anew(self, job_id: str, recipe: str, route: str | None, at: datetime) -> Job:
        """Give a job that hasn't begun another recipe, by a route or by the defaults."""
        self.changes += 1
        with self.database.begin() as connection:
            job = JOBS.get_one(connection, job_id)
            JOBS.change(connection, job, recipe=recipe, route=route)
            tell(connection, job, at, f"planned anew: by {f'the route {route}' if route else 'the defaults'}")
        return job

    def wait(self, job_id: str, reason: str, hint: str, at: datetime) -> None:
        """Say why a job doesn't move, and note it in its story. On the way to failed/ it keeps its reason."""
        self.changes += 1
        with self.database.begin() as connection:
            job = JOBS.get_one(connection, job_id)
            if State(job.state) not in EXPLAINED:
                JOBS.change(connection, job, reason=reason, hint=hint)
            tell(connection, job, at, f"it waits: {reason}")

    def api_project(self, origin: str, inbox: str, project: str) -> str | None:
        with self.database.connect() as connection:
            row = API_PROJECTS.get(connection, origin, inbox, project)
            return row.api_id if row else None

    def remember_api_project(self, origin: str, inbox: str, project: str, api_id: str) -> None:
        row = ApiProject(origin=origin, inbox=inbox, project=project, api_id=api_id)
        with self.database.begin() as connection:
            API_PROJECTS.add(connection, row)

    def forget_api_project(self, origin: str, inbox: str, project: str, api_id: str) -> None:
        """Of a project that the API doesn't know any more; another one may have been made since."""
        with self.database.begin() as connection:
            connection.execute(
                delete(ApiProject).where(
                    col(ApiProject.origin) == origin,
                    col(ApiProject.inbox) == inbox,
                    col(ApiProject.project) == project,
                    col(ApiProject.api_id) == api_id,
                )
            )

    def folders_taken(self, same_project: Callable[[str], bool]) -> set[str]:
        """Names under originals/ and failed/ that jobs of these projects hold or are about to hold, whatever
        inbox they came from."""
        with self.database.connect() as connection:
            known = statements.PROJECTS.rows(connection, {})
            projects = [row[0] for row in known if same_project(row[0])]
            names = connection.execute(statements.FOLDERS_OF_PROJECTS, {"projects": projects}).scalars()
            return {name for name in names if name}

    def let_go(self, job_id: str, name: str, at: datetime | None) -> None:
        """Write down that a file of a job is about to be deleted, or, without `at`, that it is not."""
        with self.database.begin() as connection:
            file = FILES.get_one(connection, job_id, name)
            FILES.change(connection, file, let_go_at=stamp(at) if at else None)

    def add_pictures(self, pictures: Iterable[Picture]) -> None:
        """Record what was delivered. Repeating it changes nothing."""
        with self.database.begin() as connection:
            for picture in pictures:
                PICTURES.put(connection, picture)

    def pictures(self, job_id: str) -> list[Picture]:
        with self.database.connect() as connection:
            return PICTURES.find(connection, statements.PICTURES_OF_JOB, job_id=job_id)

    def story(self, job_id: str) -> list[Moment]:
        with self.database.connect() as connection:
            return MOMENTS.find(connection, statements.STORY_OF_JOB, job_id=job_id)

    def post(self, name: str, content: object, at: datetime) -> None:
        """Put up a bulletin for other processes, in place of the one of that name."""
        bulletin = Bulletin(name=name, text=json.dumps(content), updated_at=stamp(at))
        with self.database.begin() as connection:
            BULLETINS.put(connection, bulletin)

    def pause(self, reason: str, at: datetime) -> None:
        """Let no paid call begin until `resume`."""
        with self.database.begin() as connection:
            pause(connection, reason, at)

    def resume(self, at: datetime) -> bool:
        """Let paid calls begin again; whether they had been paused."""
        with self.database.begin() as connection:
            return resume(connection, at)

    def paused(self) -> str | None:
        """Why everything paid is paused, None when it isn't."""
        with self.database.connect() as connection:
            return pause_reason(connection)

    def bulletin(self, name: str) -> object:
        """The bulletin of that name, None when there is none."""
        return self.bulletins(name).get(name)

    def bulletins(self, *names: str) -> dict[str, object]:
        """Those of these names that there are."""
        with self.database.connect() as connection:
            found = BULLETINS.find(connection, statements.BULLETINS_NAMED, names=names)
        return {bulletin.name: json.loads(bulletin.text) for bulletin in found}


def move(connection: Connection, job: Job, event: Event, at: datetime, text: str, **changes: object) -> None:
    """Make the move that the table of states holds for `event`, with these changes. Raises IllegalMove."""
    state = advance(State(job.state), event)
    JOBS.change(connection, job, state=state, updated_at=stamp(at), **changes)
    tell(connection, job, at, text)


def tell(connection: Connection, job: Job, at: datetime, text: str) -> None:
    """One more line of the job's story."""
    line = {"job_id": job.id, "at": stamp(at), "state": job.state, "text": text}
    MOMENTS.insert(connection, [line])


def remembered(store: Store, job_id: str) -> Job:
    """The job of that id. Raises UsageError, which says so where retention has deleted its record."""
    job = store.job(job_id)
    if job is not None:
        return job
    with store.session() as session:
        let_go = select(Call).where(Call.job_id == job_id, col(Call.job_let_go_at).is_not(None))
        call = session.exec(let_go.limit(1)).first()
    if call is None:
        raise UsageError(f"there is no job {job_id}", hint="`hotfolder status` lists them.")
    raise UsageError(
        f"the record of job {job_id}, of {call.project}, was deleted on {(call.job_let_go_at or '')[:10]}",
        hint="`keep.records_days` says after how long. The receipts in the done folder say what was made, and"
        " the same photos dropped again are not paid again.",
    )
