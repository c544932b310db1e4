"""What only a person can know: how a paid call ended whose answer was lost."""

from __future__ import annotations

import json
from datetime import datetime

from hotfolder.errors import CommandHint, UsageError
from hotfolder.jobs.context import chain_of
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.model import Job, Purchase
from hotfolder.jobs.states import PurchaseOutcome, PurchaseState, State
from hotfolder.jobs.store import Store, remembered
from hotfolder.stager.addresses import AllowedHosts, SignedUrl
from hotfolder.stager.answers import Answer
from hotfolder.stager.failures import UrlRefused


def waiting_for_person(store: Store, job_id: str) -> Job:
    """The job, if it waits for a person. Raises UsageError."""
    job = remembered(store, job_id)
    if job.state != State.NEEDS_ATTENTION:
        raise UsageError(f"Job {job_id} has nothing to resolve: it is {job.state}.")
    return job


def open_question(store: Store, ledger: Ledger, job: Job) -> Purchase:
    """The call of the job's chain that stands in its way. Raises UsageError when there is none."""
    for link in chain_of(store, ledger, job):
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


def give_up(store: Store, job: Job, at: datetime) -> None:
    """Nobody will ever know, and nobody wants to: the job has failed. Its calls are not bought again."""
    store.advance(job.id, State.FAILED, at, reason=f"given up by a person: {job.reason}", hint="")
