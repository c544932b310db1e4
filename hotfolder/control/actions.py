"""Commands on jobs: retry, resolve, give up, cancel, priority, pause, resume; another tag.

They change only the store and the folders, where a running daemon notices them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hotfolder.control.explain import Bill
from hotfolder.control.lookup import explain_missing_job
from hotfolder.control.offers import offer_of, return_name, still_to_pay
from hotfolder.control.opening import Installation, now
from hotfolder.errors import CommandHint, UsageError
from hotfolder.jobs import commands, generations
from hotfolder.jobs.commands import Priority
from hotfolder.jobs.context import chain_of
from hotfolder.jobs.generations import present_generation
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.model import FileRole, Job, JobFile, Purchase
from hotfolder.jobs.previous import still_in_failed
from hotfolder.jobs.queries import job_meant
from hotfolder.jobs.states import ACTIVE, NEEDS_PERSON, IllegalMove, PurchaseOutcome, PurchaseState, State
from hotfolder.jobs.store import Store
from hotfolder.outbox.faults import path_text
from hotfolder.outbox.names import safe_name
from hotfolder.outbox.returning import SetReturn
from hotfolder.paths import is_dir, is_file
from hotfolder.rules.foldernames import (
    AGAIN,
    COPIES_MARK,
    TAG_MARK,
    to_nfc,
    unicode_forms,
)
from hotfolder.stager.addresses import AllowedHosts, SignedUrl
from hotfolder.stager.answers import Answer
from hotfolder.stager.failures import UrlRefused
from hotfolder.telemetry.overview import WORDS, overview


@dataclass(frozen=True, slots=True)
class PutBack:
    """A set that was put back into the inbox: number of files and folder. `answered` is the operation of the
    paid call that was resolved, "" for none. `copied`: the files are copies, and their originals stay."""

    files: int
    folder: Path
    answered: str = ""
    copied: bool = False


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The jobs that are being cancelled, and those for which it is too late. `project` is the name of the
    project that was given, "" for a single job. `arriving` are the rooms of the project's sets without a job,
    which are not cancelled and will become jobs."""

    taken: Sequence[Job]
    too_late: Sequence[Job]
    project: str
    arriving: Sequence[str] = ()


def retry(
    installation: Installation,
    job_id: str,
    *,
    pay_again: bool,
    after: str | None = None,
    calls: str | None = None,
) -> PutBack:
    """Move a failed set back into the inbox, as dragging it would; with `pay_again` it is bought anew, and a
    finished set, too, by copies of its originals; by a form only if the generation bought last and the paid
    calls still to be made are those that it shows (`after`, `calls`). `job_id` may be `project/room`.
    Idempotent: after an interruption, repeat the call. Raises UsageError, Unknown, LocalTrouble."""
    with explain_missing_job(installation.store, job_id):
        states = NEEDS_PERSON | {State.DONE} if pay_again else NEEDS_PERSON
        job = job_meant(installation.store, job_id, states)
    if after is not None and after != str(present_generation(installation.store, job.scope)):
        raise UsageError(
            "Since you looked at the price, this set was bought anew already.",
            hint="See its other versions; to buy it once more, look at the price again.",
        )
    if calls is not None:
        recipe, left = still_to_pay(installation.settings, installation.store, job)
        Bill(recipe.paid_kinds() if pay_again else left).confirm(calls)
    copied = pay_again and job.state == State.DONE
    if copied:
        returning = copies_of(installation, job, return_name(job), AGAIN)
    else:
        returning = _retriable(installation, job)
        returning.gather()

    def request_pay_again() -> None:
        if pay_again and job.scope:
            # Before the daemon can see the files.
            target = returning.target
            place = job.inbox, target.parent.name, target.name
            generations.request_pay_again(installation.store, job.scope, returning.gathered_files(), place)

    returning.arrive(request_pay_again)
    return PutBack(returning.count, returning.target, copied=copied)


