"""Names in done/, failed/ and the archive: no two jobs of a store ever get the same one.

What another machine has just put on a share may not be seen here yet, and not every file system can give a
name away without replacing. So a name is taken in the store first, by a unique key, and only then used.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import Session, col, delete, select

from hotfolder.jobs.model import Job, TakenName
from hotfolder.jobs.states import ACTIVE, State
from hotfolder.outbox.names import folded, numbered, safe_name

FILED = "filed/"
LATEST_SIGHT = timedelta(days=1)
"""So long after its end a job of another machine keeps its names, whether or not its files are seen here."""


@dataclass(frozen=True, slots=True)
class WantedName:
    """The first free name of `stem` and `extension`, for what a job is about to put into `folder`. `purpose`
    tells apart what it puts there, and is the same when it is said again."""

    job_id: str
    folder: str
    stem: str
    extension: str = ""
    purpose: str = ""

    @property
    def for_originals(self) -> bool:
        return self.folder.startswith(FILED)


def of_file(job: Job, done: Path, folder: Path, stem: str, extension: str, purpose: str) -> WantedName:
    """The name of a file in a folder below `done`."""
    stem, below = safe_name(stem), folded(f"done/{folder.relative_to(done)}")
    return WantedName(job.id, below, stem, extension, f"{purpose} {stem}.{extension}")


def of_originals(job: Job) -> WantedName:
    """The name of the folder that a job's originals get, wherever they go in the end."""
    return WantedName(job.id, folded(FILED + safe_name(job.project)), safe_name(job.shown_folder))


def take_name(
    session: Session, wanted: WantedName, present: Collection[str], machine: str, at: datetime
) -> str:
    """The name that is the job's from now on: the one that it had taken for this before, else the first free
    one. None of `present`, the folded names that lie there, is. Raises IntegrityError where another machine
    has just taken it."""
    own = select(TakenName).where(
        TakenName.job_id == wanted.job_id,
        TakenName.folder == wanted.folder,
        TakenName.purpose == wanted.purpose,
    )
    before = session.exec(own).first()
    if before is not None and before.name not in present:
        return before.spelt
    for spelt in numbered(wanted.stem, wanted.extension):
        name = folded(spelt)
        if name in present:
            continue
        holder = session.get(TakenName, (wanted.folder, name))
        if holder is not None and is_held(session, holder, machine, at):
            continue
        for old in filter(None, (before, holder)):
            # Only as it was read: where another machine has it by now, there is nothing to delete.
            same = (col(TakenName.name) == old.name, col(TakenName.job_id) == old.job_id)
            session.exec(delete(TakenName).where(col(TakenName.folder) == old.folder, *same))
        taken = TakenName(
            folder=wanted.folder,
            name=name,
            spelt=spelt,
            job_id=wanted.job_id,
            purpose=wanted.purpose,
            machine=machine,
        )
        session.add(taken)
        session.flush()
        return spelt
    raise AssertionError("numbered() never ends")


def is_held(session: Session, taken: TakenName, machine: str, at: datetime) -> bool:
    """Whether a name is still its job's. A folder of originals is until they are dropped again; the name of a
    file only until the file lies there, where this machine sees it by itself."""
    job = session.get_one(Job, taken.job_id)
    if taken.folder.startswith(FILED):
        return job.state != State.SUPERSEDED
    return job.state in ACTIVE or (taken.machine != machine and job.updated_at > at - LATEST_SIGHT)
