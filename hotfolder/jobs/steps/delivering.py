"""Delivering: what was bought into done/, under the names that the rules give it, with its receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from hotfolder import log
from hotfolder.errors import UnusablePhoto
from hotfolder.jobs.chain import Link
from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.delivered import place_of_room
from hotfolder.jobs.steps.carrying import Origin, carrying, origin_of
from hotfolder.jobs.steps.fetching import EXTENSIONS
from hotfolder.jobs.steps.receipting import receipt_of
from hotfolder.jobs.tables import Job, Picture, Result
from hotfolder.jobs.tools import Tools, recipe_of
from hotfolder.outbox.content import Pieces, pieces_of
from hotfolder.outbox.layout import pictures_folder, receipts_folder
from hotfolder.outbox.names import picture_stem, result_stem, safe_name
from hotfolder.outbox.placing import place
from hotfolder.outbox.receipts import Receipt, write_receipt
from hotfolder.outbox.temporary import sha256_of
from hotfolder.pictures.facts import Rendering
from hotfolder.rules.recipes import Variant
from hotfolder.rules.renditions import LEAST_QUALITY, Rendition
from hotfolder.rules.tags import operation_word

logger = log.get("delivering")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One picture to deliver: its bytes in results/, its name without extension, what was altered in it, and
    which variant it is."""

    result: Result
    stem: str
    altered: tuple[str, ...]
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """What is to be placed: its bytes, its extension, and its picture's size in pixels."""

    content: Pieces
    extension: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """What lies in done/ of a set. `receipt` is to be recorded with the job: columns of its row, none where
    there is no picture."""

    pictures: Sequence[Picture]
    receipt: Mapping[str, str]


async def deliver(tools: Tools, job: Job, chain: Sequence[Link]) -> Delivered:
    """Place what was bought so far, the `purchases`, into done/. Repeating it finds the same files there and
    places none."""
    photos = await tools.photos(job)
    numbered = "{seq}" in recipe_of(job).delivery.name
    seq = await tools.desk(place_of_room, tools.store, job) if numbered else 0
    wanted = list(deliveries(job, chain, seq))
    notes: list[str] = []
    if wanted:
        origin = await origin_of(tools, job, photos)
        placed: list[Picture] = []
        for number, delivery in enumerate(wanted):
            placed += await deliver_one(tools, job, origin, delivery, number, notes)
        await tools.desk(tools.store.add_pictures, placed)
        tools.passing(Checkpoint.PICTURES_RECORDED)
    pictures = await tools.desk(tools.store.pictures, job.id)
    if not pictures:
        return Delivered((), {})
    calls = await tools.desk(tools.ledger.of_job, job.id)
    store_id = await tools.desk(tools.store.identity, tools.clock.now())
    receipt = receipt_of(job, photos, chain, calls, pictures, tools.prices, notes, store_id=store_id)
    path, sha256 = await asyncio.to_thread(put_receipt, tools, job, receipt)
    return Delivered(pictures, {"receipt": path, "receipt_sha256": sha256})


def put_receipt(tools: Tools, job: Job, receipt: Receipt) -> tuple[str, str]:
    """The receipt into done/; its path there, and its SHA-256."""
    folder = receipts_folder(tools.places.done, safe_name(job.project))
    stem = result_stem(job.room, words(job))
    written = write_receipt(folder, stem, receipt, shared=tools.places.sharing(job))
    tools.passing(Checkpoint.RECEIPT_WRITTEN)
    return str(written.relative_to(tools.places.done)), sha256_of(written)


async def deliver_one(
    tools: Tools, job: Job, origin: Origin, delivery: Delivery, number: int, notes: list[str]
) -> list[Picture]:
    """Place one picture and its renditions; what is left out of their metadata is added to `notes`."""
    result, extension = delivery.result, EXTENSIONS[delivery.result.format]
    shown = tools.places.work / f"{job.id}-{number}.{extension}"
    wanted = carrying(origin, delivery.altered)
    left_out = await tools.decoder.carry(tools.places.results / result.file, shown, wanted)
    for note in left_out:
        logger.warning("metadata_left_out", picture=delivery.stem, reason=note)
    notes += [note for note in left_out if note not in notes]
    try:
        copy = Copy(partial(pieces_of, shown), extension, result.width, result.height)
        placed = [await put(tools, job, delivery, copy)]
        if recipe_of(job).delivery.renditions:
            placed += await put_renditions(tools, job, origin, delivery, shown)
    finally:
        await asyncio.to_thread(shown.unlink, missing_ok=True)
    return placed


