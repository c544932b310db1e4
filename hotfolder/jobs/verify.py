"""Consistency of store, journal, receipts and folders; adoption of purchases that only receipts know; and the
checks before originals are deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from anyio import to_thread
from sqlmodel import col, select

from hotfolder import log
from hotfolder.errors import UnusablePhoto
from hotfolder.jobs.context import JobContext, Places
from hotfolder.jobs.generations import remember_generation
from hotfolder.jobs.ledger import NOT_WRITTEN, RANK
from hotfolder.jobs.model import FileRole, Job, JobFile, Picture, Purchase, scope_key
from hotfolder.jobs.states import ACTIVE, BY_RECEIPTS, NEEDS_PERSON, PurchaseOutcome, PurchaseState, State
from hotfolder.jobs.store import Store
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.files import sha256_of
from hotfolder.outbox.names import receipts_folder
from hotfolder.outbox.placing import content_mismatch
from hotfolder.outbox.receipts import Receipt, ReceiptCall, read_receipt
from hotfolder.paths import entries, is_dir, is_file
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits

logger = log.get("verify")

MARGIN = timedelta(days=1)
"""How far the clocks of the disk and of this computer may differ."""


async def adopt_from_receipts(context: JobContext) -> None:
    """Adopt the purchases that receipts know and the ledger doesn't. Reads only receipts written since the
    newest purchase, or since now where that is earlier (less MARGIN); a store without purchases reads all,
    those of other stores too, since `state` may have been lost. Idempotent. Raises LocalTrouble."""
    newest = await context.store_thread(context.ledger.newest_at)
    since = min(newest, context.clock.now()) - MARGIN if newest else None
    own = await context.store_thread(context.store.identity)
    of_store = own if newest else ""
    context.places.guard(context.places.done)
    found = await to_thread.run_sync(lambda: list(receipts_in(context.places.done, of_store, since)))
    for path, receipt in found:
        if receipt is None:
            logger.warning("receipt_can_not_be_read", receipt=path)
        else:
            await context.store_thread(adopt_receipt, context.store, path, receipt, own)


def receipts_in(done: Path, own: str, since: datetime | None = None) -> Iterator[tuple[str, Receipt | None]]:
    """The receipts written since `since`, each with its path relative to done/; None for an unreadable one.
    Those of the store `own` and of older releases, which named no store; with "" those of all stores. Raises
    LocalTrouble."""
    with local_trouble(done):
        for path in receipt_files(done):
            if since is None or path.stat().st_mtime >= since.timestamp():
                receipt = read_receipt(path)
                if receipt is None or not own or receipt.store in (own, ""):
                    yield str(path.relative_to(done)), receipt


def receipt_files(done: Path) -> list[Path]:
    """The files of all receipts, sorted. Raises OSError."""
    found: list[Path] = []
    for project in entries(done):
        with suppress(PermissionError):  # a folder of the system's, as `lost+found` on a disk of its own
            found += entries(receipts_folder(done, project.name))
    return [path for path in found if path.suffix == ".json" and is_file(path)]


def adopt_receipt(store: Store, path: str, receipt: Receipt, own: str) -> None:
    """Adopt the purchases of a receipt that the ledger doesn't know. Those of another store than `own` count
    as bought, but not in this store's budgets."""
    anothers = receipt.store not in (own, "")
    outcome = PurchaseOutcome.BY_ANOTHER if anothers else PurchaseOutcome.BY_RECEIPT
    for bought in unknown_to(store, receipt):
        merge = bought.operation == "merge"
        call = Purchase(
            key=bought.key,
            job_id=receipt.job_id,
            project=receipt.project,
            operation=bought.operation,
            parameters="",
            state=PurchaseState.ANSWERED,
            group_id=receipt.group_id if merge else None,
            api_project_id=receipt.api_project_id if merge else None,
            photos=" ".join(photo.sha256 for photo in receipt.photos) if merge else "",
            outcome=outcome,
            note=path,
            started_at=bought.at,
            answered_at=bought.at,
        )
        store.ledger.adopt(call)
        logger.warning("purchase_known_by_receipt", receipt=path, operation=bought.operation)
    if receipt.generation:
        scope = scope_key(receipt.api_origin, [photo.sha256 for photo in receipt.photos])
        remember_generation(store, scope, receipt.generation)


