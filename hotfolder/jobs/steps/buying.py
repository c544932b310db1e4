"""Buying: the merge, and the operations, each on the unchanged bytes of the previous picture."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from hotfolder import log
from hotfolder.crashpoints import CrashPoint
from hotfolder.display import capital
from hotfolder.errors import (
    BadJob,
    BadWorld,
    HotfolderError,
    KeyRejected,
    LocalTrouble,
    OutcomeUnknown,
    PaymentRequired,
    RequestRefused,
    SetChanged,
    TooManyRequests,
    Unreachable,
)
from hotfolder.jobs.breaker import API, backoff_seconds
from hotfolder.jobs.context import JobContext, recipe_of
from hotfolder.jobs.limits import PICTURE, photo_rank
from hotfolder.jobs.model import Job, JobFile, Purchase, Result, merge_key, operation_key
from hotfolder.jobs.states import BY_RECEIPTS, PurchaseOutcome, PurchaseState, State
from hotfolder.jobs.steps.fetching import (
    back_to_missing,
    confirm_api,
    fetch_patiently,
    intact_chain,
    intact_results,
)
from hotfolder.jobs.steps.paying import (
    answered_elsewhere,
    give_up,
    in_flight_elsewhere,
    in_flight_seconds,
    intent_of,
    pay,
    record,
)
from hotfolder.rules.recipes import Recipe
from hotfolder.stager.answers import Answer, GroupState, SignedUrl, parse_group
from hotfolder.stager.failures import may_have_been_charged
from hotfolder.stager.operations import PAID_KINDS, Operation

logger = log.get("buying")

SHORTEST_PAUSE_SECONDS, PAUSE_SHARE, LONGEST_PAUSE_SECONDS = 0.5, 0.1, 10.0
"""The pause between two polls of a group: a tenth of the merge's duration so far, within these bounds."""

CONFLICT = 409
"""The status of a refusal that may mean that the same is under way, as where a proxy has sent it twice."""
BEGUN_ATTEMPTS = 4
UNTOUCHED = "created"
"""The status of a group whose merge was never requested. By the API's reference a requested one is processing
or completed; no other word, such as "pending", counts as not begun."""
NOT_ANSWERED = "not answered"
"""Our own status of a group for which the API gives no answer, although it answers other requests."""
MAYBE_THE_GROUPS_OWN = (Unreachable, KeyRejected, PaymentRequired)
"""Errors of the API that one group may have alone."""
IN_FLIGHT_SECONDS = 60.0
"""The longest time after which a request of a killed process may still arrive."""


async def merge(context: JobContext, job: Job) -> Job:
    """The step of MERGING: buy the merge unless it was bought before, and download its picture. Back to
    UPLOADING where it isn't bought and there is no group."""
    photos = await context.photos(job)
    recipe = recipe_of(job)
    key = merge_key(job.origin, [photo.sha256 for photo in photos], recipe.hdr, job.generation)
    async with context.lock(key):
        call = await context.store_thread(context.ledger.purchase_for, key)
        if call is None and job.group_id is None:
            return await context.advance(job, State.UPLOADING)
        if not await intact_results(context, call):
            # The limit ends with the wait, since the API's cluster is free before the download.
            async with context.limits.merges.hold(photo_rank(job)):
                call = call or await buy_merge(context, job, key, photos)
                url = await wait_until_completed(context, call)
            if url is None:
                return job  # the step runs again with the ledger's present state
            anew = partial(wait_until_completed, context, call)
            result = await fetch_patiently(context, call, 0, url, anew=anew)
            await context.store_thread(context.ledger.record_results, call.id, [result])
            CrashPoint.RESULTS_RECORDED.passed()
    return await context.advance(job, State.EDITING)


