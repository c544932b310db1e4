"""Both state machines as data: how a job may move, and how a purchase may."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T", bound=StrEnum)


class State(StrEnum):
    QUEUED = "queued"
    UPLOADING = "uploading"
    MERGING = "merging"
    EDITING = "editing"
    PUBLISHING = "publishing"
    FILING = "filing"
    DONE = "done"
    REFUSING = "refusing"
    FAILED = "failed"
    HALTING = "halting"
    NEEDS_ATTENTION = "needs_attention"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"


S = State

ANEW = {S.WITHDRAWN, S.QUEUED}
"""A set that changes before anything was paid for, or that is renamed before its pictures are placed, is
looked at anew. A job that was begun at another API, and has bought nothing there that counts, begins anew."""
EXPLAINED = frozenset({S.REFUSING, S.HALTING})
"""States on the way to failed/: the job's reason says why, and nothing that is met on the way replaces it."""

TRANSITIONS: Mapping[State, frozenset[State]] = {
    # The merge may be remembered, or begun by an earlier job; a single photo may be edited as it is.
    S.QUEUED: frozenset({S.UPLOADING, S.MERGING, S.EDITING, *ANEW, *EXPLAINED}),
    S.UPLOADING: frozenset({S.MERGING, *ANEW, *EXPLAINED}),
    # The group may be of no use, with nothing paid: a new one is opened.
    S.MERGING: frozenset({S.EDITING, S.UPLOADING, *ANEW, *EXPLAINED}),
    # What was bought may be in results/ no more: it is fetched again, and not paid again.
    S.EDITING: frozenset({S.PUBLISHING, S.MERGING, *ANEW, *EXPLAINED}),
    S.PUBLISHING: frozenset({S.FILING, S.MERGING, S.EDITING, *EXPLAINED}),
    S.FILING: frozenset({S.DONE}),
    S.REFUSING: frozenset({S.FAILED}),
    S.HALTING: frozenset({S.NEEDS_ATTENTION}),
    # The same photos were dropped again: the new job speaks for them.
    S.FAILED: frozenset({S.SUPERSEDED}),
    S.NEEDS_ATTENTION: frozenset({S.SUPERSEDED, S.FAILED}),  # failed: a person has given it up
    S.DONE: frozenset(),
    S.WITHDRAWN: frozenset(),
    S.SUPERSEDED: frozenset(),
}

ACTIVE = frozenset(
    {S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING, S.PUBLISHING, S.FILING, S.REFUSING, S.HALTING}
)
"""States in which the worker still has something to do."""

ASKS_API = frozenset({S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING})
"""States that go on only at the API where the job was begun."""

OPEN = frozenset({S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING, S.PUBLISHING})
"""States in which no other job of the same set may be in one of them."""

NEEDS_PERSON = frozenset({S.FAILED, S.NEEDS_ATTENTION})
"""States that only a person can change."""


class IllegalMove(RuntimeError):
    """A defect: a move was asked for that the table does not hold."""


def change_state(what: str, table: Mapping[T, frozenset[T]], before: T, after: T) -> T:
    """`after`, if the table holds that move. Raises IllegalMove."""
    if after not in table[before]:
        raise IllegalMove(f"{what} that is {before} cannot become {after}")
    return after


class PurchaseState(StrEnum):
    """All but NOT_EXECUTED hold the key: nothing with the same key is bought."""

    STARTED = "started"  # the intent is recorded; the request may have left
    ANSWERED = "answered"  # a 2xx answer is recorded; its pictures are not here yet
    SUCCEEDED = "succeeded"  # its pictures are in results/
    UNKNOWN = "unknown"  # it may have been charged, and nobody can tell
    NOT_EXECUTED = "not_executed"  # it provably did not happen: never sent, or refused


P = PurchaseState

PURCHASE_TRANSITIONS: Mapping[PurchaseState, frozenset[PurchaseState]] = {
    # The status of its group can tell how a merge ended whose answer was lost, so pictures may come first.
    P.STARTED: frozenset({P.ANSWERED, P.SUCCEEDED, P.UNKNOWN, P.NOT_EXECUTED}),
    # Given up once more with another reason; told by a person or by the group's status after all.
    P.UNKNOWN: frozenset({P.UNKNOWN, P.ANSWERED, P.SUCCEEDED, P.NOT_EXECUTED}),
    # A person may name another address for its picture; its pictures may never come.
    P.ANSWERED: frozenset({P.ANSWERED, P.SUCCEEDED, P.UNKNOWN}),
    # Its pictures are fetched again, or are gone from results/ and can't be.
    P.SUCCEEDED: frozenset({P.SUCCEEDED, P.UNKNOWN}),
    # Another machine had concluded that its request never left, and its own has an answer after all.
    P.NOT_EXECUTED: frozenset({P.ANSWERED}),
}

HOLDING = (P.STARTED, P.ANSWERED, P.SUCCEEDED, P.UNKNOWN)
CHARGED = (P.ANSWERED, P.SUCCEEDED)
"""Those that were answered, and so were paid for without a doubt."""
SETTLED = (P.SUCCEEDED, P.NOT_EXECUTED)
"""What there is no doubt about, and nothing to wait for."""


class PurchaseOutcome(StrEnum):
    """What is known of the end of a purchase besides its state; empty for one that went as usual."""

    GIVEN_UP = "given_up"  # its end stays unknown
    INTERRUPTED = "interrupted"  # the same, since this program was stopped before the answer arrived
    RESOLVED = "resolved"  # a person has told it
    BY_RECEIPT = "by_receipt"  # taken over from the receipt that its note names; its answer is lost
    BY_ANOTHER = "by_another"  # the same, and another store has bought it


BY_RECEIPTS = (PurchaseOutcome.BY_RECEIPT, PurchaseOutcome.BY_ANOTHER)


OWN_END = "hotfolder was stopped before the answer arrived"
"""The note of a purchase that was interrupted."""
