"""Generations: how often the same photos were bought anew, by `__again` or `retry --pay-again`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from hotfolder.jobs.ledger import read_chain
from hotfolder.jobs.model import FileRole, Generation, Job, JobEvent, NewJob, Purchase, scope_key
from hotfolder.jobs.states import ACTIVE, HOLDING, NEEDS_PERSON, State
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.sets import FileIdentity

if TYPE_CHECKING:
    from hotfolder.jobs.store import Store

BOUGHT_ALL = (State.FILING, State.REFUSING, State.HALTING)
"""The states that a job enters when nothing more is bought for it, before its originals are moved."""
TIMESTAMP_LAG_SECONDS = 0.05
"""How far a file system's timestamps may lag behind the system clock."""


def next_generation(
    session: Session, scope: str, new: NewJob, returning: Iterable[Job], present: int, *, anew: bool
) -> int:
    """The generation that a new job buys in: the `present` one (`generation_for`); the next one where its
    folder has the tag `__again`, or where `--pay-again` asked for it (`anew`). It counts for later jobs only
    once something was bought in it.

    One `__again` raises the generation once: photos that return from failed/ under their name there stay in
    their generation, and so do photos that already lay in the inbox while the last job was being made.
    """
    latest, last = bought_generation(session, scope)
    if anew:
        return latest + 1
    if not new.again or not scope:
        return present
    for old in returning:
        if old.scope == scope and new.folder in (old.folder, old.filed_as):
            return max(present, old.generation)
    obeyed = latest > 0 and last is not None and already_lay_there(session, new, last)
    return latest if obeyed else latest + 1


def present_generation(store: Store, scope: str) -> int:
    """The highest generation in which these photos were bought; 0 for none."""
    with store.session() as session:
        return bought_generation(session, scope)[0]


def generation_for(store: Store, origin: str, photos: Sequence[str], recipe: Recipe, folder: str) -> int:
    """The generation in which a set of these photos (sha256 each) in that folder is made where nobody asked
    to buy it anew: the highest in which they were bought; or that of this folder's latest failed set, where
    more is paid for in that one, as after another version of the photos was bought anew."""
    scope = scope_key(origin, photos)
    if not (latest := present_generation(store, scope)):
        return latest  # nothing was ever bought anew
    of_folder = or_(col(Job.folder) == folder, col(Job.filed_as) == folder)
    failed = select(Job.generation).where(Job.scope == scope, col(Job.state).in_(NEEDS_PERSON), of_folder)
    own = store.first(failed.order_by(col(Job.created_at).desc()))
    if own is None or own >= latest:
        return latest
    return max(latest, own, key=lambda one: len(read_chain(store, origin, photos, recipe, one)))


def remember_generation(store: Store, scope: str, number: int) -> None:
    """Record that these photos were bought in generation `number`. Idempotent; never lowers it."""
    with store.session.begin() as session:
        row = generation_row(session, scope)  # locked, and only then looked at
        if bought_generation(session, scope)[0] < number:
            row.number = number


def generation_row(session: Session, scope: str) -> Generation:
    """The row of `scope`, created where missing, and locked until the session's transaction ends."""
    row = session.get(Generation, scope, with_for_update=True)
    if row is not None:
        return row
    try:
        with session.begin_nested():
            session.add(row := Generation(scope=scope))
        return row
    except IntegrityError:  # another process has added it meanwhile
        return session.get_one(Generation, scope, with_for_update=True)


NOT_THOSE_FILES = (
    "`hotfolder retry --pay-again` was said of these photos, but of other files than those that came now:"
    " what was bought is used again."
)


