"""The whole history of one job, in order: what `hotfolder logs` tells. Only reads the store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from hotfolder.jobs.context import chain_of, recipe_of
from hotfolder.jobs.ledger import Ledger, PurchaseStep
from hotfolder.jobs.model import Job, JobEvent, JobFile, Picture, Purchase, Result, stamp
from hotfolder.jobs.states import PurchaseOutcome, PurchaseState, State
from hotfolder.jobs.store import Store, remembered
from hotfolder.stager.operations import PAID_KINDS


class Paid(StrEnum):
    """What an entry says of money; empty for one that has nothing to do with it."""

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
    PurchaseOutcome.GIVEN_UP: "given up: ",
    PurchaseOutcome.INTERRUPTED: "given up: ",
    PurchaseOutcome.RESOLVED: "resolved: ",
    PurchaseOutcome.BY_RECEIPT: "known by its receipt: ",
    PurchaseOutcome.BY_ANOTHER: "known by its receipt: another store's: ",
}
"""What a purchase's outcome adds to its note."""

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
"""In place of what is told of the operations, where there are none."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One thing that happened. `at` is ISO 8601, UTC; `what` is state, note, call, answer or reuse."""

    at: str
    what: str
    text: str
    paid: Paid = Paid.NOTHING
    call: int | None = None


@dataclass(frozen=True, slots=True)
class JobHistory:
    """What is known of one job."""

    job: Job
    photos: tuple[JobFile, ...]
    entries: tuple[HistoryEntry, ...]
    pictures: tuple[Picture, ...]

    def as_dict(self) -> dict[str, Any]:
        """One JSON object; `entries` is in order."""
        job = self.job
        told = ("inbox", "project", "room", "state", "route", "reason", "hint", "charged", "origin")
        return {
            "job": job.id,
            **{name: getattr(job, name) for name in told},
            "folder": job.shown_folder,
            "recipe": json.loads(job.recipe),
            "photos": [
                {"name": photo.name, "sha256": photo.sha256, "size_bytes": photo.size_bytes}
                for photo in self.photos
            ],
            "entries": [asdict(entry) for entry in self.entries],
            "pictures": [picture.path for picture in self.pictures],
        }


def history(store: Store, ledger: Ledger, job_id: str) -> JobHistory:
    """Raises UsageError when there is no such job."""
    job = remembered(store, job_id)
    job_id = job.id
    photos = tuple(store.photos(job_id))
    events = store.history(job_id)
    alone = not recipe_of(job).steps()
    entries = [*merged(ledger, job_id, events), *told_events(events, alone)]
    entries += told_calls(ledger, job_id, events)
    entries += reused(chain_of(store, ledger, job) if photos else (), job_id, events)
    # Even within one millisecond a merge's picture comes before the move that it leads to, and a call begins
    # after the one that led to it: the sort keeps that order.
    return JobHistory(
        job, photos, tuple(sorted(entries, key=lambda entry: entry.at)), tuple(store.pictures(job_id))
    )


def told_events(events: Sequence[JobEvent], alone: bool) -> Iterator[HistoryEntry]:
    """An event in the state of the one before is a note, such as why the job waits. `alone`: after the merge
    there is nothing more to buy."""
    before = ""
    for event in events:
        text = sentence(event.text)
        if event.state == before:
            yield HistoryEntry(stamp(event.at), "note", text)
        else:
            entered = MERGED if alone and event.state == State.EDITING else ENTERED[event.state]
            yield HistoryEntry(stamp(event.at), "state", f"{entered} {text}".strip())
        before = event.state


def told_calls(ledger: Ledger, job_id: str, events: Sequence[JobEvent]) -> Iterator[HistoryEntry]:
    """A merge is accepted at once, and brings its picture when the job goes on to the next state."""
    for call in ledger.of_job(job_id):
        assert call.id is not None
        state = PurchaseState(call.state)
        asked = f"{sentence(PAID_KINDS[call.operation], end='')} is asked for"
        end = {
            PurchaseState.STARTED: "its answer has not been recorded yet",
            PurchaseState.NOT_EXECUTED: f"it did not happen: {note_of(call)}",
            PurchaseState.UNKNOWN: f"nobody knows how it ended: {note_of(call)}",
        }.get(state)
        text = sentence(f"{asked}; {end}" if end else asked)
        yield HistoryEntry(stamp(call.started_at), "call", text, PAID[state], call.id)
        results = ledger.results(call.id)
        if call.answered_at is not None and state != PurchaseState.UNKNOWN:
            text = answered(call, results, later=came_later(call, results, events) is not None)
            yield HistoryEntry(stamp(call.answered_at), "answer", text, call=call.id)


def merged(ledger: Ledger, job_id: str, events: Sequence[JobEvent]) -> Iterator[HistoryEntry]:
    """The pictures that merges brought."""
    for call in ledger.of_job(job_id):
        assert call.id is not None
        results = ledger.results(call.id)
        at = came_later(call, results, events)
        if at is not None:
            name = sentence(PAID_KINDS[call.operation], end="")
            yield HistoryEntry(stamp(at), "answer", f"{name} brought {sizes_of(results)}.", call=call.id)


def came_later(call: Purchase, results: Sequence[Result], events: Sequence[JobEvent]) -> datetime | None:
    """When a merge's picture was there, if it is; None for other calls: theirs come with the answer."""
    here = [one.at for one in events if one.state == State.EDITING and one.at >= call.started_at]
    return here[0] if here and call.operation == "merge" and results else None


def note_of(call: Purchase) -> str:
    return OUTCOMES.get(call.outcome, "") + call.note


def sizes_of(results: Sequence[Result]) -> str:
    return ", ".join(
        f"{one.width} × {one.height} {one.format}, {one.size_bytes / 1e6:.1f} MB" for one in results
    )


def answered(call: Purchase, results: Sequence[Result], *, later: bool) -> str:
    """What came of a call; `later` where its pictures came at another time, which is told there."""
    told = f"{sentence(PAID_KINDS[call.operation], end='')} was accepted"
    sizes = sizes_of(results)
    note = f" ({note_of(call)})" if call.note else ""
    if later:
        return f"{told}{note}."
    return f"{told}{note}; it brought {sizes}." if sizes else f"{told}{note}; its picture is not here yet."


def reused(chain: Sequence[PurchaseStep], job_id: str, events: Sequence[JobEvent]) -> Iterator[HistoryEntry]:
    """What earlier jobs had bought, or asked for. It is told where the job came to it."""
    for link in chain:
        if link.purchase.job_id == job_id:
            continue
        phase = State.MERGING if link.operation is None else State.EDITING
        at = [event.at for event in events if event.state == phase]
        if at:
            name = sentence(PAID_KINDS[link.purchase.operation], end="")
            text = f"{name} was bought by job {link.purchase.job_id} and is used again."
            if link.purchase.state == PurchaseState.UNKNOWN:
                why = f"nobody knows how it ended: {note_of(link.purchase)}"
                text = sentence(f"{name} was asked for by job {link.purchase.job_id}; {why}")
            yield HistoryEntry(stamp(at[-1]), "reuse", text, Paid.NO, link.purchase.id)


def sentence(text: str, *, end: str = ".") -> str:
    """With a capital at its head and a stop at its end."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else end)
