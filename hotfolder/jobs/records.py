"""The records of finished sets, and letting go of them: files, pictures, story. Their paid calls stay, lean.

Projects go as a whole: what is numbered in one keeps its number for as long as anything of it is remembered.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlmodel import Session, col, delete, func, select

from hotfolder.errors import LocalTrouble, UsageError
from hotfolder.jobs.chain import read_chain
from hotfolder.jobs.compaction import Passing, TidyStep, pass_by
from hotfolder.jobs.desk import Desk
from hotfolder.jobs.due import Due, Keep, Kind
from hotfolder.jobs.lean import make_lean
from hotfolder.jobs.ledger import Ledger, batches
from hotfolder.jobs.states import State
from hotfolder.jobs.store import Store
from hotfolder.jobs.tables import SETTLED, Call, FileRole, Job, JobFile, Moment, Picture, stamp
from hotfolder.jobs.tools import ConfirmInbox, Places, recipe_of
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.layout import originals_folder
from hotfolder.outbox.names import safe_name
from hotfolder.patience import patiently
from hotfolder.pictures.formats import is_photo_name
from hotfolder.rules.delivery import Originals

OVER = (State.DONE, State.SUPERSEDED, State.WITHDRAWN)
"""What nobody waits for any more. A set that failed waits for a person."""


@dataclass(frozen=True, slots=True)
class Household:
    """What letting go works with. `passing` is called at each durable step."""

    store: Store
    ledger: Ledger
    places: Places
    desk: Desk
    confirm_inbox: ConfirmInbox
    passing: Passing = pass_by


class Records:
    """What is due of the records, after all else that is. A record that anything else needs, so as to go
    behind a proof some day, stays."""

    def __init__(self, house: Household) -> None:
        self._house = house

    async def clean(
        self, keep: Keep, now: datetime, let_go: Set[Path], *, dry_run: bool
    ) -> AsyncIterator[Due]:
        """Project by project. `let_go` are the files that went just now, or would have. Nothing where
        `keep.records` is None."""
        if keep.records is None:
            return
        for project in await self._house.desk(projects_over, self._house.store, now - keep.records):
            jobs = await self._house.desk(jobs_of, self._house.store, project)
            why = await in_inbox(self._house.places, self._house.confirm_inbox, project)
            for job in jobs:
                why = why or await self._needed(job, keep, let_go)
            if not why and not dry_run and not await self._house.desk(self._remove, jobs, now):
                continue  # a set of it came just now
            yield Due(Kind.RECORD, self._house.places.done / safe_name(project), 0, why)

    def _remove(self, jobs: Sequence[Job], now: datetime) -> bool:
        if not remove(self._house.store, jobs, now):
            return False
        self._house.passing(TidyStep.RECORD_LET_GO)
        # The file learns it at the next start where this process ends just here.
        self._house.ledger.write_down_anew(uids_of(self._house.ledger, jobs))
        return True

    async def _needed(self, job: Job, keep: Keep, let_go: Set[Path]) -> str:
        """What needs the record of a job that is over, "" where nothing does. The store's word counts, and
        not what is seen of done/, whose disk may be gone."""
        if job.state != State.DONE:
            return ""
        what = f"{job.shown_folder} of {job.project}"
        if keep.originals is not None and await self._originals(job) - let_go:
            return f"the originals of {what} are to go first"
        if keep.receipts is not None and job.receipt and self._house.places.done / job.receipt not in let_go:
            return f"the receipt of {what} is to go first"
        bought = await self._house.desk(results_of, self._house.store, self._house.ledger, job)
        results = {self._house.places.results / name for name in bought} - let_go
        if keep.results is not None and await asyncio.to_thread(lambda: any(map(Path.is_file, results))):
            return f"what was bought for {what} is to go first"
        return ""

    async def _originals(self, job: Job) -> frozenset[Path]:
        """The photos in done/ that were not let go of; an archive is none of ours to empty."""
        if job.filed_as is None or recipe_of(job).delivery.originals is Originals.ARCHIVE:
            return frozenset()
        folder = originals_folder(self._house.places.done, safe_name(job.project), job.filed_as)
        files = await self._house.desk(self._house.store.files, job.id)
        return frozenset(
            folder / file.name for file in files if file.role == FileRole.PHOTO and file.let_go_at is None
        )


async def in_inbox(places: Places, confirm_inbox: ConfirmInbox, project: str) -> str:
    """Why the project may not be over, by what lies in the inboxes; "" where nothing does. A photo that is
    held since its set is paid for would be a picture of its own once nobody remembers that set."""
    for inbox in places.inboxes.values():
        try:
            await patiently(inbox, confirm_inbox, inbox)
            if await patiently(inbox, holds_photos, inbox / project):
                return "photos of it lie in the inbox"
        except LocalTrouble as error:
            return f"what lies in the inbox can't be told: {error.message}"
    return ""


def holds_photos(folder: Path) -> bool:
    """Whether any lie in it, at any depth; hidden ones aside. Raises LocalTrouble."""
    with local_trouble(folder):
        names = (name for *_, files in os.walk(folder, onerror=_unless_missing) for name in files)
        return any(name[0] != "." and is_photo_name(name) for name in names)


def _unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def remembered(store: Store, job_id: str) -> Job:
    """The job of that id. Raises UsageError, which says so where its record was let go of."""
    job = store.job(job_id)
    if job is not None:
        return job
    with store.session() as session:
        let_go = select(Call).where(Call.job_id == job_id, col(Call.job_let_go_at).is_not(None))
        call = session.exec(let_go.limit(1)).first()
    if call is None:
        raise UsageError(f"there is no job {job_id}", hint="`hotfolder status` lists them.")
    raise UsageError(
        f"the record of job {job_id}, of {call.project}, was let go of on {(call.job_let_go_at or '')[:10]}",
        hint="`keep.records_days` says after how long. The receipts in the done folder say what was made, and"
        " the same photos dropped again are not paid again.",
    )


def results_of(store: Store, ledger: Ledger, job: Job) -> frozenset[str]:
    """Names of the results that a job has bought or reuses."""
    photos = [file.sha256 for file in store.files(job.id) if file.role == FileRole.PHOTO]
    chain = read_chain(ledger, job.origin, photos, recipe_of(job), job.generation)
    return frozenset(result.file for link in chain for result in link.results)


def projects_over(store: Store, before: datetime) -> list[str]:
    """Names of the projects of which every set has been over, with nothing paid left in doubt, since before
    that moment."""
    with store.session() as session:
        waiting = select(Job.project).where(col(Job.state).not_in(OVER))
        in_doubt = select(Call.project).where(col(Call.state).not_in(SETTLED))
        statement = (
            select(Job.project)
            .where(col(Job.project).not_in(waiting), col(Job.project).not_in(in_doubt))
            .group_by(col(Job.project))
            .having(func.max(Job.updated_at) < stamp(before))
            .order_by(col(Job.project))
        )
        return list(session.exec(statement).all())


def jobs_of(store: Store, project: str) -> list[Job]:
    """All that are remembered of a project, from whichever inbox."""
    with store.session() as session:
        return list(session.exec(select(Job).where(Job.project == project)).all())


def remove(store: Store, jobs: Sequence[Job], at: datetime) -> bool:
    """Forget these jobs, all of one project; False, and nothing is changed, where the project has others by
    now, or one of them has moved. Their paid calls stay, lean, and say since when their jobs are not
    remembered."""
    store.changes += 1
    with store.session() as session, session.begin():
        if not same(session, jobs):
            return False
        for ids in batches([job.id for job in jobs]):
            make_lean(session, ids, at)
            for table in (JobFile, Picture, Moment):
                session.exec(delete(table).where(col(table.job_id).in_(ids)))
            session.exec(delete(Job).where(col(Job.id).in_(ids)))
    return True


def uids_of(ledger: Ledger, jobs: Sequence[Job]) -> list[str]:
    """Of the paid calls of these jobs."""
    uids: list[str] = []
    with ledger.session() as session:
        for ids in batches([job.id for job in jobs]):
            calls = select(Call.uid).where(col(Call.job_id).in_(ids)).order_by(col(Call.id))
            uids += session.exec(calls).all()
    return uids


def same(session: Session, jobs: Sequence[Job]) -> bool:
    """Whether these are all jobs of their project still, as they were."""
    projects = {job.project for job in jobs}
    there = session.exec(select(Job.id, Job.state).where(col(Job.project).in_(projects))).all()
    return {(job.id, job.state) for job in jobs} == set(there)
