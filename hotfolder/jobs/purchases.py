"""Forgetting what was bought so long ago that the same photos may count as new ones.

Only what no set can need goes: the call has ended for good, the record of its set was let go of at an earlier
time, no remembered set uses what it bought, nothing of that lies in state/results/, and no photos of the
project lie in the inbox.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence, Set
from datetime import datetime

from sqlmodel import Session, col, delete, func, select, update

from hotfolder import log
from hotfolder.jobs.allowance import ENDED, UNKNOWN_IN_A_ROW, midnight
from hotfolder.jobs.chain import Wish, reached
from hotfolder.jobs.compaction import TidyStep
from hotfolder.jobs.due import Due, Keep, Kind
from hotfolder.jobs.ledger import Ledger, batches
from hotfolder.jobs.records import Household, in_inbox
from hotfolder.jobs.store import Store
from hotfolder.jobs.tables import (
    HOLDS_KEY,
    SETTLED,
    ApiProject,
    Call,
    FileRole,
    Generation,
    Job,
    JobFile,
    Result,
    stamp,
)
from hotfolder.jobs.tools import recipe_of
from hotfolder.outbox.names import safe_name

logger = log.get("retention")

JOBS_AT_ONCE = 50
"""Of so many the calls are looked up in one go, for which everybody else waits."""


class Purchases:
    """What is due of the paid calls: of those whose record is gone already."""

    def __init__(self, house: Household) -> None:
        self._house = house

    async def clean(self, keep: Keep, now: datetime, *, dry_run: bool) -> AsyncIterator[Due]:
        """Project by project. Nothing where `keep.purchases` is None."""
        if keep.purchases is None:
            return
        # What counts for the budget of today stays, on a day of 25 hours too.
        before = min(now - keep.purchases, midnight(now))
        projects = await self._house.desk(projects_due, self._house.ledger, before)
        used = Used()
        if projects:
            await self._see_all_jobs(used)
        for project in projects:
            calls = await self._house.desk(calls_due, self._house.ledger, project, before)
            path = self._house.places.done / safe_name(project)
            # They may be those that were paid for, and whoever looked was told so.
            if why := await in_inbox(self._house.places, self._house.confirm_inbox, project):
                yield Due(Kind.PURCHASE, path, 0, why, len(calls))
                continue
            there = await self._results_there(calls)
            free = [call for call in calls if call.id not in there]
            gone = await self._gone(project, free, used, dry_run=dry_run)
            reasons = {
                "": len(gone),
                "sets that are remembered use what was bought": len(free) - len(gone),
                "what was bought is in the state folder still": len(there),
            }
            for why, number in reasons.items():
                if number:
                    yield Due(Kind.PURCHASE, path, 0, why, number)
        if not dry_run:
            await self._house.desk(forget_generations, self._house.store, before, now)

    async def _results_there(self, calls: Sequence[Call]) -> frozenset[int | None]:
        """The ids of those with a picture in state/results/."""
        names = await self._house.desk(files_of, self._house.ledger, [call.id for call in calls])
        there = await asyncio.to_thread(
            lambda: [one for one, name in names if (self._house.places.results / name).exists()]
        )
        return frozenset(there)

    async def _see_all_jobs(self, used: Used) -> None:
        last = ""
        while jobs := await self._house.desk(page_of_jobs, self._house.store, last):
            await self._house.desk(used.see, self._house.store, self._house.ledger, jobs)
            last = jobs[-1].id

    async def _gone(self, project: str, calls: Sequence[Call], used: Used, *, dry_run: bool) -> list[Call]:
        """Forget these calls of a project, but for those that a remembered set uses; which they were."""
        while True:
            free = [call for call in calls if call.key not in used.keys]
            if dry_run or not free:
                return free
            new = await self._house.desk(self._forget, project, free, used.jobs)
            if not new:
                logger.info("purchases_forgotten", project=project, paid_calls=len(free))
                return free
            await self._house.desk(used.see, self._house.store, self._house.ledger, new)

    def _forget(self, project: str, calls: Sequence[Call], seen: Set[str]) -> list[Job]:
        new = forget(self._house.store, project, [call.id for call in calls], seen)
        if not new and self._house.ledger.file is not None:
            # Where this process ends just here, the next start takes them over from the file once more.
            self._house.passing(TidyStep.CALLS_FORGOTTEN)
            for some in batches([call.uid for call in calls]):
                self._house.ledger.file.forget(some)
        return new


class Used:
    """The keys of what the remembered jobs use and others bought, whose records are gone."""

    def __init__(self) -> None:
        self.jobs: set[str] = set()
        self.keys: set[str] = set()

    def see(self, store: Store, ledger: Ledger, jobs: Sequence[Job]) -> None:
        photos: dict[str, list[str]] = defaultdict(list)
        with store.session() as session:
            files = select(JobFile.job_id, JobFile.sha256).where(
                col(JobFile.job_id).in_([job.id for job in jobs]), JobFile.role == FileRole.PHOTO
            )
            for job_id, sha256 in session.exec(files.order_by(col(JobFile.position))).all():
                photos[job_id].append(sha256)
        wishes = [Wish(job.origin, photos[job.id], recipe_of(job), job.generation) for job in jobs]
        keys = col(Call.key).in_(reached(ledger, wishes))
        with ledger.session() as session:
            let_go = select(Call.key).where(keys, HOLDS_KEY, col(Call.job_let_go_at).is_not(None))
            self.keys.update(session.exec(let_go).all())
        self.jobs |= {job.id for job in jobs}


def page_of_jobs(store: Store, after: str) -> list[Job]:
    """The next few by their ids."""
    with store.session() as session:
        statement = select(Job).where(col(Job.id) > after).order_by(col(Job.id)).limit(JOBS_AT_ONCE)
        return list(session.exec(statement).all())


def due(session: Session, before: datetime) -> list[object]:
    """What holds for a call that ended before that moment and may be forgotten."""
    # The ids of new calls, and what pauses them, go by the newest ones.
    ended = select(Call.id).where(col(Call.state).in_(ENDED)).order_by(col(Call.id).desc())
    newest = session.exec(ended.limit(UNKNOWN_IN_A_ROW)).all()
    last = session.exec(select(func.max(Call.id))).one()
    return [
        col(Call.state).in_(SETTLED),
        col(Call.job_let_go_at).is_not(None),
        func.coalesce(Call.answered_at, Call.started_at) < stamp(before),
        col(Call.id).not_in([*newest, last]),
    ]


def projects_due(ledger: Ledger, before: datetime) -> list[str]:
    """Names of the projects with calls that are due, as `due` has it."""
    with ledger.session() as session:
        statement = select(Call.project).where(*due(session, before)).distinct()  # type: ignore[arg-type]
        return list(session.exec(statement.order_by(col(Call.project))).all())


def calls_due(ledger: Ledger, project: str, before: datetime) -> list[Call]:
    """Those of a project."""
    with ledger.session() as session:
        conditions = due(session, before)
        statement = select(Call).where(Call.project == project, *conditions)  # type: ignore[arg-type]
        return list(session.exec(statement.order_by(col(Call.id))).all())


def files_of(ledger: Ledger, calls: Sequence[int | None]) -> list[tuple[int, str]]:
    """The names in state/results/ of what these calls bought, with the calls' ids."""
    found: list[tuple[int, str]] = []
    with ledger.session() as session:
        for ids in batches(calls):
            rows = select(Result.call_id, Result.file).where(col(Result.call_id).in_(ids))
            found += session.exec(rows).all()
    return found


