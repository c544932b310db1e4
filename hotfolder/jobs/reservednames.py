"""Names in done/, failed/ and the archive, unique over all jobs of a store.

Another machine's new file may not be visible on the share here yet, and not every file system can rename
without replacing. So a name is reserved in the store first, by a unique key, and only then used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select

from hotfolder.jobs.model import Job, TakenName
from hotfolder.jobs.states import ACTIVE, State
from hotfolder.jobs.store import Store
from hotfolder.outbox.names import name_key, numbered_names, safe_name

FILED = "filed/"
"""The prefix of `TakenName.folder` for the name of a folder of originals, which is the same in done/, failed/
and the archive."""
VISIBILITY_DELAY = timedelta(days=1)
"""How long after its end a job of another machine keeps its names, even if its files aren't visible here."""


def take_name(
    store: Store,
    job_id: str,
    folder: str,
    stem: str,
    extension: str = "",
    *,
    purpose: str = "",
    present: Collection[str],
    at: datetime,
) -> str:
    """Reserve the first free name of `stem` and `extension` in `folder` for the job; the one that it reserved
    there for this `purpose` before, where it did. `purpose` distinguishes the job's files there. Names in
    `present`, the name keys that exist there, are not free. The name of a folder of originals is also
    recorded in `Job.filed_as`. Repeated while another machine is faster."""
    while True:
        try:
            with store.session.begin() as session:
                job = store.fenced_job(session, job_id)
                own = {"job_id": job_id, "purpose": purpose, "machine": store.machine}
                wanted = TakenName(folder=name_key(folder), name="", spelt="", **own)
                name = reserve(session, wanted, numbered_names(safe_name(stem), extension), present, at)
                if folder.startswith(FILED):
                    job.filed_as = name
                return name
        except IntegrityError:
            continue  # another machine was quicker: the next free one


def names_taken(store: Store, job_id: str) -> list[str]:
    """The names that a job has reserved."""
    return store.rows(select(TakenName.spelt).where(TakenName.job_id == job_id))


def reserve(
    session: Session, wanted: TakenName, names: Iterable[str], present: Collection[str], at: datetime
) -> str:
    """`take_name` in an open transaction, for the row `wanted`, which gets its name. Raises IntegrityError
    where another machine has reserved the name meanwhile."""
    own = select(TakenName).where(
        TakenName.job_id == wanted.job_id,
        TakenName.folder == wanted.folder,
        TakenName.purpose == wanted.purpose,
    )
    before = session.exec(own).first()
    if before is not None and before.name not in present:
        return before.spelt
    for spelt in names:
        name = name_key(spelt)
        if name in present:
            continue
        holder = session.get(TakenName, (wanted.folder, name))
        if holder is not None and is_held(session, holder, wanted.machine, at):
            continue
        for old in filter(None, (before, holder)):
            # Only as it was read: another machine may have replaced the row meanwhile.
            same = (col(TakenName.name) == old.name, col(TakenName.job_id) == old.job_id)
            session.exec(delete(TakenName).where(col(TakenName.folder) == old.folder, *same))
        wanted.name, wanted.spelt = name, spelt
        session.add(wanted)
        session.flush()
        return spelt
    raise AssertionError("numbered() never ends")


def is_held(session: Session, taken: TakenName, machine: str, at: datetime) -> bool:
    """Whether a name is still reserved. The name of a folder of originals is until they are dropped again;
    that of a file only until the job has ended, since the file then exists (VISIBILITY_DELAY longer for a job
    of another machine)."""
    job = session.get_one(Job, taken.job_id)
    if taken.folder.startswith(FILED):
        return job.state != State.SUPERSEDED
    return job.state in ACTIVE or (taken.machine != machine and job.updated_at > at - VISIBILITY_DELAY)
