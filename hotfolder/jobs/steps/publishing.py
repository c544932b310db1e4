"""Publishing and filing: pictures and receipt into done/, then the originals beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hotfolder import __version__, log
from hotfolder.errors import SetChanged
from hotfolder.jobs.chain import Link
from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.states import Event
from hotfolder.jobs.steps.bought import back_to_missing, purchases
from hotfolder.jobs.steps.fetching import EXTENSIONS
from hotfolder.jobs.tables import Call, Job, JobFile, Picture, Result
from hotfolder.jobs.tools import Tools, identity_of, recipe_of
from hotfolder.outbox.layout import originals_folder, receipts_folder
from hotfolder.outbox.metadata import carry_over
from hotfolder.outbox.names import folded, operation_word, result_stem, safe_name
from hotfolder.outbox.placing import move, place, reserve_folder
from hotfolder.outbox.receipts import (
    Receipt,
    ReceiptCall,
    ReceiptPhoto,
    ReceiptPicture,
    write_receipt,
)
from hotfolder.outbox.temporary import sha256_of

logger = log.get("publishing")

SOFTWARE = f"hotfolder {__version__}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One picture to deliver: its bytes in results/, its name without extension, what was altered in it."""

    result: Result
    stem: str
    altered: tuple[str, ...]


async def publish(tools: Tools, job: Job) -> None:
    """Deliver everything that was bought, with its receipt."""
    if len(await purchases(tools, job)) < recipe_of(job).paid_calls():
        return await back_to_missing(tools, job)
    await deliver(tools, job)
    await tools.desk(tools.store.advance, job.id, Event.FILE, tools.clock.now())


async def deliver(tools: Tools, job: Job) -> list[Picture]:
    """Place what was bought so far into done/. Repeating it finds the same files there and places none."""
    chain = await purchases(tools, job)
    photos = await tools.photos(job)
    for number, delivery in enumerate(deliveries(job, chain)):
        picture = await asyncio.to_thread(place_picture, tools, job, photos, delivery, number)
        tools.passing(Checkpoint.PICTURE_PLACED)
        await tools.desk(tools.store.add_picture, picture)
        tools.passing(Checkpoint.PICTURE_RECORDED)
    pictures = await tools.desk(tools.store.pictures, job.id)
    if pictures:
        calls = await tools.desk(tools.ledger.of_job, job.id)
        receipt = receipt_of(tools, job, photos, chain, calls, pictures)
        stem = result_stem(job.room, words(job))
        folder = receipts_folder(tools.places.done, safe_name(job.project))
        sharing = await asyncio.to_thread(tools.places.sharing, job)
        await asyncio.to_thread(write_receipt, folder, stem, receipt, shared=sharing)
        tools.passing(Checkpoint.RECEIPT_WRITTEN)
    return pictures


def words(job: Job) -> list[str]:
    return [operation_word(operation) for operation in recipe_of(job).operations]


def deliveries(job: Job, chain: Sequence[Link]) -> Iterator[Delivery]:
    """The unaltered merge, and every picture of the last operation that was bought."""
    edits = [purchase for purchase in chain if purchase.operation is not None]
    if chain and chain[0].operation is None:
        yield Delivery(chain[0].results[0], result_stem(job.room, []), ())
    if edits:
        done = [purchase.operation for purchase in edits if purchase.operation is not None]
        stem = result_stem(job.room, [operation_word(operation) for operation in done])
        altered = tuple(operation.kind for operation in done)
        for result in edits[-1].results:
            yield Delivery(result, stem, altered)


def place_picture(
    tools: Tools, job: Job, photos: Sequence[JobFile], delivery: Delivery, number: int
) -> Picture:
    """Put the middle exposure's metadata onto a copy of the result, and the copy into done/."""
    result = delivery.result
    extension = EXTENSIONS[result.format]
    middle = next((photo for photo in photos if photo.is_middle), photos[0])
    original = whereabouts(tools, job, middle)
    if not original.exists():
        tools.confirm_inbox(tools.places.inbox(job))  # a picture whose photos are really gone is delivered
    copy = tools.places.work / f"{job.id}-{number}.{extension}"
    carry_over(
        original,
        tools.places.results / result.file,
        copy,
        altered=delivery.altered,
        software=SOFTWARE,
    )
    sharing = tools.places.sharing(job)
    folder = tools.places.done / safe_name(job.project)
    placed = place(copy, folder, delivery.stem, f".{extension}", shared=sharing)
    digest = sha256_of(copy)
    copy.unlink(missing_ok=True)
    return Picture(
        job_id=job.id,
        path=str(placed.relative_to(tools.places.done)),
        sha256=digest,
        width=result.width,
        height=result.height,
        altered=",".join(delivery.altered),
    )


