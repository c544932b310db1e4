"""The offers for an ended set: what dropping it again would make, as it is or with another tag, and which
paid calls that needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.settings import Settings
from hotfolder.control.opening import reading_existing
from hotfolder.errors import RuleRefused, UsageError
from hotfolder.jobs.context import recipe_of
from hotfolder.jobs.generations import generation_for
from hotfolder.jobs.ledger import read_chain
from hotfolder.jobs.model import Job, JobFile
from hotfolder.jobs.queries import job_named
from hotfolder.jobs.states import NEEDS_PERSON, State
from hotfolder.jobs.store import Store
from hotfolder.outbox.names import safe_name
from hotfolder.rules.foldernames import AGAIN, OK, TAG_MARK, normal, split_name
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.rules.tags import built_in_tags


def return_name(job: Job) -> str:
    """The name of the folder in which a set returns. Never the project's folder itself, where its photos
    would be grouped again with others."""
    failed = State(job.state) in NEEDS_PERSON
    return job.folder or (job.filed_as if failed else "") or safe_name(job.room)


def recipe_now(settings: Settings, job: Job, photos: int) -> Recipe | None:
    """The recipe by which the job's set would be made if it came again: by the rules in force for one that
    ended, else its own. None where the rules refuse its folder's name."""
    if State(job.state) not in (*NEEDS_PERSON, State.DONE) or not photos:
        return recipe_of(job)
    try:
        return plan(rulebook_for(settings, job.inbox), job.project, return_name(job), photos).recipe
    except (RuleRefused, KeyError):  # of an inbox that is none any more
        return None


def still_to_pay(settings: Settings, store: Store, job: Job) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe by which the job's set would be made if it came again (its own where the rules refuse it),
    and the kinds of the paid calls that are still to be made for it."""
    hashes = [photo.sha256 for photo in store.photos(job.id)]
    recipe, made_in = recipe_now(settings, job, len(hashes)) or recipe_of(job), job.generation
    if State(job.state) in NEEDS_PERSON:
        made_in = generation_for(store, job.origin, hashes, recipe, return_name(job))
    return recipe, paid_kinds_left(store, job, hashes, recipe, made_in)


def paid_kinds_left(
    store: Store, job: Job, hashes: Sequence[str], recipe: Recipe, generation: int
) -> tuple[str, ...]:
    """The kinds of a recipe's paid calls that are still to be made for the job's photos. One with an unknown
    outcome counts as made."""
    known = read_chain(store, job.origin, hashes, recipe, generation)
    made = Counter(step.purchase.operation for step in known)
    return tuple((Counter(recipe.paid_kinds()) - made).elements())


@dataclass(frozen=True, slots=True)
class Offer:
    """A set made once more with another tag: its new folder, and the kinds of the paid calls still to be made
    for it. `tag` is spelt as in the rules."""

    job: Job
    tag: str
    folder: str
    left: tuple[str, ...]


def tags_for(settings: Settings, job_id: str) -> list[str]:
    """The tags with which the set can be made once more, each alone, in the order for people. Raises
    UsageError, Unknown, StoreError."""
    with reading_existing(settings) as store:
        job, photos, rulebook = ended_set(settings, store, job_id)
    names = [*(tag.name for tag in built_in_tags().values()), *rulebook.tags.own]
    own = {normal(tag) for tag in split_name(job.folder).tags}
    wanted = [name for name in names if name not in (AGAIN, OK) and {normal(name)} != own]
    return [name for name in wanted if _plannable(rulebook, job, name, len(photos))]


def offer(settings: Settings, job_id: str, tag: str) -> Offer:
    """The offer for a set with another tag, with its cost. Raises UsageError, RuleRefused, StoreError."""
    with reading_existing(settings) as store:
        return offer_of(settings, store, job_id, tag)


def offer_of(settings: Settings, store: Store, job_id: str, tag: str) -> Offer:
    """`offer`, from an open store."""
    job, photos, rulebook = ended_set(settings, store, job_id)
    found = rulebook.tags.find(tag)
    # `again` buys everything anew, which has another price: that is `retry` with `pay_again`.
    if found is None or found.name in (AGAIN, OK):
        raise UsageError(f"There is no tag {tag}.", hint="Choose one of those that are offered.")
    folder = folder_name_with(job, found.name)
    recipe = plan(rulebook, job.project, folder, len(photos)).recipe
    hashes = [photo.sha256 for photo in photos]
    generation = generation_for(store, job.origin, hashes, recipe, folder)
    return Offer(job, found.name, folder, paid_kinds_left(store, job, hashes, recipe, generation))


def ended_set(settings: Settings, store: Store, job_id: str) -> tuple[Job, list[JobFile], Rulebook]:
    """The job, its photos and the rules of its inbox. Raises UsageError unless it is done, or failed with
    files in failed/, and where the settings don't name its inbox any more."""
    job = job_named(store, job_id)
    if job.state != State.DONE and not (job.state == State.FAILED and job.filed_as):
        raise UsageError(
            f"{job.project} / {job.room} can't have another tag now.",
            hint="Only a finished or failed set can.",
        )
    try:
        return job, store.photos(job.id), rulebook_for(settings, job.inbox)
    except KeyError:
        raise UsageError(f"There is no inbox {job.inbox} in the settings any more.") from None


def folder_name_with(job: Job, tag: str) -> str:
    """The name of the room's folder with this tag in place of its own ones."""
    return f"{split_name(job.folder).name or job.room}{TAG_MARK}{tag}"


def _plannable(rulebook: Rulebook, job: Job, tag: str, photos: int) -> bool:
    try:
        return bool(plan(rulebook, job.project, folder_name_with(job, tag), photos).recipe.altered_pictures())
    except RuleRefused:
        return False
