"""The overview's lines of sets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hotfolder.display import with_hint
from hotfolder.jobs.database import open_store
from hotfolder.jobs.leases import Leases
from hotfolder.jobs.model import Job, NewJob
from hotfolder.jobs.states import State
from hotfolder.jobs.store import Store
from hotfolder.rules.recipes import Recipe
from hotfolder.telemetry.daemons import DAEMON_STATUS
from hotfolder.telemetry.history import ENTERED
from hotfolder.telemetry.overview import WORDS, Line, Overview, overview
from hotfolder.telemetry.statusfile import status_page
from hotfolder.words import CATALOGUE
from tests.support.postgres import Postgres

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("state", State)
def test_every_state_has_its_words(state: State) -> None:
    """Those of jobs whose photos came again or changed are in their history and on pages alone."""
    assert state in ENTERED and f"state.{state}" in CATALOGUE
    assert (state in WORDS) == (state not in (State.WITHDRAWN, State.SUPERSEDED))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(open_store(tmp_path / "state"))
    yield made
    made.database.dispose()


def line(state: str, *, held: bool = False, reason: str = "", hint: str = "") -> Line:
    return Line("", "inbox", "12 Elm Road", "hall", "hall", state, reason, hint, held=held)


def test_a_held_set_is_not_called_arriving() -> None:
    lines = (line("settling", held=True), line("settling"), line("settling", held=True), line("done"))
    seen = Overview(lines, {"settling": 3, "done": 1})
    assert [one.words for one in lines] == ["held", "still arriving", "held", "done"]
    assert list(seen.count_words()) == ["1 still arriving", "1 done", "2 held"]
    only_held = Overview(lines[:1], {"settling": 1})
    assert list(only_held.count_words()) == ["1 held"]


@pytest.mark.parametrize(
    ("reason", "hint", "told"),
    [
        (
            "too small (64 pixels at least)",
            "Nothing was charged.",
            "too small (64 pixels at least). Nothing was charged.",
        ),
        ("It is small.", "Drop it again.", "It is small. Drop it again."),
        ("its route asks for a review", "", "its route asks for a review."),
        ("", "Drop it again.", "Drop it again."),
    ],
)
def test_reason_and_hint_are_whole_sentences(reason: str, hint: str, told: str) -> None:
    assert with_hint(reason, hint) == told


def test_a_reason_that_only_repeats_the_state_is_not_told() -> None:
    assert line("queued", reason="waiting for its turn").explanation == ""


def test_a_shoot_that_has_just_become_its_rooms_is_shown_once(store: Store) -> None:
    """The inbox's part of the overview is seconds old; what comes after it is shown again."""
    shoot = {"project": "elm", "folder": "", "room": "(the whole shoot)", "reason": "12 photos"}
    for seconds in (0, 2):
        standing = {"inboxes": {"studio": {"arriving": [shoot]}}}
        store.publish(DAEMON_STATUS, standing, NOON + timedelta(seconds=seconds))
        if not seconds:
            room = NewJob("studio", "elm", "", "elm-01", "elm", (), Recipe())
            store.create(room, "https://api", NOON + timedelta(seconds=1))
        shown = [line.room for line in overview(store, pid=1).lines]
        assert shown == (["(the whole shoot)", "elm-01"] if seconds else ["elm-01"])


@pytest.mark.parametrize("pid", [1, None])
def test_a_set_that_was_still_arriving_when_the_daemon_was_stopped_stays_in_sight(
    store: Store, pid: int | None
) -> None:
    """As one that was held, of which the machine that took the inbox over and stopped, too, knew no more."""
    room = {"project": "elm", "folder": "hall", "room": "hall", "reason": "3 photos"}
    store.publish(DAEMON_STATUS, {"inboxes": {"studio": {"arriving": [room]}}}, NOON)
    assert [line.reason for line in overview(store, pid=pid).lines] == ["3 photos"]


def test_a_set_that_was_finished_since_it_was_called_arriving_is_shown_once(store: Store) -> None:
    """The inbox tells of its job only with its next status."""
    hall = NewJob("studio", "elm", "hall", "hall", "elm", (), Recipe(), reason="Unknown tag")
    job = store.create(hall, "https://api", NOON)
    room = {"project": "elm", "folder": "hall", "room": "hall", "reason": "3 photos"}
    store.publish(DAEMON_STATUS, {"inboxes": {"studio": {"arriving": [room]}}}, NOON + timedelta(seconds=1))
    store.advance(job.id, State.FAILED, NOON + timedelta(seconds=2), reason="Unknown tag")
    assert [line.state for line in overview(store, pid=1).lines] == ["failed"]
    store.publish(DAEMON_STATUS, {"inboxes": {"studio": {"arriving": [room]}}}, NOON + timedelta(seconds=3))
    assert [line.state for line in overview(store, pid=1).lines] == ["settling", "failed"]


