"""What a person does about jobs: retry, resolve, give up, cancel, priority, pause, resume; another tag.

All of it goes through the store and the folders, so a running daemon takes it up by itself.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.settings import Settings
from hotfolder.control.opening import Installation, JobRecords, existing, now
from hotfolder.errors import CommandHint, RuleRefused, UsageError
from hotfolder.jobs import commands, generations
from hotfolder.jobs.commands import Priority
from hotfolder.jobs.context import chain_of
from hotfolder.jobs.generations import present_generation
from hotfolder.jobs.ledger import Ledger, read_chain
from hotfolder.jobs.model import Job, JobFile, Purchase, scope_key
from hotfolder.jobs.states import NEEDS_PERSON, PurchaseOutcome, PurchaseState, State
from hotfolder.jobs.store import remembered
from hotfolder.outbox.names import safe_name
from hotfolder.outbox.returning import Returning
from hotfolder.rules.foldernames import COPIES_MARK, OK, TAG_MARK, normal, split_name
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.rules.tags import AGAIN, built_in_tags
from hotfolder.stager.addresses import AllowedHosts, SignedUrl
from hotfolder.stager.answers import Answer
from hotfolder.stager.failures import UrlRefused
from hotfolder.telemetry.overview import WORDS


@dataclass(frozen=True, slots=True)
class PutBack:
    """A set that is back in the inbox: how many files, and where. `answered` is the operation of the paid
    call that a person has said the end of; "" where there was none. `copied`: they are copies, and what they
    are of stays."""

    files: int
    folder: Path
    answered: str = ""
    copied: bool = False


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What of a job or a `project` is being cancelled, and for what it is too late."""

    taken: Sequence[Job]
    too_late: Sequence[Job]
    project: str


def retry(installation: Installation, job_id: str, *, pay_again: bool) -> PutBack:
    """Move a failed set back into the inbox, as dragging it would; to buy it anew, copies of a finished one's
    originals, too. `job_id` may be `project/room`. Broken off, the same again finishes it. Raises UsageError,
    LocalTrouble."""
    job = remembered(installation.store, job_id)
    copied = pay_again and job.state == State.DONE
    if copied:
        returning = copies_of(installation, job, comes_as(job), AGAIN)
    else:
        returning = _retriable(installation, job)
        returning.gather()

    def tell() -> None:
        if pay_again and job.scope:
            # Before the daemon can see the files.
            generations.pay_again(installation.store, job.scope, returning.gathered())

    returning.arrive(tell)
    return PutBack(returning.count, returning.target, copied=copied)


def _retriable(installation: Installation, job: Job) -> Returning:
    """The way back of a job that can be tried again. Raises UsageError, LocalTrouble."""
    needs_person = State(job.state) in NEEDS_PERSON
    if needs_person or job.filed_as:
        returning = way_back(installation, job, comes_as(job))
        # A set that was left on its way has to arrive, whatever has become of its job meanwhile.
        if needs_person or returning.begun:
            return returning
    words = WORDS.get(job.state, job.state)
    raise UsageError(
        f"Job {job.id} can't be tried again: it is {words}.",
        hint=CommandHint("Only failed sets can; a finished one can be bought anew, with --pay-again."),
    )


def comes_as(job: Job) -> str:
    """The folder in which a set comes again: back in the project's folder itself it would be grouped anew,
    with whatever lies there."""
    failed = State(job.state) in NEEDS_PERSON
    return job.folder or (job.filed_as if failed else "") or safe_name(job.room)


def copies_of(installation: Installation, job: Job, folder: str, tag: str) -> Returning:
    """Copies of a finished set's originals, about to arrive in that folder of its project, for another `tag`.
    Raises UsageError, LocalTrouble."""
    places = installation.places
    inbox = places.inbox(job)
    places.confirm_inbox(inbox)
    originals = [_original(installation, job, file) for file in installation.store.files(job.id)]
    target, gathers = inbox / job.project / folder, f"{job.id}{COPIES_MARK}{tag}"
    returning = Returning(originals[0].parent, target, gathers, shared=places.sharing(job))
    returning.copy(originals)
    return returning


