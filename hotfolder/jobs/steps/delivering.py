"""Delivering: what was bought into done/, under the names that the rules give it, with its receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hotfolder import __version__
from hotfolder.jobs.chain import Link
from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.delivered import place_of_room
from hotfolder.jobs.steps.bought import purchases
from hotfolder.jobs.steps.fetching import EXTENSIONS
from hotfolder.jobs.steps.receipting import receipt_of
from hotfolder.jobs.tables import Job, JobFile, Picture, Result
from hotfolder.jobs.tools import Tools, recipe_of
from hotfolder.outbox.layout import originals_folder, pictures_folder, receipts_folder
from hotfolder.outbox.metadata import carry_over
from hotfolder.outbox.names import picture_stem, result_stem, safe_name
from hotfolder.outbox.placing import place
from hotfolder.outbox.receipts import write_receipt
from hotfolder.outbox.temporary import sha256_of
from hotfolder.rules.tags import operation_word
from hotfolder.stager.operations import Operation

SOFTWARE = f"hotfolder {__version__}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One picture to deliver: its bytes in results/, its name without extension, what was altered in it."""

    result: Result
    stem: str
    altered: tuple[str, ...]


async def deliver(tools: Tools, job: Job) -> list[Picture]:
    """Place what was bought so far into done/. Repeating it finds the same files there and places none."""
    chain = await purchases(tools, job)
    photos = await tools.photos(job)
    seq = await tools.desk(place_of_room, tools.store, job)
    for number, delivery in enumerate(deliveries(job, chain, seq)):
        picture = await asyncio.to_thread(place_picture, tools, job, photos, delivery, number)
        tools.passing(Checkpoint.PICTURE_PLACED)
        await tools.desk(tools.store.add_picture, picture)
        tools.passing(Checkpoint.PICTURE_RECORDED)
    pictures = await tools.desk(tools.store.pictures, job.id)
    if pictures:
        calls = await tools.desk(tools.ledger.of_job, job.id)
        receipt = receipt_of(job, photos, chain, calls, pictures)
        stem = result_stem(job.room, words(job))
        folder = receipts_folder(tools.places.done, safe_name(job.project))
        sharing = await asyncio.to_thread(tools.places.sharing, job)
        await asyncio.to_thread(write_receipt, folder, stem, receipt, shared=sharing)
        tools.passing(Checkpoint.RECEIPT_WRITTEN)
    return pictures


def words(job: Job) -> list[str]:
    return [operation_word(operation) for operation in recipe_of(job).operations]


def deliveries(job: Job, chain: Sequence[Link], seq: int) -> Iterator[Delivery]:
    """The unaltered merge, and every picture of the last operation that was bought. `seq` is the room's
    place in its project."""
    edits = [purchase for purchase in chain if purchase.operation is not None]
    if chain and chain[0].operation is None:
        yield Delivery(chain[0].results[0], stem_of(job, [], seq), ())
    if edits:
        done = [purchase.operation for purchase in edits if purchase.operation is not None]
        stem = stem_of(job, done, seq)
        altered = tuple(operation.kind for operation in done)
        for result in edits[-1].results:
            yield Delivery(result, stem, altered)


def stem_of(job: Job, operations: Sequence[Operation], seq: int) -> str:
    """The name of the picture that these operations gave, without its extension."""
    recipe = recipe_of(job)
    dropped_on = datetime.fromisoformat(job.created_at).astimezone().date().isoformat()
    fields = {
        "project": job.title,
        "room": job.room,
        "set": job.shown_folder,
        "tags": "__".join(operation_word(operation) for operation in operations),
        "date": recipe.taken_on or dropped_on,
        "seq": f"{seq:02d}",
    }
    return picture_stem(recipe.delivery, fields)


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
    folder = pictures_folder(tools.places.done, job.project, job.room, recipe_of(job).delivery.folders)
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
