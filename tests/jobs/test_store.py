"""The job store, and the state machine of jobs: every pair of states is an allowed move, or raises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from hotfolder.errors import LocalTrouble
from hotfolder.jobs.database import open_store
from hotfolder.jobs.generations import request_pay_again
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.model import FileRole, Machine, NewJob, scope_of
from hotfolder.jobs.previous import likeness
from hotfolder.jobs.states import ACTIVE, NEEDS_PERSON, TRANSITIONS, IllegalMove, State, change_state
from hotfolder.jobs.store import Store
from hotfolder.rules.sets import FileIdentity, as_int64
from tests.jobs.conftest import AT, MakeJob, purchase

ORIGIN = "https://api.stagerai.com"


def test_a_new_job_is_queued_with_all_its_files_in_order(store: Store, new_job: MakeJob) -> None:
    job = store.create(new_job("cab", middle="a.jpg"), ORIGIN, AT)
    files = store.files(job.id)
    assert job.state == State.QUEUED
    assert [file.name for file in files] == ["c.jpg", "a.jpg", "b.jpg", "notes.txt"]
    assert [file.role for file in files] == [FileRole.PHOTO] * 3 + [FileRole.COMPANION]
    assert [file.name for file in files if file.is_middle] == ["a.jpg"]


def test_a_job_with_a_reason_is_refused_from_the_start(store: Store, new_job: MakeJob) -> None:
    assert store.create(new_job(reason="eight photos"), ORIGIN, AT).state == State.REFUSING


def test_a_move_is_made_with_its_changes_or_not_at_all(store: Store, new_job: MakeJob) -> None:
    job = store.create(new_job(), ORIGIN, AT)
    with pytest.raises(IllegalMove):
        store.advance(job.id, State.DONE, AT, group_id="g1")
    unmoved = store.job(job.id)
    assert unmoved is not None and (unmoved.state, unmoved.group_id) == (State.QUEUED, None)
    store.advance(job.id, State.UPLOADING, AT)
    moved = store.advance(job.id, State.MERGING, AT, group_id="g1")
    assert (moved.state, moved.group_id) == (State.MERGING, "g1")
    assert [moment.state for moment in store.history(job.id)] == ["queued", "uploading", "merging"]


def test_a_reason_to_wait_is_gone_with_the_next_move(store: Store, new_job: MakeJob) -> None:
    job = store.create(new_job(), ORIGIN, AT)
    store.set_columns(job.id, reason="no network", hint="wait")
    assert store.advance(job.id, State.UPLOADING, AT).reason == ""
    refused = store.advance(job.id, State.REFUSING, AT, reason="bad", hint="better")
    assert (refused.reason, refused.hint) == ("bad", "better")
    assert store.advance(job.id, State.FAILED, AT).reason == "bad"


def test_active_jobs_come_oldest_first(store: Store, new_job: MakeJob) -> None:
    made = [
        store.create(new_job(str(number), room=str(number)), ORIGIN, AT + timedelta(seconds=seconds)).id
        for number, seconds in enumerate((30, 10, 20))
    ]
    assert [job.id for job in store.active()] == [made[1], made[2], made[0]]


def test_again_raises_the_generation_of_these_photos_at_this_api_alone_once_it_has_bought(
    store: Store, ledger: Ledger, new_job: MakeJob
) -> None:
    made = [
        store.create(new_job("ab", room="1"), ORIGIN, AT).generation,
        (again := store.create(new_job("ba", room="2", again=True), ORIGIN, AT)).generation,
        store.create(new_job("ab", room="3"), ORIGIN, AT).generation,
    ]
    assert made == [0, 1, 0]
    ledger.record_intent(purchase(job=again.id), AT)
    made = [
        store.create(new_job("ab", room="4"), ORIGIN, AT).generation,
        store.create(new_job("abc", room="5"), ORIGIN, AT).generation,
        store.create(new_job("ab", room="6"), "sandbox", AT).generation,
    ]
    assert made == [1, 0, 0]


def test_how_often_photos_were_bought_is_known_when_their_records_are_gone(
    store: Store, ledger: Ledger, new_job: MakeJob
) -> None:
    """Else the next `__again` would be given what the one before has bought."""
    job = store.create(new_job(again=True), ORIGIN, AT)
    ledger.record_intent(purchase(job=job.id), AT)
    store.delete_records([job], AT)
    assert store.create(new_job(again=True), ORIGIN, AT).generation == job.generation + 1


def failed(store: Store, new: NewJob) -> str:
    job = store.create(new, ORIGIN, AT)
    store.advance(job.id, State.FAILED, AT)
    return job.id


def test_who_needs_a_person_is_found_by_project_or_by_photos(store: Store, new_job: MakeJob) -> None:
    same_project = failed(store, new_job("x", reason="bad"))
    same_photos = failed(store, new_job("abc", reason="bad", project="oak"))
    failed(store, new_job("y", reason="bad", project="oak"))
    store.create(new_job("z"), ORIGIN, AT)
    assert {job.id for job in store.needing_person(new_job("bca"), ORIGIN)} == {same_project, same_photos}


@pytest.mark.parametrize(
    ("hashes", "changes", "expected"),
    [
        ("ax", {}, 4),
        ("ax", {"folder": "den"}, 3),
        ("xy", {}, 2),
        ("xb", {"room": "den"}, 1),
        ("xy", {"room": "den"}, 0),
    ],
)
def test_the_return_of_a_set_is_known_by_photos_before_rooms_before_names(
    store: Store, new_job: MakeJob, hashes: str, changes: dict[str, str], expected: int
) -> None:
    job = store.create(new_job("ab", reason="bad"), ORIGIN, AT)
    new = new_job(hashes, **changes)
    for file in new.files:
        if file.name == "b.jpg":
            file.sha256 = "another export"
    assert likeness(new, job, store.files(job.id)) == expected


def test_a_job_speaks_for_the_ones_it_supersedes(store: Store, new_job: MakeJob) -> None:
    old = failed(store, new_job(reason="bad"))
    active = store.create(new_job("q", room="hall"), ORIGIN, AT)
    new = store.create(new_job(), ORIGIN, AT, supersedes=[old, active.id])
    spoken_for, untouched = store.job(old), store.job(active.id)
    assert spoken_for is not None and spoken_for.state == State.SUPERSEDED
    assert untouched is not None and untouched.state == State.QUEUED
    assert new.id in store.history(old)[-1].text


def test_api_projects_are_remembered_for_each_api(store: Store) -> None:
    assert store.remember_api_project(ORIGIN, "inbox", "elm", "p1") == "p1"
    assert store.remember_api_project(ORIGIN, "inbox", "elm", "p2") == "p1"
    assert store.api_project(ORIGIN, "inbox", "elm") == "p1"
    assert store.api_project("sandbox", "inbox", "elm") is None
    assert store.api_project(ORIGIN, "inbox", "oak") is None


def test_the_store_knows_itself_again(store: Store) -> None:
    assert store.identity() == store.identity()
    assert len(store.identity()) == 32


KITCHEN = "inbox", "elm", "kitchen"


def test_a_set_has_one_open_job_at_a_time(store: Store, new_job: MakeJob) -> None:
    """An index ensures it, whoever creates the second job."""
    first = store.create(new_job("a"), ORIGIN, AT)
    with pytest.raises(LocalTrouble, match="elm / kitchen is still being made"):
        store.create(new_job("b"), ORIGIN, AT)
    other = store.create(new_job("b", room="kitchen-2"), ORIGIN, AT)
    refused = store.create(new_job("b", reason="eight photos"), ORIGIN, AT)
    store.advance(first.id, State.REFUSING, AT, reason="bad")
    again = store.create(new_job("b"), ORIGIN, AT)
    assert {job.id for job in store.active()} == {first.id, other.id, refused.id, again.id}


@pytest.mark.parametrize("inode", [2**40 + 7, 2**64 - 1])
def test_files_are_known_again_by_any_inode_and_as_another_machine_sees_them(
    store: Store, new_job: MakeJob, inode: int
) -> None:
    """Shares number files with all 64 bits, and the databases have no unsigned integers."""
    job = store.create(new_job("ab"), ORIGIN, AT)
    seen = FileIdentity(2**40, 2**62, 2**62 + 1, as_int64(inode))
    store.record_identities(job.id, {"b.jpg": seen, "notes.txt": seen})
    identities = {file.name: file.identity for file in store.files(job.id)}
    assert identities == {"a.jpg": FileIdentity(10, 1, 2, 0), "b.jpg": seen, "notes.txt": seen}


@pytest.mark.parametrize(
    ("machine", "seen", "bought_anew"),
    [
        ("", FileIdentity(10, 1, 2, 0), True),
        ("", FileIdentity(10, 1, 2, 8), False),
        ("other", FileIdentity(10, 1, 7, 8), True),
        ("other", FileIdentity(10, 999_000, 7, 8), False),
    ],
)
def test_who_put_photos_back_to_be_paid_again_may_be_another_machine_than_who_makes_them(
    database: Engine, new_job: MakeJob, machine: str, seen: FileIdentity, bought_anew: bool
) -> None:
    """A later copy is another file on the same machine; another machine sees other inodes."""
    store = Store(database)
    new = new_job("a")
    request_pay_again(store, scope_of(new, ORIGIN), {"a.jpg": seen}, KITCHEN)
    assert Store(database, machine=machine).create(new, ORIGIN, AT).generation == bought_anew


def test_files_that_look_like_those_that_another_machine_put_back_are_paid_again_in_their_place_alone(
    database: Engine, new_job: MakeJob
) -> None:
    new, copy = new_job("a"), new_job("a", folder="den", room="den")
    copy.files[0].ctime_ns += 1
    request_pay_again(Store(database), scope_of(new, ORIGIN), {"a.jpg": new.files[0].identity}, KITCHEN)
    other = Store(database, machine="other")
    assert other.create(copy, ORIGIN, AT).generation == 0
    assert other.create(new, ORIGIN, AT).generation == 1


def test_a_pay_again_ends_with_other_files_in_its_place_on_another_machine(
    database: Engine, new_job: MakeJob
) -> None:
    """A later copy of them could pass for the files that were put back."""
    new, others = new_job("a"), new_job("a")
    others.files[0].mtime_ns += 999_000
    request_pay_again(Store(database), scope_of(new, ORIGIN), {"a.jpg": new.files[0].identity}, KITCHEN)
    store = Store(database, machine="other")
    first = store.create(others, ORIGIN, AT)
    store.advance(first.id, State.REFUSING, AT, reason="bad")
    assert store.create(new, ORIGIN, AT).generation == first.generation == 0


@pytest.mark.parametrize("machine", ["", "one"])
def test_another_folder_of_the_same_photos_leaves_a_pay_again_to_those_it_was_said_of(
    database: Engine, new_job: MakeJob, machine: str
) -> None:
    """As copies for another tag, which somebody asked for at the same time, and which are taken up first."""
    store = Store(database, machine=machine)
    new, other = new_job("a"), new_job("a", folder="kitchen__sky-blue", room="kitchen")
    photo, _ = other.files
    request_pay_again(store, scope_of(new, ORIGIN), {"a.jpg": photo.identity}, KITCHEN)
    photo.ctime_ns += 1
    taken_up_first = store.create(other, ORIGIN, AT)
    assert taken_up_first.generation == 0
    assert "but of other files than those that came now" in store.history(taken_up_first.id)[0].text
    assert store.create(new, ORIGIN, AT).generation == 1
    assert store.create(new_job("a", folder="den", room="den"), ORIGIN, AT).generation == 0


def test_machines_that_have_shown_no_life_for_a_day_are_gone(database: Engine) -> None:
    now = datetime.now(UTC)
    with Store(database).session.begin() as session:
        for name, hours in (("here", 0), ("late", 23), ("gone", 25)):
            seen = now - timedelta(hours=hours)
            machine = partial(Machine, id=name, name=name, version="", place="", reaches=[])
            session.add(machine(heartbeat_at=seen, alive_until=seen))
    assert list(Store(database, machine="here").gone_machines()) == ["gone"]
    assert list(Store(database).gone_machines()) == []


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


def test_the_newest_jobs_are_found_without_a_look_at_all_of_years(tmp_path: Path) -> None:
    """Each report of the daemon asks for the latest finished sets."""
    database = open_store(tmp_path / "state")
    asked: list[tuple[str, Any]] = []

    def ask(*arguments: Any) -> None:
        asked.append((arguments[2], arguments[3]))

    event.listen(database, "before_cursor_execute", ask)
    Store(database).in_states([State.DONE], newest=50)
    [query] = [one for one in asked if one[0].startswith("SELECT")]
    with database.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query[0]}", query[1]).all()
    database.dispose()
    assert "USING INDEX ix_job_created_at" in str(plan)
