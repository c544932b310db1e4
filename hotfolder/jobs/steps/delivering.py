"""Delivering: pictures and receipt into done/."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath

from anyio import to_thread

from hotfolder import __version__, log
from hotfolder.crashpoints import CrashPoint
from hotfolder.errors import UnusablePhoto
from hotfolder.jobs.context import JobContext, recipe_of
from hotfolder.jobs.ledger import PurchaseStep
from hotfolder.jobs.model import SANDBOX, FileRole, Job, JobFile, Picture, Purchase, Result
from hotfolder.jobs.previous import room_number
from hotfolder.jobs.reservednames import take_name
from hotfolder.jobs.states import CHARGED, State
from hotfolder.jobs.steps.fetching import EXTENSIONS, back_to_missing, intact_chain
from hotfolder.outbox.files import Pieces, file_pieces, sha256_of
from hotfolder.outbox.names import (
    name_key,
    picture_stem,
    pictures_folder,
    receipts_folder,
    safe_name,
)
from hotfolder.outbox.placing import Placed, find_placed, place_as
from hotfolder.outbox.receipts import (
    COMMON_FIELDS,
    Receipt,
    ReceiptCall,
    ReceiptPhoto,
    ReceiptPicture,
    as_bytes,
    find_equal_receipt,
)
from hotfolder.paths import exists
from hotfolder.pictures.facts import Carrying, Rendered, Rendering
from hotfolder.rules.delivery import LABELLED, LEAST_QUALITY, Delivery, Rendition
from hotfolder.rules.kinds import Prices, operation_word
from hotfolder.rules.recipes import Recipe, Variant
from hotfolder.rules.sets import names_sharing_stem

SOFTWARE = "hotfolder"
"""The software named in the metadata, without a version (the receipt has it): a picture placed before an
upgrade must have the same bytes as one made after it."""
LABELLED_QUALITY = 92


async def metadata_of(context: JobContext, job: Job, files: Sequence[JobFile]) -> Carrying:
    """The metadata for the job's pictures: that of the middle exposure and of its sidecar. `files` are
    all files of the job, photos first.

    Where the photo is gone, pictures are delivered without. Raises LocalTrouble where it may only seem gone,
    since its inbox is missing or replaced.
    """
    middle = next((file for file in files if file.is_middle), files[0])
    found = await to_thread.run_sync(found_metadata, context, job, middle, files)
    if not middle.develop or not await to_thread.run_sync(exists, Path(found.photo)):
        return found
    # The developed JPEG has the photo's metadata, in a form that can be copied into a picture.
    with suppress(UnusablePhoto):
        photo = Path(found.photo)
        made = await context.darkroom.developed(photo, middle.sha256, job.id, roots=found.roots)
        return replace(found, photo=str(made))
    return found


def found_metadata(context: JobContext, job: Job, middle: JobFile, files: Sequence[JobFile]) -> Carrying:
    """The middle exposure and the `.xmp` file beside it, where they lie now. Raises LocalTrouble."""
    photo = original_of(context, job, middle)
    if not exists(photo):
        context.places.confirm_inbox(context.places.inbox(job.inbox))
    companions = {file.name: file for file in files if file.role == FileRole.COMPANION}
    sidecars = (name for name in companions if PurePath(name).suffix.lower() == ".xmp")
    beside = names_sharing_stem(sidecars, [middle.name])
    # `a.jpg.xmp` can only be about `a.jpg`; `a.xmp` may be about its RAW file.
    nearest = max(beside, key=len, default=None)
    sidecar = str(original_of(context, job, companions[nearest])) if nearest is not None else None
    roots = (str(context.places.inbox(job.inbox)), str(context.places.done))
    return Carrying(str(photo), sidecar, recipe_of(job).delivery.metadata, (), SOFTWARE, roots=roots)


def original_of(context: JobContext, job: Job, file: JobFile) -> Path:
    """The path at which an original exists; the first candidate where it is gone."""
    paths = context.places.original_paths(job, file)
    return next((path for path in paths if exists(path)), paths[0])


def receipt_of(
    job: Job,
    photos: Sequence[JobFile],
    chain: Sequence[PurchaseStep],
    own_calls: Sequence[Purchase],
    pictures: Sequence[Picture],
    prices: Prices,
    notes: Sequence[str] = (),
    *,
    store_id: str,
) -> Receipt:
    """The receipt of a job. `own_calls` are the purchases that it made itself; `notes` are added to it."""
    own = {call.id for call in own_calls}
    paid = [call.operation for call in own_calls if call.state in CHARGED]
    recipe = recipe_of(job)
    return Receipt(
        store=store_id,
        job_id=job.id,
        project=job.project,
        room=job.room,
        folder=job.shown_folder,
        finished_at=job.finished_at or job.updated_at,
        api_origin=job.origin,
        api_project_id=job.api_project_id,
        group_id=job.group_id,
        generation=job.generation,
        photos=tuple(
            ReceiptPhoto(developed=photo.develop, **photo.model_dump(include=set(ReceiptPhoto.model_fields)))
            for photo in photos
        ),
        recipe=recipe.model_dump(mode="json", by_alias=True),
        calls=tuple(
            ReceiptCall(
                operation=step.purchase.operation,
                key=step.purchase.key,
                paid=step.purchase.id in own,
                remembered=step.purchase.id not in own,
                at=step.purchase.started_at,
                answers=tuple(result.answer_id for result in step.results if result.answer_id),
            )
            for step in chain
        ),
        cost=prices.sum_text(paid) or None if job.origin != SANDBOX else None,
        pictures=tuple(
            ReceiptPicture(
                file=picture.path, altered=picture.kinds, **picture.model_dump(include=COMMON_FIELDS)
            )
            for picture in pictures
        ),
        altered=tuple(dict.fromkeys(step.path[-1].kind for step in chain if step.path)),
        notes=(*notes_on(recipe, pictures), *notes),
        hotfolder_version=__version__,
    )


def notes_on(recipe: Recipe, pictures: Sequence[Picture]) -> Iterator[str]:
    """Notes on a job, as sentences: those of its recipe, and one for each requested rendition that is missing
    for some picture."""
    yield from recipe.notes
    whole = [picture for picture in pictures if not picture.rendition]
    altered = [picture for picture in whole if picture.altered]
    wanted = [(name, len(whole), one.max_bytes) for name, one in recipe.delivery.renditions.items()]
    wanted += [(LABELLED, len(altered), None)] if recipe.delivery.label else []
    for name, number, max_bytes in wanted:
        missing = number - sum(picture.rendition == name for picture in pictures)
        if missing:
            of_all = f"{missing} of {number} pictures" if number > 1 else "the picture"
            most = f": its file may have at most {max_bytes / 10**6:g} MB" if max_bytes else ""
            yield f'The rendition "{name}" of {of_all} could not be made{most}.'


logger = log.get("delivering")


NewPicture = tuple[Result, Variant, str]
"""A picture to deliver: its file in results/, its variant with the operations, and its name's stem."""


