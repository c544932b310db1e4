"""What a job's receipt says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from hotfolder import __version__
from hotfolder.jobs.chain import Link
from hotfolder.jobs.keys import SANDBOX
from hotfolder.jobs.tables import CHARGED, Call, Job, JobFile, Picture
from hotfolder.jobs.tools import recipe_of
from hotfolder.outbox.receipts import Receipt, ReceiptCall, ReceiptPhoto, ReceiptPicture
from hotfolder.rules.prices import Prices
from hotfolder.rules.recipes import Recipe


def receipt_of(
    job: Job,
    photos: Sequence[JobFile],
    chain: Sequence[Link],
    own_calls: Sequence[Call],
    pictures: Sequence[Picture],
    prices: Prices,
    notes: Sequence[str] = (),
    *,
    store_id: str,
) -> Receipt:
    """The receipt of a job; `own_calls` are those that it made itself, `notes` what else is to be said."""
    own = {call.id for call in own_calls}
    paid = [call.operation for call in own_calls if call.state in CHARGED]
    recipe = recipe_of(job)
    return Receipt(
        store=store_id,
        job_id=job.id,
        project=job.project,
        room=job.room,
        folder=job.shown_folder,
        finished_at=datetime.fromisoformat(job.finished_at or job.updated_at),
        api_origin=job.origin,
        api_project_id=job.api_project_id,
        group_id=job.group_id,
        generation=job.generation,
        photos=tuple(
            ReceiptPhoto(
                name=photo.name,
                sha256=photo.sha256,
                size_bytes=photo.size_bytes,
                exposure_value=photo.exposure_value,
                developed=photo.develop,
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
        cost=prices.told(paid) or None if job.origin != SANDBOX else None,
        pictures=tuple(
            ReceiptPicture(
                file=picture.path,
                sha256=picture.sha256,
                width=picture.width,
                height=picture.height,
                altered=tuple(filter(None, picture.altered.split(","))),
                rendition=picture.rendition,
                variant=picture.variant,
            )
            for picture in pictures
        ),
        altered=tuple(
            dict.fromkeys(operation.kind for purchase in chain if (operation := purchase.operation))
        ),
        notes=(*notes_on(recipe, pictures), *notes),
        hotfolder_version=__version__,
    )


def notes_on(recipe: Recipe, pictures: Sequence[Picture]) -> Iterator[str]:
    """What somebody should know: sentences on the photos, and one for each rendition that was asked for and
    that some picture doesn't have."""
    yield from recipe.notes
    whole = sum(not picture.rendition for picture in pictures)
    for name, wanted in recipe.delivery.renditions.items():
        missing = whole - sum(picture.rendition == name for picture in pictures)
        if missing:
            of_all = f"{missing} of {whole} pictures" if whole > 1 else "the picture"
            most = f": its file may have at most {wanted.max_bytes / 10**6:g} MB" if wanted.max_bytes else ""
            yield f'The rendition "{name}" of {of_all} could not be made{most}.'