def _original(installation: Installation, job: Job, file: JobFile) -> Path:
    """Where the original lies. Raises UsageError where it is gone."""
    for path in installation.places.of_original(job, file):
        if path.is_file() and not path.is_symlink():
            return path
    raise UsageError(
        f"{file.name} of {job.project} / {job.room} is not where its originals were put.",
        hint="Drop its photos into the inbox, in a folder with the tag.",
    )


def way_back(installation: Installation, job: Job, folder: str) -> Returning:
    """From failed/ back into the inbox, to that folder of its project. Raises LocalTrouble where the inbox is
    not there."""
    places = installation.places
    inbox = places.inbox(job)
    places.confirm_inbox(inbox)
    filed_as = job.filed_as or ""
    source = places.failed / safe_name(job.project) / filed_as
    if not filed_as:
        raise UsageError(f"{source} has no folder of it.", hint="Drop the photos into the inbox again.")
    target = inbox / job.project / folder
    return Returning(source, target, job.id, shared=places.sharing(job))


def resolve(installation: Installation, job_id: str, *, paid_result: str | None) -> PutBack:
    """Say how a paid call ended that nobody here could know, and let the set go on: its picture is at the
    address `paid_result`, or it was not charged (None). Broken off, the same again finishes it. Raises
    UsageError, LocalTrouble."""
    ledger = installation.ledger
    job = _in_doubt(installation, job_id)
    returning = way_back(installation, job, comes_as(job))
    call = _question(installation, job, returning)
    if paid_result is not None:
        refuse_strange(paid_result, AllowedHosts(installation.settings.api.storage_hosts))
    elif call is not None:
        refuse_answered(call)
    returning.gather()

    def answer() -> None:
        if call is not None and paid_result is None:
            told_not_charged(ledger, call)
        elif call is not None and paid_result is not None:
            told_result(ledger, call, paid_result, now())

    returning.arrive(answer)
    return PutBack(returning.count, returning.target, call.operation if call is not None else "")


def _question(installation: Installation, job: Job, returning: Returning) -> Purchase | None:
    """The call in doubt; None where an earlier attempt has told how it ended. Raises UsageError."""
    try:
        return open_question(installation, job)
    except UsageError:
        if returning.begun:
            return None
        raise


def _in_doubt(installation: Installation, job_id: str) -> Job:
    """The job, if it waits for a person. Raises UsageError."""
    job = remembered(installation.store, job_id)
    if job.state != State.NEEDS_ATTENTION:
        raise UsageError(f"Job {job_id} has nothing to resolve: it is {job.state}.")
    return job


def open_question(records: JobRecords, job: Job) -> Purchase:
    """The call of the job's chain that stands in its way. Raises UsageError when there is none."""
    for link in chain_of(records.store, records.ledger, job):
        if not link.results:
            return link.purchase
    raise UsageError(
        f"No paid call of job {job.id} is in doubt.",
        hint="To have it made, drag its folder back into the inbox.",
    )


def refuse_answered(call: Purchase) -> None:
    """Raise UsageError for a call that can't be called not charged: its answer says that it was."""
    if call.state == PurchaseState.ANSWERED:
        raise UsageError(
            "The API has said that it made this call: only its picture is missing, and buying it again would"
            " be paid for twice.",
            hint=CommandHint("`hotfolder retry` downloads it; with --pay-again it is bought again."),
        )


def refuse_strange(url: str, hosts: AllowedHosts) -> None:
    """Raise UsageError for an address that is never followed."""
    try:
        hosts.check(SignedUrl(url))
    except ValueError:
        raise UsageError(
            "What --paid-result names is not an address.", hint="It begins with https://; quote it."
        ) from None
    except UrlRefused as error:
        raise UsageError(error.message, hint=error.hint) from None