async def deliver(
    context: JobContext, job: Job, chain: Sequence[PurchaseStep]
) -> tuple[Sequence[Picture], Mapping[str, str]]:
    """Place the pictures of the purchases `chain` into done/, with a receipt. Idempotent: files that are
    there already with the same bytes are found again.

    Returns all pictures of the job, and the columns of its row for the receipt, empty without pictures.
    Raises LocalTrouble, LeaseLost, UnusablePhoto.
    """
    files = await context.files(job)
    numbered = "{seq}" in recipe_of(job).delivery.name
    seq = await context.store_thread(room_number, context.store, job) if numbered else 0
    wanted = list(deliveries(job, chain, seq))
    notes: list[str] = []
    if wanted:
        metadata = await metadata_of(context, job, files)
        placed: list[Picture] = []
        for number, new in enumerate(wanted):
            placed += await deliver_one(context, job, metadata, new, number, notes)
        await context.store_thread(context.store.add_pictures, placed)
        CrashPoint.PICTURES_RECORDED.passed()
    pictures = await context.store_thread(context.store.pictures, job.id)
    if not pictures:
        return (), {}
    calls = await context.store_thread(context.ledger.of_job, job.id)
    store_id = await context.store_thread(context.store.identity)
    photos = [file for file in files if file.role == FileRole.PHOTO]
    receipt = receipt_of(
        job, photos, chain, calls, pictures, context.settings.prices, notes, store_id=store_id
    )
    written = await place_receipt(context, job, receipt)
    CrashPoint.RECEIPT_WRITTEN.passed()
    path = str(written.relative_to(context.places.done))
    return pictures, {"receipt": path, "receipt_sha256": await to_thread.run_sync(sha256_of, written)}


