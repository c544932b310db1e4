"""Queries of the page, the commands and the worker. Read-only; each is a short transaction, since with SQLite
a reader blocks the daemon's writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from statistics import median

from sqlmodel import col, func, select

from hotfolder.errors import CommandHint, Unknown, UsageError
from hotfolder.jobs.commands import Priority, jobs_at
from hotfolder.jobs.leases import database_now
from hotfolder.jobs.model import (
    DaemonState,
    FileRole,
    InboxLease,
    Job,
    JobEvent,
    JobFile,
    Machine,
    Pause,
    Picture,
    Purchase,
)
from hotfolder.jobs.states import ACTIVE, ASKS_API, NEEDS_PERSON, PurchaseState, State
from hotfolder.jobs.store import Store
from hotfolder.rules.foldernames import to_nfc, unicode_forms

MERGES_TIMED = 20
UNDER_WAY = (PurchaseState.STARTED, PurchaseState.ANSWERED)


def change_stamp(store: Store) -> str:
    """A text that changes when anything of the sets or the daemons that a page shows may have changed. Cheap
    enough for polling."""
    newest_event = select(func.max(JobEvent.id)).scalar_subquery()
    newest_purchase = select(func.max(Purchase.id)).scalar_subquery()
    newest_status = select(func.max(DaemonState.updated_at)).scalar_subquery()
    # What a clock that was ahead has dated would hide what comes after it.
    until_now = col(DaemonState.updated_at) <= datetime.now(UTC)
    newest_until_now = select(func.max(DaemonState.updated_at)).where(until_now).scalar_subquery()
    # Which machines live and who works with what, where several share the store.
    alive = select(func.count()).where(Machine.alive_until > func.now()).scalar_subquery()
    epochs = select(func.sum(InboxLease.epoch)).scalar_subquery()
    with store.session() as session:
        more = session.exec(select(alive, epochs, newest_until_now)).one()
        return repr(
            (session.exec(select(newest_event, newest_purchase, newest_status, Pause.reason)).one(), more)
        )


def pictures_of(store: Store, jobs: Sequence[str]) -> dict[str, list[Picture]]:
    """The delivered pictures by job id; the unaltered merge before the altered ones."""
    found: dict[str, list[Picture]] = defaultdict(list)
    for picture in store.rows_with(select(Picture), Picture.job_id, jobs):
        found[picture.job_id].append(picture)
    for pictures in found.values():
        pictures.sort(key=lambda one: (bool(one.altered), one.variant, one.rendition, one.path))
    return found


def files_of(store: Store, jobs: Sequence[str]) -> dict[str, list[JobFile]]:
    """The files of these jobs by job id, as `Store.files` has them."""
    found: dict[str, list[JobFile]] = defaultdict(list)
    for file in store.rows_with(select(JobFile).order_by(col(JobFile.position)), JobFile.job_id, jobs):
        found[file.job_id].append(file)
    return found


def published_by_all(store: Store, name: str) -> list[DaemonState]:
    """What the daemons of all machines published under that name, the latest last."""
    states = select(DaemonState).where(DaemonState.name == name)
    return store.rows(states.order_by(col(DaemonState.updated_at)))


def published_by_ended(store: Store, name: str) -> list[DaemonState]:
    """What other machines that don't run any more have published under that name."""
    with store.session() as session:
        running = select(Machine.id).where(Machine.alive_until > database_now(session))
        states = select(DaemonState).where(
            DaemonState.name == name, col(DaemonState.machine).not_in(("", store.machine))
        )
        return list(session.exec(states.where(col(DaemonState.machine).not_in(running))))