def told_not_charged(ledger: Ledger, call: Purchase) -> None:
    """It was not charged: it may be bought. Raises UsageError where that isn't known to be open any more."""
    if not ledger.conclude(call, PurchaseState.NOT_EXECUTED, "not charged", PurchaseOutcome.RESOLVED):
        raise UsageError(
            "How this call ended has become known meanwhile.", hint="Say the same again, to see how."
        )


def told_result(ledger: Ledger, call: Purchase, url: str, at: datetime) -> None:
    """It was charged, and its picture is at `url`."""
    assert call.id is not None
    if call.operation == "merge":
        body: dict[str, object] = {"status": "completed", "imageUrl": url}
    else:
        picture = {"id": "resolved", "imageUrl": url, "width": 1, "height": 1}
        body = {"success": True, "data": [picture]}
    answer = Answer(200, json.dumps(body))
    ledger.resolve(call.id, answer.as_json(), "a person named its result", at)


def give_up(installation: Installation, job_id: str) -> None:
    """Let a set whose paid call is in doubt have failed for good. Its calls are not bought again. Raises
    UsageError."""
    job = _in_doubt(installation, job_id)
    reason = f"given up by a person: {job.reason}"
    installation.store.advance(job.id, State.FAILED, now(), reason=reason, hint="")


def cancel(installation: Installation, target: str, *, by: str, inbox: str = "") -> Cancellation:
    """Have a job or a project's jobs cancelled. Raises UsageError where there is none, or it is finished."""
    with installation.store.session() as session, session.begin():
        jobs, _, project = commands.meant(session, target, inbox, **_arrived(installation, target))
        taken = commands.cancel(session, jobs, by, now())
    return Cancellation(taken, [job for job in jobs if job not in taken], project)


def prioritise(
    installation: Installation, target: str, level: str, *, by: str, inbox: str = ""
) -> tuple[Sequence[Job], str]:
    """Give a job, or a project with all that is to come of it, a priority: high, normal or low. Returns the
    jobs that have it now, and the project's name, "" where it is one job's. Raises UsageError."""
    try:
        wanted = Priority[level.upper()]
    except KeyError:
        raise UsageError(f"There is no priority {level}.", hint="Say high, normal or low.") from None
    with installation.store.session() as session, session.begin():
        jobs, of_inbox, project = commands.meant(session, target, inbox, **_arrived(installation, target))
        if project:
            commands.prioritise_project(session, of_inbox, project, wanted)
        commands.prioritise(session, jobs, wanted, by, now())
    return jobs, project


def _arrived(installation: Installation, target: str) -> dict[str, Sequence[str]]:
    """The inboxes in which there is a project's folder of that name, and those with such a room's folder;
    whether or not anything of it has begun."""
    name = target.rstrip("/").rpartition("/")[2]
    inboxes = installation.places.inboxes.items()
    return {
        "dropped": [title for title, path in inboxes if name and (path / name).is_dir()],
        "arriving": [
            title for title, path in inboxes if "/" in target.strip("/") and (path / target).is_dir()
        ],
    }


def pause(installation: Installation, reason: str) -> None:
    """Let no paid call begin until `resume`; those in flight end as they would."""
    installation.store.pause(reason)


def resume(installation: Installation) -> bool:
    """Take the pause away; whether there was one."""
    return installation.store.resume()


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


def left_of(
    records: JobRecords, job: Job, hashes: Sequence[str], recipe: Recipe, generation: int
) -> tuple[str, ...]:
    """The paid calls of a recipe that are still to be made for the job's photos, by kind: one whose end is
    unknown isn't made again."""
    known = read_chain(records.ledger, job.origin, hashes, recipe, generation)
    made = Counter(step.purchase.operation for step in known)
    return tuple((Counter(recipe.paid_kinds()) - made).elements())


def folder_with(job: Job, tag: str) -> str:
    """The room's folder with this tag in place of its own."""
    return f"{split_name(job.folder).name or job.room}{TAG_MARK}{tag}"


def _plannable(rulebook: Rulebook, job: Job, tag: str, photos: int) -> bool:
    try:
        return bool(plan(rulebook, job.project, folder_with(job, tag), photos).recipe.altered())
    except RuleRefused:
        return False