def is_stored_file(stored: object, identity: FileIdentity, machine: str | None) -> bool:
    """Whether `identity`, as `machine` sees the file, is that of the file `stored`. Where another
    machine stored it, only size and mtime (to the microsecond) are compared: inode and ctime differ between
    clients of a share. With None all are compared."""
    match stored:
        case [int(size), int(mtime_ns), *_, str(by)] if machine not in (by, None):
            return (size, mtime_ns // 1000) == (identity.size_bytes, identity.mtime_ns // 1000)
        case [*numbers, str()] | [*numbers]:
            return numbers == list(astuple(identity))
    return False


def take_pay_again(session: Session, scope: str, new: NewJob, machine: str) -> bool | None:
    """Whether `retry --pay-again` has put back exactly these files; None where it wasn't requested for these
    photos. Copies of them that come later, after the folder was removed, don't count. Consumes the matching
    folder's request: other folders of the same photos keep theirs, as one that is still to become a job. On a
    machine that shares the store the request of the job's own place is consumed also where it doesn't match:
    a later copy there could pass for its files."""
    row = session.get(Generation, scope, with_for_update=True)
    if row is None or not (asked := pending_requests(row)):
        return None
    photos = {file.name: file.identity for file in new.files if file.role == FileRole.PHOTO}
    place = [new.inbox, new.project, new.folder]
    others = [files for files in asked if not are_stored_files(files, photos, machine, place)]
    matched = len(others) < len(asked)
    if machine and not matched:
        others = [files for files in asked if files.get(PLACE, place) != place]
    row.pay_again = others or None
    return matched


PLACE = "/"
"""The key of a request's inbox, project and folder among its files' names: no file is called so. Earlier
releases wrote none."""


def request_pay_again(
    store: Store, scope: str, files: Mapping[str, FileIdentity], place: Sequence[str]
) -> None:
    """Request that the next job with exactly these files, of `scope`, which are put into `place`, buys
    everything anew. Idempotent."""
    with store.session.begin() as session:
        stored: dict[str, Any] = {
            name: [*astuple(identity), store.machine] for name, identity in files.items()
        }
        stored[PLACE] = [*place]
        row = generation_row(session, scope)
        row.pay_again = [*(one for one in pending_requests(row) if one != stored), stored]


def is_pay_again_requested(
    store: Store, scope: str, photos: Mapping[str, FileIdentity], place: Sequence[str]
) -> bool:
    """Whether `retry --pay-again` has requested that the next job of exactly these files buys all anew."""
    with store.session() as session:
        row = session.get(Generation, scope)
    asked = pending_requests(row) if row is not None else ()
    return any(are_stored_files(files, photos, store.machine, place) for files in asked)


def pending_requests(row: Generation) -> Sequence[Mapping[str, Any]]:
    """The pending requests of `retry --pay-again`: for each folder the stored identities of its files by
    name."""
    asked = row.pay_again or []
    return asked if isinstance(asked, list) else [asked]


def are_stored_files(
    files: Mapping[str, Any], photos: Mapping[str, FileIdentity], machine: str, place: Sequence[str]
) -> bool:
    """Whether every one of `photos`, as `machine` sees them in `place`, is that of the stored folder `files`.
    Elsewhere than in its place none is that only looks like it."""
    there = machine if files.get(PLACE, [*place]) == [*place] else None
    return all(is_stored_file(files.get(name), one, there) for name, one in photos.items())


def bought_generation(session: Session, scope: str) -> tuple[int, Job | None]:
    """The highest generation in which anything was bought for these photos, and the newest job of those in
    the store that bought something; 0 and None without any."""
    if not scope:
        return 0, None
    kept = session.get(Generation, scope)
    bought = select(Purchase.job_id).where(col(Purchase.state).in_(HOLDING))
    jobs = select(Job).where(Job.scope == scope, col(Job.id).in_(bought))
    newest = jobs.order_by(col(Job.generation).desc(), col(Job.created_at).desc())
    last = session.exec(newest.limit(1)).first()
    return max(kept.number if kept else 0, last.generation if last else 0), last


def already_lay_there(session: Session, new: NewJob, before: Job) -> bool:
    """Whether all photos of a new job already lay there while `before` was still being made: left behind,
    copied again or renamed meanwhile. Told by their ctime, which the file system sets and no program can."""
    if before.state in (*ACTIVE, State.WITHDRAWN):
        return True
    moments = select(JobEvent.at).where(JobEvent.job_id == before.id, col(JobEvent.state).in_(BOUGHT_ALL))
    made = session.exec(moments.order_by(col(JobEvent.id).desc()).limit(1)).first()
    newest_ns = max(file.identity.ctime_ns for file in new.files if file.role == FileRole.PHOTO)
    return made is not None and newest_ns / 1e9 < made.timestamp() - TIMESTAMP_LAG_SECONDS
