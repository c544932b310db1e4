"""`hotfolder retry`, `resolve`, `pause`, `resume`, `verify`: a person's hands on the wheel.

All of it goes through the store and the folders, so a running daemon takes it up by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from hotfolder.cli.problems import FAILED
from hotfolder.cli.stores import Books, books
from hotfolder.display import say as print
from hotfolder.errors import UsageError
from hotfolder.inbox.guard import confirm_inbox
from hotfolder.jobs.model import NEEDS_PERSON, Job, Purchase, State
from hotfolder.jobs.resolve import (
    give_up,
    open_question,
    refuse_answered,
    refuse_strange,
    told_not_charged,
    told_result,
    waiting_for_person,
)
from hotfolder.jobs.store import remembered
from hotfolder.jobs.verify import verify as disagreements
from hotfolder.outbox.names import safe_name
from hotfolder.outbox.returning import CrashHook, Returning, no_crash
from hotfolder.stager.addresses import AllowedHosts
from hotfolder.telemetry.overview import WORDS


def retry(job_id: str, config: Path, *, pay_again: bool, crash_point: CrashHook = no_crash) -> int:
    """Move a failed set back into the inbox, as dragging it would. Broken off, the same again finishes it."""
    with books(config) as opened:
        job, returning = retriable(opened, job_id, crash_point)
        returning.check()
        returning.gather()

        def tell() -> None:
            if pay_again and job.scope:
                opened.store.pay_again(job.scope, now())  # before the daemon can see the files

        arrive(returning, tell)
    print("Its calls are paid for anew." if pay_again else "What was paid for is used again.")
    return 0


def retriable(opened: Books, job_id: str, crash_point: CrashHook) -> tuple[Job, Returning]:
    """The job, if it is one that can be tried again, and its way back. Raises UsageError, LocalTrouble."""
    job = remembered(opened.store, job_id)
    # A set that was left on its way has to arrive, whatever has become of its job meanwhile.
    if State(job.state) in NEEDS_PERSON or (job.filed_as and way_back(opened, job, crash_point).begun):
        return job, way_back(opened, job, crash_point)
    words = WORDS.get(job.state, job.state)
    raise UsageError(f"job {job_id} can't be tried again: it is {words}", hint="Only failed sets can.")


def way_back(opened: Books, job: Job, crash_point: CrashHook) -> Returning:
    """From failed/ back into the inbox. Raises LocalTrouble where the inbox is not there."""
    places = opened.places
    confirm_inbox(places.inbox(job), marker_id=opened.store.identity(now()))
    filed_as = job.filed_as or ""
    source = places.failed / safe_name(job.project) / filed_as
    if not filed_as:
        raise UsageError(f"{source} has no folder of it", hint="Drop the photos into the inbox again.")
    # Back in the project's folder itself they would be grouped anew, with whatever lies there.
    target = places.folder(job) if job.folder else places.folder(job) / filed_as
    return Returning(source, target, job.id, shared=places.sharing(job), crash_point=crash_point)


def arrive(returning: Returning, before: Callable[[], None]) -> None:
    returning.arrive(before)
    print(f"{returning.count} files are back in {returning.target}.")


def resolve(
    job_id: str,
    config: Path,
    *,
    paid_result: str | None,
    not_charged: bool,
    giving_up: bool,
    crash_point: CrashHook = no_crash,
) -> int:
    """Say how a paid call ended that nobody here could know, and let the set go on. Raises UsageError.

    Broken off, the same again finishes it.
    """
    if sum((paid_result is not None, not_charged, giving_up)) != 1:
        raise UsageError("say one of --paid-result URL, --not-charged and --give-up")
    with books(config) as opened:
        job = waiting_for_person(opened.store, job_id)
        if giving_up:
            give_up(opened.store, job, now())
            print(f"Job {job_id} has failed for good; its originals stay in the failed folder.")
            return 0
        returning = way_back(opened, job, crash_point)
        call = question(opened, job, returning)
        if paid_result is not None:
            refuse_strange(paid_result, AllowedHosts(opened.storage_hosts))
        elif call is not None:
            refuse_answered(call)
        returning.check()
        returning.gather()
        arrive(returning, partial(answer_question, opened, call, paid_result))
    return 0


def question(opened: Books, job: Job, returning: Returning) -> Purchase | None:
    """The call in doubt; None where an earlier attempt has told how it ended. Raises UsageError."""
    try:
        return open_question(opened.store, opened.ledger, job)
    except UsageError:
        if returning.begun:
            return None
        raise


def answer_question(opened: Books, call: Purchase | None, paid_result: str | None) -> None:
    if call is None:
        return
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
    print("No more paid calls are made; those under way are waited for. `hotfolder resume` continues.")
    return 0


def resume(config: Path) -> int:
    """Take the pause away."""
    with books(config) as opened:
        was_paused = opened.store.resume(now())
    print("Paid calls are made again." if was_paused else "There was no pause.")
    return 0


def verify(config: Path) -> int:
    """Print every disagreement between store, ledger and folders; 1 when there is one."""
    with books(config) as opened:
        found = 0
        for one in disagreements(opened.store, opened.ledger, opened.places):
            found += 1
            print(f"job {one.job}: {one.what}" if one.job else one.what)
    if found:
        print(f"{found} disagreement{'' if found == 1 else 's'}.")
    else:
        print("Store, ledger and folders agree.")
    return FAILED if found else 0


def now() -> datetime:
    return datetime.now(UTC)