def unknown_to(store: Store, receipt: Receipt) -> list[ReceiptCall]:
    """The purchases made by the receipt's own job whose keys no purchase in the ledger holds."""
    own = [call for call in receipt.calls if call.paid]
    known = store.ledger.held_keys([call.key for call in own])
    return [call for call in own if call.key not in known]


MISPLACED = "is not where it was put"


Disagreement = tuple[str, str]
"""The id of a job, "" without one, and one difference from what the store says, as a clause."""


def verify(store: Store, places: Places) -> Iterator[Disagreement]:
    """Every disagreement. Hashes each original, picture and result. Raises LocalTrouble, StoreError."""
    with local_trouble(places.done):
        yield from verify_ledger(store, places)
        yield from verify_receipts(store, places)
        for job in store.in_states([*ACTIVE, State.DONE, State.FAILED, State.NEEDS_ATTENTION]):
            yield from ((job.id, what) for what in verify_originals(store, places, job))
            yield from ((job.id, what) for what in verify_pictures(store, places, job))


def verify_originals(store: Store, places: Places, job: Job) -> Iterator[str]:
    if State(job.state) in ACTIVE and job.inbox not in places.inboxes:
        yield f"its inbox {job.inbox} is not in the settings any more, where its originals may lie"
        return
    for file in store.files(job.id):
        if file.let_go_at is not None:
            continue
        candidates = places.original_paths(job, file)
        found = [path for path in candidates if is_file(path)]
        if not found and (is_back_in_inbox(places, job, file) or lies_with_another(store, places, job, file)):
            continue
        if not found:
            yield f"the original {file.name} {MISPLACED}: {candidates[-1]}"
        elif file.role == FileRole.PHOTO and sha256_of(found[0]) != file.sha256:
            yield f"the original {found[0]} has changed since it was dropped"


def is_back_in_inbox(places: Places, job: Job, file: JobFile) -> bool:
    """Whether a failed set's file lies in a folder of its project in the inbox, whatever its name: a person
    put it back, and it is held or has not settled yet, so that its job still counts as failed."""
    if State(job.state) not in NEEDS_PERSON or job.inbox not in places.inboxes:
        return False
    project = places.inbox(job.inbox) / job.project
    paths = [folder / file.name for folder in (project, *filter(is_dir, entries(project)))]
    return any(file.sha256 in ("", sha256_of(path)) for path in paths if is_file(path))


def lies_with_another(store: Store, places: Places, job: Job, file: JobFile) -> bool:
    """Whether a finished set's file lies where another set of the same photos has it: a person dragged the
    originals back into the inbox, as for another tag."""
    if job.state != State.DONE:
        return False
    photos = select(JobFile.sha256).where(JobFile.job_id == job.id, JobFile.role == FileRole.PHOTO)
    jobs = select(JobFile.job_id).where(col(JobFile.sha256).in_(photos), JobFile.job_id != job.id)
    others = store.rows(select(Job).where(col(Job.id).in_(jobs)))
    alike = [(other, each) for other in others for each in store.files(other.id) if same_content(each, file)]
    paths = [path for other, each in alike for path in places.original_paths(other, each) if is_file(path)]
    return any(file.sha256 in ("", sha256_of(path)) for path in paths)


def same_content(file: JobFile, other: JobFile) -> bool:
    """Whether two sets' files have the same content; companions, whose content isn't recorded, the same
    name."""
    return file.sha256 == other.sha256 if other.sha256 else file.name == other.name


def verify_pictures(store: Store, places: Places, job: Job) -> Iterator[str]:
    pictures = store.pictures(job.id)
    if job.state == State.DONE and not pictures:
        yield "it is done, and no picture of it is recorded"
    for picture in pictures:
        path = places.done / picture.path
        if not is_file(path):
            yield f"the picture {path} {MISPLACED}"
            continue
        found = sha256_of(path)
        # A picture that was taken away may have left its name to another set's.
        others = select(Picture).where(Picture.path == picture.path, Picture.sha256 == found)
        if found != picture.sha256 and store.first(others) is None:
            yield f"the picture {path} has changed since it was delivered"