async def buy_merge(context: JobContext, job: Job, key: str, photos: Sequence[JobFile]) -> Purchase:
    """Request the merge (paid); returns the purchase that holds the key. Raises as `pay`. Where the answer is
    lost, the group's status shows the outcome."""
    assert job.api_project_id is not None and job.group_id is not None
    project_id, group_id = job.api_project_id, job.group_id
    intent = intent_of(context, job, key, "merge", recipe_of(job).hdr)
    intent.api_project_id, intent.group_id = project_id, group_id
    intent.photos = " ".join(photo.sha256 for photo in photos)

    async def enhance(before_send: Callable[[], None]) -> Answer:
        try:
            return await context.client.enhance(project_id, group_id, before_send)
        except RequestRefused as error:
            # A proxy may have sent it twice, and this be the second's answer: the group tells.
            another = await context.store_thread(context.ledger.is_of_another_key, group_id, key)
            if not another and await is_begun(context, group_id):
                raise may_have_been_charged(PAID_KINDS["merge"], error.why) from None
            raise

    try:
        return await pay(context, intent, enhance, last_check=lambda: context.recheck_photos(job))
    except TooManyRequests:
        context.limits.merges.refused()
        raise


async def is_begun(context: JobContext, group_id: str) -> bool:
    """Whether the group's merge is under way or completed, or nobody tells in BEGUN_ATTEMPTS."""
    for attempt in range(1, BEGUN_ATTEMPTS + 1):
        try:
            group = await context.client.group(group_id)
        except RequestRefused:
            return False
        except BadWorld:
            await context.clock.sleep(backoff_seconds(attempt))
        else:
            return group.done or group.processing
    return True


async def wait_until_completed(context: JobContext, call: Purchase) -> SignedUrl | None:
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
    unknown_status = ""
    group_in_trouble = False
    # `untouched`: an earlier process recorded the intent, and ended before there was an answer.
    here = any(task.get_name() == call.job_id for task in context.paying)
    untouched = call.state == PurchaseState.STARTED and not here
    while True:
        group = await poll_group(context, call, group_in_trouble=group_in_trouble)
        group_in_trouble = group.status == NOT_ANSWERED
        if group.done and group.image_url is not None:
            context.limits.merges.succeeded()
            return group.image_url
        untouched = untouched and group.status.lower() == UNTOUCHED
        if untouched and await request_never_left(context, call, elapsed):
            return None
        if group.failed:
            await give_up(context, call, f"its group ended with the status {status_text(group)}")
        if not (group.done or group.processing) and group.status != unknown_status:
            unknown_status = group.status
            logger.warning("merge_status_not_known", status=status_text(group))
        if elapsed >= limit_seconds:
            if group.image_url is not None and not group.processing:
                return group.image_url  # an unknown status, but the merge is paid and this may be its picture
            said = context.client.objection(Answer.from_json(call.answer)) if call.answer else ""
            why = f"it was not completed within {limit_seconds:.0f} s (last: {status_text(group)})"
            await give_up(context, call, why + (f", and {said}" if said else ""))
        pause = min(max(SHORTEST_PAUSE_SECONDS, PAUSE_SHARE * elapsed), LONGEST_PAUSE_SECONDS)
        pause = min(pause * random.uniform(0.9, 1.1), limit_seconds - elapsed)
        await context.clock.sleep(pause)
        elapsed += pause


async def request_never_left(context: JobContext, call: Purchase, elapsed: float) -> bool:
    """Whether the request of a merge can't be in flight any more, with its group untouched for `elapsed`
    seconds. If so, its key is free afterwards, or the ledger knows more than `call`."""
    another = in_flight_elsewhere(context, call)
    if another and await context.store_thread(context.ledger.purchase_for, call.key) is None:
        return True  # the machine that recorded the intent has recorded that it was not sent
    if elapsed < (in_flight_seconds(context) if another else IN_FLIGHT_SECONDS):
        return False
    why = f'hotfolder was stopped before the request left: its group still says "{UNTOUCHED}"'
    logger.warning("merge_never_asked_for", call=call.id)
    await record(context, context.ledger.conclude, call, PurchaseState.NOT_EXECUTED, why)
    return True  # or its answer was recorded meanwhile


