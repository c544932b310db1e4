"""What the store knows of a project's earlier sets, for deciding what later photos are: a part of one, its
return, a new revision, or a new set; and the names of rooms."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, count

from anyio import to_thread
from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import col, func, select

from hotfolder.jobs.context import JobContext, Places, SetPlace, recipe_of
from hotfolder.jobs.heldsets import held_before, held_in
from hotfolder.jobs.model import FileRole, Job, JobEvent, JobFile, NewJob, Picture, Purchase
from hotfolder.jobs.queries import files_of
from hotfolder.jobs.states import ACTIVE, ASKS_API, HOLDING, State
from hotfolder.jobs.store import OLDEST_FIRST, Store, in_project
from hotfolder.outbox.names import safe_name
from hotfolder.outbox.texts import ALL_NAMES
from hotfolder.paths import exists
from hotfolder.rules.foldernames import unicode_forms
from hotfolder.rules.holds import WaitReason, why_name_held, why_shapes_held
from hotfolder.rules.late import (
    TO_JOIN,
    EarlierSet,
    EarlierState,
    LatestSet,
    MergedSet,
    match_earlier,
    why_late_in_room,
    why_own_pictures,
    why_partial,
)
from hotfolder.rules.routing import Rulebook
from hotfolder.rules.sets import MOST_PHOTOS, BracketSet, Photo, photo_from_json
from hotfolder.rules.shoots import group_folder

FAR, EPOCH = datetime.max.replace(tzinfo=UTC), datetime.fromtimestamp(0, UTC)


def earlier_sets(
    store: Store, inbox: str, project: str, states: Collection[State] = tuple(State)
) -> list[EarlierSet]:
    """The sets of flat drops (photos in the project's folder itself) with jobs in `states`: of each room the
    newest that wasn't withdrawn, and the newest one that was withdrawn since. Withdrawn ones come first."""
    of_drop = (
        col(Job.inbox) == inbox,
        col(Job.project) == project,
        col(Job.folder) == "",
        col(Job.state).in_(list(states)),
    )
    ids = select(Job.id).where(*of_drop)
    held = select(Purchase.job_id).where(col(Purchase.state).in_(HOLDING), col(Purchase.job_id).in_(ids))
    jobs = store.rows(select(Job).where(*of_drop).order_by(*OLDEST_FIRST))
    paid_for = set(store.rows(held))
    photos = photos_of(store, [job.id for job in jobs])
    standing: dict[str, EarlierSet] = {}
    withdrawn: dict[str, EarlierSet] = {}
    for job in jobs:
        how = earlier_state(job, paid_for)
        if how is None or not photos[job.id]:
            continue
        by_person = recipe_of(job).by_person
        if by_person and how is EarlierState.CHANGEABLE:
            how = EarlierState.BUSY  # a person has chosen exactly these photos, so none can join
        one = EarlierSet(job.id, job.room, how, tuple(photos[job.id]), by_person)
        if how is EarlierState.WITHDRAWN:
            withdrawn[job.room] = one
        else:
            standing[job.room] = one
            withdrawn.pop(job.room, None)
    return [*withdrawn.values(), *standing.values()]


def earlier_state(job: Job, paid_for: Container[str]) -> EarlierState | None:
    """The state of a job as an earlier set; None for one that doesn't count any more: it failed before
    anything was paid for, or was superseded. `paid_for` are ids of jobs with a purchase."""
    state = State(job.state)
    if state is State.WITHDRAWN:
        return EarlierState.WITHDRAWN
    if state in ACTIVE:
        return EarlierState.CHANGEABLE if state in ASKS_API and job.id not in paid_for else EarlierState.BUSY
    if state is State.DONE or (job.id in paid_for and state is not State.SUPERSEDED):
        return EarlierState.MADE
    return None


def latest_set(store: Store, inbox: str, project: str, folder: str) -> LatestSet | None:
    """The latest set of a folder, withdrawn ones excluded; None where it never had one."""
    job = store.latest_of_folder(inbox, project, folder)
    if job is None:
        return None
    of_job = select(Purchase).where(col(Purchase.state).in_(HOLDING), Purchase.job_id == job.id)
    paid_for = job.state == State.DONE or store.first(of_job) is not None
    of_folder = (in_project(inbox, project), col(Job.folder) == folder)
    # One that is done was cancelled too late.
    cancelled = store.rows(select(Job).where(*of_folder, Job.cancelled_by != "", Job.state != State.DONE))
    photos = photos_of(store, {job.id, *(one.id for one in cancelled)})
    usual = usual_size(store, *of_folder)
    held = held_in(store, (inbox, project, folder))
    seen = {name: first for one in held for name, first in one.photos.items()}
    latest = LatestSet(photos[job.id], ended_at(job, photos[job.id]), paid_for, usual, first_seen=seen)
    if not cancelled:
        return latest
    others = store.rows(select(Job).where(*of_folder, Job.cancelled_by == "", Job.state != State.WITHDRAWN))
    jobs = select(Job.id).where(*of_folder)
    known = select(JobFile.sha256).where(JobFile.role == FileRole.PHOTO, col(JobFile.job_id).in_(jobs))
    since_until = []
    for one in cancelled:
        until = ended_at(one) or FAR
        # Where others went on, what lies beside it may be meant to go on, too.
        if not any(other.created_at < until <= (ended_at(other) or FAR) for other in others):
            since = max((photo.identity.ctime_ns for photo in photos[one.id]), default=0)
            until = ended_at(one, photos[one.id]) or FAR
            since_until.append((since, until.timestamp() * 1e9))
    return replace(latest, cancelled=since_until, known_hashes=frozenset(store.rows(known)))


def usual_size(store: Store, *of_folder: ColumnElement[bool]) -> int:
    """The most frequent number of photos in the folder's sets, without withdrawn and single-photo ones; of
    equally frequent numbers the smallest. 2 where most sets had a single photo."""
    asked = (
        select(func.count())
        .select_from(JobFile)
        .join(Job, col(JobFile.job_id) == col(Job.id))
        .where(*of_folder, Job.state != State.WITHDRAWN, JobFile.role == FileRole.PHOTO)
        .group_by(col(Job.id))
    )
    sizes = store.rows(asked)
    counts = Counter(size for size in sizes if 1 < size <= MOST_PHOTOS)
    if 2 * counts.total() < len(sizes):
        return 2
    return max(counts, key=lambda size: (counts[size], -size), default=2)


def ended_at(job: Job, photos: Sequence[Photo] = ()) -> datetime | None:
    """When a job ended, timezone-aware; None while it is in work. With its `photos` by the clock of their
    file system, as far as their ctimes tell, where that is later: a NAS may be hours ahead."""
    if job.state in ACTIVE:
        return None
    at = job.finished_at or job.updated_at
    came = EPOCH + timedelta(microseconds=max((one.identity.ctime_ns for one in photos), default=0) // 1000)
    return max(at, came + max(at - job.created_at, timedelta()))


def why_room_held(
    store: Store,
    rulebook: Rulebook,
    place: SetPlace,
    found: BracketSet,
    orphaned: Sequence[MergedSet] = (),
) -> WaitReason:
    """Why the photos in a room's folder are held for a person; an empty Why where they aren't. The only list
    of these reasons, used by the daemon and by `explain`.

    `place` is inbox, project and folder. `found` holds all photos that the folder has now, not grouped yet.
    `orphaned` are merges whose jobs are not in the store (`orphaned_merges`).
    """
    inbox, project, folder = place
    if why := why_partial(found, orphaned):
        return why
    latest = latest_set(store, *place)
    if latest is not None and (why := why_late_in_room(found, latest)):
        return why
    merged = merged_sets(store, inbox, project)
    if why := why_partial(found, merged):
        return why
    if found.approved:
        return WaitReason()
    hashes = {photo.sha256 for photo in found.photos}
    told = latest is not None or any(one.photos <= hashes for one in merged)
    if why := why_held_before(store, place, found, only_those=told):
        return why
    if why := why_own_pictures(found.photos, delivered_among(store, place, found.photos)):
        return why
    if why := why_shapes_held(found.photos):
        return why
    counts = [len(each.photos) for each in group_folder(rulebook, project, folder, found.photos).parts()]
    return why_name_held(rulebook, project, folder, counts, known=latest is not None)


def why_held_before(store: Store, place: SetPlace, found: BracketSet, *, only_those: bool) -> WaitReason:
    """Why a room is held because its photos were held before, as under the project's former name: with
    `only_those` if all of its photos were, else if any was. Falsy where it isn't."""
    there = {photo.name: photo.identity for photo in found.photos}
    held = held_before(store, place, there)
    waited = {name for one in held for name in one.unchanged_in(there)}
    if not waited or (only_those and waited < there.keys()):
        return WaitReason()
    doubts = dict.fromkeys(chain.from_iterable(one.doubts for one in held))
    return WaitReason("; ".join(doubts), TO_JOIN, lasting=True)


def delivered_among(store: Store, place: SetPlace, photos: Iterable[Photo]) -> set[str]:
    """The hashes of those photos that are delivered pictures. Photos that were delivered as they were are
    excluded, and those that had a job in this folder or come back to it: `place` is inbox, project and
    folder."""
    inbox, project, folder = place
    hashes = {photo.sha256 for photo in photos}
    delivered = {*store.rows_with(select(Picture.sha256), Picture.sha256, hashes)}
    of_job = select(Picture.sha256).where(col(Picture.job_id) == col(JobFile.job_id))
    of_folder = or_(col(Job.folder) == folder, col(Job.filed_as) == folder)
    were_photos = (
        select(JobFile.sha256)
        .join(Job, col(JobFile.job_id) == col(Job.id))
        .where(JobFile.role == FileRole.PHOTO)
        .where(or_(col(JobFile.sha256).in_(of_job), and_(in_project(inbox, project), of_folder)))
    )
    return delivered - {*store.rows_with(were_photos, JobFile.sha256, delivered)}


def merged_sets(store: Store, inbox: str, project: str) -> list[MergedSet]:
    """The merges of a project that were, or may have been, charged, oldest first."""
    merges = (
        select(Purchase.photos, Job.room)
        .join(Job, col(Purchase.job_id) == col(Job.id))
        .where(Purchase.inbox == inbox, col(Purchase.project).in_(unicode_forms(project)))
        .where(Purchase.photos != "")
        .where(col(Purchase.state).in_(HOLDING))
        .order_by(col(Purchase.id))
    )
    return [MergedSet(frozenset(photos.split()), room) for photos, room in store.rows(merges)]


def orphaned_merges(store: Store) -> list[MergedSet]:
    """The merges that were, or may have been, charged and whose job is missing since the store was lost or
    restored; those of jobs that retention deleted are excluded."""
    merges = select(Purchase.photos).where(
        Purchase.photos != "",
        col(Purchase.state).in_(HOLDING),
        col(Purchase.job_let_go_at).is_(None),
        col(Purchase.job_id).not_in(select(Job.id)),
    )
    return [MergedSet(frozenset(photos.split())) for photos in store.rows(merges)]


def photos_of(store: Store, jobs: Iterable[str]) -> dict[str, list[Photo]]:
    """The photos of jobs as they were recorded, by job id."""
    photos: dict[str, list[Photo]] = defaultdict(list)
    files = select(JobFile).where(JobFile.role == FileRole.PHOTO)
    for file in store.rows_with(files, JobFile.job_id, jobs):
        photos[file.job_id].append(photo_from_json(file.name, file.identity, file.sha256, file.shot))
    return photos


def unique_room_name(store: Store, place: SetPlace, wanted: str, photos: Sequence[Photo]) -> str:
    """The room name of a folder (`place` is inbox, project and folder): `wanted`, with a number appended
    where another folder of the project has that name for other photos. A folder keeps the name of its earlier
    jobs."""
    inbox, project, folder = place
    given_up = (State.FAILED, State.WITHDRAWN, State.SUPERSEDED)
    like_it = re.compile(re.escape(wanted) + "(-[1-9][0-9]*)?", re.IGNORECASE)
    jobs = store.rows(select(Job).where(Job.project == project).order_by(col(Job.created_at)))
    alike = [job for job in jobs if like_it.fullmatch(job.room)]
    own: list[str] = [job.room for job in alike if (job.inbox, job.folder) == (inbox, folder)]
    if own:
        return own[-1]
    if not alike:
        return wanted
    pictures = select(Picture.job_id).where(col(Picture.job_id).in_([job.id for job in alike]))
    standing = {*store.rows(pictures), *(job.id for job in alike if job.state not in given_up)}
    of_jobs = photos_of(store, standing)
    for number in count(1):
        name = wanted if number == 1 else f"{wanted}-{number}"
        having = [job for job in alike if job.id in standing and job.room.casefold() == name.casefold()]
        sets = [EarlierSet(job.id, job.room, EarlierState.MADE, tuple(of_jobs[job.id])) for job in having]
        if not sets or match_earlier(photos, sets):
            return name
    raise AssertionError("count() never ends")


def room_number(store: Store, job: Job) -> int:
    """The number of the job's room among the rooms of its project, from 1, in the order of their first jobs.
    A room that is dropped again keeps its number."""
    as_begun = (
        select(Job.room)
        .join(JobEvent, col(JobEvent.job_id) == col(Job.id))
        .where(Job.project == job.project)
        .group_by(col(Job.room))
        .order_by(func.min(col(JobEvent.id)))
    )
    return store.rows(as_begun).index(job.room) + 1


def still_in_failed(places: Places, job: Job, files: Sequence[JobFile]) -> bool:
    """Whether any of a filed job's `files`, all of them, lies in its folder in failed/. Raises LocalTrouble
    where that is out of reach."""
    folder = places.failed / safe_name(job.project) / (job.filed_as or "")
    # Files on a disk that is gone must not count as dragged away.
    places.guard(folder)
    # The page that says why it failed may stay behind, and so may those of earlier attempts.
    own = [file.name for file in files if not ALL_NAMES.fullmatch(file.name)]
    return any(exists(folder / name) for name in own)


async def dragged_back(context: JobContext, new: NewJob) -> list[str]:
    """The ids of failed or halted jobs that `new` supersedes: none of their files but a REASON.txt is in
    failed/ any more, and `new` is the return of their photos, under the same room or another. Raises
    LocalTrouble where failed/ is out of reach.

    Several sets with the same file names may return together: only the jobs with the highest `likeness`
    count."""
    back: dict[str, int] = {}
    jobs = await context.store_thread(context.store.needing_person, new, context.origin)
    # Not job by job: all sets of a project may have failed, and then come back one by one.
    filed = await context.store_thread(files_of, context.store, [job.id for job in jobs])
    for job in jobs:
        files = filed[job.id]
        alike = likeness(new, job, files)
        if job.filed_as is None or not alike:
            continue
        if not await to_thread.run_sync(still_in_failed, context.places, job, files):
            back[job.id] = alike
    most = max(back.values(), default=0)
    return [job_id for job_id, alike in back.items() if alike == most]


def likeness(new: NewJob, job: Job, files: Sequence[JobFile]) -> int:
    """How likely `new` is the return of `job` with its `files`: 4 a common photo and the same folder, 3 a
    common photo, 2 the same room, 1 a photo of the same name, 0 none of these."""
    if contents_of(new.files) & contents_of(files):
        return 4 if new.folder in (job.folder, job.filed_as) else 3
    if job.room == new.room:
        return 2
    names = {file.name for file in files}
    return int(any(file.role == FileRole.PHOTO and file.name in names for file in new.files))


def contents_of(files: Iterable[JobFile]) -> set[str]:
    """The known hashes of the photos among a set's files."""
    return {file.sha256 for file in files if file.role == FileRole.PHOTO and file.sha256}
