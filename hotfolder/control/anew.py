"""A set once more with another tag: its price first, then its photos in the inbox, under a name with the tag.

Of a finished set these are copies: the pictures, the receipt and the originals stay. Those of a failed one go
back themselves. What was bought is used again.
"""

from __future__ import annotations

from dataclasses import dataclass

from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.settings import Settings
from hotfolder.control.actions import PutBack, copies_of, way_back
from hotfolder.control.opening import Installation, JobRecords
from hotfolder.control.rooms import existing, left_of
from hotfolder.errors import RuleRefused, UsageError
from hotfolder.jobs.generations import present_generation
from hotfolder.jobs.model import Job, JobFile, scope_key
from hotfolder.jobs.states import State
from hotfolder.jobs.store import remembered
from hotfolder.rules.foldernames import OK, TAG_MARK, normal, split_name
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.rules.tags import AGAIN, built_in_tags


@dataclass(frozen=True, slots=True)
class Offer:
    """What a set with another tag would be: its folder, and the paid calls, by kind, that are still to be
    made for it. `tag` as the rules spell it."""

    job: Job
    tag: str
    folder: str
    left: tuple[str, ...]


def tags_for(settings: Settings, job_id: str) -> list[str]:
    """The tags that the set's room could have by itself, in the order in which people are offered them."""
    with existing(settings) as records:
        job, photos = over(records, job_id)
    rulebook = rules_of(settings, job)
    names = [*(tag.name for tag in built_in_tags().values()), *rulebook.tags.own]
    own = {normal(tag) for tag in split_name(job.folder).tags}
    wanted = [name for name in names if name not in (AGAIN, OK) and {normal(name)} != own]
    return [name for name in wanted if _plannable(rulebook, job, name, len(photos))]


def offer(settings: Settings, job_id: str, tag: str) -> Offer:
    """What it would cost. Raises UsageError, RuleRefused, StoreError."""
    with existing(settings) as records:
        return _offer(settings, records, job_id, tag)


def another(installation: Installation, job_id: str, tag: str) -> PutBack:
    """Put a set's photos into the inbox, under its room's name with this tag: copies of a finished one's
    originals, a failed one's own. Broken off, the same again finishes it. Raises UsageError, RuleRefused,
    LocalTrouble."""
    found = _offer(installation.settings, installation, job_id, tag)
    job = found.job
    if job.state == State.FAILED:
        # As a plain retry gathers them, so that either goes on where the other was broken off.
        returning = way_back(installation, job, found.folder)
        returning.gather()
    else:
        returning = copies_of(installation, job, found.folder, found.tag)
    returning.arrive(lambda: None)
    return PutBack(returning.count, returning.target, copied=job.state == State.DONE)


def over(records: JobRecords, job_id: str) -> tuple[Job, list[JobFile]]:
    """The job and its photos. Raises UsageError where it can't be made once more."""
    job = remembered(records.store, job_id)
    if job.state != State.DONE and not (job.state == State.FAILED and job.filed_as):
        raise UsageError(
            f"{job.project} / {job.room} can't have another tag now.",
            hint="Only a finished or failed set can.",
        )
    return job, records.store.photos(job.id)


def rules_of(settings: Settings, job: Job) -> Rulebook:
    """Those of the job's inbox. Raises UsageError where that is no inbox any more."""
    try:
        return rulebook_for(settings, job.inbox)
    except KeyError:
        raise UsageError(f"There is no inbox {job.inbox} in the settings any more.") from None


def _offer(settings: Settings, records: JobRecords, job_id: str, tag: str) -> Offer:
    job, photos = over(records, job_id)
    rulebook = rules_of(settings, job)
    found = rulebook.tags.find(tag)
    # `again` buys all of it anew, which is another question, with another price.
    if found is None or found.name in (AGAIN, OK):
        raise UsageError(f"There is no tag {tag}.", hint="Choose one of those that are offered.")
    folder = folder_with(job, found.name)
    recipe = plan(rulebook, job.project, folder, len(photos)).recipe
    hashes = [photo.sha256 for photo in photos]
    generation = present_generation(records.store, scope_key(job.origin, hashes))
    return Offer(job, found.name, folder, left_of(records, job, hashes, recipe, generation))


def folder_with(job: Job, tag: str) -> str:
    """The room's folder with this tag in place of its own."""
    return f"{split_name(job.folder).name or job.room}{TAG_MARK}{tag}"


def _plannable(rulebook: Rulebook, job: Job, tag: str, photos: int) -> bool:
    try:
        return bool(plan(rulebook, job.project, folder_with(job, tag), photos).recipe.altered())
    except RuleRefused:
        return False
