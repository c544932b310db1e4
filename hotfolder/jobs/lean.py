"""What stays of a paid call whose job isn't remembered any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, or_, update

from hotfolder.jobs.tables import RESOLVED, SETTLED, Call, CallState, stamp


def make_lean(session: Session, jobs: Sequence[str], at: datetime) -> None:
    """Note of the paid calls of these jobs (by id) that their record was let go of, and empty what nobody
    needs any more of those that are settled.

    What stays: the key, so that it isn't bought again; the group of a merge, which is asked for its picture
    should that be needed once more; the answer of another operation, and what a person has told of a merge,
    which are the only ones to say where theirs is; what the budgets count by; and the results.
    """
    of_jobs = update(Call).where(col(Call.job_id).in_(jobs))
    settled = of_jobs.where(col(Call.state).in_(SETTLED))
    told_by_person = col(Call.note).startswith(RESOLVED, autoescape=True)
    asked_anew = (col(Call.operation) == "merge") & ~told_by_person
    bought_nothing = col(Call.state) == CallState.NOT_EXECUTED
    session.exec(of_jobs.values(job_let_go_at=stamp(at)))
    session.exec(settled.where(or_(bought_nothing, asked_anew)).values(answer=None, note=""))
    session.exec(settled.values(parameters="", photos="", image_id=None, api_project_id=None))
