"""Filing: what becomes of a finished set's originals, as the rules say, and the receipt's last words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from hotfolder import log
from hotfolder.errors import LocalTrouble, SetChanged
from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.retention import doubt_of_originals
from hotfolder.jobs.states import Event
from hotfolder.jobs.steps.moving import move_files, removed_words
from hotfolder.jobs.steps.receipting import notes_on
from hotfolder.jobs.tables import FileRole, Job, JobFile
from hotfolder.jobs.tools import Tools, recipe_of
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.folders import confirm_archive
from hotfolder.outbox.layout import archived_folder, originals_folder
from hotfolder.outbox.names import safe_name
from hotfolder.outbox.receipts import ReceiptOriginals, complete_receipt
from hotfolder.outbox.removing import remove
from hotfolder.outbox.temporary import sha256_of
from hotfolder.rules.delivery import Originals

logger = log.get("filing")


async def file_originals(tools: Tools, job: Job) -> Job:
    """Keep, archive or delete the set's originals. The room's folder stays in the inbox."""
    rule = recipe_of(job).delivery.originals
    doubt = await delete_photos(tools, job) if rule is Originals.DELETE else ""
    files = await tools.files(job)
    folder, gone = "", [file for file in files if file.let_go_at and rule is not Originals.DELETE]
    if any(file.let_go_at is None for file in files):
        root = await archive(tools) if rule is Originals.ARCHIVE else tools.places.done
        of_project = archived_folder if rule is Originals.ARCHIVE else originals_folder
        moved_to, removed = await move_files(tools, job, files, of_project(root, safe_name(job.project), ""))
        gone += removed
        folder = str(moved_to.relative_to(root)) if await asyncio.to_thread(moved_to.is_dir) else ""
    photos = [file for file in files if file.role == FileRole.PHOTO]
    note = removed_words(sum(file in gone for file in photos), len(photos))
    receipt = await tell_in_receipt(tools, job, files, folder, doubt, gone, note)
    # What there is to be said of pictures is which renditions they lack.
    renditions = recipe_of(job).delivery.renditions
    pictures = await tools.desk(tools.store.pictures, job.id) if renditions else []
    reason = " ".join([*notes_on(recipe_of(job), pictures), *filter(None, (doubt, note))])
    job = await tools.desk(
        tools.store.advance, job.id, Event.FINISH, tools.clock.now(), reason=reason, hint="", **receipt
    )
    tools.passing(Checkpoint.JOB_ENDED)
    return job


async def archive(tools: Tools) -> Path:
    """The archive, which is there. Raises LocalTrouble."""
    folder = tools.places.archive
    if folder is None:
        raise LocalTrouble(
            "the originals of this set are to be archived, and no archive is known to this hotfolder",
            hint="Name one with `archive` in the settings and start hotfolder again; it continues by itself.",
        )
    bulletin = f"archive {folder}"
    met_before = await tools.desk(tools.store.bulletin, bulletin) is not None
    await asyncio.to_thread(confirm_archive, folder, met_before=met_before)
    if not met_before:
        await tools.desk(tools.store.post, bulletin, {}, tools.clock.now())
    return folder


async def delete_photos(tools: Tools, job: Job) -> str:
    """Delete the photos for good, once the results are beyond doubt; else why they are kept, in a sentence.

    What goes is written down first: after a crash, a photo that is gone was deleted here, and by nobody else.
    Files that only travel with photos stay: nobody has looked into them.
    """
    photos = await tools.photos(job)
    left = [photo for photo in photos if not await gone(tools, job, photo)]
    doubt = await in_doubt(tools, job) if left else ""
    if doubt:
        for photo in left:
            await tools.desk(tools.store.let_go, job.id, photo.name, None)
        logger.warning("originals_not_deleted", reason=doubt)
        return f"The originals were kept and not deleted: {doubt}."
    tools.passing(Checkpoint.RESULTS_VERIFIED)
    for photo in left:
        await delete_photo(tools, job, photo)
    return ""


async def gone(tools: Tools, job: Job, photo: JobFile) -> bool:
    """Whether an earlier attempt has deleted the photo."""
    if photo.let_go_at is None or await asyncio.to_thread((tools.places.folder(job) / photo.name).exists):
        return False
    await tools.confirm_gone(job)
    return True


async def delete_photo(tools: Tools, job: Job, photo: JobFile) -> None:
    """A photo that was rewritten after its set had settled isn't ours to delete: it starts a new set."""
    path = tools.places.folder(job) / photo.name
    await tools.desk(tools.store.let_go, job.id, photo.name, tools.clock.now())
    tools.passing(Checkpoint.DELETION_RECORDED)
    try:
        if not await asyncio.to_thread(remove, path, sha256=photo.sha256):
            await tools.confirm_gone(job)
            raise SetChanged("somebody else has taken it away")
    except SetChanged as error:
        await tools.desk(tools.store.let_go, job.id, photo.name, None)
        logger.warning("original_not_deleted", file=photo.name, reason=error.message)
    tools.passing(Checkpoint.ORIGINAL_DELETED)


async def in_doubt(tools: Tools, job: Job) -> str:
    """Why the results are no reason to delete anything; empty when they are, and the receipt lies beside
    them."""
    pictures = await tools.desk(tools.store.pictures, job.id)
    doubt = await doubt_of_originals(pictures, tools.places, tools.decoder, tools.result_limits)
    if doubt:
        return doubt
    if not await asyncio.to_thread(as_placed, tools.places.done / job.receipt, job.receipt_sha256):
        return "their receipt is not as it was put there"
    return ""


def as_placed(path: Path, sha256: str) -> bool:
    """Whether a file of ours is there and has its hash."""
    with local_trouble(path):
        return path.is_file() and sha256_of(path) == sha256


async def tell_in_receipt(
    tools: Tools,
    job: Job,
    files: Sequence[JobFile],
    folder: str,
    doubt: str,
    gone: Sequence[JobFile],
    note: str,
) -> Mapping[str, str]:
    """Write into the receipt what became of the originals; what is then to be recorded with the job, columns
    of its row. One that somebody has changed stays as it is."""
    originals = ReceiptOriginals(
        rule=recipe_of(job).delivery.originals,
        folder=folder,
        deleted=tuple(file.name for file in files if file.let_go_at is not None and file not in gone),
        kept_because=doubt,
        removed=tuple(file.name for file in gone),
        note=note,
    )
    receipt = tools.places.done / job.receipt

    def complete() -> str | None:
        return complete_receipt(
            receipt, originals, sha256=job.receipt_sha256, shared=tools.places.sharing(job)
        )

    sha256 = await asyncio.to_thread(complete)
    if sha256 is None:
        logger.warning("receipt_left_as_it_is", receipt=job.receipt)
    tools.passing(Checkpoint.RECEIPT_COMPLETED)
    return {} if sha256 is None else {"receipt_sha256": sha256}