def named_by_person(call: Purchase) -> SignedUrl | None:
    """The URL that a person named with `resolve`, which has checked it; None without one."""
    if call.answer is None or call.outcome != PurchaseOutcome.RESOLVED:
        return None
    return parse_group(Answer.from_json(call.answer)).image_url


async def poll_group(context: JobContext, call: Purchase, *, group_in_trouble: bool) -> GroupState:
    """The group's state, retried until the API answers: silence proves nothing.

    Where the API answers a ping but not this request, the trouble is the group's own, and the status is
    NOT_ANSWERED. With `group_in_trouble`, known from the last poll, it isn't reported to the breaker and so
    doesn't delay other requests. Raises LocalTrouble.
    """
    assert call.group_id is not None
    while True:
        try:
            async with context.breakers.at(API):
                try:
                    return await context.client.group(call.group_id)
                except MAYBE_THE_GROUPS_OWN as error:
                    if not group_in_trouble or error.retry_after_seconds is not None:
                        raise
                    await confirm_api(context, error)
                    return GroupState(NOT_ANSWERED, None, error.message)
        except LocalTrouble:
            raise
        except MAYBE_THE_GROUPS_OWN as error:
            with suppress(BadWorld):
                async with context.breakers.at(API):
                    await confirm_api(context, error)
                return GroupState(NOT_ANSWERED, None, error.message)
        except BadWorld:
            continue  # the breaker decides when to ask again
        except RequestRefused as error:
            return GroupState("refused", None, error.message)


def status_text(group: GroupState) -> str:
    """The group's status and the API's message, for people."""
    return f'"{group.status}"' + (f": {group.message}" if group.message else "")


MEDIA_TYPES = {"JPEG": ("jpg", "image/jpeg"), "PNG": ("png", "image/png")}


Source = tuple[Path, str, str]
"""The input picture of an operation: its file, SHA-256 and format."""


async def edit(context: JobContext, job: Job) -> Job:
    """The step of EDITING: buy the operations in order, except those bought before.

    BadJob or OutcomeUnknown of one variant doesn't stop the others: it is raised at the end.
    """
    source = await first_source(context, job)
    if source is None:
        return await back_to_missing(context, job)
    sources: dict[tuple[Operation, ...], Source] = {(): source}
    met: list[HotfolderError] = []
    for path in recipe_of(job).operation_paths():
        if path[:-1] not in sources:
            continue
        try:
            first = (await buy_once(context, job, path[-1], sources[path[:-1]]))[0]
            sources[path] = (context.places.results / first.file, first.sha256, first.format)
        except SetChanged:
            raise
        except (BadJob, OutcomeUnknown) as error:
            error.message += variants_suffix(recipe_of(job), path)
            logger.warning("operation_not_made", operation=path[-1].kind, reason=error.message)
            met.append(error)
    if met:
        raise next((error for error in met if isinstance(error, OutcomeUnknown)), met[0])
    await context.refuse_renamed(job)
    finished_at = context.clock.now().replace(microsecond=0)
    return await context.advance(job, State.PUBLISHING, finished_at=finished_at)


def variants_suffix(recipe: Recipe, path: tuple[Operation, ...]) -> str:
    """The variants that need the operations `path`, for the end of a reason; "" without variants."""
    names = [one.name for one in recipe.variants if one.operations[: len(path)] == path]
    return f" (for the variant {' and '.join(names)})" if names else ""


async def first_source(context: JobContext, job: Job) -> Source | None:
    """The merged picture, None where it isn't in results/; or the only photo where nothing is merged."""
    if recipe_of(job).merge:
        chain = await intact_chain(context, job)
        if not chain:
            return None
        merged = chain[0].results[0]
        return context.places.results / merged.file, merged.sha256, merged.format
    photo = (await context.photos(job))[0]
    path = context.places.folder(job) / photo.name
    if photo.develop:
        made = await context.darkroom.developed(path, photo.sha256, job.id, expected=photo.identity)
        return made, photo.sha256, "JPEG"
    return path, photo.sha256, photo.format


