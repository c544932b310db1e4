"""Names in done/, failed/ and the archive, unique over all jobs of a store.

Another machine's new file may not be visible on the share here yet, and not every file system can rename
without replacing. So a name is reserved in the store first, by a unique key, and only then used.
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
"""How long after its end a job of another machine keeps its names, even if its files aren't visible here."""


@dataclass(frozen=True, slots=True)
class WantedName:
    """A request for the first free name of `stem` and `extension` in `folder`, for a file of a job. `purpose`
    distinguishes the job's files there; a repeated request has the same one."""

    job_id: str
    folder: str
    stem: str
    extension: str = ""
    purpose: str = ""

    @property
    def for_originals(self) -> bool:
        return self.folder.startswith(FILED)


def of_file(job: Job, done: Path, folder: Path, stem: str, extension: str, purpose: str) -> WantedName:
    """A request for the name of a file in a folder below `done`."""
    stem, below = safe_name(stem), folded(f"done/{folder.relative_to(done)}")
    return WantedName(job.id, below, stem, extension, f"{purpose} {stem}.{extension}")


def of_originals(job: Job) -> WantedName:
    """A request for the folder name of a job's originals; the same in done/, failed/ and the archive."""
    return WantedName(job.id, folded(FILED + safe_name(job.project)), safe_name(job.shown_folder))


def take_name(
    session: Session, wanted: WantedName, present: Collection[str], machine: str, at: datetime
) -> str:
    """Reserve a name for the job and return it: the one it reserved for this purpose before, else the first
    free one. Names in `present`, the folded names that exist there, are not free. Raises IntegrityError where
    another machine has reserved the name meanwhile: retry."""
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
            # Only as it was read: another machine may have replaced the row meanwhile.
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
    """Whether a name is still reserved. The name of a folder of originals is until they are dropped again;
    that of a file only until the job has ended, since the file then exists (LATEST_SIGHT longer for a job of
    another machine)."""
    job = session.get_one(Job, taken.job_id)
    if taken.folder.startswith(FILED):
        return job.state != State.SUPERSEDED
    return job.state in ACTIVE or (taken.machine != machine and job.updated_at > at - LATEST_SIGHT)
