"""Fetching bought pictures: download, verify, keep in results/."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from anyio import to_thread

from hotfolder import log
from hotfolder.crashpoints import CrashPoint
from hotfolder.display import capital, visible
from hotfolder.errors import BadWorld, OutcomeUnknown, Unreachable, UnusablePhoto
from hotfolder.jobs.breaker import API, backoff_seconds
from hotfolder.jobs.context import JobContext, chain_of, recipe_of
from hotfolder.jobs.ledger import PurchaseStep
from hotfolder.jobs.limits import PICTURE
from hotfolder.jobs.model import Job, Purchase, Result
from hotfolder.jobs.states import State
from hotfolder.newfiles import own_token
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.files import sha256_of
from hotfolder.outbox.linking import sync_folder
from hotfolder.pictures.facts import PictureFacts
from hotfolder.pictures.formats import HEAD_BYTES, is_webp_head
from hotfolder.stager.answers import SignedUrl
from hotfolder.stager.failures import ResultGone, UrlRefused
from hotfolder.stager.operations import PAID_KINDS, Operation

logger = log.get("fetching")

DOWNLOAD_ATTEMPTS = 5
MOST_FAILED_DOWNLOADS = 20
"""How many consecutive downloads of one picture may fail, while the API answers, before a person is told.
With the backoff that takes an hour, enough for an outage of the storage to end."""
IF_RIGHT = (
    "If this address is right, add its host to api.storage_hosts and drag the folder back into the inbox:"
    " it isn't paid again."
)
DRAG_BACK = "Drag the folder back into the inbox to try the download again; it isn't paid again."
EXTENSIONS = {"JPEG": "jpg", "PNG": "png"}
LEAST_SIDE = 16
"""The shorter side of the smallest result that is delivered, in pixels; placeholders are smaller."""


async def fetch(
    context: JobContext, call: Purchase, position: int, url: SignedUrl, answer_id: str = ""
) -> Result:
    """Download one picture into results/, completely and verified. Idempotent: the file's name is the same.

    Raises UnusablePhoto where the download is no complete picture, OutcomeUnknown for a URL that must not be
    followed or after MOST_FAILED_DOWNLOADS failures, and what the storage client raises.
    """
    results = context.places.results
    name = f"{call.key[:24]}-{call.id}-{position}"
    part = results / f"{name}.{own_token()}.part"  # another machine may be downloading the same
    await to_thread.run_sync(remove_partial, context, part)
    try:
        # All downloads are of paid pictures, so their rank is the same: FIFO.
        async with context.limits.downloads.hold(PICTURE), context.breakers.at(url.parsed.host):
            most_bytes = context.settings.result_limits.size_bytes
            with context.limits.downloads.feedback():
                download = await context.storage.download(url, part, most_bytes=most_bytes)
    except UrlRefused as error:
        raise OutcomeUnknown(
            f"{capital(PAID_KINDS[call.operation])} was paid for, but its picture can't be fetched safely:"
            f" {error.message}",
            hint=f"{error.hint} {DRAG_BACK}" if error.hint else IF_RIGHT,
        ) from None
    except Unreachable as error:
        async with context.breakers.at(API):
            await confirm_api(context, error)
        failed = context.failed_downloads[name] = context.failed_downloads.get(name, 0) + 1
        if failed < MOST_FAILED_DOWNLOADS:
            raise
        del context.failed_downloads[name]
        raise OutcomeUnknown(
            f"{capital(PAID_KINDS[call.operation])} was paid for, but its picture could not be downloaded:"
            f" {error.message}",
            hint=DRAG_BACK,
        ) from None
    context.failed_downloads.pop(name, None)
    context.counts.bytes_down(download.size_bytes)
    CrashPoint.RESULT_DOWNLOADED.passed()
    facts = await verify_download(context, part, download.sha256)
    kept = results / f"{name}.{EXTENSIONS[facts.format]}"
    await to_thread.run_sync(put_in_place, part, kept)
    CrashPoint.RESULT_KEPT.passed()
    return Result(
        purchase_id=call.id,
        position=position,
        file=kept.name,
        sha256=facts.sha256,
        size_bytes=facts.size_bytes,
        format=facts.format,
        width=facts.width,
        height=facts.height,
        answer_id=answer_id,
    )


def remove_partial(context: JobContext, part: Path) -> None:
    """Remove the partial file of an earlier download. Raises LocalTrouble where the folder isn't there."""
    with local_trouble(part.parent):
        context.places.guard(part)
        part.unlink(missing_ok=True)


