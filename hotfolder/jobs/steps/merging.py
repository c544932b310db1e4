"""Merging: the paid merge, waited for and brought home."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hotfolder import log
from hotfolder.errors import (
    BadWorld,
    LocalTrouble,
    OutcomeUnknown,
    RequestRefused,
    TooManyRequests,
    Unreachable,
)
from hotfolder.jobs.backoff import backoff_seconds
from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.gate import Asking
from hotfolder.jobs.keys import merge_key
from hotfolder.jobs.limits import photo_rank
from hotfolder.jobs.states import Event
from hotfolder.jobs.steps.fetching import (
    DOWNLOAD_ATTEMPTS,
    DRAG_BACK,
    STATUS,
    Damaged,
    all_here,
    fetch,
    knock,
)
from hotfolder.jobs.steps.paying import give_up, pay
from hotfolder.jobs.tables import RESOLVED, Call, Job, JobFile
from hotfolder.jobs.tools import Tools, recipe_of
from hotfolder.stager.answers import Answer, GroupState, SignedUrl, parse_group
from hotfolder.stager.failures import ResultGone

logger = log.get("merging")

SHORTEST_PAUSE_SECONDS, PAUSE_SHARE, LONGEST_PAUSE_SECONDS = 0.5, 0.1, 10.0
"""Between two polls of a group: a tenth of the time that its merge has taken so far, within these bounds."""


async def merge(tools: Tools, job: Job) -> Job:
    """Buy the merge unless it was bought before, and bring its picture home."""
    photos = await tools.photos(job)
    recipe = recipe_of(job)
    key = merge_key(job.origin, [photo.sha256 for photo in photos], recipe.hdr, job.generation)
    async with tools.locks.hold(key):
        call = await tools.desk(tools.ledger.known, key)
        if call is None and job.group_id is None:
            return await tools.desk(tools.store.advance, job.id, Event.UPLOAD, tools.clock.now())
        if call is None or not await is_here(tools, call):
            # The cluster is free for the next merge as soon as this one is done, not once it is here.
            async with tools.limits.merges.hold(photo_rank(job)):
                just_begun = call is None
                call = call or await buy(tools, job, key, photos)
                url = await wait_until_completed(tools, call, just_begun=just_begun)
            await bring_home(tools, call, url)
    return await tools.desk(tools.store.advance, job.id, Event.EDIT, tools.clock.now())


async def buy(tools: Tools, job: Job, key: str, photos: Sequence[JobFile]) -> Call:
    """Ask for the merge. An answer that was lost is no failure yet: the group's status can tell."""
    assert job.api_project_id is not None and job.group_id is not None
    project_id, group_id = job.api_project_id, job.group_id
    intent = Call(
        key=key,
        job_id=job.id,
        inbox=job.inbox,
        project=job.project,
        operation="merge",
        parameters=recipe_of(job).hdr.model_dump_json(by_alias=True),
        api_project_id=project_id,
        group_id=group_id,
        photos=" ".join(photo.sha256 for photo in photos),
    )
    try:
        return await pay(
            tools,
            intent,
            lambda: tools.client.enhance(project_id, group_id),
            last_look=lambda: tools.look_again(job),
        )
    except TooManyRequests:
        tools.limits.merges.refused()
        raise
    except OutcomeUnknown as error:
        logger.warning("merge_answer_lost", reason=error.message)
        known = await tools.desk(tools.ledger.known, key)
        assert known is not None
        return known


async def is_here(tools: Tools, call: Call) -> bool:
    """Whether the merge's picture lies in state/results/."""
    assert call.id is not None
    return await all_here(tools, await tools.desk(tools.ledger.results, call.id))


async def bring_home(tools: Tools, call: Call, url: SignedUrl) -> None:
    """Keep the picture of a completed merge; `url` is where it is, and asked for anew when that fails."""
    assert call.id is not None
    for attempt in range(1, DOWNLOAD_ATTEMPTS + 1):
        try:
            result = await fetch(tools, call, 0, url)
        except (Damaged, ResultGone) as error:
            logger.warning("result_not_usable", attempt=attempt, reason=str(error))
            await tools.clock.sleep(backoff_seconds(attempt))
            url = await wait_until_completed(tools, call)
            continue
        await tools.desk(tools.ledger.keep, call.id, [result])
        tools.passing(Checkpoint.RESULTS_RECORDED)
        return
    raise OutcomeUnknown(
        "the HDR merge was paid for and is finished, but its picture could not be downloaded",
        hint=DRAG_BACK,
    )


async def wait_until_completed(tools: Tools, call: Call, *, just_begun: bool = False) -> SignedUrl:
    """Poll the group until it is completed. The last word on a merge whose answer was lost.

    A call that was given up before gets one look; a result that a person has named is taken. Raises
    OutcomeUnknown, with the ledger told, when the group ended in failure or isn't completed in time.
    """
    named = named_by_person(call)
    if named is not None:
        return named
    limit_seconds = 0.0 if call.given_up else tools.merge_timeout_seconds
    began = tools.clock.monotonic()
    asking = Asking(tools.gate, STATUS)
    strange = ""
    if just_begun:
        await tools.clock.sleep(min(SHORTEST_PAUSE_SECONDS, limit_seconds))
    while True:
        elapsed = tools.clock.monotonic() - began - asking.world_seconds
        group = await look(tools, call, asking)
        if group.done and group.image_url is not None:
            tools.limits.merges.succeeded()
            return group.image_url
        if group.failed:
            await give_up(tools, call, f"its group ended with the status {spelt(group)}")
        if not group.done and group.status != "processing" and group.status != strange:
            strange = group.status
            logger.warning("merge_status_not_known", status=spelt(group))
        if elapsed >= limit_seconds:
            if group.image_url is not None and group.status != "processing":
                return group.image_url  # whatever the word means: it is paid for, and may be the picture
            await give_up(
                tools, call, f"it was not completed within {limit_seconds:.0f} s (last: {spelt(group)})"
            )
        pause = min(max(SHORTEST_PAUSE_SECONDS, PAUSE_SHARE * elapsed), LONGEST_PAUSE_SECONDS)
        await tools.clock.sleep(min(pause * random.uniform(0.9, 1.1), limit_seconds - elapsed))


def named_by_person(call: Call) -> SignedUrl | None:
    if call.answer is None or not call.note.startswith(RESOLVED):
        return None
    try:
        return parse_group(Answer.from_json(call.answer)).image_url
    except BadWorld as error:
        raise OutcomeUnknown(
            f"what `hotfolder resolve` was told to fetch can't be fetched: {error.message}",
            hint="Say it again with the address of the picture itself.",
        ) from None


async def look(tools: Tools, call: Call, asking: Asking) -> GroupState:
    """The group's state, asked until there is an answer: a silent API proves nothing.

    Where it answers others meanwhile the trouble is the group's own, and is told in place of its state.
    """
    assert call.group_id is not None
    while True:
        try:
            async with asking:
                return await tools.client.group(call.group_id)
        except LocalTrouble:
            raise
        except Unreachable as error:
            if asking.own:
                return GroupState("not answered", None, error.message)
            await knock(tools, error)
        except BadWorld:
            continue  # the gate decides when to ask again
        except RequestRefused as error:
            return GroupState("refused", None, error.message)


def spelt(group: GroupState) -> str:
    """Its status and what the API says beside it, for people."""
    return f'"{group.status}"' + (f": {group.said}" if group.said else "")