def test_a_machine_that_has_long_had_no_news_hides_no_set_of_another(
    postgres: Postgres, tmp_path: Path
) -> None:
    """A daemon writes its status only when that changes: an idle one's is hours old."""
    with postgres.store() as database:
        for name in ("busy", "idle"):
            Leases(database, name, tmp_path, ("studio",), seconds=600).renew(("studio",), ())
        busy, idle = (Store(database, machine=name) for name in ("busy", "idle"))
        idle.publish(DAEMON_STATUS, {"inboxes": {}}, NOON)
        hall = NewJob("studio", "elm", "hall", "hall", "elm", (), Recipe(), reason="Unknown tag")
        job = busy.create(hall, "https://api", NOON + timedelta(hours=1))
        busy.advance(job.id, State.FAILED, NOON + timedelta(hours=1), reason="Unknown tag")
        room = {"project": "elm", "folder": "hall", "room": "hall", "reason": "3 photos"}
        dropped_again = NOON + timedelta(hours=2)
        busy.publish(DAEMON_STATUS, {"inboxes": {"studio": {"arriving": [room]}}}, dropped_again)
        assert [line.state for line in overview(busy, pid=None).lines] == ["settling", "failed"]


def test_an_api_that_one_machine_can_t_reach_holds_up_no_other(postgres: Postgres, tmp_path: Path) -> None:
    """What is said of all names the machine, unless it is so on each that works with an inbox."""
    with postgres.store() as database:
        stores = {}
        for name, inbox in (("one", "a"), ("two", "b")):
            leases = Leases(database, name, tmp_path, ("a", "b"), seconds=600)
            leases.join()
            leases.renew((inbox,), ())
            stores[name] = Store(database, machine=name)
            hall = NewJob(inbox, "elm", "hall", "hall", "elm", (), Recipe())
            stores[name].create(hall, "https://api", NOON)
        trouble = {"reason": "the API can't be reached", "hint": "It goes on by itself."}
        queued, waits = "waiting for its turn", "the API can't be reached"
        whole = f"{waits}. It goes on by itself."
        host = socket.gethostname()
        for where, reasons, told in (
            ("one", {"a": waits, "b": queued}, f"on {host} (one): {whole}"),
            ("two", {"a": waits, "b": waits}, whole),
        ):
            stores[where].publish(DAEMON_STATUS, {"trouble": trouble, "inboxes": {}}, NOON)
            seen = overview(stores["two"], pid=None)
            assert {line.inbox: line.reason for line in seen.lines} == reasons
            assert [one.text for one in seen.conditions()] == [f"The work waits: {told}"]


def test_what_is_left_alone_in_one_inbox_is_not_told_in_another(store: Store) -> None:
    inboxes = {"a": {"notices": ["Left alone in elm: x.jpg."]}, "b": {"notices": []}}
    store.publish(DAEMON_STATUS, {"inboxes": inboxes}, NOON)
    seen = overview(store, pid=1)
    assert ["x.jpg" in status_page(seen, inbox, {}, NOON) for inbox in inboxes] == [True, False]
    assert seen.as_dict()["notices"] == ["Left alone in elm: x.jpg."]


def test_a_failed_set_stays_in_sight_however_many_are_done_after_it(store: Store) -> None:
    """STATUS.txt shows the latest finished sets; a failed one waits for a person."""
    bad = NewJob("studio", "elm", "hall", "hall", "elm", (), Recipe(), reason="Unknown tag")
    store.advance(store.create(bad, "api", NOON).id, State.FAILED, NOON, reason="Unknown tag")
    for number in range(3):
        later = NOON + timedelta(minutes=number + 1)
        room = NewJob("studio", "elm", f"{number}", f"{number}", "elm", (), Recipe())
        made = store.create(room, "api", later)
        for state in (State.MERGING, State.EDITING, State.PUBLISHING, State.FILING, State.DONE):
            store.advance(made.id, state, later)
    seen = overview(store, pid=None, most_finished=2)
    assert [one.folder for one in seen.lines] == ["hall", "1", "2"]
    assert [one.folder for one in seen.failed] == ["hall"]


def test_whatever_needs_a_person_stays_in_sight_however_much_came_back_after_it(store: Store) -> None:
    """Sets in doubt, failed ones, and the number of these, beside more that were thrown away since."""
    old = [("doubt", State.NEEDS_ATTENTION), ("first", State.FAILED)]
    thrown_away = [(f"{number}", State.FAILED) for number in range(1001)]
    with store.session.begin() as session:
        for minutes, (name, state) in enumerate([*old, *thrown_away]):
            at = NOON + timedelta(minutes=minutes)
            named: dict[str, Any] = {"inbox": "studio", "project": "elm", "folder": name, "room": name}
            session.add(Job(id=name, title="elm", state=state, created_at=at, updated_at=at, **named))
    gone = {"inboxes": {"studio": {"gone": [name for name, _ in thrown_away]}}}
    store.publish(DAEMON_STATUS, gone, NOON)
    seen = overview(store, pid=None)
    assert [one.job for one in seen.lines] == ["doubt", "first"]
    assert seen.counts == {State.NEEDS_ATTENTION: 1, State.FAILED: 1}
