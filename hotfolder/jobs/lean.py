"""What stays of a paid call whose job isn't remembered any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, delete, insert, select, update

from hotfolder.jobs.tables import RESOLVED, SETTLED, Call, CallState, Result, stamp

EMPTY: Mapping[str, str | None] = {"parameters": "", "photos": "", "image_id": None, "api_project_id": None}
UNTOLD: Mapping[str, str | None] = {"answer": None, "note": ""}


def lean(call: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a settled call without what nobody needs any more.

    What stays: the key, so that it isn't bought again; the group of a merge, which is asked for its picture
    should that be needed once more; the answer of another operation, and what a person has told of a merge,
    which are the only ones to say where theirs is; and what the budgets count by.
    """
    bought_nothing = call["state"] == CallState.NOT_EXECUTED
    asked_anew = call["operation"] == "merge" and not call["note"].startswith(RESOLVED)
    return {**call, **EMPTY, **(UNTOLD if bought_nothing or asked_anew else {})}


def make_lean(session: Session, jobs: Sequence[str], at: datetime) -> None:
    """Note of the paid calls of these jobs (by id) that their record was let go of, and make those lean that
    are settled.

    They are taken out and put in again: a row that only gets shorter leaves a gap in its page of an SQLite
    file that no other one fills.
    """
    of_jobs = col(Call.job_id).in_(jobs)
    session.exec(update(Call).where(of_jobs).values(job_let_go_at=stamp(at)))
    settled = (of_jobs, col(Call.state).in_(SETTLED))
    calls = session.exec(select(Call).where(*settled).order_by(col(Call.id))).all()
    ids = [call.id for call in calls]
    results = session.exec(select(Result).where(col(Result.call_id).in_(ids))).all()
    session.expunge_all()
    session.exec(delete(Result).where(col(Result.call_id).in_(ids)))
    session.exec(delete(Call).where(col(Call.id).in_(ids)))
    for table, rows in (
        (Call, [lean(call.model_dump()) for call in calls]),
        (Result, [result.model_dump() for result in results]),
    ):
        if rows:
            session.connection().execute(insert(table), rows)