async def place_receipt(context: JobContext, job: Job, receipt: Receipt) -> Path:
    """Write the receipt into done/ and return its path; that of the same receipt where it exists already."""
    folder = receipts_folder(context.places.done, safe_name(job.project))
    stem = picture_stem(Delivery(), fields_of(job, tags_of(job)))
    written = await to_thread.run_sync(find_equal_receipt, folder, stem, receipt)
    if written is not None:
        return written
    data = as_bytes(receipt)
    return (await place_file(context, job, lambda: [data], folder, stem, "json", "receipt")).path


async def place_file(
    context: JobContext, job: Job, content: Pieces, folder: Path, stem: str, extension: str, purpose: str
) -> Placed:
    """Place a file with this content below done/, under a name from `stem` that no other job has. `purpose`
    distinguishes the job's files there. A file with the same bytes under one of these names is returned
    instead."""
    stem, below = safe_name(stem), f"done/{folder.relative_to(context.places.done)}"
    take = partial(take_name, context.store, job.id, below, stem, extension)
    sharing = await to_thread.run_sync(context.places.sharing, job)
    find = partial(find_placed, content, folder, stem, extension)
    placed, there = await to_thread.run_sync(find)
    while placed is None:
        of_file, now = f"{purpose} {stem}.{extension}", context.clock.now()
        name = await context.store_thread(take, purpose=of_file, present=there, at=now)
        CrashPoint.NAME_TAKEN.passed()
        placed = await to_thread.run_sync(partial(place_as, content, folder, name, shared=sharing))
        there |= {name_key(name)}  # another file has this name by now, or one was not visible here before
    return placed


async def deliver_one(
    context: JobContext,
    job: Job,
    metadata: Carrying,
    new: NewPicture,
    number: int,
    notes: list[str],
) -> list[Picture]:
    """Place a picture and its renditions and return them; adds omissions in its metadata to `notes`."""
    result, variant, stem = new
    altered = tuple(operation.kind for operation in variant.operations)
    shown = context.places.work / f"{job.id}-{number}.{EXTENSIONS[result.format]}"
    metadata = replace(metadata, altered=altered)
    left_out = await context.decoder.carry(context.places.results / result.file, shown, metadata)
    for note in left_out:
        logger.warning("metadata_left_out", picture=stem, reason=note)
    notes += [note for note in left_out if note not in notes]
    try:
        placed = [await place_picture(context, job, new, shown, result)]
        for name, (wanted, label) in renditions_of(job, altered).items():
            path = shown.with_suffix(".rendition.jpg")
            made = await make_rendition(context, metadata, shown, path, wanted, label)
            if made is None:
                logger.warning("rendition_not_made", rendition=name, picture=stem)
            else:
                placed.append(await place_picture(context, job, new, path, made, name))
                await to_thread.run_sync(partial(path.unlink, missing_ok=True))
    finally:
        await to_thread.run_sync(partial(shown.unlink, missing_ok=True))
    return placed


def renditions_of(job: Job, altered: Sequence[str]) -> dict[str, tuple[Rendition, str]]:
    """The renditions of a picture with these alterations, by name, each with its label ("" for none)."""
    delivery = recipe_of(job).delivery
    wanted = {name: (one, "") for name, one in delivery.renditions.items()}
    if altered and delivery.label:
        wanted[LABELLED] = (Rendition(quality=LABELLED_QUALITY), delivery.label)
    return wanted


