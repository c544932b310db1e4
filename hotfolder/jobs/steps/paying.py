"""Paying: record the intent, call, record the outcome. The only place from which paid requests are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NoReturn, ParamSpec, TypeVar

from pydantic import BaseModel

from hotfolder import log
from hotfolder.crashpoints import CrashPoint
from hotfolder.errors import HotfolderError, LocalTrouble, OutcomeUnknown, RequestRefused
from hotfolder.jobs.breaker import API, insist
from hotfolder.jobs.context import JobContext
from hotfolder.jobs.model import Job, Purchase
from hotfolder.jobs.states import OWN_END, IllegalMove, PurchaseOutcome, PurchaseState
from hotfolder.stager.answers import Answer
from hotfolder.stager.operations import PAID_KINDS

logger = log.get("paying")

P = ParamSpec("P")
T = TypeVar("T")

ASK_BEFORE = "Ask Stager AI whether it was charged before you buy it again."

PaidRequest = Callable[[Callable[[], None]], Awaitable[Answer]]
"""A paid call of StagerClient. Takes a callback that it calls just before the request is sent; where that
raises, nothing is sent."""
LastCheck = Callable[[], Awaitable[None]]
"""Raises SetChanged where the photos have changed since the purchase was planned."""


def intent_of(context: JobContext, job: Job, key: str, operation: str, parameters: BaseModel) -> Purchase:
    """A new purchase of the job, not recorded yet."""
    return Purchase(
        key=key,
        job_id=job.id,
        inbox=job.inbox,
        project=job.project,
        started_at=context.clock.now(),
        operation=operation,
        parameters=parameters.model_dump_json(by_alias=True),
    )


async def pay(
    context: JobContext, call: Purchase, request: PaidRequest, *, last_check: LastCheck
) -> Purchase:
    """Make one paid call. The purchase returned is recorded and holds its key: ANSWERED, or UNKNOWN where the
    answer was lost.

    `last_check` is called after the breaker lets the request pass, however long that took. Raises what it and
    `Ledger.record_intent` raise; and RequestRefused where the request was refused, or any error for which it
    was not sent, after NOT_EXECUTED was recorded, which frees the key. Cancelling the caller doesn't cancel
    the call: it continues in `context.paying`, for which `Worker.drain` waits, since a lost answer is a lost
    paid picture."""
    try:
        async with context.breakers.at(API):
            await last_check()
            task = asyncio.create_task(_record_call_record(context, call, request), name=call.job_id)
            context.paying[task] = call
            task.add_done_callback(context.paying.pop)
            # Retrieves the exception of a call whose caller was cancelled; its outcome is recorded by then.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            return await asyncio.shield(task)
    except OutcomeUnknown as error:
        logger.warning("paid_answer_lost", operation=call.operation, reason=error.message)
        known = await context.store_thread(context.ledger.purchase_for, call.key)
        if known is None:  # a person has just said that it was not charged
            raise just_known(call.operation) from None
        return known


async def _record_call_record(context: JobContext, call: Purchase, request: PaidRequest) -> Purchase:
    try:
        number = await context.store_thread(
            context.ledger.record_intent, call, context.clock.now(), context.settings.budgets
        )
    except IllegalMove:
        if not context.store.machine:
            raise
        why = f"another machine is just buying {PAID_KINDS[call.operation]} of the same photos"
        raise LocalTrouble(why, hint="It is waited for, and used here, too.") from None
    except Exception:  # the intent may be recorded, as where the database's answer is lost; nothing is sent
        await record(context, context.ledger.withdraw_intent, call)
        raise

    def before_send() -> None:
        # Checked once connected: even if the process was frozen until then, nothing is sent after its lease.
        if context.store.leases is not None:
            context.store.leases.refuse_late(call.inbox)
        logger.info("paid_call_leaves", operation=call.operation, call=number)

    try:
        CrashPoint.INTENT_RECORDED.passed()
        answer = await request(before_send)
    except RequestRefused as error:
        context.counts.api_error(type(error).__name__)
        await record(
            context, context.ledger.record_failure, number, PurchaseState.NOT_EXECUTED, error.message
        )
        raise RequestRefused(
            f"The API refused {PAID_KINDS[call.operation]}: {error.why}",
            hint="Nothing was charged for it. Change the folder's tags or its photos, and drop it again.",
            status=error.status,
        ) from None
    except OutcomeUnknown as error:
        context.counts.api_error(type(error).__name__)
        context.counts.paid(call.operation, call.project)
        await record(context, context.ledger.record_failure, number, PurchaseState.UNKNOWN, error.why)
        raise
    except Exception as error:  # not executed: the API said so, or nothing was sent
        why = error.message if isinstance(error, HotfolderError) else f"an unforeseen {type(error).__name__}"
        await record(context, context.ledger.record_failure, number, PurchaseState.NOT_EXECUTED, why)
        raise
    CrashPoint.ANSWER_RECEIVED.passed()
    context.counts.paid(call.operation, call.project)
    text, at = answer.as_json(), context.clock.now()
    # The journal first: it needs only this machine's disk, and no database.
    await insist_on_recording(
        context, partial(asyncio.to_thread, context.ledger.journal_answer, call, text, at)
    )
    CrashPoint.ANSWER_IN_JOURNAL.passed()
    answered = await record(context, context.ledger.record_answer, number, text, at)
    CrashPoint.ANSWER_RECORDED.passed()
    logger.info("paid_call_answered", operation=call.operation, call=number)
    return answered


GRACE_SECONDS = 30.0
POLL_SECONDS = 2.0


async def answered_elsewhere(context: JobContext, job: Job, call: Purchase) -> Purchase | None:
    """Wait until another machine's purchase has an outcome, at most as long as its request may be in flight;
    returns the purchase as recorded then. None where it was not sent. The job's reason says that it waits."""
    clock = context.clock
    why = f"another machine has asked for {PAID_KINDS[call.operation]}; its answer is waited for"
    await context.store_thread(context.store.record_wait, job.id, why, "", clock.now())
    until = clock.monotonic() + in_flight_seconds(context)
    known: Purchase | None = call
    while known is not None and in_flight_elsewhere(context, known) and clock.monotonic() < until:
        await clock.sleep(POLL_SECONDS)
        known = await context.store_thread(context.ledger.purchase_for, call.key)
    return known


