"""The state machine of jobs: every pair of states is an allowed move, or raises."""

from __future__ import annotations

from itertools import product

import pytest

from hotfolder.jobs.states import ACTIVE, NEEDS_PERSON, TRANSITIONS, IllegalMove, State, change_state

S = State

# A second table by hand, so that changes of the first one are deliberate.
LEGAL = {
    S.QUEUED: {S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING, S.WITHDRAWN, S.REFUSING, S.HALTING},
    S.UPLOADING: {S.QUEUED, S.MERGING, S.WITHDRAWN, S.REFUSING, S.HALTING},
    S.MERGING: {S.QUEUED, S.UPLOADING, S.EDITING, S.WITHDRAWN, S.REFUSING, S.HALTING},
    S.EDITING: {S.QUEUED, S.PUBLISHING, S.MERGING, S.WITHDRAWN, S.REFUSING, S.HALTING},
    S.PUBLISHING: {S.FILING, S.MERGING, S.EDITING, S.REFUSING, S.HALTING},
    S.FILING: {S.DONE},
    S.REFUSING: {S.FAILED},
    S.HALTING: {S.NEEDS_ATTENTION},
    S.FAILED: {S.SUPERSEDED},
    S.NEEDS_ATTENTION: {S.SUPERSEDED, S.FAILED},
    S.DONE: set(),
    S.WITHDRAWN: set(),
    S.SUPERSEDED: set(),
}


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_every_pair_is_a_legal_move_or_raises(before: State, after: State) -> None:
    if after in LEGAL[before]:
        assert change_state("a job", TRANSITIONS, before, after) is after
    else:
        with pytest.raises(IllegalMove, match=f"{before} cannot become {after}"):
            change_state("a job", TRANSITIONS, before, after)


def test_every_active_state_leads_to_an_end_and_no_ended_one_goes_on_by_itself() -> None:
    assert all(TRANSITIONS[state] for state in ACTIVE)
    assert all(TRANSITIONS[state] <= {State.SUPERSEDED, State.FAILED} for state in set(State) - ACTIVE)
    for start in ACTIVE:
        reached = {start}
        while more := {target for state in reached for target in TRANSITIONS[state]} - reached:
            reached |= more
        assert reached & ({State.DONE} | NEEDS_PERSON)
