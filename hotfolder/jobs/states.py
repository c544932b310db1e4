"""Both state machines as data: how a job may move, and how a purchase may."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


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


class Event(StrEnum):
    UPLOAD = "upload"
    MERGE = "merge"
    EDIT = "edit"
    PUBLISH = "publish"
    FILE = "file"
    FINISH = "finish"
    REFUSE = "refuse"
    HALT = "halt"
    WITHDRAW = "withdraw"
    SUPERSEDE = "supersede"
    GIVE_UP = "give_up"
    BEGIN_ANEW = "begin_anew"


S, E = State, Event

TRANSITIONS: dict[tuple[State, Event], State] = {
    (S.QUEUED, E.UPLOAD): S.UPLOADING,
    (S.QUEUED, E.MERGE): S.MERGING,  # the merge is remembered, or was begun by an earlier job
    (S.QUEUED, E.EDIT): S.EDITING,  # a single photo that is edited as it is
    (S.UPLOADING, E.MERGE): S.MERGING,
    (S.MERGING, E.UPLOAD): S.UPLOADING,  # the group can't be used and nothing was paid: open a new one
    (S.MERGING, E.EDIT): S.EDITING,
    (S.EDITING, E.PUBLISH): S.PUBLISHING,
    (S.PUBLISHING, E.FILE): S.FILING,
    # What was bought isn't in results/ (any more): fetched again, and not paid again.
    (S.EDITING, E.MERGE): S.MERGING,
    (S.PUBLISHING, E.MERGE): S.MERGING,
    (S.PUBLISHING, E.EDIT): S.EDITING,
    (S.FILING, E.FINISH): S.DONE,
    (S.REFUSING, E.FINISH): S.FAILED,
    (S.HALTING, E.FINISH): S.NEEDS_ATTENTION,
    # A set that changes before anything was paid for is looked at anew.
    (S.QUEUED, E.WITHDRAW): S.WITHDRAWN,
    (S.UPLOADING, E.WITHDRAW): S.WITHDRAWN,
    (S.MERGING, E.WITHDRAW): S.WITHDRAWN,
    (S.EDITING, E.WITHDRAW): S.WITHDRAWN,
    # The same photos were dropped again: the new job speaks for them.
    (S.FAILED, E.SUPERSEDE): S.SUPERSEDED,
    (S.NEEDS_ATTENTION, E.SUPERSEDE): S.SUPERSEDED,
    (S.NEEDS_ATTENTION, E.GIVE_UP): S.FAILED,
    # The job was begun at another API, and has bought nothing there that counts.
    **{(state, E.BEGIN_ANEW): S.QUEUED for state in (S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING)},
    **{
        (state, event): target
        for state in (S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING, S.PUBLISHING)
        for event, target in ((E.REFUSE, S.REFUSING), (E.HALT, S.HALTING))
    },
}

ACTIVE = frozenset(
    {S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING, S.PUBLISHING, S.FILING, S.REFUSING, S.HALTING}
)
"""States in which the worker still has something to do."""

ASKS_API = frozenset({S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING})
"""States that go on only at the API where the job was begun."""

OPEN = frozenset({S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING, S.PUBLISHING})
"""States in which no other job of the same set may be in one of them."""

EXPLAINED = frozenset({S.REFUSING, S.HALTING})
"""States on the way to failed/: the job's reason says why, and nothing that is met on the way replaces it."""

NEEDS_PERSON = frozenset({S.FAILED, S.NEEDS_ATTENTION})
"""States that only a person can change."""


class IllegalMove(RuntimeError):
    """A defect: the worker asked for a move that the table does not hold."""


def advance(state: State, event: Event) -> State:
    """The state after `event`. Raises IllegalMove for a move that isn't in the table."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalMove(f"a job that is {state} cannot {event}") from None


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
    # Its pictures are fetched again, or are gone from state/results/ and can't be.
    P.SUCCEEDED: frozenset({P.SUCCEEDED, P.UNKNOWN}),
    P.NOT_EXECUTED: frozenset(),
}

HOLDING = (P.STARTED, P.ANSWERED, P.SUCCEEDED, P.UNKNOWN)
CHARGED = (P.ANSWERED, P.SUCCEEDED)
"""Those that were answered, and so were paid for without a doubt."""
SETTLED = (P.SUCCEEDED, P.NOT_EXECUTED)
"""What there is no doubt about, and nothing to wait for."""


def change_state(before: str, after: PurchaseState) -> PurchaseState:
    """`after`, if a purchase may go there from `before`. Raises IllegalMove."""
    if after not in PURCHASE_TRANSITIONS[PurchaseState(before)]:
        raise IllegalMove(f"a purchase that is {before} cannot become {after}")
    return after


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
