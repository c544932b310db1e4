"""Refuses to start while unfinished or failed sets have files in folders that the settings no longer name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from hotfolder.blocking import START_TIMEOUT_SECONDS, call_within
from hotfolder.display import counted
from hotfolder.errors import LocalTrouble, UsageError
from hotfolder.jobs.context import Places, chain_of, recipe_of
from hotfolder.jobs.heldsets import held_below
from hotfolder.jobs.model import FolderIdentity, Job
from hotfolder.jobs.reservednames import names_taken
from hotfolder.jobs.states import ACTIVE, NEEDS_PERSON, State
from hotfolder.jobs.store import Store
from hotfolder.outbox.faults import path_text
from hotfolder.outbox.names import (
    archived_folder,
    originals_folder,
    pictures_folder,
    receipts_folder,
    safe_name,
)
from hotfolder.outbox.outputs import MountIdentity
from hotfolder.paths import exists


def refuse_left_behind(places: Places, store: Store) -> None:
    """Raise UsageError where files of unfinished or failed sets lie in a folder that the settings named at
    the last start, and not in the one they name now: there they would be taken for deleted ones, and what
    was placed would be placed twice. Where `state` is another folder, too, the root was moved or copied, and
    they with it; nothing is compared then."""
    met = store.known_folders()
    if not any(one.role == "state" and one.path == str(places.state) for one in met):
        return
    if not any(one.name == "results" for one in met if one.role == "output"):  # none was named before
        met.append(FolderIdentity(role="output", name="results", path=str(places.state / "results")))
    found: list[str] = []
    moves: list[str] = []
    jobs = store.in_states(ACTIVE | NEEDS_PERSON)
    for before in met:
        refuse_renamed_inbox(places, store, jobs, before)
        now = present_folder(places, before)
        if now is None or before.path == str(now):
            continue
        sets = 0
        with suppress(LocalTrouble, OSError):  # its disk is gone
            count = partial(sets_left, store, jobs, before, now)
            sets = call_within(Path(before.path), count, START_TIMEOUT_SECONDS)
        if sets:
            kind = "failed set" if before.name == "failed" else "unfinished set"
            name = before.role if before.role == "archive" else before.name
            former = path_text(before.path)
            found.append(f"{former}, the folder that was `{name}` before, still has {counted(sets, kind)}.")
            moves.append(f"what is in {former} into {path_text(now)}")
    if found:
        raise UsageError(
            " ".join(found),
            hint=f"Move {' and '.join(moves)}, or name the former folder again until its sets are finished or"
            " retried; then start again.",
        )


def refuse_renamed_inbox(places: Places, store: Store, jobs: list[Job], before: FolderIdentity) -> None:
    """Raise UsageError where an inbox has another name now, and unfinished sets, or some that are held. They
    are known by its name: under the new one what is left of their photos would be bought as new sets."""
    if before.role != "inbox" or before.name in places.inboxes:
        return
    for name, path in places.inboxes.items():
        with suppress(LocalTrouble, OSError):  # its disk is gone
            count = partial(sets_waiting, store, jobs, before, path)
            if sets := call_within(path, count, START_TIMEOUT_SECONDS):
                which = counted(sets, "set")
                raise UsageError(
                    f"{path_text(path)}, the inbox `{name}`, was the inbox `{before.name}` before, and"
                    f" {which} of it {'is' if sets == 1 else 'are'} unfinished or held.",
                    hint=f"Call it so again, with `name: {before.name}` under `inboxes`, until they are"
                    " finished; then start again.",
                )


def sets_waiting(store: Store, jobs: list[Job], before: FolderIdentity, now: Path) -> int:
    """How many sets of a former inbox are unfinished or held, where it is the folder `now`, be it moved; else
    0. Those that are held count while a photo of theirs is still there."""
    folder = MountIdentity(before.path, before.device, before.inode)
    if before.path != str(now) and not folder.is_same_folder(now):
        return 0
    held = sum(
        any(exists(now / where / name) for one in sets for name in one.photos)
        for where, sets in held_below(store, before.name).items()
    )
    return held + sum(job.inbox == before.name and job.state in ACTIVE for job in jobs)


def present_folder(places: Places, before: FolderIdentity) -> Path | None:
    """The folder that the settings name now in that role; None where they name none."""
    outputs = {"done": places.done, "failed": places.failed, "results": places.results}
    of_role = {"inbox": places.inboxes, "output": outputs, "archive": {before.name: places.archive}}
    return of_role.get(before.role, {}).get(before.name)


def sets_left(store: Store, jobs: list[Job], before: FolderIdentity, now: Path) -> int:
    """How many of the jobs have a file in the former folder that isn't in the present one. The same folder
    may have two paths, and a copy does as well."""
    return sum(
        any(is_left(Path(before.path, path), now / path) for path in paths_of_job(store, job, before))
        for job in jobs
    )


def is_left(before: Path, now: Path) -> bool:
    """Whether a file lies in the former folder, and not in the present one, where another may have its
    name."""
    return exists(before) and not (exists(now) and now.stat().st_size == before.stat().st_size)


def paths_of_job(store: Store, job: Job, folder: FolderIdentity) -> Iterator[Path]:
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
    if role == "results" and state != State.FILING:
        yield from (Path(result.file) for step in chain_of(store, job) for result in step.results)
    if role == "done" and state in ACTIVE:
        pictures = pictures_folder(here, job.project, job.room, recipe_of(job).delivery.folders)
        for name in names_taken(store, job.id):
            yield from (pictures / name, receipts_folder(here, project) / name)
