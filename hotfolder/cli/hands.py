"""`hotfolder retry`, `resolve`, `pause`, `resume`, `verify`: a person's hands on the wheel.

All of it goes through the store and the folders, so a running daemon takes it up by itself.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hotfolder.cli.problems import FAILED
from hotfolder.cli.stores import Books, books
from hotfolder.errors import UsageError
from hotfolder.jobs.resolution import (
    give_up,
    open_question,
    told_not_charged,
    told_result,
    waiting_for_person,
)
from hotfolder.jobs.states import NEEDS_PERSON, State
from hotfolder.jobs.store import Store
from hotfolder.jobs.tables import Job
from hotfolder.jobs.tools import Places
from hotfolder.jobs.verification import verify as disagreements
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.names import safe_name
from hotfolder.outbox.placing import move
from hotfolder.service.overview import WORDS


def retry(job_id: str, config: Path, *, pay_again: bool) -> int:
    """Move a failed set back into the inbox, as dragging it would."""
    with books(config) as opened:
        job = retriable(opened.store, job_id)
        if pay_again and job.scope:
            opened.store.raise_generation(job.scope)  # before the daemon can see the files
        put_back(opened.places, job)
    print("Its calls are paid for anew." if pay_again else "What was paid for is used again.")
    return 0


def retriable(store: Store, job_id: str) -> Job:
    """The job, if it is one that can be tried again. Raises UsageError."""
    job = store.job(job_id)
    if job is None:
        raise UsageError(f"there is no job {job_id}", hint="`hotfolder status` lists them.")
    if State(job.state) not in NEEDS_PERSON:
        words = WORDS.get(job.state, job.state)
        raise UsageError(f"job {job_id} can't be tried again: it is {words}", hint="Only failed sets can.")
    return job


def put_back(places: Places, job: Job) -> None:
    """Move everything in the set's folder from failed/ back into the inbox."""
    folder = places.failed / safe_name(job.project) / (job.filed_as or "")
    if job.filed_as is None or not folder.is_dir():
        raise UsageError(f"{folder} is not there any more", hint="Drop the photos into the inbox again.")
    # Back in the project's folder itself they would be grouped anew, with whatever lies there.
    target = places.folder(job) if job.folder else places.folder(job) / job.filed_as
    sharing = places.sharing(job)
    moved = 0
    with local_trouble(folder):
        for path in sorted(folder.iterdir()):
            if path.is_file():
                move(path, target / path.name, expected=None, shared=sharing)
                moved += 1
        if not any(folder.iterdir()):
            folder.rmdir()
    print(f"{moved} files are back in {target}.")


def resolve(job_id: str, config: Path, *, paid_result: str | None, not_charged: bool, giving_up: bool) -> int:
    """Say how a paid call ended that nobody here could know, and let the set go on. Raises UsageError."""
    if sum((paid_result is not None, not_charged, giving_up)) != 1:
        raise UsageError("say one of --paid-result URL, --not-charged and --give-up")
    with books(config) as opened:
        job = waiting_for_person(opened.store, job_id)
        if giving_up:
            give_up(opened.store, job, now())
            print(f"Job {job_id} has failed for good; its originals stay in the failed folder.")
            return 0
        answer_question(opened, job, paid_result)
        put_back(opened.places, job)
    return 0


def answer_question(opened: Books, job: Job, paid_result: str | None) -> None:
    call = open_question(opened.store, opened.ledger, job)
    if paid_result is None:
        told_not_charged(opened.ledger, call)
        print(f"The call ({call.operation}) counts as not charged: it will be made, and paid for.")
    else:
        told_result(opened.ledger, call, paid_result, now())
        print(f"The call ({call.operation}) counts as paid; its picture will be fetched from there.")


def pause(config: Path, *, reason: str) -> int:
    """Let no paid call begin until `resume`; those in flight end as they would."""
    with books(config) as opened:
        opened.store.pause(reason, now())
    print("Everything paid is paused. `hotfolder resume` goes on.")
    return 0


def resume(config: Path) -> int:
    """Take the pause away."""
    with books(config) as opened:
        was_paused = opened.store.resume()
    print("Paid calls go on." if was_paused else "Nothing was paused.")
    return 0


def verify(config: Path) -> int:
    """Print every disagreement between store, ledger and folders; 1 when there is one."""
    with books(config) as opened:
        found = 0
        for one in disagreements(opened.store, opened.ledger, opened.places):
            found += 1
            print(f"job {one.job}: {one.what}" if one.job else one.what)
    print(f"{found} disagreements." if found else "Store, ledger and folders agree.")
    return FAILED if found else 0


def now() -> datetime:
    return datetime.now(UTC)
