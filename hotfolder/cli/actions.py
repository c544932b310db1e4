"""`hotfolder retry`, `resolve`, `cancel`, `priority`, `pause`, `resume`."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from hotfolder.control import actions
from hotfolder.control.opening import Installation, opened
from hotfolder.display import say as print
from hotfolder.display import visible
from hotfolder.errors import UsageError
from hotfolder.jobs.model import Job
from hotfolder.telemetry.overview import WORDS


def retry(job_id: str, config: Path, *, pay_again: bool) -> int:
    with opened(config) as installation:
        told_back(actions.retry(installation, job_id, pay_again=pay_again))
    print("Its calls are paid for anew." if pay_again else "What was paid for is used again.")
    return 0


def told_back(back: actions.PutBack) -> None:
    files = "1 file is" if back.files == 1 else f"{back.files} files are"
    copied = ", as copies; the finished pictures stay as they are" if back.copied else ""
    print(f"{files} back in {back.folder}{copied}.")


def resolve(job_id: str, config: Path, *, paid_result: str | None, not_charged: bool, giving_up: bool) -> int:
    """Run `resolve`. Raises UsageError unless exactly one of the three options is given."""
    if sum((paid_result is not None, not_charged, giving_up)) != 1:
        raise UsageError("Say one of --paid-result URL, --not-charged and --give-up.")
    with opened(config) as installation:
        if giving_up:
            actions.give_up(installation, job_id)
            print(f"Job {job_id} has failed for good; its originals stay in the failed folder.")
            return 0
        back = actions.resolve(installation, job_id, paid_result=paid_result)
    if back.answered and not_charged:
        print(f"The call ({back.answered}) counts as not charged: it will be made, and paid for.")
    elif back.answered:
        print(f"The call ({back.answered}) counts as paid; its picture will be fetched from there.")
    told_back(back)
    return 0


def cancel(target: str, config: Path, *, inbox: str, by: str) -> int:
    """Run `cancel`. Raises UsageError where there is nothing to cancel, or it is too late for all sets."""
    with opened(config) as installation:
        found = actions.cancel(installation, target, by=by or somebody(), inbox=inbox)
        for job in found.too_late:
            print(visible(f"Too late for {named(job)}: {WORDS.get(job.state, job.state)}."))
        if not found.taken:
            raise UsageError(
                visible(f"Nothing of {found.project or target} is under way that could be cancelled."),
                hint="Sets that are still arriving are taken back by taking their folders out of the inbox.",
            )
        for job in found.taken:
            print(visible(f"Cancelled: {named(job)}."))
        print(when(installation), "A paid call under way is waited for, and its picture is delivered.")
    return 0


def priority(target: str, level: str, config: Path, *, inbox: str, by: str) -> int:
    with opened(config) as installation:
        jobs, project = actions.prioritise(installation, target, level, by=by or somebody(), inbox=inbox)
        for job in jobs:
            print(visible(f"{named(job)} has {level.lower()} priority."))
        if project:
            none = "" if jobs else "Nothing of it is under way. "
            whole = f"Every set of {project} that is still to come gets {level.lower()} priority."
            print(visible(f"{none}{whole}"))
        print(when(installation))
    return 0


def named(job: Job) -> str:
    return f"{job.project} / {job.room} (job {job.id})"


def when(installation: Installation) -> str:
    if not installation.running:
        return "hotfolder is not running; this is done at the next start."
    return "hotfolder takes it up within a second."


def somebody() -> str:
    """The name of this terminal's user, before sudo; "somebody" if unknown."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


def pause(config: Path, *, reason: str) -> int:
    with opened(config) as installation:
        actions.pause(installation, reason)
    print("No more paid calls are made; those under way are waited for. `hotfolder resume` continues.")
    return 0


def resume(config: Path) -> int:
    with opened(config) as installation:
        was_paused = actions.resume(installation)
    print("Paid calls are made again." if was_paused else "There was no pause.")
    return 0