def _retriable(installation: Installation, job: Job) -> SetReturn:
    """The `way_back` of a failed or halted job. Raises UsageError for any other, LocalTrouble."""
    needs_person = State(job.state) in NEEDS_PERSON
    if needs_person or job.filed_as:
        returning = way_back(installation, job, return_name(job))
        # An interrupted return must be completed, whatever state its job has by now.
        if needs_person or returning.is_interrupted:
            return returning
    raise UsageError(
        f"Job {job.id} can't be tried again: it is {state_words(job)}.",
        hint=CommandHint("Only failed sets can; a finished one can be bought anew, with --pay-again."),
    )


def state_words(job: Job) -> str:
    """The job's state in the words of `status`, which shows no superseded ones."""
    return "replaced by a later attempt" if job.state == State.SUPERSEDED else WORDS.get(job.state, job.state)


def copies_of(installation: Installation, job: Job, folder: str, tag: str) -> SetReturn:
    """Copy a finished set's originals, to arrive in that folder of its project for another `tag`; the caller
    calls `arrive`. Raises UsageError, LocalTrouble."""
    places = installation.places
    inbox = places.inbox(job.inbox)
    places.confirm_inbox(inbox)
    by_hand = f"{folder}{TAG_MARK}{AGAIN}" if tag == AGAIN else folder
    files = installation.store.files(job.id)
    wanted = [file for file in files if file.role == FileRole.PHOTO or file.let_go_at is None]
    originals = [_original(installation, job, file, by_hand) for file in wanted]
    target, gathers = inbox / job.project / folder, f"{job.id}{COPIES_MARK}{tag}"
    returning = SetReturn(originals[0].parent, target, gathers, shared=places.sharing(job))
    returning.copy(originals)
    return returning


def _original(installation: Installation, job: Job, file: JobFile, by_hand: str) -> Path:
    """The path of an original. Raises UsageError where it is gone, with the folder in which a person's copies
    would do the same."""
    for path in installation.places.original_paths(job, file):
        if is_file(path) and not path.is_symlink():
            return path
    raise UsageError(
        f"{file.name} of {job.project} / {job.room} is not where its originals were put.",
        hint=f"Drop its photos into the inbox, in a folder of its project named {path_text(by_hand)}.",
    )


def way_back(installation: Installation, job: Job, folder: str) -> SetReturn:
    """The return of a job's files from failed/ into that folder of its project in the inbox. Raises
    LocalTrouble where the inbox is missing or replaced, and UsageError where the job has no folder in
    failed/."""
    places = installation.places
    inbox = places.inbox(job.inbox)
    places.confirm_inbox(inbox)
    filed_as = job.filed_as or ""
    source = places.failed / safe_name(job.project) / filed_as
    if not filed_as:
        raise UsageError(f"{source} has no folder of it.", hint="Drop the photos into the inbox again.")
    target = inbox / job.project / folder
    return SetReturn(source, target, job.id, shared=places.sharing(job))


def resolve(
    installation: Installation, job_id: str, *, paid_result: str | None, calls: str | None = None
) -> PutBack:
    """Record the outcome of a paid call in doubt, as a person knows it, and put its set back into the inbox:
    the picture is at the URL `paid_result`, or the call was not charged (None); by a form only if the paid
    calls to be made after it are still those that it shows (`calls`). Idempotent: after an interruption,
    repeat the call. Raises UsageError, Unknown, LocalTrouble."""
    ledger = installation.store.ledger
    job = in_doubt(installation, job_id)
    returning = way_back(installation, job, return_name(job))
    call = open_question(installation.store, job)
    if call is None and not returning.is_interrupted:  # an interrupted attempt has recorded its outcome
        raise UsageError(
            f"No paid call of job {job.id} is in doubt.",
            hint="Where somebody has put its photos back into the inbox, the set is made anew; else drag"
            " its folder back into the inbox.",
        )
    if call is not None and calls is not None:
        Bill(still_to_pay(installation.settings, installation.store, job)[1]).confirm(calls)
    if call is not None and call.state == PurchaseState.STARTED:
        # What the person knows is of an earlier call, and freeing this one's key would pay for it twice.
        raise UsageError(
            "This call is just being made for another set of the same photos: its answer is still to come.",
            hint=CommandHint("`hotfolder retry` waits for it, and uses its picture here, too."),
        )
    if paid_result is not None:
        refuse_strange(paid_result, AllowedHosts(installation.settings.api.storage_hosts))
    elif call is not None:
        refuse_answered(call)
    returning.gather()

    def record_outcome() -> None:
        if call is not None and not record_word(ledger, call, paid_result):
            raise UsageError(
                "How this call ended has become known meanwhile.", hint="Say the same again, to see how."
            )

    returning.arrive(record_outcome)
    return PutBack(returning.count, returning.target, call.operation if call is not None else "")