def middle_photos(store: Store, jobs: Sequence[str]) -> dict[str, tuple[str, int]]:
    """The name of each job's middle exposure, "" where it was deleted, and its number of photos, by job id.
    For a job that failed before one was chosen, the middle one by exposure value."""
    photos: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    every = select(JobFile.job_id, JobFile.name, JobFile.is_middle, JobFile.let_go_at)
    photo = every.where(JobFile.role == FileRole.PHOTO)
    ordered = photo.order_by(col(JobFile.exposure_value), col(JobFile.position))
    for job, name, is_middle, let_go_at in store.rows_with(ordered, JobFile.job_id, jobs):
        photos[job].append(("" if let_go_at else name, is_middle))
    return {
        job: (next((name for name, is_middle in some if is_middle), some[len(some) // 2][0]), len(some))
        for job, some in photos.items()
    }


def under_way(store: Store, jobs: Sequence[str]) -> dict[str, Purchase]:
    """By job id, the paid call that the job waits for; without jobs that wait for none of their own."""
    begun = select(Purchase).where(col(Purchase.state).in_(UNDER_WAY)).order_by(col(Purchase.id))
    return {call.job_id: call for call in store.rows_with(begun, Purchase.job_id, jobs)}


def merge_seconds(store: Store) -> float | None:
    """The median duration in seconds of the latest MERGES_TIMED merges, from the intent until the job
    entered EDITING. None without any."""
    latest = (
        select(Purchase.job_id, Purchase.started_at)
        .where(Purchase.operation == "merge", Purchase.state == PurchaseState.SUCCEEDED)
        .order_by(col(Purchase.id).desc())
    )
    begun = dict(store.rows(latest.limit(MERGES_TIMED)))
    ended = (
        select(JobEvent.job_id, func.min(JobEvent.at))
        .where(col(JobEvent.job_id).in_(list(begun)), JobEvent.state == State.EDITING)
        .group_by(col(JobEvent.job_id))
    )
    took = [(at - begun[job]).total_seconds() for job, at in store.rows(ended)]
    took = [seconds for seconds in took if seconds > 0]
    return median(took) if took else None


def jobs_of_project(store: Store, inbox: str, project: str) -> list[Job]:
    """All jobs of a project except withdrawn ones, newest first."""
    named = col(Job.project).in_(unicode_forms(project))
    jobs = select(Job).where(Job.inbox == inbox, named, Job.state != State.WITHDRAWN)
    return store.rows(jobs.order_by(col(Job.created_at).desc(), col(Job.id)))


def all_needing_person(store: Store, gone: Collection[str]) -> list[Job]:
    """The jobs that wait for a person, without those of the ids `gone`: of the sets that people throw away,
    more each year, the ids alone are read."""
    waiting = col(Job.state).in_(NEEDS_PERSON)
    ids = [one for one in store.rows(select(Job.id).where(waiting)) if one not in gone]
    return store.rows_with(select(Job).where(waiting), Job.id, ids)


def projects(store: Store) -> list[tuple[str, str, datetime]]:
    """Inbox, name and time of the last change of every project with a job, withdrawn ones excluded; the
    latest first."""
    changed = func.max(Job.updated_at)
    known = select(Job.inbox, Job.project, changed).where(Job.state != State.WITHDRAWN)
    return store.rows(known.group_by(Job.inbox, Job.project).order_by(changed.desc()))


def rooms_finished(store: Store, since: datetime, most: int) -> dict[str, dict[str, dict[str, datetime]]]:
    """When each room was last finished, by inbox, project and room: the latest `most` since `since`."""
    last = func.max(Job.updated_at)
    rooms = (
        select(Job.inbox, Job.project, Job.room, last)
        .where(col(Job.state) == State.DONE, col(Job.updated_at) >= since)
        .group_by(col(Job.inbox), col(Job.project), col(Job.room))
        .order_by(last.desc())
        .limit(most)
    )
    found: dict[str, dict[str, dict[str, datetime]]] = {}
    for inbox, project, room, at in store.rows(rooms):
        rooms_of = found.setdefault(inbox, {}).setdefault(to_nfc(project), {})
        rooms_of[room] = max(at, rooms_of.get(room, at))
    return found


def job_named(store: Store, job_id: str) -> Job:
    """The job of that id, or the newest of that `project/room`. Raises Unknown."""
    return _jobs_named(store, job_id)[0]


def _jobs_named(store: Store, job_id: str) -> Sequence[Job]:
    with store.session() as session:
        if found := jobs_at(session, job_id):
            return found
    raise Unknown(
        f"There is no job {job_id}.",
        hint=CommandHint("Give its id, or PROJECT/ROOM, as `hotfolder status` shows them."),
    )


def job_meant(store: Store, job_id: str, states: Collection[State]) -> Job:
    """As `job_named`, for a command on jobs in one of these `states`: that of the set whose newest job is in
    one, else the newest. Raises Unknown, and UsageError where several sets could be meant."""
    found = _jobs_named(store, job_id)
    there = [one for one in found if one.state not in (State.WITHDRAWN, State.SUPERSEDED)]
    sets = {(one.inbox, to_nfc(one.project), to_nfc(one.folder), one.room): one for one in reversed(there)}
    meant = [one for one in sets.values() if one.state in states]
    if len(meant) > 1:
        listed = ", ".join(f"{one.id} ({one.inbox}/{one.project}/{one.folder or one.room})" for one in meant)
        raise UsageError(f"Several sets are called {job_id}.", hint=f"Give the id of one: {listed}.")
    return [*meant, *there, *found][0]


def open_commands(store: Store) -> tuple[list[str], dict[str, int]]:
    """Ids of the jobs that are still to be cancelled, and the priorities other than NORMAL, by job id."""
    can_be_cancelled = col(Job.state).in_(list(ASKS_API)), col(Job.cancelled_by) != ""
    unfinished = col(Job.state).in_(list(ACTIVE)), col(Job.priority) != Priority.NORMAL
    cancelled = store.rows(select(Job.id).where(*can_be_cancelled))
    return cancelled, dict(store.rows(select(Job.id, Job.priority).where(*unfinished)))


def has_group(store: Store, group_id: str) -> bool:
    """Whether a job merges this API group, or waits for a person to say what came of its merge."""
    merges = col(Job.state).in_([*ACTIVE, State.NEEDS_ATTENTION])
    return store.first(select(Job.id).where(merges, Job.group_id == group_id)) is not None
