"""Merging: buy the merge, wait for it and download its picture."""

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
"""The pause between two polls of a group: a tenth of the merge's duration so far, within these bounds."""

UNTOUCHED = "created"
"""The status of a group whose merge was never requested. By the API's reference a requested one is processing
or completed; no other word, such as "pending", counts as not begun."""
NOT_ANSWERED = "not answered"
"""Our own status of a group for which the API gives no answer, although it answers other requests."""
IN_FLIGHT_SECONDS = 60.0
"""The longest time after which a request of a killed process may still arrive."""


async def merge(context: JobContext, job: Job) -> Job:
    """The step of MERGING: buy the merge unless it was bought before, and download its picture. Back to
    UPLOADING where it isn't bought and there is no group."""
    photos = await context.photos(job)
    recipe = recipe_of(job)
    key = merge_key(job.origin, [photo.sha256 for photo in photos], recipe.hdr, job.generation)
    async with context.lock(key):
        call = await context.store_thread(context.ledger.known, key)
        if call is None and job.group_id is None:
            return await context.advance(job, State.UPLOADING)
        if not await results_here(context, call):
            # The limit ends with the wait, since the API's cluster is free before the download.
            async with context.limits.merges.hold(photo_rank(job)):
                just_begun = call is None
                call = call or await buy(context, job, key, photos)
                url = await wait_until_completed(context, call, just_begun=just_begun)
            if url is None:
                return job  # the step runs again with the ledger's present state
            await bring_home(context, call, url)
    return await context.advance(job, State.EDITING)


async def buy(context: JobContext, job: Job, key: str, photos: Sequence[JobFile]) -> Purchase:
    """Request the merge (paid); returns the purchase that holds the key. Raises as `pay`. Where the answer is
    lost, the group's status shows the outcome."""
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
    """Download and record the picture of a completed merge from `url`; from a new URL where that fails."""
    assert call.id is not None
    result = await fetch_patiently(context, call, 0, url, anew=partial(wait_until_completed, context, call))
    await context.store_thread(context.ledger.keep, call.id, [result])
    CrashPoint.RESULTS_RECORDED.passed()


async def wait_until_completed(
    context: JobContext, call: Purchase, *, just_begun: bool = False
) -> SignedUrl | None:
    """Poll the group until it is completed; returns its picture's URL. Also decides a merge whose answer was
    lost. None where an earlier process never sent the request, or its outcome became known meanwhile: the
    step runs again.

    A purchase that was given up is polled once; a URL named by a person is used. Raises OutcomeUnknown,
    recorded in the ledger, when the group failed or isn't completed within the timeout.
    """
    named = named_by_person(call)
    if named is not None:
        return named
    limit_seconds = 0.0 if call.given_up else context.settings.merge_timeout_seconds
    elapsed = 0.0  # only the pauses count, so that no merge times out while the API is down
    strange = ""
    own = False
    # `untouched`: an earlier process recorded the intent, and ended before there was an answer.
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
                return group.image_url  # an unknown status, but the merge is paid and this may be its picture
            await give_up(
                context, call, f"it was not completed within {limit_seconds:.0f} s (last: {spelt(group)})"
            )
        pause = min(max(SHORTEST_PAUSE_SECONDS, PAUSE_SHARE * elapsed), LONGEST_PAUSE_SECONDS)
        pause = min(pause * random.uniform(0.9, 1.1), limit_seconds - elapsed)
        await context.clock.sleep(pause)
        elapsed += pause


async def never_asked(context: JobContext, call: Purchase, elapsed: float) -> bool:
    """Whether the request of a merge can't be in flight any more, with its group untouched for `elapsed`
    seconds. If so, its key is free afterwards, or the ledger knows more than `call`."""
    another = of_another(context, call)
    if another and await context.store_thread(context.ledger.known, call.key) is None:
        return True  # the machine that recorded the intent has recorded that it was not sent
    if elapsed < (in_flight_seconds(context) if another else IN_FLIGHT_SECONDS):
        return False
    why = f'hotfolder was stopped before the request left: its group still says "{UNTOUCHED}"'
    logger.warning("merge_never_asked_for", call=call.id)
    await record(context, context.ledger.conclude, call, PurchaseState.NOT_EXECUTED, why)
    return True  # or its answer was recorded meanwhile


def named_by_person(call: Purchase) -> SignedUrl | None:
    if call.answer is None or call.outcome != PurchaseOutcome.RESOLVED:
        return None
    try:
        return parse_group(Answer.from_json(call.answer)).image_url
    except BadWorld as error:
        raise OutcomeUnknown(
            f"What `hotfolder resolve` was told to fetch can't be fetched: {error.message}",
            hint="Say it again with the address of the picture itself.",
        ) from None


async def look(context: JobContext, call: Purchase, *, own: bool) -> GroupState:
    """The group's state, retried until the API answers: silence proves nothing.

    Where the API answers a ping but not this request, the trouble is the group's own, and the status is
    NOT_ANSWERED. With `own`, known from the last poll, it isn't reported to the breaker and so doesn't delay
    other requests. Raises LocalTrouble.
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
    """The group's status and the API's message, for people."""
    return f'"{group.status}"' + (f": {group.said}" if group.said else "")