def in_doubt(installation: Installation, job_id: str) -> Job:
    """The job, in NEEDS_ATTENTION. Raises UsageError for any other state, and Unknown."""
    with explain_missing_job(installation.store, job_id):
        job = job_meant(installation.store, job_id, [State.NEEDS_ATTENTION])
    if job.state != State.NEEDS_ATTENTION:
        raise UsageError(f"Job {job_id} has nothing to resolve: it is {state_words(job)}.")
    return job


def open_question(store: Store, job: Job) -> Purchase | None:
    """The paid call in doubt: the first of the job's chain without results; None where all have some."""
    chain = chain_of(store, job)
    return next((step.purchase for step in chain if not step.results), None)


def refuse_answered(call: Purchase) -> None:
    """Raise UsageError for a call with a recorded answer, by the API or a person: it counts as charged."""
    if call.state != PurchaseState.ANSWERED:
        return
    if call.outcome == PurchaseOutcome.RESOLVED:
        raise UsageError(
            "Somebody has said that this call was charged, and where its picture is.",
            hint=CommandHint(
                "--paid-result names another address; `hotfolder retry --pay-again` buys it again."
            ),
        )
    raise UsageError(
        "The API has said that it made this call: only its picture is missing, and buying it again would"
        " be paid for twice.",
        hint=CommandHint("`hotfolder retry` downloads it; with --pay-again it is bought again."),
    )


def refuse_strange(url: str, hosts: AllowedHosts) -> None:
    """Raise UsageError for a text that is no URL, or whose host isn't allowed."""
    try:
        hosts.check(SignedUrl(url))
    except ValueError:
        raise UsageError(
            "What --paid-result names is not an address.", hint="It begins with https://; quote it."
        ) from None
    except UrlRefused as error:
        raise UsageError(error.message, hint=error.hint) from None


def record_word(ledger: Ledger, call: Purchase, paid_result: str | None) -> bool:
    """Record a person's word: that a call was not charged, which frees its key; or that it was and its
    picture is at the URL `paid_result`, as an answer of the API would tell. False where its state has
    changed."""
    if paid_result is None:
        return ledger.conclude(call, PurchaseState.NOT_EXECUTED, "not charged", PurchaseOutcome.RESOLVED)
    if call.operation == "merge":
        body: dict[str, object] = {"status": "completed", "imageUrl": paid_result}
    else:
        picture = {"id": "resolved", "imageUrl": paid_result, "width": 1, "height": 1}
        body = {"success": True, "data": [picture]}
    answer = Answer(200, json.dumps(body)).as_json()
    return ledger.resolve(call, answer, "a person named its result", now())


def give_up(installation: Installation, job_id: str) -> None:
    """Move a job in NEEDS_ATTENTION to FAILED. The keys of its calls in doubt stay held, so they are not
    bought again. Raises UsageError, also where its photos have left failed/, as after `resolve`; Unknown and
    LocalTrouble."""
    job = in_doubt(installation, job_id)
    files = installation.store.files(job.id)
    if job.filed_as and not still_in_failed(installation.places, job, files):
        raise UsageError(
            f"The photos of {job.project} / {job.room} don't lie in failed any more.",
            hint="Where somebody has put its photos back into the inbox, the set is made anew; take them out"
            " to stop that.",
        )
    reason = f"given up by a person: {job.reason}"
    try:
        installation.store.advance(job.id, State.FAILED, now(), reason=reason, hint="")
    except IllegalMove:
        in_doubt(installation, job.id)  # raises: somebody else has settled it meanwhile
        raise


