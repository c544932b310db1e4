"""Refusing and halting: the originals into failed/, with a reason that a photographer understands."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.states import Event, State
from hotfolder.jobs.steps.bought import job_chain, purchases
from hotfolder.jobs.steps.delivering import deliver
from hotfolder.jobs.steps.moving import move_files
from hotfolder.jobs.steps.paying import NAMES
from hotfolder.jobs.tables import Call, CallState, Job, Picture
from hotfolder.jobs.tools import Tools, recipe_of
from hotfolder.newfiles import open_folder_beneath
from hotfolder.outbox.names import safe_name
from hotfolder.outbox.reasons import reason_text, write_reason
from hotfolder.pictures.formats import DESKTOP_FILES


async def set_aside(tools: Tools, job: Job) -> Job:
    """Publish what was bought, move the originals to failed/, and say there what happened."""
    photos = await tools.photos(job)
    pictures = await deliver_what_there_is(tools, job) if photos else ()
    all_files = await tools.files(job)
    target, _ = await move_files(tools, job, all_files, tools.places.failed / safe_name(job.project))
    links = await job_chain(tools, job)
    charged = charged_text([link.call for link in links], [picture.path for picture in pictures])
    names = [file.name for file in all_files]
    files = await asyncio.to_thread(lambda: [name for name in names if (target / name).exists()])
    halted = job.state == State.HALTING
    unmakeable = recipe_of(job).paid_calls() == 0
    if unmakeable and job.folder:
        await asyncio.to_thread(remove_if_empty, tools.places.inbox(job), job.project, job.folder)
    text = reason_text(
        project=job.project,
        folder=job.shown_folder,
        title=f"{job.room}: this set {ending(job)}",
        reason=job.reason,
        hint=job.hint + (f" {resolving(job)}" if halted else ""),
        charged=charged,
        files=files,
        when=datetime.fromisoformat(job.updated_at).astimezone(),
        job=job.id,
        as_it_is=not unmakeable,
        also=recipe_of(job).notes if unmakeable else (),
    )
    sharing = await asyncio.to_thread(tools.places.sharing, job)
    await asyncio.to_thread(write_reason, target, text, shared=sharing)
    tools.passing(Checkpoint.REASON_WRITTEN)
    job = await tools.desk(tools.store.advance, job.id, Event.FINISH, tools.clock.now(), charged=charged)
    tools.passing(Checkpoint.JOB_ENDED)
    return job


def remove_if_empty(inbox: Path, project: str, folder: str) -> None:
    """A room's folder under a name that can't be made: it is in failed/ now, and not here a second time. What
    a desktop left in it goes with it, and nothing else."""
    with suppress(OSError):
        opened = open_folder_beneath(inbox, (project, folder))
        try:
            with os.scandir(opened) as entries:
                names = [entry.name for entry in entries]
            if all(name.lower() in DESKTOP_FILES for name in names):
                for name in names:
                    os.unlink(name, dir_fd=opened)
        finally:
            os.close(opened)
        (inbox / project / folder).rmdir()


async def deliver_what_there_is(tools: Tools, job: Job) -> Sequence[Picture]:
    delivered = await deliver(tools, job, await purchases(tools, job))
    if delivered.receipt:
        await tools.desk(tools.store.change, job.id, **delivered.receipt)
        tools.passing(Checkpoint.RECEIPT_RECORDED)
    return delivered.pictures


def ending(job: Job) -> str:
    if job.state == State.HALTING:
        return "needs a person"
    return "was cancelled" if job.cancelled_by else "could not be finished"


def resolving(job: Job) -> str:
    return (
        "Dragging the folder back never buys it again by itself. Whoever knows how it ended says so with"
        f" `hotfolder resolve {job.id}`; to buy it anew in any case, `hotfolder retry {job.id} --pay-again`,"
        " or add __again to the folder's name."
    )


def charged_text(calls: list[Call], delivered: list[str]) -> str:
    """What was paid for, what may have been, and where the pictures of it are. Empty for nothing."""
    sentences = []
    paid = [
        NAMES[call.operation] for call in calls if call.state in (CallState.SUCCEEDED, CallState.ANSWERED)
    ]
    unsure = [NAMES[call.operation] for call in calls if call.state in (CallState.UNKNOWN, CallState.STARTED)]
    if paid:
        sentences.append(f"Paid for: {', '.join(paid)}.")
    if unsure:
        sentences.append(f"May have been charged, which nobody here can tell: {', '.join(unsure)}.")
    if delivered:
        sentences.append(f"What is finished lies in the done folder: {', '.join(delivered)}.")
    return " ".join(sentences)
