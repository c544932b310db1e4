"""The two state machines as data: the states and transitions of jobs and of purchases."""

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
"""WITHDRAWN: the set changed before anything was paid for, or was renamed before its pictures were placed,
and becomes a new job. QUEUED: the job was begun at another API and has bought nothing there, and starts
again."""
EXPLAINED = frozenset({S.REFUSING, S.HALTING})
"""States on the way to failed/: the job's reason is the cause, which no later trouble replaces."""

TRANSITIONS: Mapping[State, frozenset[State]] = {
    # The merge may be known or begun by an earlier job already; a single photo is edited without a merge.
    S.QUEUED: frozenset({S.UPLOADING, S.MERGING, S.EDITING, *ANEW, *EXPLAINED}),
    S.UPLOADING: frozenset({S.MERGING, *ANEW, *EXPLAINED}),
    # The API's group may be unusable, with nothing paid: a new one is opened.
    S.MERGING: frozenset({S.EDITING, S.UPLOADING, *ANEW, *EXPLAINED}),
    # A bought picture may be missing from results/: it is downloaded again, not bought again.
    S.EDITING: frozenset({S.PUBLISHING, S.MERGING, *ANEW, *EXPLAINED}),
    S.PUBLISHING: frozenset({S.FILING, S.MERGING, S.EDITING, *EXPLAINED}),
    S.FILING: frozenset({S.DONE}),
    S.REFUSING: frozenset({S.FAILED}),
    S.HALTING: frozenset({S.NEEDS_ATTENTION}),
    # The same photos were dropped again, and the new job replaces this one.
    S.FAILED: frozenset({S.SUPERSEDED}),
    S.NEEDS_ATTENTION: frozenset({S.SUPERSEDED, S.FAILED}),  # failed: a person has given it up
    S.DONE: frozenset(),
    S.WITHDRAWN: frozenset(),
    S.SUPERSEDED: frozenset(),
}

ACTIVE = frozenset(
    {S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING, S.PUBLISHING, S.FILING, S.REFUSING, S.HALTING}
)
"""States with work left for the worker."""

ASKS_API = frozenset({S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING})
"""States that can continue only at the API at which the job was begun."""

OPEN = frozenset({S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING, S.PUBLISHING})
"""States of which a set may have only one job at a time (`Job.open_as`)."""

NEEDS_PERSON = frozenset({S.FAILED, S.NEEDS_ATTENTION})
"""States that only a person can change."""


class IllegalMove(RuntimeError):
    """A transition that the table does not allow, a lost compare-and-set, or a key that is held already."""


def change_state(what: str, table: Mapping[T, frozenset[T]], before: T, after: T) -> T:
    """Check a transition: returns `after`. Raises IllegalMove where the table doesn't allow it."""
    if after not in table[before]:
        raise IllegalMove(f"{what} that is {before} cannot become {after}")
    return after


class PurchaseState(StrEnum):
    """The state of a purchase. All but NOT_EXECUTED hold the key: no other purchase may have the same one."""

    STARTED = "started"  # the intent is recorded; the request may have left
    ANSWERED = "answered"  # a 2xx answer is recorded; its pictures are not here yet
    SUCCEEDED = "succeeded"  # its pictures are in results/
    UNKNOWN = "unknown"  # it may have been charged, and nobody can tell
    NOT_EXECUTED = "not_executed"  # it provably did not happen: never sent, or refused


P = PurchaseState

PURCHASE_TRANSITIONS: Mapping[PurchaseState, frozenset[PurchaseState]] = {
    # Where a merge's answer was lost, its group's status can still give the picture, without an answer.
    P.STARTED: frozenset({P.ANSWERED, P.SUCCEEDED, P.UNKNOWN, P.NOT_EXECUTED}),
    # Given up again with another reason; or learnt from a person or from the group's status.
    P.UNKNOWN: frozenset({P.UNKNOWN, P.ANSWERED, P.SUCCEEDED, P.NOT_EXECUTED}),
    # A person may name another URL for its picture; its pictures may be impossible to download.
    P.ANSWERED: frozenset({P.ANSWERED, P.SUCCEEDED, P.UNKNOWN}),
    # Its pictures are downloaded again, or are gone from results/ and can't be.
    P.SUCCEEDED: frozenset({P.SUCCEEDED, P.UNKNOWN}),
    # Another machine had concluded that the request was not sent, but its own machine received an answer.
    P.NOT_EXECUTED: frozenset({P.ANSWERED}),
}

HOLDING = (P.STARTED, P.ANSWERED, P.SUCCEEDED, P.UNKNOWN)
CHARGED = (P.ANSWERED, P.SUCCEEDED)
"""States of purchases with a 2xx answer, which were certainly charged."""
SETTLED = (P.SUCCEEDED, P.NOT_EXECUTED)
"""States of purchases without doubt and with nothing to wait for."""


class PurchaseOutcome(StrEnum):
    """How a purchase ended, besides its state; empty for the usual end."""

    GIVEN_UP = "given_up"  # its end stays unknown
    INTERRUPTED = "interrupted"  # the same, since this program was stopped before the answer arrived
    RESOLVED = "resolved"  # a person has said how it ended
    BY_RECEIPT = "by_receipt"  # taken over from the receipt that its note names; its answer is lost
    BY_ANOTHER = "by_another"  # the same, and another store has bought it
    PAID_TWICE = "paid_twice"  # taken for not executed and bought again, before its answer came


BY_RECEIPTS = (PurchaseOutcome.BY_RECEIPT, PurchaseOutcome.BY_ANOTHER)


OWN_END = "hotfolder was stopped before the answer arrived"
"""The note of a purchase that was interrupted."""
