"""Filing: moving originals to done/, to an archive, or to failed/ with a REASON.txt; or deleting them."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from anyio import to_thread

from hotfolder import log
from hotfolder.crashpoints import CrashPoint
from hotfolder.errors import LocalTrouble, SetChanged
from hotfolder.jobs.context import JobContext, Places, chain_of, recipe_of
from hotfolder.jobs.model import FileRole, Job, JobFile, Purchase
from hotfolder.jobs.reservednames import FILED, take_name
from hotfolder.jobs.states import CHARGED, State
from hotfolder.jobs.steps.delivering import deliver, notes_on
from hotfolder.jobs.steps.fetching import intact_chain
from hotfolder.jobs.takeover import identity_of_same
from hotfolder.jobs.verify import why_not_deletable
from hotfolder.newfiles import folder_beneath
from hotfolder.outbox.faults import local_trouble, path_text
from hotfolder.outbox.linking import lstat_or_none, sync_folder
from hotfolder.outbox.names import archived_folder, originals_folder, safe_name
from hotfolder.outbox.outputs import MountIdentity, confirm_archive
from hotfolder.outbox.placing import move, name_keys_in, remove
from hotfolder.outbox.receipts import ReceiptOriginals, complete_receipt
from hotfolder.outbox.texts import ALL_NAMES, hash_of_reason, reason_text, write_reason
from hotfolder.paths import entries, exists, is_dir
from hotfolder.pictures.formats import DESKTOP_FILES
from hotfolder.rules.delivery import Originals
from hotfolder.rules.foldernames import AGAIN, normal, split_name, without_ok
from hotfolder.rules.sets import FileIdentity
from hotfolder.stager.operations import PAID_KINDS
from hotfolder.words import word

logger = log.get("filing")

REMOVED = "removed or replaced before"
"""The words for originals that somebody has removed or rewritten."""


async def reserve(context: JobContext, job: Job, parent: Path) -> str:
    """Reserve a folder name in `parent` that no other job has. Folders spelt differently, or in different
    inboxes, may lead to the same name at the same time."""
    there = await to_thread.run_sync(name_keys_in, parent)
    folder, stem, now = FILED + safe_name(job.project), safe_name(job.shown_folder), context.clock.now()
    name = await context.store_thread(take_name, context.store, job.id, folder, stem, present=there, at=now)
    CrashPoint.FOLDER_RESERVED.passed()
    return name


async def move_files(
    context: JobContext, job: Job, files: Sequence[JobFile], parent: Path
) -> tuple[Path, list[JobFile]]:
    """Move the job's `files` without `let_go_at` into a folder of the job's own below `parent`; returns the
    folder and the files that somebody had removed or rewritten, whose `let_go_at` is then set. Idempotent:
    the folder's name is recorded before the folder is made. Raises LocalTrouble, LeaseLost.

    A photo with another identity and the same bytes, as after `touch` or a second copy, is moved as well. A
    file that was rewritten after its set had settled stays in the inbox and starts a new set.
    """
    target = parent / (job.filed_as or await reserve(context, job, parent))
    here = [file for file in files if file.let_go_at is None]
    stop = threading.Event()
    try:
        await to_thread.run_sync(move_each, context, job, here, target, stop)
    finally:
        stop.set()
    gone = await to_thread.run_sync(not_moved, context, job, here, target)
    for file in gone:
        await context.store_thread(context.store.record_deletion, job.id, file.name, context.clock.now())
    return target, gone


def not_moved(context: JobContext, job: Job, files: Sequence[JobFile], target: Path) -> list[JobFile]:
    """The files that aren't in the folder `target`: somebody has removed or rewritten them. Raises
    LocalTrouble where the folder or the inbox can't be trusted to be the right one."""
    with local_trouble(target):
        context.places.guard(target)
        gone = [file for file in files if not lstat_or_none(target / file.name)]
    if gone:
        context.places.confirm_inbox(context.places.inbox(job.inbox))
        refuse_renamed(context.places.inbox(job.inbox), job)
    return gone


def refuse_renamed(inbox: Path, job: Job) -> None:
    """Raise LocalTrouble while the project's or set's folder has the tag `ok` in its name, since the daemon
    is about to rename it."""
    for above, name in ((inbox, job.project), (inbox / job.project, job.folder)):
        with local_trouble(above):
            names = [one.name for one in entries(above)] if name else []
        if any(one != name and without_ok(one) == name for one in names):
            raise LocalTrouble(f"the folder {name} in {path_text(above)} is being renamed")


