"""Record, call, record: the only place from which a paid request leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NoReturn, ParamSpec, TypeVar

from pydantic import BaseModel

from hotfolder import log
from hotfolder.crashpoints import CrashPoint
from hotfolder.errors import BadWorld, LeaseLost, LocalTrouble, OutcomeUnknown, RequestRefused, StoreAway
from hotfolder.jobs.breaker import API, insist
from hotfolder.jobs.context import JobContext
from hotfolder.jobs.model import Job, Purchase
from hotfolder.jobs.states import OWN_END, IllegalMove, PurchaseOutcome, PurchaseState
from hotfolder.stager.answers import Answer
from hotfolder.stager.operations import PAID_KINDS

logger = log.get("paying")

P = ParamSpec("P")
T = TypeVar("T")

PaidRequest = Callable[[Callable[[], None]], Awaitable[Answer]]
"""Takes what is called in the moment in which the request leaves, and may still keep it here by raising."""
LastLook = Callable[[], Awaitable[None]]
"""Raises SetChanged when the photos aren't any more what is about to be paid for."""


def intent_of(context: JobContext, job: Job, key: str, operation: str, parameters: BaseModel) -> Purchase:
    """The purchase that the job is about to make."""
    return Purchase(
        key=key,
        job_id=job.id,
        inbox=job.inbox,
        project=job.project,
        started_at=context.clock.now(),
        operation=operation,
        parameters=parameters.model_dump_json(by_alias=True),
    )


async def pay(context: JobContext, call: Purchase, request: PaidRequest, *, last_look: LastLook) -> Purchase:
    """Make one paid call. What is returned is on record and holds its key: with its answer, or, where that
    was lost, as one whose outcome is unknown.

    `last_look` comes once the world is fine, however long that took. Raises what it raises, and, after the
    ledger knows of it, BadWorld and RequestRefused, which free the key. A cancelled caller does not interrupt
    it: it goes on in `context.paying`, which whoever stops the worker waits for, since a lost answer is a
    paid picture lost.
    """
    try:
        async with context.breakers.at(API):
            await last_look()
            task = asyncio.create_task(_record_call_record(context, call, request), name=call.job_id)
            context.paying[task] = call
            task.add_done_callback(context.paying.pop)
            # How it ended is on record by then; whoever waited may have been stopped meanwhile.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            return await asyncio.shield(task)
    except OutcomeUnknown as error:
        logger.warning("paid_answer_lost", operation=call.operation, reason=error.message)
        known = await context.store_thread(context.ledger.known, call.key)
        assert known is not None
        return known


async def _record_call_record(context: JobContext, call: Purchase, request: PaidRequest) -> Purchase:
    try:
        number = await context.store_thread(
            context.ledger.begin, call, context.clock.now(), context.settings.budgets
        )
    except StoreAway:  # it may have taken the intent, and its answer be lost; the request never leaves
        await record(context, context.ledger.withdraw, call)
        raise
    except IllegalMove:
        if not context.ledger.machine:
            raise
        why = f"another machine is just buying {PAID_KINDS[call.operation]} of the same photos"
        raise LocalTrouble(why, hint="It is waited for, and used here, too.") from None
    CrashPoint.INTENT_RECORDED.passed()

    def leaves() -> None:
        # With the connection made: whatever froze this process until then, nothing is sent after its lease.
        context.refuse_late(call.inbox)
        context.counts.paid(call.operation, call.project)
        logger.info("paid_call_leaves", operation=call.operation, call=number)

    try:
        answer = await request(leaves)
    except (LeaseLost, BadWorld) as error:
        await record(context, context.ledger.fail, number, PurchaseState.NOT_EXECUTED, error.message)
        raise
    except RequestRefused as error:
        context.counts.api_error(type(error).__name__)
        await record(context, context.ledger.fail, number, PurchaseState.NOT_EXECUTED, error.message)
        raise RequestRefused(
            f"the API refused {PAID_KINDS[call.operation]}: {error.why}",
            hint="Nothing was charged for it. Change the folder's tags or its photos, and drop it again.",
            status=error.status,
        ) from None
    except OutcomeUnknown as error:
        context.counts.api_error(type(error).__name__)
        await record(context, context.ledger.fail, number, PurchaseState.UNKNOWN, error.why)
        raise
    CrashPoint.ANSWER_RECEIVED.passed()
    text, at = answer.as_json(), context.clock.now()
    # First where nothing but this machine's disk is needed, and nobody waits for the database.
    await recorded(context, partial(asyncio.to_thread, context.ledger.write_answer_down, call, text, at))
    CrashPoint.ANSWER_IN_JOURNAL.passed()
    answered = await record(context, context.ledger.answer, number, text, at)
    CrashPoint.ANSWER_RECORDED.passed()
    logger.info("paid_call_answered", operation=call.operation, call=number)
    return answered


GRACE_SECONDS = 30.0
LOOK_SECONDS = 2.0


async def answered_elsewhere(context: JobContext, call: Purchase) -> Purchase | None:
    """What is known of a purchase once the machine that began it can learn no more: its request may be on its
    way while this machine has taken over the inbox. None where it never left."""
    clock = context.clock
    until = clock.monotonic() + in_flight_seconds(context)
    known: Purchase | None = call
    while known is not None and of_another(context, known) and clock.monotonic() < until:
        await clock.sleep(LOOK_SECONDS)
        known = await context.store_thread(context.ledger.known, call.key)
    return known


def of_another(context: JobContext, call: Purchase) -> bool:
    """Whether another machine has begun the purchase, and hasn't said yet how it ended."""
    return call.state == PurchaseState.STARTED and call.machine != context.ledger.machine


def in_flight_seconds(context: JobContext) -> float:
    """How long another machine's request may be on its way."""
    return context.paid_seconds + GRACE_SECONDS


async def record(context: JobContext, write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Write down how a paid call ended, for as long as it takes: what isn't recorded is lost money."""
    return await recorded(context, partial(context.store_thread, write, *args, **kwargs))


async def recorded(context: JobContext, attempt: Callable[[], Awaitable[T]]) -> T:
    return await insist(context.clock, attempt, log.News(logger, "not_recorded_yet").met)


async def give_up(context: JobContext, call: Purchase, why: str) -> NoReturn:
    """Record that nobody knows how a paid call ended, and raise OutcomeUnknown. Its key stays held. `why` is
    empty where this program was stopped before the answer arrived. Raises LocalTrouble where it has become
    known since `call` was read."""
    reason = call.note if call.given_up else why or OWN_END
    outcome = PurchaseOutcome.GIVEN_UP if why else PurchaseOutcome.INTERRUPTED
    if not call.given_up and not await context.store_thread(
        context.ledger.conclude, call, PurchaseState.UNKNOWN, reason, outcome
    ):
        why = f"how {PAID_KINDS[call.operation]} ended has just become known"
        raise LocalTrouble(why, hint="It goes on by itself.")
    raise OutcomeUnknown(
        f"Nobody here can tell whether {PAID_KINDS[call.operation]} was charged: {reason}",
        hint="Ask Stager AI whether it was charged before you buy it again.",
    )
