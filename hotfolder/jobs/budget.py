"""Whether one more paid call may be made: budgets, and the pause. Asked inside the intent's transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, time

from sqlmodel import Session, col, delete, func, select

from hotfolder.errors import BadWorld
from hotfolder.jobs.model import (
    ANOTHERS,
    BY_RECEIPT,
    GIVEN_UP,
    OWN_END,
    DaemonState,
    Purchase,
    PurchaseState,
    stamp,
)
from hotfolder.rules.hours import Hours, opens_at

PAUSE = "pause"
"""The name of the bulletin that pauses everything paid while it is there."""
RESUMED = "resumed"
"""The name of the bulletin with the number of the newest paid call when a person last ended a pause."""
UNKNOWN_IN_A_ROW = 3
SPENT = (col(Purchase.state) != PurchaseState.NOT_EXECUTED) & ~col(Purchase.note).startswith(
    BY_RECEIPT + ANOTHERS
)
"""What this store has paid for, or may have: not what it knows another one to have bought."""
ENDED = (PurchaseState.ANSWERED, PurchaseState.SUCCEEDED, PurchaseState.UNKNOWN)
DAILY = "paid_calls_per_day"


class NotAllowed(BadWorld):
    """No paid call may be made just now. Nothing is lost by waiting: it goes on by itself, or by `resume`."""


class OwnBudgetUsedUp(NotAllowed):
    """It is the budget of a project or of a set, which doesn't concern the others."""


class OutsideHours(NotAllowed):
    """No photos are sent at this time of the day."""


def refuse_outside(hours: Hours, now: datetime) -> None:
    """Raise OutsideHours unless photos may be sent now, by the clock of this machine's own time zone."""
    opens = opens_at(hours, now.astimezone())
    if opens is not None:
        raise OutsideHours(waits_until(opens), hint="schedule.active says when photos are sent.")


def waits_until(opens: time) -> str:
    return f"waits until {opens:%H:%M}"


@dataclass(frozen=True, slots=True)
class Budgets:
    """The most paid calls, None for no limit. A day is one of the machine's own time zone."""

    per_day: int | None = None
    per_project: int | None = None
    per_job: int | None = None


def midnight(now: datetime) -> datetime:
    """The last midnight of the machine's own time zone."""
    today = now.astimezone()
    # Without an offset, so that midnight gets its own: it differs from now's on two days of the year.
    return datetime(today.year, today.month, today.day).astimezone()


def refuse_unless_allowed(session: Session, call: Purchase, budgets: Budgets, now: datetime) -> None:
    """Raise NotAllowed when paid calls are paused or a budget is used up."""
    pause = pause_reason(session)
    if pause is not None:
        raise NotAllowed(f"no paid calls are made just now: {pause}", hint="`hotfolder resume` continues.")
    checks = (
        (budgets.per_day, "today", DAILY, col(Purchase.started_at) >= stamp(midnight(now))),
        (
            budgets.per_project,
            f"the project {call.project}",
            "paid_calls_per_project",
            (col(Purchase.inbox) == call.inbox) & (col(Purchase.project) == call.project),
        ),
        (budgets.per_job, "this set", "paid_calls_per_job", col(Purchase.job_id) == call.job_id),
    )
    for most, what, setting, condition in checks:
        if most is None:
            continue
        made = session.exec(select(func.count()).select_from(Purchase).where(SPENT, condition)).one()
        if made >= most:
            later = "It continues by itself tomorrow; to continue now, "
            later = later if setting == DAILY else "To continue, "
            kind = NotAllowed if setting == DAILY else OwnBudgetUsedUp
            raise kind(
                f"the budget of paid calls for {what} is used up ({made} of {most})",
                hint=f"{later}raise limits.{setting}.",
            )


def pause(session: Session, reason: str, now: datetime) -> None:
    """Let no paid call begin until the pause is taken away. The first reason stays."""
    if session.get(DaemonState, PAUSE) is None:
        session.merge(DaemonState(name=PAUSE, text=json.dumps(reason), updated_at=stamp(now)))


def pause_reason(session: Session) -> str | None:
    """Why everything paid is paused, None when it isn't."""
    found = session.get(DaemonState, PAUSE)
    return None if found is None else str(json.loads(found.text))


def resume(session: Session, now: datetime) -> bool:
    """Take the pause away; whether there was one. Outcomes that led to it don't count any more."""
    if session.get(DaemonState, PAUSE) is None:
        return False
    session.exec(delete(DaemonState).where(col(DaemonState.name) == PAUSE))
    newest = session.exec(select(func.max(Purchase.id))).one()
    session.merge(DaemonState(name=RESUMED, text=json.dumps(newest or 0), updated_at=stamp(now)))
    return True


def unknown_in_a_row(session: Session) -> bool:
    """Whether the newest calls were all given up without anybody knowing how they ended."""
    resumed = session.get(DaemonState, RESUMED)
    since = col(Purchase.id) > (json.loads(resumed.text) if resumed else 0)
    # What our own end has made unknown says nothing of the API.
    counts = col(Purchase.state).in_(ENDED) & (col(Purchase.note) != GIVEN_UP + OWN_END)
    ended = select(Purchase).where(counts, since).order_by(col(Purchase.id).desc())
    newest = session.exec(ended.limit(UNKNOWN_IN_A_ROW)).all()
    return len(newest) == UNKNOWN_IN_A_ROW and all(call.given_up for call in newest)