def removed_sentence(gone: int, total: int) -> str:
    """A sentence for `gone` of `total` originals that somebody has removed; "" for 0."""
    if not gone:
        return ""
    which = f"The {total} originals" if total > 1 else "The original"
    if gone < total:
        which = f"{gone} of the {total} originals"
    return (
        f"{which} {'was' if gone == 1 else 'were'} {REMOVED} {'it' if gone == 1 else 'they'} could be filed."
    )


def expected_identity(places: Places, job: Job, file: JobFile) -> FileIdentity:
    """The identity to expect of a file: its present one where it has changed but `identity_of_same` finds its
    content as recorded, else the recorded one. Raises LocalTrouble."""
    path = places.folder(job) / file.name
    with local_trouble(path):
        found = lstat_or_none(path)
        changed = found is not None and not FileIdentity.of(found).is_same_file(file.identity)
        return (identity_of_same(places, job, file) if changed else None) or file.identity


def refuse_links(context: JobContext, job: Job) -> None:
    """Raise SetChanged where a symlink leads to the job's folder, since its files were never dropped."""
    folder = context.places.folder(job)
    with suppress(FileNotFoundError), local_trouble(folder):
        try:
            with folder_beneath(context.places.inbox(job.inbox), *filter(None, (job.project, job.folder))):
                pass
        except NotADirectoryError:
            raise SetChanged(f"{path_text(folder)} is a link, or no folder, by now") from None


def move_each(
    context: JobContext, job: Job, files: Sequence[JobFile], target: Path, stop: threading.Event
) -> None:
    """Move the files one by one until `stop` is set, with one fsync of each folder at the end."""
    sharing = context.places.sharing(job)
    folders: dict[Path, None] = {}
    try:
        for file in files:
            if stop.is_set():
                return
            source, moved = context.places.folder(job) / file.name, target / file.name
            try:
                refuse_links(context, job)
                expected = expected_identity(context.places, job, file)
                move(source, moved, expected=expected, shared=sharing, sync=folders.setdefault)
            except SetChanged as error:
                context.places.confirm_inbox(context.places.inbox(job.inbox))
                logger.warning("original_left_in_inbox", file=file.name, reason=error.message)
            CrashPoint.ORIGINAL_MOVED.passed()
    finally:
        with local_trouble(target):
            for folder in folders:
                with suppress(FileNotFoundError):  # an empty folder may have been removed meanwhile
                    sync_folder(folder)


async def file_originals(context: JobContext, job: Job) -> Job:
    """The step of FILING: keep, archive or delete the originals. The room's folder stays in the inbox."""
    rule = recipe_of(job).delivery.originals
    doubt = await delete_photos(context, job) if rule is Originals.DELETE else ""
    files = await delete_reasons(context, job)
    folder, gone = "", [file for file in files if file.let_go_at and rule is not Originals.DELETE]
    if any(file.let_go_at is None for file in files):
        root = await archive(context) if rule is Originals.ARCHIVE else context.places.done
        of_project = archived_folder if rule is Originals.ARCHIVE else originals_folder
        moved_to, removed = await move_files(
            context, job, files, of_project(root, safe_name(job.project), "")
        )
        gone += removed
        folder = str(moved_to.relative_to(root)) if await to_thread.run_sync(is_dir, moved_to) else ""
    photos = [file for file in files if file.role == FileRole.PHOTO]
    note = removed_sentence(sum(file in gone for file in photos), len(photos))
    receipt = await record_in_receipt(context, job, files, folder, doubt, gone, note)
    pictures = await context.store_thread(context.store.pictures, job.id)
    reason = " ".join([*notes_on(recipe_of(job), pictures), *filter(None, (doubt, note))])
    job = await context.advance(job, State.DONE, reason=reason, hint="", **receipt)
    CrashPoint.JOB_ENDED.passed()
    return job