def cancel(installation: Installation, target: str, *, by: str, inbox: str = "") -> Cancellation:
    """Request the cancellation of a job or a project's jobs. `by` names who asked. Raises UsageError."""
    store = installation.store
    with explain_missing_job(store, target, inbox), store.session() as session, session.begin():
        jobs, of_inbox, project = commands.resolve_target(
            session, target, inbox, **_inboxes_with(installation, target)
        )
        _refuse_ended(jobs)
        taken = commands.cancel(session, jobs, by, now())
    arriving = [
        line.room
        for line in (overview(store, pid=None).lines if project else ())
        if not (line.job or line.held) and (line.inbox, to_nfc(line.project)) == (of_inbox, project)
    ]
    return Cancellation(taken, [job for job in jobs if job not in taken], project, arriving)


def prioritise(
    installation: Installation, target: str, level: str, *, by: str, inbox: str = ""
) -> tuple[Sequence[Job], str]:
    """Set the priority (high, normal, low) of a job, or of a project with its future jobs. Returns the jobs
    that were changed, and the project's name, "" for a single job. Raises UsageError."""
    try:
        wanted = Priority[level.upper()]
    except KeyError:
        raise UsageError(f"There is no priority {level}.", hint="Say high, normal or low.") from None
    store = installation.store
    with explain_missing_job(store, target, inbox), store.session() as session, session.begin():
        jobs, of_inbox, project = commands.resolve_target(
            session, target, inbox, **_inboxes_with(installation, target)
        )
        _refuse_ended(jobs)
        if project:
            commands.prioritise_project(session, of_inbox, project, wanted)
        commands.prioritise(session, jobs, wanted, by, now())
    return jobs, project


def _inboxes_with(installation: Installation, target: str) -> dict[str, Sequence[str]]:
    """The arguments `above`, `dropped` and `arriving` of `commands.resolve_target`: the names of the inboxes'
    folders, the inboxes with a project folder of that name, and those with such a room folder."""
    project, name = ("", *target.rstrip("/").split("/"))[-2:]
    inboxes = installation.places.inboxes.items()
    return {
        "above": [path.name for _, path in inboxes],
        "dropped": [title for title, path in inboxes if name and _is_in(path, name)],
        "arriving": [title for title, path in inboxes if project and _is_in(path, f"{project}/{name}")],
    }


def _is_in(inbox: Path, folder: str) -> bool:
    return any(is_dir(inbox / spelt) for spelt in unicode_forms(folder))


def _refuse_ended(jobs: Sequence[Job]) -> None:
    """Raise UsageError where a job has ended."""
    for job in jobs:
        if job.state not in ACTIVE:
            raise UsageError(
                f"{job.project} / {job.room} (job {job.id}) has ended: {state_words(job)}.",
                hint="Only a set that is under way or waits can be cancelled or go first.",
            )


def pause(installation: Installation, reason: str) -> str | None:
    """Pause paid calls until `resume`; those in flight are not interrupted. Returns the reason that holds:
    that of an earlier pause stays."""
    installation.store.pause(reason)
    return installation.store.paused()


def resume(installation: Installation) -> bool:
    """End the pause; returns whether there was one."""
    return installation.store.resume()


def another(installation: Installation, job_id: str, tag: str, calls: str | None = None) -> PutBack:
    """Put a set's photos into the inbox, in a folder with its room's name and this tag: copies of a finished
    set's originals, or a failed set's own files; by a form only for the paid calls that it shows (`calls`).
    Idempotent: after an interruption, repeat the call. Raises UsageError, RuleRefused, LocalTrouble."""
    found = offer_of(installation.settings, installation.store, job_id, tag)
    if calls is not None:
        Bill(found.left).confirm(calls)
    job = found.job
    if job.state == State.FAILED:
        # Gathered as by `retry`, so that either of the two can complete an interrupted other one.
        returning = way_back(installation, job, found.folder)
        returning.gather()
    else:
        returning = copies_of(installation, job, found.folder, found.tag)
    returning.arrive(lambda: None)
    return PutBack(returning.count, returning.target, copied=job.state == State.DONE)
