"""Generations: how often the same photos were bought anew, by `__again` or `retry --pay-again`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from hotfolder.jobs.database import Records
from hotfolder.jobs.model import FileRole, Generation, Job, JobEvent, NewJob, Purchase
from hotfolder.jobs.states import ACTIVE, HOLDING, State
from hotfolder.rules.sets import FileIdentity

MADE = (State.FILING, State.REFUSING, State.HALTING)
"""What a job enters once no more is bought for it, and before its originals are moved."""
TICK_SECONDS = 0.05
"""By so much a disk's clock may be behind that of the system."""


def next_generation(
    session: Session, scope: str, new: NewJob, returning: Iterable[Job], *, anew: bool
) -> int:
    """The generation that a new job buys in: a higher one than before where `__again` asks for it, or
    `--pay-again` did (`anew`). That one counts for later jobs only once something was bought in it.

    An `__again` is obeyed once: photos that are back from failed/ under the name that they had there stay
    in their generation, and so do those that lay there already while the last one was being obeyed.
    """
    latest, last = bought_generation(session, scope)
    if anew:
        return latest + 1
    if not new.again or not scope:
        return latest
    for old in returning:
        if old.scope == scope and new.folder in (old.folder, old.filed_as):
            return max(latest, old.generation)
    obeyed = latest > 0 and last is not None and was_there(session, new, last)
    return latest if obeyed else latest + 1


def present_generation(store: Records, scope: str) -> int:
    """The generation that these photos are bought in now."""
    with store.session() as session:
        return bought_generation(session, scope)[0]


def remember_generation(store: Records, scope: str, number: int) -> None:
    """These photos were bought in that generation."""
    with store.session.begin() as session:
        row = generation_row(session, scope)  # locked, and only then looked at
        if bought_generation(session, scope)[0] < number:
            row.number = number


def generation_row(session: Session, scope: str) -> Generation:
    """Attached to the session, which adds it where there is none, and locked until its transaction ends."""
    row = session.get(Generation, scope, with_for_update=True)
    if row is not None:
        return row
    try:
        with session.begin_nested():
            session.add(row := Generation(scope=scope))
        return row
    except IntegrityError:  # another process has added it a moment ago
        return session.get_one(Generation, scope, with_for_update=True)


NOT_THOSE_FILES = (
    "`hotfolder retry --pay-again` was said of these photos before, but the files that it put back were"
    " removed or changed since: what was bought is used again."
)


def as_told(identity: FileIdentity, machine: str) -> list[Any]:
    """What is remembered of a file that a machine has put back."""
    return [*astuple(identity), machine]


def is_told(told: object, identity: FileIdentity, machine: str) -> bool:
    """Whether a machine sees the file that was put back. As another one saw it, it has other numbers, but for
    its size and, to the microsecond, its time of modification."""
    match told:
        case [int(size), int(mtime_ns), *_, str(by)] if by != machine:
            return (size, mtime_ns // 1000) == (identity.size_bytes, identity.mtime_ns // 1000)
        case [*numbers, str()] | [*numbers]:
            return numbers == list(astuple(identity))
    return False


def asked_to_pay_again(session: Session, scope: str, new: NewJob, machine: str) -> bool | None:
    """Whether `retry --pay-again` has put back these very files: copies of them may come long after the
    folder was removed, and nobody asks for those. None where it wasn't said. It is said once for each folder:
    of the same photos several looks may come back."""
    row = session.get(Generation, scope, with_for_update=True)
    if row is None or not (asked := asked_for(row)):
        return None
    photos = {file.name: file.identity for file in new.files if file.role == FileRole.PHOTO}
    others = [files for files in asked if not are_told(files, photos, machine)]
    told = len(others) < len(asked)
    row.pay_again = (others or None) if told else None
    return told


def pay_again(store: Records, scope: str, files: Mapping[str, FileIdentity]) -> None:
    """Let the next job of the photos of `scope` buy everything anew, if they are these very files."""
    with store.session.begin() as session:
        told = {name: as_told(identity, store.machine) for name, identity in files.items()}
        row = generation_row(session, scope)
        row.pay_again = [*(one for one in asked_for(row) if one != told), told]


def pays_again(store: Records, scope: str, photos: Mapping[str, FileIdentity]) -> bool:
    """Whether the next job of these very files buys everything anew, as `retry --pay-again` has asked."""
    with store.session() as session:
        row = session.get(Generation, scope)
    return row is not None and any(are_told(files, photos, store.machine) for files in asked_for(row))


def asked_for(row: Generation) -> Sequence[Mapping[str, Any]]:
    """The files, by name, of each folder of which `retry --pay-again` is still to be obeyed."""
    asked = row.pay_again or []
    return asked if isinstance(asked, list) else [asked]


def are_told(files: Mapping[str, Any], photos: Mapping[str, FileIdentity], machine: str) -> bool:
    """Whether a machine sees the files of a folder that was put back."""
    return all(is_told(files.get(name), one, machine) for name, one in photos.items())


def bought_generation(session: Session, scope: str) -> tuple[int, Job | None]:
    """The highest generation in which anything was bought of these photos, and the newest job that did."""
    if not scope:
        return 0, None
    kept = session.get(Generation, scope)
    bought = select(Purchase.job_id).where(col(Purchase.state).in_(HOLDING))
    jobs = select(Job).where(Job.scope == scope, col(Job.id).in_(bought))
    newest = jobs.order_by(col(Job.generation).desc(), col(Job.created_at).desc())
    last = session.exec(newest.limit(1)).first()
    return max(kept.number if kept else 0, last.generation if last else 0), last


def was_there(session: Session, new: NewJob, before: Job) -> bool:
    """Whether all photos of a job to be lay where they are while `before` was still being made: left behind,
    copied once more or renamed meanwhile. Times of change are told by the disk, and can't be set."""
    if before.state in (*ACTIVE, State.WITHDRAWN):
        return True
    moments = select(JobEvent.at).where(JobEvent.job_id == before.id, col(JobEvent.state).in_(MADE))
    made = session.exec(moments.order_by(col(JobEvent.id).desc()).limit(1)).first()
    newest_ns = max(file.identity.ctime_ns for file in new.files if file.role == FileRole.PHOTO)
    return made is not None and newest_ns / 1e9 < made.timestamp() - TICK_SECONDS