async def archive(context: JobContext) -> Path:
    """The archive's folder. Raises LocalTrouble where the settings name none or it isn't in place."""
    folder = context.places.archive
    if folder is None:
        raise LocalTrouble(
            "the originals of this set are to be archived, and no archive is known to this hotfolder",
            hint="Name one with `archive` in the settings and start hotfolder again; it continues by itself.",
        )
    name, store = str(folder), context.store
    known = await context.store_thread(store.folder_identity, "archive", name)
    await to_thread.run_sync(partial(confirm_archive, folder, met_before=known is not None))
    if known is None:  # from then on a missing marker is an error
        await context.store_thread(store.remember_folder, "archive", name, MountIdentity(name))
    return folder


async def delete_photos(context: JobContext, job: Job) -> str:
    """Delete the photos permanently, once the results are verified. Returns "", or a sentence on why they are
    kept.

    `let_go_at` is recorded first, so that after a crash a missing photo is known to have been deleted here.
    Companions stay: nothing verifies them.
    """
    photos = await context.photos(job)
    left = [photo for photo in photos if not await was_deleted(context, job, photo)]
    doubt = ""
    if left:
        pictures = await context.store_thread(context.store.pictures, job.id)
        limits = context.settings.result_limits
        doubt = await why_not_deletable(job, pictures, context.places, context.decoder, limits)
    if doubt:
        for photo in left:
            await context.store_thread(context.store.record_deletion, job.id, photo.name, None)
        logger.warning("originals_not_deleted", reason=doubt)
        return f"The originals were kept and not deleted: {doubt}."
    CrashPoint.RESULTS_VERIFIED.passed()
    for photo in left:
        await delete_file(context, job, photo, photo.sha256)
    return ""


async def delete_reasons(context: JobContext, job: Job) -> list[JobFile]:
    """Delete the REASON.txt that earlier attempts wrote and that came back with the set, since it says that
    the set failed; returns the job's other files. One that somebody has added to stays among them."""
    for file in await context.files(job):
        if ALL_NAMES.fullmatch(file.name):
            path = context.places.folder(job) / file.name
            if sha256 := await to_thread.run_sync(hash_of_reason, path):
                await delete_file(context, job, file, sha256)
    files = await context.files(job)
    return [file for file in files if file.let_go_at is None or not ALL_NAMES.fullmatch(file.name)]


async def was_deleted(context: JobContext, job: Job, photo: JobFile) -> bool:
    """Whether an earlier attempt has deleted the photo."""
    if photo.let_go_at is None or await to_thread.run_sync(exists, context.places.folder(job) / photo.name):
        return False
    await context.confirm_gone(job)
    return True


async def delete_file(context: JobContext, job: Job, file: JobFile, sha256: str) -> None:
    """Delete a file with that hash. A photo that was rewritten after its set had settled stays, and starts a
    new set."""
    path = context.places.folder(job) / file.name
    await context.store_thread(context.store.record_deletion, job.id, file.name, context.clock.now())
    CrashPoint.DELETION_RECORDED.passed()
    try:
        await to_thread.run_sync(refuse_links, context, job)
        ours = partial(context.places.confirm_ours, job.inbox)
        if not await to_thread.run_sync(partial(remove, path, sha256=sha256, last_look=ours)):
            await context.confirm_gone(job)
            raise SetChanged("somebody else has taken it away")
    except SetChanged as error:
        await context.store_thread(context.store.record_deletion, job.id, file.name, None)
        logger.warning("original_not_deleted", file=file.name, reason=error.message)
    CrashPoint.ORIGINAL_DELETED.passed()


async def record_in_receipt(
    context: JobContext,
    job: Job,
    files: Sequence[JobFile],
    folder: str,
    doubt: str,
    gone: Sequence[JobFile],
    note: str,
) -> Mapping[str, str]:
    """Write into the receipt what became of the originals; returns the columns for the job's row. A receipt
    that somebody has changed stays as it is, and the result is empty."""
    originals = ReceiptOriginals(
        rule=recipe_of(job).delivery.originals,
        folder=folder,
        deleted=tuple(file.name for file in files if file.let_go_at is not None and file not in gone),
        kept_because=doubt,
        removed=tuple(file.name for file in gone),
        note=note,
    )
    receipt = context.places.done / job.receipt
    sharing = await to_thread.run_sync(context.places.sharing, job)
    complete = partial(complete_receipt, receipt, originals, sha256=job.receipt_sha256, shared=sharing)
    sha256 = await to_thread.run_sync(complete)
    if sha256 is None:
        logger.warning("receipt_left_as_it_is", receipt=job.receipt)
    CrashPoint.RECEIPT_COMPLETED.passed()
    return {} if sha256 is None else {"receipt_sha256": sha256}


