"""Merging: the paid merge, waited for and brought home."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from hotfolder import log
from hotfolder.crashpoints import CrashPoint
from hotfolder.errors import (
    BadWorld,
    LocalTrouble,
    OutcomeUnknown,
    RequestRefused,
    TooManyRequests,
    Unreachable,
)
from hotfolder.jobs.breaker import API
from hotfolder.jobs.context import JobContext, recipe_of
from hotfolder.jobs.limits import photo_rank
from hotfolder.jobs.model import Job, JobFile, Purchase, merge_key
from hotfolder.jobs.states import PurchaseOutcome, PurchaseState, State
from hotfolder.jobs.steps.fetching import confirm_api, fetch_patiently, results_here
from hotfolder.jobs.steps.paying import give_up, in_flight_seconds, intent_of, of_another, pay, record
from hotfolder.stager.answers import Answer, GroupState, SignedUrl, parse_group

logger = log.get("merging")

SHORTEST_PAUSE_SECONDS, PAUSE_SHARE, LONGEST_PAUSE_SECONDS = 0.5, 0.1, 10.0
"""Between two polls of a group: a tenth of the time that its merge has taken so far, within these bounds."""

UNTOUCHED = "created"
"""The status of a group whose merge was never asked for. By the API's reference one that was asked for is
processing or completed; no other word, such as "pending", is taken to say that nothing has begun."""
NOT_ANSWERED = "not answered"
"""Stands for the status of a group that the API doesn't tell, while it answers something else."""
IN_FLIGHT_SECONDS = 60.0
"""A request that left as its process was killed may arrive so much later, and not after that."""


async def merge(context: JobContext, job: Job) -> Job:
    """Buy the merge unless it was bought before, and bring its picture home."""
    photos = await context.photos(job)
    recipe = recipe_of(job)
    key = merge_key(job.origin, [photo.sha256 for photo in photos], recipe.hdr, job.generation)
    async with context.lock(key):
        call = await context.store_thread(context.ledger.known, key)
        if call is None and job.group_id is None:
            return await context.advance(job, State.UPLOADING)
        if not await results_here(context, call):
            # The cluster is free for the next merge as soon as this one is done, not once it is here.
            async with context.limits.merges.hold(photo_rank(job)):
                just_begun = call is None
                call = call or await buy(context, job, key, photos)
                url = await wait_until_completed(context, call, just_begun=just_begun)
            if url is None:
                return job  # once more, from what the ledger says now
            await bring_home(context, call, url)
    return await context.advance(job, State.EDITING)


async def buy(context: JobContext, job: Job, key: str, photos: Sequence[JobFile]) -> Purchase:
    """Ask for the merge. Where its answer is lost, the group's status can tell."""
    assert job.api_project_id is not None and job.group_id is not None
    project_id, group_id = job.api_project_id, job.group_id
    intent = intent_of(context, job, key, "merge", recipe_of(job).hdr)
    intent.api_project_id, intent.group_id = project_id, group_id
    intent.photos = " ".join(photo.sha256 for photo in photos)
    try:
        return await pay(
            context,
            intent,
            partial(context.client.enhance, project_id, group_id),
            last_look=lambda: context.look_again(job),
        )
    except TooManyRequests:
        context.limits.merges.refused()
        raise


async def bring_home(context: JobContext, call: Purchase, url: SignedUrl) -> None:
    """Keep the picture of a completed merge; `url` is where it is, and asked for anew when that fails."""
    assert call.id is not None
    result = await fetch_patiently(context, call, 0, url, anew=partial(wait_until_completed, context, call))
    await context.store_thread(context.ledger.keep, call.id, [result])
    CrashPoint.RESULTS_RECORDED.passed()