def forget(store: Store, project: str, calls: Sequence[int | None], seen: Set[str]) -> list[Job]:
    """Forget these paid calls of a project; where there are jobs by now other than those `seen`, which may
    use them, nothing is changed, and these are returned.

    When nothing else of the project is remembered, neither is its project at the API: a later drop makes
    another one there, which is free.
    """
    with store.session() as session, session.begin():
        new = set(session.exec(select(Job.id)).all()) - seen
        if new:
            return list(session.exec(select(Job).where(col(Job.id).in_(new))).all())
        for ids in batches(calls):
            session.exec(delete(Result).where(col(Result.call_id).in_(ids)))
            session.exec(delete(Call).where(col(Call.id).in_(ids)))
        left = (select(table.id).where(table.project == project).limit(1) for table in (Job, Call))
        if not any(session.exec(one).first() for one in left):
            session.exec(delete(ApiProject).where(col(ApiProject.project) == project))
    return []


def forget_generations(store: Store, before: datetime, now: datetime) -> None:
    """Forget how often photos were bought anew of which no job has been remembered since `before`, nor what
    was bought: all of that had begun before they were let go of."""
    remembered = col(Generation.scope).in_(select(Job.scope))
    with store.session() as session, session.begin():
        begun = select(Call.started_at).where(col(Call.job_let_go_at).is_not(None))
        oldest = session.exec(begun.order_by(col(Call.started_at)).limit(1)).first()
        least = min(stamp(before), oldest or stamp(before))
        session.exec(update(Generation).where(remembered).values(let_go_at=None))
        unknown_since = col(Generation.let_go_at).is_(None)
        session.exec(update(Generation).where(~remembered, unknown_since).values(let_go_at=stamp(now)))
        session.exec(delete(Generation).where(~remembered, col(Generation.let_go_at) < least))
