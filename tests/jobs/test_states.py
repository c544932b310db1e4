"""The table of states: every pair of state and event is a known move, or raises."""

from __future__ import annotations

from itertools import product

import pytest

from hotfolder.jobs.states import ACTIVE, NEEDS_PERSON, TRANSITIONS, Event, IllegalMove, State, advance

S, E = State, Event

# Written down a second time, by hand: a change of the table has to be meant.
LEGAL = {
    S.QUEUED: {
        E.BEGIN_ANEW: S.QUEUED,
        E.UPLOAD: S.UPLOADING,
        E.MERGE: S.MERGING,
        E.EDIT: S.EDITING,
        E.WITHDRAW: S.WITHDRAWN,
        E.REFUSE: S.REFUSING,
        E.HALT: S.HALTING,
    },
    S.UPLOADING: {
        E.BEGIN_ANEW: S.QUEUED,
        E.MERGE: S.MERGING,
        E.WITHDRAW: S.WITHDRAWN,
        E.REFUSE: S.REFUSING,
        E.HALT: S.HALTING,
    },
    S.MERGING: {
        E.BEGIN_ANEW: S.QUEUED,
        E.UPLOAD: S.UPLOADING,
        E.EDIT: S.EDITING,
        E.WITHDRAW: S.WITHDRAWN,
        E.REFUSE: S.REFUSING,
        E.HALT: S.HALTING,
    },
    S.EDITING: {
        E.BEGIN_ANEW: S.QUEUED,
        E.PUBLISH: S.PUBLISHING,
        E.MERGE: S.MERGING,
        E.WITHDRAW: S.WITHDRAWN,
        E.REFUSE: S.REFUSING,
        E.HALT: S.HALTING,
    },
    S.PUBLISHING: {
        E.FILE: S.FILING,
        E.MERGE: S.MERGING,
        E.EDIT: S.EDITING,
        E.REFUSE: S.REFUSING,
        E.HALT: S.HALTING,
    },
    S.FILING: {E.FINISH: S.DONE},
    S.REFUSING: {E.FINISH: S.FAILED},
    S.HALTING: {E.FINISH: S.NEEDS_ATTENTION},
    S.FAILED: {E.SUPERSEDE: S.SUPERSEDED},
    S.NEEDS_ATTENTION: {E.SUPERSEDE: S.SUPERSEDED, E.GIVE_UP: S.FAILED},
    S.DONE: {},
    S.WITHDRAWN: {},
    S.SUPERSEDED: {},
}


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_pair_is_a_legal_move_or_raises(state: State, event: Event) -> None:
    target = LEGAL[state].get(event)
    if target is not None:
        assert advance(state, event) is target
    else:
        with pytest.raises(IllegalMove, match=state):
            advance(state, event)


def test_every_active_state_leads_to_an_end_and_no_ended_one_goes_on_by_itself() -> None:
    moves = {state: {target for (source, _), target in TRANSITIONS.items() if source is state} for state in S}
    assert all(moves[state] for state in ACTIVE)
    assert all(moves[state] <= {State.SUPERSEDED, State.FAILED} for state in set(State) - ACTIVE)
    for start in ACTIVE:
        reached = {start}
        while more := {target for state in reached for target in moves[state]} - reached:
            reached |= more
        assert reached & ({State.DONE} | NEEDS_PERSON)