def whereabouts(tools: Tools, job: Job, file: JobFile) -> Path:
    """Where an original lies now: still in the inbox, or filed already."""
    dropped = tools.places.folder(job) / file.name
    if dropped.exists() or job.filed_as is None:
        return dropped
    return originals_folder(tools.places.done, safe_name(job.project), job.filed_as) / file.name


def receipt_of(
    tools: Tools,
    job: Job,
    photos: Sequence[JobFile],
    chain: Sequence[Link],
    own_calls: Sequence[Call],
    pictures: Sequence[Picture],
) -> Receipt:
    own = {call.id for call in own_calls}
    recipe = recipe_of(job)
    return Receipt(
        job_id=job.id,
        project=job.project,
        room=job.room,
        folder=job.shown_folder,
        finished_at=datetime.fromisoformat(job.finished_at or job.updated_at),
        api_origin=job.origin,
        api_project_id=job.api_project_id,
        group_id=job.group_id,
        photos=tuple(
            ReceiptPhoto(
                name=photo.name,
                sha256=photo.sha256,
                size_bytes=photo.size_bytes,
                exposure_value=photo.exposure_value,
            )
            for photo in photos
        ),
        recipe=recipe.model_dump(mode="json", by_alias=True),
        calls=tuple(
            ReceiptCall(
                operation=purchase.call.operation,
                key=purchase.call.key,
                paid=purchase.call.id in own,
                remembered=purchase.call.id not in own,
                at=datetime.fromisoformat(purchase.call.started_at),
                answers=tuple(result.answer_id for result in purchase.results if result.answer_id),
            )
            for purchase in chain
        ),
        pictures=tuple(
            ReceiptPicture(
                file=picture.path,
                sha256=picture.sha256,
                width=picture.width,
                height=picture.height,
                altered=tuple(filter(None, picture.altered.split(","))),
            )
            for picture in pictures
        ),
        altered=tuple(operation.kind for purchase in chain if (operation := purchase.operation)),
        hotfolder_version=__version__,
    )


async def file_originals(tools: Tools, job: Job) -> None:
    """Move the set's files to done/<project>/originals/<folder>/. The room's folder stays in the inbox."""
    parent = originals_folder(tools.places.done, safe_name(job.project), "")
    await move_files(tools, job, parent)
    await tools.desk(tools.store.advance, job.id, Event.FINISH, tools.clock.now())
    tools.passing(Checkpoint.JOB_ENDED)


async def reserve(tools: Tools, job: Job, parent: Path) -> Job:
    """Record a folder name that no other job has. Projects and folders that are spelt differently, or lie in
    different inboxes, may ask for the same one at the same time."""

    def same_project(project: str) -> bool:
        return folded(safe_name(project)) == folded(safe_name(job.project))

    async with tools.locks.hold("folder names"):
        taken = await tools.desk(tools.store.folders_taken, same_project)
        name = await asyncio.to_thread(reserve_folder, parent, safe_name(job.shown_folder), taken=taken)
        return await tools.desk(tools.store.change, job.id, filed_as=name)


async def move_files(tools: Tools, job: Job, parent: Path) -> Path:
    """Move every file of the job into a folder of its own below `parent`; returns the folder.

    The folder's name is recorded before it is made, so that a second attempt goes on in the same one. A
    file that was rewritten after its set had settled isn't ours to move: it stays, and starts a new set.
    """
    if job.filed_as is None:
        job = await reserve(tools, job, parent)
        tools.passing(Checkpoint.FOLDER_RESERVED)
    assert job.filed_as is not None
    target = parent / job.filed_as
    sharing = await asyncio.to_thread(tools.places.sharing, job)
    for file in await tools.desk(tools.store.files, job.id):
        source = tools.places.folder(job) / file.name
        try:
            await asyncio.to_thread(
                move, source, target / file.name, expected=identity_of(file), shared=sharing
            )
        except SetChanged as error:
            await tools.confirm_gone(job)
            logger.warning("original_left_in_inbox", file=file.name, reason=error.message)
        tools.passing(Checkpoint.ORIGINAL_MOVED)
    return target
