"""The whole history of one job, in order, as `hotfolder logs` shows it. Only reads the store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from hotfolder.display import sentence
from hotfolder.jobs.context import chain_of, recipe_of
from hotfolder.jobs.ledger import Ledger, PurchaseStep
from hotfolder.jobs.model import Job, JobEvent, JobFile, Picture, Purchase, Result, stamp
from hotfolder.jobs.queries import job_named
from hotfolder.jobs.states import BY_RECEIPTS, PurchaseOutcome, PurchaseState, State
from hotfolder.jobs.store import Store
from hotfolder.stager.operations import PAID_KINDS


class Paid(StrEnum):
    """Whether an entry stands for a payment; empty for an entry that isn't about a paid call."""

    YES = "paid"
    MAYBE = "may be paid"
    NO = "not paid"
    NOTHING = ""


PAID: Mapping[PurchaseState, Paid] = {
    PurchaseState.STARTED: Paid.MAYBE,
    PurchaseState.ANSWERED: Paid.YES,
    PurchaseState.SUCCEEDED: Paid.YES,
    PurchaseState.UNKNOWN: Paid.MAYBE,
    PurchaseState.NOT_EXECUTED: Paid.NO,
}

OUTCOMES: Mapping[str, str] = {
    PurchaseOutcome.RESOLVED: "resolved: ",
    PurchaseOutcome.BY_RECEIPT: "known by its receipt: ",
    PurchaseOutcome.BY_ANOTHER: "known by its receipt: another store's: ",
}
"""The prefix of a purchase's note, by its outcome, where its state doesn't tell the outcome."""

ENTERED: Mapping[str, str] = {
    State.QUEUED: "The set is complete and waits for its turn.",
    State.UPLOADING: "Its photos are being sent.",
    State.MERGING: "Its photos are with the API; the merge comes next.",
    State.EDITING: "Its operations come next.",
    State.PUBLISHING: "Its pictures are being placed in done.",
    State.FILING: "Its originals come next.",
    State.DONE: "It is done.",
    State.REFUSING: "It goes to failed.",
    State.FAILED: "It has failed; its originals are in the failed folder.",
    State.HALTING: "It goes to failed, and needs a person.",
    State.NEEDS_ATTENTION: "It needs a person; its originals are in the failed folder.",
    State.WITHDRAWN: "Its photos changed, or its folder has another name; they are looked at anew.",
    State.SUPERSEDED: "A later job of the same photos has taken its place.",
}

MERGED = "Its merge is here, and nothing more is to be bought."
"""The text of State.EDITING for a job without operations."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One event. `at` is ISO 8601, UTC; `what` is state, note, call, answer or reuse; `call` is the id of a
    purchase."""

    at: str
    what: str
    text: str
    paid: Paid = Paid.NOTHING
    call: int | None = None


@dataclass(frozen=True, slots=True)
class JobHistory:
    """Everything that is recorded of one job."""

    job: Job
    photos: tuple[JobFile, ...]
    entries: tuple[HistoryEntry, ...]
    pictures: tuple[Picture, ...]

    def as_dict(self) -> dict[str, Any]:
        """One JSON object; `entries` is in order."""
        job = self.job
        names = ("inbox", "project", "room", "state", "route", "reason", "hint", "charged", "origin")
        return {
            "job": job.id,
            **{name: getattr(job, name) for name in names},
            "folder": job.shown_folder,
            "recipe": json.loads(job.recipe),
            "photos": [
                {"name": photo.name, "sha256": photo.sha256, "size_bytes": photo.size_bytes}
                for photo in self.photos
            ],
            "entries": [asdict(entry) for entry in self.entries],
            "pictures": [picture.path for picture in self.pictures],
        }


def history(store: Store, job_id: str) -> JobHistory:
    """The history of one job. Raises UsageError when there is no such job."""
    job = job_named(store, job_id)
    job_id = job.id
    photos = tuple(store.photos(job_id))
    events = store.history(job_id)
    alone = not recipe_of(job).operation_paths()
    entries = [
        *entries_of_events(events, alone, job.cancelled_by),
        *entries_of_calls(store.ledger, job_id, events),
    ]
    entries += entries_of_reuse(chain_of(store, job) if photos else (), job_id, events)
    # Within one millisecond an answer comes before the change of state that it causes, and a call after the
    # one that causes it.
    entries.sort(key=lambda entry: (entry.at, entry.what != "answer"))
    return JobHistory(job, photos, tuple(entries), tuple(store.pictures(job_id)))


