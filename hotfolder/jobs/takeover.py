"""Taking a job over from another machine: its files as this machine sees them.

Clients of a share may see different inodes and ctimes of a file, and another precision of its mtime. So a
file is compared by content once; from then on by this machine's own identity of it, as in a job of its own.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Sequence
from functools import partial

from anyio import to_thread

from hotfolder import log
from hotfolder.jobs.context import JobContext, Places
from hotfolder.jobs.model import Job, JobFile
from hotfolder.newfiles import open_beneath
from hotfolder.outbox.faults import local_trouble
from hotfolder.rules.sets import FileIdentity

logger = log.get("takeover")

NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


async def identities_here(context: JobContext, job: Job) -> None:
    """Record this machine's identities of the job's files in the inbox whose content is as recorded.
    Companions have no recorded hash: their size and mtime are compared. A file that is gone or differs keeps
    its recorded identity, so that the next check takes it for changed.

    Called before this machine drives a job that another machine may have driven. Idempotent. Raises
    LocalTrouble, LeaseLost, and OutOfReach where the inbox is out of reach.
    """
    context.refuse_out_of_reach(job)
    files = [file for file in await context.files(job) if file.let_go_at is None]
    look = partial(confirmed, context.places, job, files)
    seen = await to_thread.run_sync(look, abandon_on_cancel=True)
    if seen:
        await context.store_thread(context.store.record_identities, job.id, seen)
    others = [file.name for file in files if file.name not in seen]
    logger.info("files_taken_over", job=job.id, confirmed=len(seen), not_confirmed=others)


def confirmed(places: Places, job: Job, files: Sequence[JobFile]) -> dict[str, FileIdentity]:
    """The identities, by name, of the files that lie in the inbox as recorded. Raises LocalTrouble."""
    with local_trouble(places.folder(job)):
        found = ((file.name, identity_of_same(places, job, file)) for file in files)
        return {name: identity for name, identity in found if identity is not None}


def identity_of_same(places: Places, job: Job, file: JobFile) -> FileIdentity | None:
    """The file's identity on this machine; None where it is missing or differs from the recorded one. Raises
    OSError."""
    path = places.folder(job) / file.name
    try:
        descriptor = open_beneath(places.inbox(job.inbox), path)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size != file.size_bytes:
                return None
            if file.sha256:
                with os.fdopen(descriptor, "rb", closefd=False) as content:
                    same = hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
            else:
                same = FileIdentity.of(facts).may_be_same_file(file.identity)
            before, after = FileIdentity.of(facts), FileIdentity.of(os.fstat(descriptor))
            # Later checks use the path, which may lead to another file than the opened one by now.
            return after if same and before == after == FileIdentity.of(path.lstat()) else None
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in NOT_THERE:
            return None
        raise