async def file_in_failed(context: JobContext, job: Job) -> Job:
    """The step of REFUSING and HALTING: deliver what was bought; originals and REASON.txt into failed/."""
    pictures, receipt = await deliver(context, job, await intact_chain(context, job))
    if receipt:
        await context.store_thread(context.store.set_columns, job.id, **receipt)
        CrashPoint.RECEIPT_RECORDED.passed()
    all_files = await context.files(job)
    before = sum(file.let_go_at is not None for file in all_files)
    target, gone = await move_files(context, job, all_files, context.places.failed / safe_name(job.project))
    chain = await context.store_thread(chain_of, context.store, job)
    charged = charged_text([step.purchase for step in chain], [picture.path for picture in pictures])
    names = [file.name for file in all_files]
    files = await to_thread.run_sync(lambda: [name for name in names if exists(target / name)])
    halted = job.state == State.HALTING
    unmakeable = not recipe_of(job).paid_kinds()
    # A merge's outcome may still be learnt from the API; that of an operation only from a person.
    unsure = any(step.path and step.purchase.state not in CHARGED for step in chain)
    if unmakeable and job.folder:
        await to_thread.run_sync(remove_if_empty, context.places.inbox(job.inbox), job.project, job.folder)
    language = context.settings.language
    text = reason_text(
        project=job.project,
        folder=job.shown_folder,
        title=word(language, title_key(job), room=job.room),
        language=language,
        reason=job.reason,
        hint=job.hint + (f" {resolve_hint(job)}" if halted else ""),
        charged=charged,
        files=files,
        removed=removed_sentence(before + len(gone), len(all_files)),
        when=job.updated_at.astimezone(),
        job=job.id,
        drag_back_is_enough=not (unmakeable or unsure),
        pays_again=AGAIN in map(normal, split_name(job.folder).tags),
        also=recipe_of(job).notes if unmakeable else (),
    )
    sharing = await to_thread.run_sync(context.places.sharing, job)
    await to_thread.run_sync(partial(write_reason, target, text, shared=sharing))
    CrashPoint.REASON_WRITTEN.passed()
    end = State.NEEDS_ATTENTION if halted else State.FAILED
    job = await context.advance(job, end, charged=charged)
    CrashPoint.JOB_ENDED.passed()
    return job


def remove_if_empty(inbox: Path, project: str, folder: str) -> None:
    """Remove the empty room folder of a set whose name no recipe accepts, since it now lies in failed/. Only
    files that a desktop left in it are deleted with it."""
    with suppress(OSError):
        with folder_beneath(inbox, project, folder) as opened:
            names = os.listdir(opened)  # noqa: PTH208 - a descriptor has no path
            if all(name.lower() in DESKTOP_FILES for name in names):
                for name in names:
                    os.unlink(name, dir_fd=opened)
        (inbox / project / folder).rmdir()


def title_key(job: Job) -> str:
    """The key of the title in the catalogue of words, by how the job ended."""
    if job.state == State.HALTING:
        return "reason.needs_person"
    return "reason.cancelled" if job.cancelled_by else "reason.unfinished"


def resolve_hint(job: Job) -> str:
    return (
        "Dragging the folder back never buys it again by itself. Whoever knows how it ended says so with"
        f" `hotfolder resolve {job.id}`; to buy it anew in any case, `hotfolder retry {job.id} --pay-again`,"
        " or add __again to the folder's name."
    )


def charged_text(calls: list[Purchase], delivered: list[str]) -> str:
    """Sentences on what was charged, what may have been, and where the pictures are; "" for nothing."""
    sentences = []
    paid = [PAID_KINDS[call.operation] for call in calls if call.state in CHARGED]
    unsure = [PAID_KINDS[call.operation] for call in calls if call.state not in CHARGED]
    if paid:
        sentences.append(f"Paid for: {', '.join(paid)}.")
    if unsure:
        sentences.append(f"May have been charged, which nobody here can tell: {', '.join(unsure)}.")
    if delivered:
        sentences.append(f"What is finished lies in the done folder: {', '.join(delivered)}.")
    return " ".join(sentences)