async def fetch_patiently(
    context: JobContext,
    call: Purchase,
    position: int,
    url: SignedUrl,
    answer_id: str = "",
    *,
    anew: Callable[[], Awaitable[SignedUrl | None]] | None = None,
) -> Result:
    """`fetch`, up to DOWNLOAD_ATTEMPTS times with backoff while the picture is damaged or gone; `anew`
    returns a new URL for the next attempt. Raises OutcomeUnknown after the last one, and what `fetch`
    raises."""
    why = ""
    for attempt in range(1, DOWNLOAD_ATTEMPTS + 1):
        try:
            return await fetch(context, call, position, url, answer_id)
        except (UnusablePhoto, ResultGone) as error:
            why = error.message.removesuffix(".")
            logger.warning("result_not_usable", attempt=attempt, reason=why)
            await context.clock.sleep(backoff_seconds(attempt))
        if anew is not None:
            url = await anew() or url
    raise OutcomeUnknown(
        f"{capital(PAID_KINDS[call.operation])} was paid for, but its picture could not be downloaded: {why}",
        hint=DRAG_BACK,
    )


async def verify_download(context: JobContext, part: Path, sha256: str) -> PictureFacts:
    """The facts of a download; a WebP is converted to PNG. Raises UnusablePhoto, after the file was deleted,
    where it can't be delivered."""
    try:
        if await to_thread.run_sync(is_webp, part):
            sha256 = await replace_by_png(context, part)
        # Not closely: what it shows doesn't matter, and whether it is whole is found without that.
        facts = await context.decoder.inspect(part, context.settings.result_limits, closely=False)
        if facts.sha256 != sha256:
            raise UnusablePhoto("what lies on the disk is not what came")
        if facts.format not in EXTENSIONS:
            raise UnusablePhoto(f"the result is a {facts.format} file, which is not delivered")
        if min(facts.width, facts.height) < LEAST_SIDE:
            raise UnusablePhoto(f"the result has {facts.width} x {facts.height} pixels, which is no picture")
    except UnusablePhoto as error:
        await to_thread.run_sync(partial(part.unlink, missing_ok=True))
        error.message = error.message.replace(visible(part.name), "the result")
        raise
    return facts


def is_webp(file: Path) -> bool:
    with local_trouble(file), file.open("rb") as opened:
        return is_webp_head(opened.read(HEAD_BYTES))


async def replace_by_png(context: JobContext, part: Path) -> str:
    """Replace a WebP picture by a PNG with the same pixels, since operations and customers' programs may not
    accept WebP; returns its SHA-256."""
    png = part.with_suffix(".png.part")
    made = await context.decoder.png_of_webp(part, png, context.settings.result_limits)
    with local_trouble(part):
        await to_thread.run_sync(png.replace, part)
    return made.sha256


async def confirm_api(context: JobContext, met: BadWorld) -> None:
    """Ping the API after a request failed with `met`: raises BadWorld where the API is in trouble as well;
    `met` itself where it is unreachable."""
    try:
        await context.client.ping()
    except Unreachable:
        raise met from None  # the same message, so that it isn't reported twice


async def intact_results(context: JobContext, call: Purchase | None) -> list[Result]:
    """The pictures of a purchase; empty unless all of them are in results/."""
    results = await context.store_thread(context.ledger.results, call.id) if call else []
    return results if await are_intact(context, results) else []


async def are_intact(context: JobContext, results: Sequence[Result]) -> bool:
    """Whether there are results and all their files are intact in results/. Raises LocalTrouble where the
    folder can't be read."""
    here = [await to_thread.run_sync(is_intact, context, result) for result in results]
    return bool(here) and all(here)


def is_intact(context: JobContext, result: Result) -> bool:
    """Whether the file exists and has the recorded hash. A damaged one is renamed to `.damaged`: it would be
    delivered as a picture, and sent to the next paid call. Raises LocalTrouble."""
    path = context.places.results / result.file
    with local_trouble(path.parent):
        context.places.guard(path.parent)
        try:
            intact = sha256_of(path) == result.sha256
        except FileNotFoundError:
            return False
        if not intact:
            aside = path.with_name(f"{path.name}.damaged")
            path.replace(aside)
            logger.error("result_damaged", file=str(aside))
        return intact


def put_in_place(part: Path, kept: Path) -> None:
    """Rename a verified download to its name, and fsync the folder. Raises LocalTrouble."""
    with local_trouble(kept):
        part.replace(kept)
        sync_folder(kept.parent)


async def intact_chain(context: JobContext, job: Job) -> list[PurchaseStep]:
    """The steps of the job's chain whose pictures, and those of all steps before them, are in results/."""
    here: list[PurchaseStep] = []
    reached: set[tuple[Operation, ...]] = set() if recipe_of(job).merge else {()}
    for step in await context.store_thread(chain_of, context.store, job):
        if (not step.path or step.path[:-1] in reached) and await are_intact(context, step.results):
            reached.add(step.path)
            here.append(step)
    return here


async def back_to_missing(context: JobContext, job: Job) -> Job:
    """Move a job whose bought pictures aren't all in results/ back to the step that downloads them."""
    state = State.MERGING if recipe_of(job).merge else State.EDITING
    logger.warning("results_missing", folder=str(context.places.results))
    return await context.advance(job, state)
