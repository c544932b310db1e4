"""Files of unfinished and failed sets in folders that the settings named before, and don't any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from hotfolder.display import counted
from hotfolder.errors import LocalTrouble, UsageError
from hotfolder.jobs.context import Places, recipe_of
from hotfolder.jobs.model import FolderIdentity, Job
from hotfolder.jobs.names import names_of
from hotfolder.jobs.states import ACTIVE, NEEDS_PERSON, State
from hotfolder.jobs.store import Store
from hotfolder.outbox.faults import shown
from hotfolder.outbox.names import (
    archived_folder,
    originals_folder,
    pictures_folder,
    receipts_folder,
    safe_name,
)
from hotfolder.paths import exists
from hotfolder.patience import START_SECONDS, within_seconds


def refuse_left_behind(places: Places, store: Store) -> None:
    """Raise UsageError where files of unfinished or failed sets lie in a folder that the settings named at
    the last start, and not in the one they name now: there they would be taken for deleted ones, and what
    was placed would be placed twice. Where `state` is another folder, too, the root was moved or copied, and
    they with it; nothing is compared then."""
    met = store.folders_met()
    if not any(one.role == "state" and one.path == str(places.state) for one in met):
        return
    found: list[str] = []
    moves: list[str] = []
    jobs = store.in_states(ACTIVE | NEEDS_PERSON)
    for before in met:
        now = named_now(places, before)
        if now is None or before.path == str(now):
            continue
        sets = 0
        with suppress(LocalTrouble, OSError):  # its disk is gone
            count = partial(sets_left, store, jobs, before, now)
            sets = within_seconds(Path(before.path), count, START_SECONDS)
        if sets:
            kind = "failed set" if before.name == "failed" else "unfinished set"
            name = before.role if before.role == "archive" else before.name
            found.append(f"{shown(before.path)}, the folder that was `{name}` before, still has")
            found[-1] += f" {counted(sets, kind)}."
            moves.append(f"what is in {shown(before.path)} into {shown(now)}")
    if found:
        raise UsageError(
            " ".join(found),
            hint=f"Move {' and '.join(moves)}, or name the former folder again until its sets are finished or"
            " retried; then start again.",
        )


def named_now(places: Places, before: FolderIdentity) -> Path | None:
    """The folder that the settings name now in that role; None where they name none."""
    outputs = {"done": places.done, "failed": places.failed}
    of_role = {"inbox": places.inboxes, "output": outputs, "archive": {before.name: places.archive}}
    return of_role.get(before.role, {}).get(before.name)


def sets_left(store: Store, jobs: list[Job], before: FolderIdentity, now: Path) -> int:
    """How many of the jobs have a file in the former folder that isn't in the present one. The same folder
    may have two paths, and a copy does as well."""
    return sum(
        any(
            not exists(now / path) and exists(Path(before.path, path))
            for path in files_of(store, job, before)
        )
        for job in jobs
    )


def files_of(store: Store, job: Job, folder: FolderIdentity) -> Iterator[Path]:
    """Paths at which files of a job may lie, relative to the folder."""
    state, project, here = State(job.state), safe_name(job.project), Path()
    originals = {"archive": archived_folder(here, project, ""), "done": originals_folder(here, project, "")}
    role = folder.name if folder.role == "output" else folder.role
    parent = None
    if role == "inbox" and folder.name == job.inbox and state in ACTIVE:
        parent = Path(job.project, job.folder)
    elif role == "failed" and job.filed_as and state in {*NEEDS_PERSON, State.REFUSING, State.HALTING}:
        parent = Path(project, job.filed_as)
    elif role in originals and job.filed_as and state == State.FILING:
        parent = originals[role] / job.filed_as
    if parent is not None:
        yield from (parent / file.name for file in store.files(job.id) if file.let_go_at is None)
    if role == "done" and state in ACTIVE:
        pictures = pictures_folder(here, job.project, job.room, recipe_of(job).delivery.folders)
        for name in names_of(store, job.id):
            yield from (pictures / name, receipts_folder(here, project) / name)