async def buy_once(context: JobContext, job: Job, operation: Operation, source: Source) -> list[Result]:
    """The pictures of one operation, bought before or now. Raises OutcomeUnknown where its purchase is in
    doubt or its pictures can't be had."""
    key = operation_key(job.origin, source[1], operation, job.generation)
    async with context.lock(key):
        # Where the inbox came back from another machine, an earlier call of this process may be in flight.
        if under_way := [task for task, sent in context.paying.items() if sent.key == key]:
            await asyncio.wait(under_way)
        call = await context.store_thread(context.ledger.purchase_for, key)
        if call is not None and in_flight_elsewhere(context, call):
            call = await answered_elsewhere(context, job, call)
        if call is None:
            call = await buy(context, job, operation, key, source)
        if call.state == PurchaseState.SUCCEEDED and (results := await intact_results(context, call)):
            return results
        if call.outcome in BY_RECEIPTS and call.answer is None:
            raise OutcomeUnknown(
                f"{capital(PAID_KINDS[call.operation])} was paid for, as {call.note} in the done folder says,"
                " but the state folder doesn't have its picture: another hotfolder bought it, or the folder"
                " was restored from before that",
                hint="The picture lies in the done folder, as it was delivered.",
            )
        if call.answer is None or call.state == PurchaseState.UNKNOWN:
            await give_up(context, call, call.note)
        return await download_results(context, call)


async def buy(context: JobContext, job: Job, operation: Operation, key: str, source: Source) -> Purchase:
    """Upload the picture (free) and request the operation (paid); returns the purchase that holds the key.
    Raises as `pay`."""
    intent = intent_of(context, job, key, operation.kind, operation)
    # Checked first, so that the picture isn't uploaded at every retry while a budget or the pause forbids it.
    await context.store_thread(context.ledger.refuse, intent, context.clock.now(), context.settings.budgets)
    path, _, form = source
    extension, media_type = MEDIA_TYPES[form]
    async with context.limits.uploads.hold(PICTURE), context.breakers.at(API):
        image_id = await context.client.upload_image(path, f"picture.{extension}", media_type)
    CrashPoint.IMAGE_UPLOADED.passed()
    # Without a merge its photo must be unchanged; else only its folder may have other tags by now.
    last_check = context.refuse_renamed if recipe_of(job).merge else context.recheck_photos
    async with context.limits.operations.hold(photo_rank(job)):
        intent.image_id = image_id
        request = partial(request_operation, context, image_id, operation)
        return await pay(context, intent, request, last_check=partial(last_check, job))


async def request_operation(
    context: JobContext, image_id: str, operation: Operation, before_send: Callable[[], None]
) -> Answer:
    """Request the operation (paid). `before_send` is called before the request leaves."""
    try:
        with context.limits.operations.feedback():
            return await context.client.operate(image_id, operation, before_send)
    except RequestRefused as error:
        if error.status == CONFLICT:  # as for a merge; of an image nothing tells
            raise may_have_been_charged(PAID_KINDS[operation.kind], error.why) from None
        raise


async def download_results(context: JobContext, call: Purchase) -> list[Result]:
    """Download every picture of a recorded answer and return them. Where one can't be had, the others are
    kept, the purchase doesn't become SUCCEEDED, and OutcomeUnknown is raised."""
    assert call.answer is not None
    try:
        images = context.client.results(Answer.from_json(call.answer))
    except OutcomeUnknown as error:
        await give_up(context, call, error.why)
    results: list[Result] = []
    missing: list[OutcomeUnknown] = []
    for position, image in enumerate(images):
        try:
            results.append(await fetch_patiently(context, call, position, image.url, image.id))
        except OutcomeUnknown as error:
            missing.append(error)
    await context.store_thread(context.ledger.record_results, call.id, results, all_of_them=not missing)
    CrashPoint.RESULTS_RECORDED.passed()
    if missing:
        raise missing[0]
    return results
