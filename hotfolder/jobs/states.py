"""The life of a job, as one table. An unknown move raises."""

from __future__ import annotations

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
"""States in which the engine still has something to do."""

ASKS_API = frozenset({S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING})
"""States that go on only at the API where the job was begun."""

EXPLAINED = frozenset({S.REFUSING, S.HALTING})
"""States on the way to failed/: the job's reason says why, and nothing that is met on the way replaces it."""

NEEDS_PERSON = frozenset({S.FAILED, S.NEEDS_ATTENTION})
"""States that only a person can change."""


class IllegalMove(RuntimeError):
    """A defect: the engine asked for a move that the table does not hold."""


def advance(state: State, event: Event) -> State:
    """The state after `event`. Raises IllegalMove for a move that isn't in the table."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalMove(f"a job that is {state} cannot {event}") from None