async def place_picture(
    context: JobContext,
    job: Job,
    new: NewPicture,
    made: Path,
    size: Result | Rendered,
    rendition: str = "",
) -> Picture:
    """Place the file `made`, a picture of this size, in done/ and return its row."""
    result, variant, stem = new
    folder = pictures_folder(context.places.done, job.project, job.room, recipe_of(job).delivery.folders)
    content, extension = partial(file_pieces, made), made.suffix.removeprefix(".")
    purpose = f"{result.purchase_id}/{result.position}"
    placed = await place_file(context, job, content, folder / rendition, stem, extension, purpose)
    CrashPoint.PICTURE_PLACED.passed()
    return Picture(
        job_id=job.id,
        path=str(placed.path.relative_to(context.places.done)),
        sha256=placed.sha256,
        width=size.width,
        height=size.height,
        altered=",".join(operation.kind for operation in variant.operations),
        rendition=rendition,
        variant=variant.name,
    )


async def make_rendition(
    context: JobContext, metadata: Carrying, shown: Path, path: Path, wanted: Rendition, label: str
) -> Rendered | None:
    """Make a rendition of the picture `shown` in `path`, with its metadata and the label; None where it can't
    be made within `wanted.max_bytes` or at all.

    The size of the metadata is known only once they are embedded: a second try then leaves room for them.
    """
    plain = shown.with_suffix(".plain.jpg")
    most_bytes = wanted.max_bytes
    try:
        while True:
            made = await context.decoder.render(
                shown,
                plain,
                Rendering(wanted.quality, LEAST_QUALITY, wanted.long_edge, most_bytes, label),
                context.settings.result_limits,
            )
            if made is None:
                return None
            await context.decoder.carry(plain, path, metadata)
            size_bytes = (await to_thread.run_sync(path.stat)).st_size
            if wanted.max_bytes is None or size_bytes <= wanted.max_bytes:
                return made
            most_bytes = wanted.max_bytes - (size_bytes - made.size_bytes)
    except UnusablePhoto as error:
        logger.warning("rendition_failed", reason=error.message)
        return None
    finally:
        await to_thread.run_sync(partial(plain.unlink, missing_ok=True))


def tags_of(job: Job) -> list[str]:
    """What the name of the job's receipt says was done: its variants, else its operations as tags."""
    recipe = recipe_of(job)
    names = [variant.name for variant in recipe.variants]
    return names or [operation_word(operation) for operation in recipe.operations]


def deliveries(job: Job, chain: Sequence[PurchaseStep], seq: int) -> Iterator[NewPicture]:
    """The pictures to deliver: the unaltered merge, each variant, and the last picture of every branch. Other
    intermediate pictures, on which a further operation was bought, are left out. `seq` is the room's number
    in its project, 0 where no name uses it."""
    recipe = recipe_of(job)
    names = {variant.operations: variant.name for variant in recipe.altered_pictures()}
    begun = {step.path[:-1] for step in chain if step.path}
    for step in chain:
        if step.path and step.path in begun and step.path not in names:
            continue
        variant = Variant(name=names.get(step.path, ""), operations=step.path)
        values = fields_of(job, map(operation_word, step.path), variant.name, seq)
        stem = picture_stem(recipe.delivery, values)
        yield from ((result, variant, stem) for result in step.results)


def fields_of(job: Job, words: Iterable[str], variant: str = "", seq: int = 0) -> Mapping[str, str]:
    """The values of the fields in a name template of the job's files."""
    dropped_on = job.created_at.astimezone().date().isoformat()
    return {
        "project": job.title,
        "room": job.room,
        "set": job.shown_folder,
        "tags": "__".join(words),
        "variant": variant,
        "date": recipe_of(job).taken_on or dropped_on,
        "seq": f"{seq:02d}",
    }


async def publish(context: JobContext, job: Job) -> Job:
    """The step of PUBLISHING: deliver all pictures with their receipt. Back to MERGING or EDITING where a
    bought picture is missing from results/."""
    chain = await intact_chain(context, job)
    if len(chain) < len(recipe_of(job).paid_kinds()):
        return await back_to_missing(context, job)
    _, receipt = await deliver(context, job, chain)
    job = await context.advance(job, State.FILING, **receipt)
    CrashPoint.RECEIPT_RECORDED.passed()
    return job
