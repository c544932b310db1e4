"""Editing: the paid operations, each on the unchanged bytes of the previous picture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hotfolder import log
from hotfolder.crashpoints import CrashPoint
from hotfolder.display import capital
from hotfolder.errors import BadJob, HotfolderError, OutcomeUnknown, SetChanged
from hotfolder.jobs.breaker import API
from hotfolder.jobs.context import JobContext, recipe_of
from hotfolder.jobs.limits import PICTURE, photo_rank
from hotfolder.jobs.model import Job, Purchase, Result, operation_key
from hotfolder.jobs.states import BY_RECEIPTS, PurchaseState, State
from hotfolder.jobs.steps.fetching import back_to_missing, fetch_patiently, purchases, results_here
from hotfolder.jobs.steps.paying import answered_elsewhere, give_up, intent_of, of_another, pay
from hotfolder.rules.recipes import Recipe
from hotfolder.stager.answers import Answer, parse_results
from hotfolder.stager.operations import PAID_KINDS, Operation

logger = log.get("editing")

MEDIA_TYPES = {"JPEG": ("jpg", "image/jpeg"), "PNG": ("png", "image/png")}


@dataclass(frozen=True, slots=True)
class Source:
    """The input picture of an operation."""

    path: Path
    sha256: str
    format: str


async def edit(context: JobContext, job: Job) -> Job:
    """The step of EDITING: buy the operations in order, except those bought before.

    BadJob or OutcomeUnknown of one variant doesn't stop the others: it is raised at the end.
    """
    source = await first_source(context, job)
    if source is None:
        return await back_to_missing(context, job)
    sources: dict[tuple[Operation, ...], Source] = {(): source}
    met: list[HotfolderError] = []
    for path in recipe_of(job).steps():
        if path[:-1] not in sources:
            continue
        try:
            first = (await buy_once(context, job, path[-1], sources[path[:-1]]))[0]
            sources[path] = Source(context.places.results / first.file, first.sha256, first.format)
        except SetChanged:
            raise
        except (BadJob, OutcomeUnknown) as error:
            error.message += for_variants(recipe_of(job), path)
            logger.warning("operation_not_made", operation=path[-1].kind, reason=error.message)
            met.append(error)
    if met:
        raise next((error for error in met if isinstance(error, OutcomeUnknown)), met[0])
    await context.refuse_moved(job)
    finished_at = context.clock.now().replace(microsecond=0)
    return await context.advance(job, State.PUBLISHING, finished_at=finished_at)


def for_variants(recipe: Recipe, path: tuple[Operation, ...]) -> str:
    names = [one.name for one in recipe.variants if one.operations[: len(path)] == path]
    return f" (for the variant {' and '.join(names)})" if names else ""


async def first_source(context: JobContext, job: Job) -> Source | None:
    """The merged picture, None where it isn't in results/; or the only photo where nothing is merged."""
    if recipe_of(job).merge:
        chain = await purchases(context, job)
        if not chain:
            return None
        merged = chain[0].results[0]
        return Source(context.places.results / merged.file, merged.sha256, merged.format)
    photo = (await context.photos(job))[0]
    path = context.places.folder(job) / photo.name
    if photo.develop:
        made = await context.darkroom.developed(path, photo.sha256, job.id, expected=photo.identity)
        return Source(made, photo.sha256, "JPEG")
    return Source(path, photo.sha256, photo.format)


async def buy_once(context: JobContext, job: Job, operation: Operation, source: Source) -> list[Result]:
    """The pictures of one operation, bought before or now. Raises OutcomeUnknown where its purchase is in
    doubt or its pictures can't be had."""
    key = operation_key(job.origin, source.sha256, operation, job.generation)
    async with context.lock(key):
        # Where the inbox came back from another machine, an earlier call of this process may be in flight.
        if under_way := [task for task, sent in context.paying.items() if sent.key == key]:
            await asyncio.wait(under_way)
        call = await context.store_thread(context.ledger.known, key)
        if call is not None and of_another(context, call):
            call = await answered_elsewhere(context, call)
        if call is None:
            call = await buy(context, job, operation, key, source)
        if call.state == PurchaseState.SUCCEEDED and (results := await results_here(context, call)):
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
        return await bring_home(context, call)


async def buy(context: JobContext, job: Job, operation: Operation, key: str, source: Source) -> Purchase:
    """Upload the picture (free) and request the operation (paid); returns the purchase that holds the key.
    Raises as `pay`."""
    intent = intent_of(context, job, key, operation.kind, operation)
    # Checked first, so that the picture isn't uploaded at every retry while a budget or the pause forbids it.
    await context.store_thread(context.ledger.refuse, intent, context.clock.now(), context.settings.budgets)
    extension, media_type = MEDIA_TYPES[source.format]
    async with context.limits.uploads.hold(PICTURE), context.breakers.at(API):
        image_id = await context.client.upload_image(source.path, f"picture.{extension}", media_type)
    CrashPoint.IMAGE_UPLOADED.passed()
    async with context.limits.operations.hold(photo_rank(job)):
        intent.image_id = image_id
        request = partial(operate, context, image_id, operation)
        return await pay(context, intent, request, last_look=partial(look, context, job))


async def operate(
    context: JobContext, image_id: str, operation: Operation, leaves: Callable[[], None]
) -> Answer:
    with context.limits.operations.feedback():
        return await context.client.operate(image_id, operation, leaves)


async def look(context: JobContext, job: Job) -> None:
    """The last check before an operation is paid: that a photo edited without a merge is unchanged; for a
    merge only that its folder wasn't renamed, perhaps to other tags. Raises SetChanged."""
    if recipe_of(job).merge:
        await context.refuse_moved(job)
    else:
        await context.look_again(job)


async def bring_home(context: JobContext, call: Purchase) -> list[Result]:
    """Download every picture of a recorded answer and return them. Where one can't be had, the others are
    kept, the purchase doesn't become SUCCEEDED, and OutcomeUnknown is raised."""
    assert call.id is not None and call.answer is not None
    try:
        images = parse_results(Answer.from_json(call.answer))
    except OutcomeUnknown as error:
        await give_up(context, call, error.why)
    results: list[Result] = []
    missing: list[OutcomeUnknown] = []
    for position, image in enumerate(images):
        try:
            results.append(await fetch_patiently(context, call, position, image.url, image.id))
        except OutcomeUnknown as error:
            missing.append(error)
    await context.store_thread(context.ledger.keep, call.id, results, all_of_them=not missing)
    CrashPoint.RESULTS_RECORDED.passed()
    if missing:
        raise missing[0]
    return results
