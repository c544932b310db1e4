"""Whether one more paid call is allowed: budgets and the pause, checked in the intent's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import ColumnElement, exists
from sqlmodel import Session, col, func, select, update

from hotfolder.errors import BadWorld
from hotfolder.jobs.model import Pause, Purchase
from hotfolder.jobs.states import PurchaseOutcome, PurchaseState
from hotfolder.rules.foldernames import unicode_forms
from hotfolder.rules.hours import Hours, opens_at

UNKNOWN_IN_A_ROW = 3
HOURS_RECHECK_SECONDS = 15.0
"""The retry interval of a job outside of the hours: a whole night's sets may wait."""
SPENT = (
    (col(Purchase.state) != PurchaseState.NOT_EXECUTED)
    | (col(Purchase.outcome) == PurchaseOutcome.PAID_TWICE)
) & (col(Purchase.outcome) != PurchaseOutcome.BY_ANOTHER)
"""SQL condition: purchases that this store has, or may have, paid for; not those of another store."""
ENDED = (PurchaseState.ANSWERED, PurchaseState.SUCCEEDED, PurchaseState.UNKNOWN)
THIS_SET, THE_PROJECT = "this set", "the project "
_USED_UP = "the budget of paid calls for "
CLOCK = (
    "A paid call has a later date: this computer's clock was ahead then, or is behind now. Set it right; "
    "where it is right, pause the paid calls and resume them, or "
)
BUDGETS = DAILY, OF_PROJECT, OF_JOB = "paid_calls_per_day", "paid_calls_per_project", "paid_calls_per_job"


class NotAllowed(BadWorld):
    """No paid call may be made now, or no photo be sent. The job waits, and continues by itself or after
    `resume`."""


def refuse_outside(hours: Hours, now: datetime) -> None:
    """Raise NotAllowed unless photos may be sent at `now`, by the clock of the configured time zone."""
    opens = opens_at(hours, now.astimezone())
    if opens is not None:
        hint = "schedule.active says when photos are sent."
        raise NotAllowed(waits_until(opens), hint=hint, retry_after_seconds=HOURS_RECHECK_SECONDS)


def waits_until(opens: time) -> str:
    return f"waits until {opens:%H:%M}"


Budgets = Mapping[str, int | None]
"""The maximum of paid calls by the name of the setting; None, or left out, for no limit. A day is one of
the configured time zone, which `config.load` makes the process's own."""


def midnight(now: datetime, *, days: int = 0) -> datetime:
    """The last midnight in the configured time zone, plus `days`."""
    day = now.astimezone().date() + timedelta(days=days)
    # Without an offset, so that midnight gets its own: it differs from now's on two days of the year. By the
    # timestamp, since `astimezone` is an hour early where clocks are put forward at midnight.
    begins = datetime(day.year, day.month, day.day).timestamp()  # noqa: DTZ001
    return datetime.fromtimestamp(begins, UTC).astimezone()


def begun_today(now: datetime) -> ColumnElement[bool]:
    """SQL condition: purchases begun today, and those dated later: a clock that is set back opens no budget
    anew. A person who finds that the clock was ahead ends that by a pause and `resume`; else what it dated
    would count on every day until then."""
    resumed = col(Purchase.id) <= select(Pause.resumed_after).scalar_subquery()
    return (col(Purchase.started_at) >= midnight(now)) & ~(begun_later(now) & resumed)


def begun_later(now: datetime) -> ColumnElement[bool]:
    """SQL condition: purchases dated after today, by a clock that was ahead, or as this one is behind."""
    return col(Purchase.started_at) >= midnight(now, days=1)


def lock_money(session: Session) -> str | None:
    """Lock the pause row until the transaction ends; returns the reason of the pause, None where there is
    none. The lock serialises decisions about money between machines that share a store and its budgets;
    SQLite has one writer at a time anyway."""
    return session.exec(select(Pause.reason).with_for_update()).one()


def refuse_unless_allowed(session: Session, wanted: Purchase, budgets: Budgets, now: datetime) -> None:
    """Raise NotAllowed when paid calls are paused or a budget is used up."""
    pause = lock_money(session)
    if pause is not None:
        raise NotAllowed(f"no paid calls are made just now: {pause}")
    # The day's comes last: where another is used up too, tomorrow changes nothing.
    checks = (
        (OF_JOB, THIS_SET, col(Purchase.job_id) == wanted.job_id),
        (
            OF_PROJECT,
            f"{THE_PROJECT}{wanted.project}",
            (col(Purchase.inbox) == wanted.inbox) & col(Purchase.project).in_(unicode_forms(wanted.project)),
        ),
        (DAILY, "today", begun_today(now)),
    )
    for setting, what, condition in checks:
        if (most := budgets.get(setting)) is None:
            continue
        made = session.exec(select(func.count()).select_from(Purchase).where(SPENT, condition)).one()
        if made >= most:
            later = "To continue, "
            if setting == DAILY and most:
                ahead = session.exec(select(exists().where(condition, begun_later(now)))).one()
                later = CLOCK if ahead else "It continues by itself tomorrow; to continue now, "
            raise NotAllowed(
                f"{_USED_UP}{what} is used up ({made} of {most})",
                hint=f"{later}raise limits.{setting}.",
            )


def own_budget_in(reason: str) -> str:
    """THIS_SET or THE_PROJECT where `reason`, a NotAllowed's message, is that this budget is used up, which
    doesn't concern other jobs or projects; else ""."""
    return next((own for own in (THIS_SET, THE_PROJECT) if reason.startswith(f"{_USED_UP}{own}")), "")


def pause(session: Session, reason: str) -> None:
    """Begin the pause: no paid call begins until `resume`. Idempotent: the first reason stays."""
    session.exec(update(Pause).where(col(Pause.reason).is_(None)).values(reason=reason))


def resume(session: Session) -> bool:
    """End the pause; returns whether there was one. Unknown outcomes before it don't count any more."""
    newest = session.exec(select(func.max(Purchase.id))).one() or 0
    paused = col(Pause.reason).is_not(None)
    return session.exec(update(Pause).where(paused).values(reason=None, resumed_after=newest)).rowcount == 1


def unknown_in_a_row(session: Session) -> bool:
    """Whether the last UNKNOWN_IN_A_ROW purchases that ended were all given up with an unknown outcome."""
    since = col(Purchase.id) > select(Pause.resumed_after).scalar_subquery()
    # A purchase that is unknown since this process was stopped says nothing about the API.
    counts = col(Purchase.state).in_(ENDED) & (col(Purchase.outcome) != PurchaseOutcome.INTERRUPTED)
    newest = select(Purchase).where(counts, since).order_by(col(Purchase.id).desc())
    ended = session.exec(newest.limit(UNKNOWN_IN_A_ROW)).all()
    return len(ended) == UNKNOWN_IN_A_ROW and all(purchase.given_up for purchase in ended)