def verify_receipts(store: Store, places: Places) -> Iterator[Disagreement]:
    """The purchases in receipts that the ledger lacks: in those of this store, or in those of all stores
    where this one has bought nothing yet."""
    own = store.identity() if store.ledger.newest_at() else ""
    for path, receipt in receipts_in(places.done, own):
        if receipt is None:
            why = f"the receipt {places.done / path} can't be read, so what it paid for isn't known"
            yield "", why
            continue
        for call in unknown_to(store, receipt) if receipt.store or not own else ():
            why = f"a paid call ({call.operation}) is in the receipt {path}, and not in the database"
            yield receipt.job_id, why


def verify_ledger(store: Store, places: Places) -> Iterator[Disagreement]:
    """Compare the purchases in the database with those in the journal, and the results with results/."""
    ledger = store.ledger
    rows = {call.uid: call for call in ledger.all_purchases()}
    read = ledger.journal.read() if ledger.journal else []
    written = {one["call"]["uid"]: one["call"] for one in read}
    for uid, call in rows.items():
        state = written.get(uid, {}).get("state")
        if not may_have_state(store, call, state):
            differs = f"{call.state} in the database, and {state} in the journal"
            what = "missing in the journal" if state is None else differs
            yield call.job_id, f"a paid call ({call.operation}) is {what}"
        if call.state == PurchaseState.SUCCEEDED:
            for result in ledger.results(call.id):
                path = places.results / result.file
                if is_file(path) and sha256_of(path) != result.sha256:
                    yield call.job_id, f"the bought result {path} is damaged"
    for uid, lost in written.items():
        if uid not in rows:
            yield lost["job_id"], f"a paid call ({lost['operation']}) is missing in the database"


def may_have_state(store: Store, call: Purchase, state: str | None) -> bool:
    """Whether the journal may have the purchase in `state`; None means not at all. Where machines share the
    store, each has a journal of its own purchases, and another machine may have recorded a later state in the
    database."""
    if call.state == PurchaseState.NOT_EXECUTED and (state is None or call.note == NOT_WRITTEN):
        return True  # not sent: its machine may have crashed before it wrote the line
    if call.state == PurchaseState.NOT_EXECUTED and call.outcome in BY_RECEIPTS:
        return True  # another machine has put the purchase itself back since
    if state is None:
        return call.machine != store.machine
    learnt_since = RANK[PurchaseState(state)] < RANK[PurchaseState(call.state)]
    return state == call.state or (learnt_since and call.machine != "")


async def why_not_as_delivered(
    pictures: Iterable[Picture], places: Places, decoder: Decoder, limits: PictureLimits
) -> str:
    """Why these pictures aren't as delivered; "" where each lies in done/, has the recorded hash and decodes
    completely. Raises LocalTrouble."""
    for picture in pictures:
        try:
            facts = await decoder.inspect(places.done / picture.path, limits)
        except UnusablePhoto:
            return f"the picture {picture.path} can't be read where it was put"
        if facts.sha256 != picture.sha256:
            return f"the picture {picture.path} has changed since it was put there"
    return ""


async def why_not_deletable(
    job: Job, pictures: Collection[Picture], places: Places, decoder: Decoder, limits: PictureLimits
) -> str:
    """Why a job's originals must not be deleted; "" where they may: its receipt and `pictures`, all that are
    recorded of it, are as delivered, and at least one picture is unaltered, so that one view of the room as
    it was remains. Raises LocalTrouble."""
    if not pictures:
        return "no picture of the set is recorded"
    if all(picture.altered or picture.rendition for picture in pictures):
        return "every picture of the set is altered, and only the originals show the room as it was"
    if doubt := await why_not_as_delivered(pictures, places, decoder, limits):
        return doubt
    changed = await to_thread.run_sync(content_mismatch, places.done / job.receipt, job.receipt_sha256)
    return "the receipt of its set is not as it was put there" if changed else ""