async def wait_until_completed(
    context: JobContext, call: Purchase, *, just_begun: bool = False
) -> SignedUrl | None:
    """Poll the group until it is completed. The last word on a merge whose answer was lost. None where what
    an earlier process meant to ask for never left: its key is free, and the merge still to be bought.

    A call that was given up before gets one look; a result that a person has named is used. Raises
    OutcomeUnknown, with the ledger told, when the group ended in failure or isn't completed in time.
    """
    named = named_by_person(call)
    if named is not None:
        return named
    limit_seconds = 0.0 if call.given_up else context.settings.merge_timeout_seconds
    elapsed = 0.0  # between two answers of the API: while it is down no merge comes to its limit
    strange = ""
    own = False
    # Whether another process has recorded the intent, and ended before there was an answer.
    here = any(task.get_name() == call.job_id for task in context.paying)
    untouched = call.state == PurchaseState.STARTED and not here
    if just_begun:
        await context.clock.sleep(min(SHORTEST_PAUSE_SECONDS, limit_seconds))
    while True:
        group = await look(context, call, own=own)
        own = group.status == NOT_ANSWERED
        if group.done and group.image_url is not None:
            context.limits.merges.succeeded()
            return group.image_url
        untouched = untouched and group.status.lower() == UNTOUCHED
        if untouched and await never_asked(context, call, elapsed):
            return None
        if group.failed:
            await give_up(context, call, f"its group ended with the status {spelt(group)}")
        if not group.done and group.status != "processing" and group.status != strange:
            strange = group.status
            logger.warning("merge_status_not_known", status=spelt(group))
        if elapsed >= limit_seconds:
            if group.image_url is not None and group.status != "processing":
                return group.image_url  # whatever the word means: it is paid for, and may be the picture
            await give_up(
                context, call, f"it was not completed within {limit_seconds:.0f} s (last: {spelt(group)})"
            )
        pause = min(max(SHORTEST_PAUSE_SECONDS, PAUSE_SHARE * elapsed), LONGEST_PAUSE_SECONDS)
        pause = min(pause * random.uniform(0.9, 1.1), limit_seconds - elapsed)
        await context.clock.sleep(pause)
        elapsed += pause


async def never_asked(context: JobContext, call: Purchase, elapsed: float) -> bool:
    """Whether the request of a merge can't be on its way any more, whose group has been untouched for so many
    seconds. Its key is free then, or the ledger knows more than `call`."""
    another = of_another(context, call)
    if another and await context.store_thread(context.ledger.known, call.key) is None:
        return True  # the machine that wrote it down says that it never sent it
    if elapsed < (in_flight_seconds(context) if another else IN_FLIGHT_SECONDS):
        return False
    why = f'hotfolder was stopped before the request left: its group still says "{UNTOUCHED}"'
    logger.warning("merge_never_asked_for", call=call.id)
    await record(context, context.ledger.conclude, call, PurchaseState.NOT_EXECUTED, why)
    return True  # or its answer has come meanwhile: the ledger says so


def named_by_person(call: Purchase) -> SignedUrl | None:
    if call.answer is None or call.outcome != PurchaseOutcome.RESOLVED:
        return None
    try:
        return parse_group(Answer.from_json(call.answer)).image_url
    except BadWorld as error:
        raise OutcomeUnknown(
            f"what `hotfolder resolve` was told to fetch can't be fetched: {error.message}",
            hint="Say it again with the address of the picture itself.",
        ) from None


async def look(context: JobContext, call: Purchase, *, own: bool) -> GroupState:
    """The group's state, asked until there is an answer: a silent API proves nothing.

    Where it answers something else the trouble is the group's own, and is told in place of its state. One
    that is known to be its `own` holds up nobody else's requests.
    """
    assert call.group_id is not None
    while True:
        try:
            async with context.breakers.at(API):
                try:
                    return await context.client.group(call.group_id)
                except Unreachable as error:
                    if not own or error.retry_after_seconds is not None:
                        raise
                    await confirm_api(context, error)
                    return GroupState(NOT_ANSWERED, None, error.message)
        except LocalTrouble:
            raise
        except Unreachable as error:
            with suppress(BadWorld):
                async with context.breakers.at(API):
                    await confirm_api(context, error)
                return GroupState(NOT_ANSWERED, None, error.message)
        except BadWorld:
            continue  # the breaker decides when to ask again
        except RequestRefused as error:
            return GroupState("refused", None, error.message)


def spelt(group: GroupState) -> str:
    """Its status and what the API says beside it, for people."""
    return f'"{group.status}"' + (f": {group.said}" if group.said else "")