async def put_renditions(
    tools: Tools, job: Job, origin: Origin, delivery: Delivery, shown: Path
) -> list[Picture]:
    """Those of the picture `shown`."""
    placed = []
    for name, wanted in recipe_of(job).delivery.renditions.items():
        path = shown.with_suffix(".rendition.jpg")
        copy = await rendition(tools, origin, shown, path, delivery, wanted)
        if copy is None:
            logger.warning("rendition_not_made", rendition=name, picture=delivery.stem, wanted=str(wanted))
        else:
            placed.append(await put(tools, job, delivery, copy, name))
            await asyncio.to_thread(path.unlink, missing_ok=True)
    return placed


async def put(tools: Tools, job: Job, delivery: Delivery, copy: Copy, rendition: str = "") -> Picture:
    picture = await asyncio.to_thread(place_picture, tools, job, delivery, copy, rendition)
    tools.passing(Checkpoint.PICTURE_PLACED)
    return picture


async def rendition(
    tools: Tools, origin: Origin, shown: Path, path: Path, delivery: Delivery, wanted: Rendition
) -> Copy | None:
    """A rendition of the picture `shown`, with the same metadata, in `path`; None where it would be too
    large.

    What the metadata takes is known once they are there: then a second try leaves room for them.
    """
    plain = shown.with_suffix(".plain.jpg")
    most_bytes = wanted.max_bytes
    try:
        while True:
            made = await tools.decoder.render(
                shown,
                plain,
                Rendering(wanted.quality, LEAST_QUALITY, wanted.long_edge, most_bytes),
                tools.result_limits,
            )
            if made is None:
                return None
            await tools.decoder.carry(plain, path, carrying(origin, delivery.altered))
            size_bytes = (await asyncio.to_thread(path.stat)).st_size
            if wanted.max_bytes is None or size_bytes <= wanted.max_bytes:
                return Copy(partial(pieces_of, path), "jpg", made.width, made.height)
            most_bytes = wanted.max_bytes - (size_bytes - made.size_bytes)
    except UnusablePhoto as error:
        logger.warning("rendition_failed", reason=error.message)
        return None
    finally:
        await asyncio.to_thread(plain.unlink, missing_ok=True)


def words(job: Job) -> list[str]:
    recipe = recipe_of(job)
    names = [variant.name for variant in recipe.variants]
    return names or [operation_word(operation) for operation in recipe.operations]


def deliveries(job: Job, chain: Sequence[Link], seq: int) -> Iterator[Delivery]:
    """The unaltered merge, and every picture at the end of what was bought: one that a further operation was
    bought for is on the way only. `seq` is the room's place in its project, 0 where no name has it."""
    names = {variant.operations: variant.name for variant in recipe_of(job).altered()}
    if chain and not chain[0].path:
        yield Delivery(chain[0].results[0], stem_of(job, Variant(name="", operations=()), seq), ())
    begun = {link.path[:-1] for link in chain if link.path}
    for link in chain:
        if not link.path or (link.path in begun and link.path not in names):
            continue
        variant = Variant(name=names.get(link.path, ""), operations=link.path)
        altered = tuple(operation.kind for operation in link.path)
        for result in link.results:
            yield Delivery(result, stem_of(job, variant, seq), altered, variant.name)


def stem_of(job: Job, variant: Variant, seq: int) -> str:
    """The name of the picture of a variant, or of what there is of it, without its extension."""
    recipe = recipe_of(job)
    dropped_on = datetime.fromisoformat(job.created_at).astimezone().date().isoformat()
    fields = {
        "project": job.title,
        "room": job.room,
        "set": job.shown_folder,
        "tags": "__".join(operation_word(operation) for operation in variant.operations),
        "variant": variant.name,
        "date": recipe.taken_on or dropped_on,
        "seq": f"{seq:02d}",
    }
    return picture_stem(recipe.delivery, fields)


def place_picture(tools: Tools, job: Job, delivery: Delivery, copy: Copy, rendition: str) -> Picture:
    """The copy into done/, under its name."""
    folder = pictures_folder(tools.places.done, job.project, job.room, recipe_of(job).delivery.folders)
    sharing = tools.places.sharing(job)
    placed = place(copy.content, folder / rendition, delivery.stem, copy.extension, shared=sharing)
    return Picture(
        job_id=job.id,
        path=str(placed.path.relative_to(tools.places.done)),
        sha256=placed.sha256,
        width=copy.width,
        height=copy.height,
        altered=",".join(delivery.altered),
        rendition=rendition,
        variant=delivery.variant,
    )
