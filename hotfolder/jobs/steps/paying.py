"""Record, call, record: the only place from which a paid request leaves."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import NoReturn, ParamSpec, TypeVar

from hotfolder import log
from hotfolder.errors import BadWorld, LocalTrouble, OutcomeUnknown, RequestRefused
from hotfolder.jobs.backoff import backoff_seconds
from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.tables import GIVEN_UP, Call, CallState
from hotfolder.jobs.tools import Tools
from hotfolder.stager.answers import Answer

logger = log.get("paying")

P = ParamSpec("P")
T = TypeVar("T")

LastLook = Callable[[], Awaitable[None]]
"""Raises SetChanged when the photos aren't any more what is about to be paid for."""

NAMES = {
    "merge": "the HDR merge",
    "stage": "the staging",
    "lawn": "the lawn replacement",
    "sky": "the sky replacement",
}


async def pay(
    tools: Tools, call: Call, request: Callable[[], Awaitable[Answer]], *, last_look: LastLook
) -> Call:
    """Make one paid call. What is returned has its answer, which is recorded, and the ledger holds its key.

    `last_look` comes once the world is fine, however long that took. Raises what it raises, and what the
    request raised, after the ledger knows of it: BadWorld and RequestRefused free the key, OutcomeUnknown
    holds it. A cancelled caller does not interrupt it: it goes on in `tools.paying`, which whoever stops
    the engine waits for, since a lost answer is a paid picture lost.
    """
    async with tools.gate.at(call.operation):
        await last_look()
        task = asyncio.create_task(_record_call_record(tools, call, request), name=call.job_id)
        tools.paying.add(task)
        task.add_done_callback(tools.paying.discard)
        # How it ended is on record by then; whoever waited may have been stopped meanwhile.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)


async def _record_call_record(tools: Tools, call: Call, request: Callable[[], Awaitable[Answer]]) -> Call:
    number = await tools.desk(tools.ledger.begin, call, tools.clock.now(), tools.budgets)
    tools.passing(Checkpoint.INTENT_RECORDED)
    tools.counts.paid(call.operation, call.project)
    logger.info("paid_call_leaves", operation=call.operation, call=number)
    try:
        answer = await request()
    except BadWorld as error:
        await record(tools, tools.ledger.conclude, number, CallState.NOT_EXECUTED, error.message)
        raise
    except RequestRefused as error:
        tools.counts.api_error(type(error).__name__)
        await record(tools, tools.ledger.conclude, number, CallState.NOT_EXECUTED, error.message)
        raise RequestRefused(
            f"the API refused {NAMES[call.operation]}: {error.why}",
            hint="Nothing was charged for it. Change the folder's tags or its photos, and drop it again.",
            status=error.status,
        ) from None
    except OutcomeUnknown as error:
        tools.counts.api_error(type(error).__name__)
        await record(tools, tools.ledger.conclude, number, CallState.UNKNOWN, error.why)
        raise
    tools.passing(Checkpoint.ANSWER_RECEIVED)
    answered = await record(tools, tools.ledger.answer, number, answer.as_json(), tools.clock.now())
    tools.passing(Checkpoint.ANSWER_RECORDED)
    logger.info("paid_call_answered", operation=call.operation, call=number)
    return answered


async def record(tools: Tools, write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Write down how a paid call ended, for as long as it takes: what isn't recorded is lost money."""
    for failures in itertools.count(1):
        try:
            return await tools.desk(write, *args, **kwargs)
        except LocalTrouble as error:
            logger.error("outcome_not_recorded_yet", reason=error.message, hint=error.hint)
            await tools.clock.sleep(backoff_seconds(min(failures, 5)))
    raise AssertionError("count() never ends")


async def give_up(tools: Tools, call: Call, why: str) -> NoReturn:
    """Record that nobody knows how a paid call ended, and raise OutcomeUnknown. Its key stays held."""
    assert call.id is not None
    reason = call.note.removeprefix(GIVEN_UP) if call.given_up else why
    if not call.given_up:
        await tools.desk(tools.ledger.conclude, call.id, CallState.UNKNOWN, GIVEN_UP + why)
    raise OutcomeUnknown(
        f"nobody here can tell whether {NAMES[call.operation]} was charged: {reason}",
        hint="Ask Stager AI whether it was charged before you buy it again.",
    )
