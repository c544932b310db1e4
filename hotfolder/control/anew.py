"""A finished set once more with another tag: its price first, then copies of its originals in the inbox.

What is there stays: the pictures, the receipt and the originals. What was bought is used again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.settings import Settings
from hotfolder.control.actions import PutBack
from hotfolder.control.opening import Installation, JobRecords
from hotfolder.control.rooms import Price, existing, left_of, price_of
from hotfolder.errors import RuleRefused, UsageError
from hotfolder.jobs.model import FileRole, Job, JobFile, scope_key
from hotfolder.jobs.states import State
from hotfolder.jobs.store import remembered
from hotfolder.outbox.returning import Returning
from hotfolder.rules.names import COPIES_MARK, OK, TAG_MARK, normal, split_name
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.rules.tags import AGAIN, built_in_tags


@dataclass(frozen=True, slots=True)
class Offer:
    """What a set with another tag would be: its folder, and what is still to be paid for it."""

    job: Job
    tag: str
    folder: str
    price: Price


def tags_for(settings: Settings, job_id: str) -> list[str]:
    """The tags that the set's room could have by itself, in the order in which people are offered them."""
    with existing(settings) as records:
        job, photos = finished_set(records, job_id)
    rulebook = rulebook_for(settings, job.inbox)
    names = [*(tag.name for tag in built_in_tags().values()), *rulebook.tags.own]
    own = {normal(tag) for tag in split_name(job.folder).tags}
    wanted = [name for name in names if name not in (AGAIN, OK) and {normal(name)} != own]
    return [name for name in wanted if _plannable(rulebook, job, name, len(photos))]


def offer(settings: Settings, job_id: str, tag: str) -> Offer:
    """What it would cost. Raises UsageError, RuleRefused, StoreError."""
    with existing(settings) as records:
        return _offer(settings, records, job_id, tag)


def another(installation: Installation, job_id: str, tag: str) -> PutBack:
    """Put copies of a finished set's originals into the inbox, under its room's name with this tag. Broken
    off, the same again finishes it. Raises UsageError, RuleRefused, LocalTrouble."""
    found = _offer(installation.settings, installation, job_id, tag)
    job, places = found.job, installation.places
    inbox = places.inbox(job)
    places.confirm_inbox(inbox)
    originals = [_original(installation, job, file) for file in installation.store.files(job.id)]
    target = inbox / job.project / found.folder
    lie_in = originals[0].parent
    returning = Returning(lie_in, target, f"{job.id}{COPIES_MARK}{tag}", shared=places.sharing(job))
    returning.copy(originals)
    returning.arrive(lambda: None)
    return PutBack(len(originals), target)


def finished_set(records: JobRecords, job_id: str) -> tuple[Job, list[JobFile]]:
    """The job and its photos. Raises UsageError where it isn't finished."""
    job = remembered(records.store, job_id)
    if job.state != State.DONE:
        raise UsageError(f"{job.project} / {job.room} is not finished.", hint="Only a finished set can be.")
    return job, [file for file in records.store.files(job.id) if file.role == FileRole.PHOTO]


def _offer(settings: Settings, records: JobRecords, job_id: str, tag: str) -> Offer:
    job, photos = finished_set(records, job_id)
    rulebook = rulebook_for(settings, job.inbox)
    if rulebook.tags.find(tag) is None or TAG_MARK in tag:
        raise UsageError(f"There is no tag {tag}.", hint="Choose one of those that are offered.")
    folder = folder_with(job, tag)
    recipe = plan(rulebook, job.project, folder, len(photos)).recipe
    hashes = [photo.sha256 for photo in photos]
    generation = records.store.generation(scope_key(job.origin, hashes))
    left = left_of(records, job, hashes, recipe, generation)
    return Offer(job, tag, folder, price_of(settings, left))


def folder_with(job: Job, tag: str) -> str:
    """The room's folder with this tag in place of its own."""
    return f"{split_name(job.folder).name or job.room}{TAG_MARK}{tag}"


def _plannable(rulebook: Rulebook, job: Job, tag: str, photos: int) -> bool:
    try:
        return bool(plan(rulebook, job.project, folder_with(job, tag), photos).recipe.altered())
    except RuleRefused:
        return False


def _original(installation: Installation, job: Job, file: JobFile) -> Path:
    """Where the original lies. Raises UsageError where it is gone."""
    for path in installation.places.of_original(job, file):
        if path.is_file() and not path.is_symlink():
            return path
    raise UsageError(
        f"{file.name} of {job.project} / {job.room} is not where its originals were put.",
        hint="Drop its photos into the inbox, in a folder with the tag.",
    )