def in_flight_elsewhere(context: JobContext, call: Purchase) -> bool:
    """Whether another machine has begun the purchase and has not recorded an outcome yet."""
    return call.state == PurchaseState.STARTED and call.machine != context.store.machine


def in_flight_seconds(context: JobContext) -> float:
    """The longest time for which another machine's request may be in flight, in seconds."""
    return context.paid_seconds + GRACE_SECONDS


async def record(context: JobContext, write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `write` in the store thread, retried for as long as the store or the journal can't be written: an
    unrecorded outcome is lost money."""
    return await insist_on_recording(context, partial(context.store_thread, write, *args, **kwargs))


async def insist_on_recording(context: JobContext, attempt: Callable[[], Awaitable[T]]) -> T:
    return await insist(context.clock, attempt, log.RecurringWarning(logger, "not_recorded_yet").warn)


async def give_up(context: JobContext, call: Purchase, why: str) -> NoReturn:
    """Record a purchase as UNKNOWN and raise OutcomeUnknown; its key stays held. `why` is "" where this
    program was stopped before the answer arrived. Raises LocalTrouble where an outcome was recorded since
    `call` was read."""
    reason = call.note if call.given_up else why or OWN_END
    outcome = PurchaseOutcome.GIVEN_UP if why else PurchaseOutcome.INTERRUPTED
    if not call.given_up and not await context.store_thread(
        context.ledger.conclude, call, PurchaseState.UNKNOWN, reason, outcome
    ):
        raise just_known(call.operation)
    raise OutcomeUnknown(unknown_outcome_text(call.operation, reason), hint=ASK_BEFORE)


def just_known(operation: str) -> LocalTrouble:
    why = f"how {PAID_KINDS[operation]} ended has just become known"
    return LocalTrouble(why, hint="It goes on by itself.")


def unknown_outcome_text(operation: str, why: str) -> str:
    """The message for a purchase of this kind that is UNKNOWN."""
    return f"Nobody here can tell whether {PAID_KINDS[operation]} was charged: {why}"