def entries_of_events(events: Sequence[JobEvent], alone: bool, cancelled_by: str) -> Iterator[HistoryEntry]:
    """The job's events. One without a change of state is a note, such as why the job waits. `alone`: nothing
    is bought after the merge. `cancelled_by` is who cancelled the job, "" where nobody has."""
    before = ""
    for event in events:
        text = sentence(event.text)
        if event.state == before:
            yield HistoryEntry(stamp(event.at), "note", text)
        else:
            entered = MERGED if alone and event.state == State.EDITING else ENTERED[event.state]
            if cancelled_by and event.state == State.FAILED:
                entered = f"It was cancelled by {cancelled_by}; its originals are in the failed folder."
            yield HistoryEntry(stamp(event.at), "state", f"{entered} {text}".strip())
        before = event.state


def entries_of_calls(ledger: Ledger, job_id: str, events: Sequence[JobEvent]) -> Iterator[HistoryEntry]:
    """The job's paid calls and their answers. A merge's answer only accepts it: its picture arrives when the
    job enters its next state."""
    for call in ledger.of_job(job_id):
        state, results = PurchaseState(call.state), ledger.results(call.id)
        later = merge_arrived_at(call, results, events)
        if later is not None:
            text = f"{name_of(call)} brought {sizes_of(results)}."
            yield HistoryEntry(stamp(later), "answer", text, call=call.id)
        end = {
            PurchaseState.STARTED: "; its answer has not been recorded yet",
            PurchaseState.NOT_EXECUTED: f"; it did not happen: {note_of(call)}",
            PurchaseState.UNKNOWN: f"; nobody knows how it ended: {note_of(call)}",
        }.get(state, "")
        paid = PAID[state]
        if call.outcome == PurchaseOutcome.PAID_TWICE:
            end, paid = "; it was bought again before its answer came, and is paid twice", Paid.YES
        asked = sentence(f"{name_of(call)} is asked for" + end)
        yield HistoryEntry(stamp(call.started_at), "call", asked, paid, call.id)
        if call.answered_at is not None and state != PurchaseState.UNKNOWN:
            text = answer_text(call, results, later=later is not None)
            yield HistoryEntry(stamp(call.answered_at), "answer", text, call=call.id)


def name_of(call: Purchase) -> str:
    return sentence(PAID_KINDS[call.operation], end="")


def merge_arrived_at(
    call: Purchase, results: Sequence[Result], events: Sequence[JobEvent]
) -> datetime | None:
    """When a merge's picture arrived, None before. None for other calls: the answer brings their pictures."""
    here = [one.at for one in events if one.state == State.EDITING and one.at >= call.started_at]
    return here[0] if here and call.operation == "merge" and results else None


def note_of(call: Purchase) -> str:
    return OUTCOMES.get(call.outcome, "") + call.note


def sizes_of(results: Sequence[Result]) -> str:
    return ", ".join(
        f"{one.width} × {one.height} {one.format}, {one.size_bytes / 1e6:.1f} MB" for one in results
    )


def answer_text(call: Purchase, results: Sequence[Result], *, later: bool) -> str:
    """The text of a call's answer, without its pictures where they came `later`."""
    sizes = sizes_of(results)
    note = f" ({note_of(call)})" if call.note else ""
    brought = "" if later else f"; it brought {sizes}" if sizes else "; its picture is not here yet"
    return f"{name_of(call)} was accepted{note}{brought}."


def entries_of_reuse(
    chain: Sequence[PurchaseStep], job_id: str, events: Sequence[JobEvent]
) -> Iterator[HistoryEntry]:
    """Purchases of other jobs that this one uses, at the time when it entered the phase that needs them; not
    those that a later job made once this one had left it."""
    for step in chain:
        if step.purchase.job_id == job_id:
            continue
        phase = State.EDITING if step.path else State.MERGING
        at = [event.at for event in events if event.state == phase]
        left = [event.at for event in events if at and event.at >= at[-1] and event.state != phase]
        if at and not (left and step.purchase.started_at > left[0]):
            name = name_of(step.purchase)
            text, paid = f"{name} was bought by job {step.purchase.job_id} and is used again.", Paid.NO
            if step.purchase.outcome in BY_RECEIPTS and step.purchase.answer is None:
                text = f"{name} was bought by job {step.purchase.job_id}, as {step.purchase.note} says."
            if step.purchase.state == PurchaseState.UNKNOWN:
                why = f"nobody knows how it ended: {note_of(step.purchase)}"
                text = sentence(f"{name} was asked for by job {step.purchase.job_id}; {why}")
                paid = Paid.MAYBE
            yield HistoryEntry(stamp(at[-1]), "reuse", text, paid, step.purchase.id)
