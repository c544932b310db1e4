"""When messages are sent, with a clock of our own, so that hours pass at once."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotfolder.config.settings import Notify
from hotfolder.telemetry.notifications import Kind, Notification, Severity
from hotfolder.telemetry.notifier import MOST_LINES, Batches, Message


def due(batches: Batches, now: float, *, hurry: bool = False) -> list[Message]:
    return [batches.take(kind, now).message(kind) for kind in batches.due(now, hurry=hurry)]


@pytest.fixture
def batches() -> Batches:
    return Batches(Notify())


FAILED, FINISHED = Kind.JOB_FAILED, Kind.PROJECT_FINISHED


def test_a_burst_is_one_message(batches: Batches) -> None:
    """Two hundred failed sets in a minute are one message that counts them all and lists the first."""
    for number in range(200):
        batches.add(Notification(FAILED, f"12 Elm Road / room {number}: unreadable"), number * 0.25)
        assert not batches.due(number * 0.25)
    (message,) = due(batches, 60.0)
    assert (message.title, message.severity) == ("200 sets came back", Severity.WARNING)
    assert message.body.splitlines()[0] == "12 Elm Road / room 0: unreadable"
    assert message.body.splitlines()[-1] == "… and 180 more; `hotfolder status` lists all."
    assert len(message.body.splitlines()) == MOST_LINES + 1
    assert not batches.due(1e9)


def test_the_next_of_a_kind_waits_for_ten_minutes_and_other_kinds_do_not(batches: Batches) -> None:
    """Notifications soon after a message are gathered for the next one."""
    batches.add(Notification(FAILED, "one"), 0)
    assert [message.body for message in due(batches, 60)] == ["one"]
    batches.add(Notification(FAILED, "two"), 61)
    batches.add(Notification(FINISHED, "done"), 62)
    batches.add(Notification(FAILED, "two"), 300)
    assert [message.body for message in due(batches, 130)] == ["done"]
    assert not batches.due(659.9)
    assert [message.body for message in due(batches, 660)] == ["two (2 times)"]


def test_the_end_of_a_run_hurries_but_keeps_the_pause(batches: Batches) -> None:
    """A service that starts again and again must not send at each end."""
    batches.add(Notification(FAILED, "one"), 0)
    assert len(due(batches, 1, hurry=True)) == 1
    batches.add(Notification(FAILED, "two"), 2)
    assert not batches.due(3, hurry=True)


def test_an_all_clear_says_what_is_over(batches: Batches) -> None:
    """The title alone tells whether it has begun or ended."""
    batches.add(Notification(Kind.API_UNREACHABLE, "Nothing has been asked."), 0)
    batches.add(Notification(Kind.API_UNREACHABLE, "The API can be used again.", over=True), 5)
    (message,) = due(batches, 60)
    assert (message.title, message.severity) == ("Over: the API can't be used", Severity.SUCCESS)
    assert message.body == "Nothing has been asked.\nThe API can be used again."


NEWS = st.builds(
    Notification, st.sampled_from(Kind), st.sampled_from(["a", "b", "c d"]) | st.text(max_size=20)
)
HISTORY = st.lists(
    st.tuples(st.floats(0, 400), st.lists(NEWS, max_size=6), st.booleans(), st.booleans()), max_size=60
)


@given(HISTORY)
def test_no_storm_and_nothing_lost(history: list[tuple[float, list[Notification], bool, bool]]) -> None:
    """For any sequence, with restarts and failures: at most one message of a kind in ten minutes, each
    notification in exactly one message, and none waits once its minute and its kind's pause are over."""
    batches, now, added, told = Batches(Notify()), 0.0, 0, 0
    sent: dict[Kind, float] = {}
    since: dict[Kind, float] = {}
    last = (1000.0, list[Notification](), False, False)
    for seconds, news, restarted, fails in [*history, last, last]:
        now += seconds
        if restarted:
            memory = json.loads(json.dumps(batches.memory()))
            batches = Batches(Notify())
            batches.recall(memory)
        for notification in news:
            batches.add(notification, now)
            since.setdefault(notification.kind, now)
            added += 1
        for kind in batches.due(now):
            assert now - sent.get(kind, -1e9) >= 600
            batch = batches.take(kind, now)
            if fails:
                batches.put_back(kind, batch)
                continue
            sent[kind] = now
            del since[kind]
            told += batch.count
        for kind, began in since.items() if not fails else ():
            assert now - began < 60 or now - sent[kind] < 601
    assert told == added


def test_a_clock_that_is_set_back_holds_up_nothing(batches: Batches) -> None:
    batches.add(Notification(FAILED, "one"), 10_000)
    assert due(batches, 10_060)
    batches.add(Notification(FAILED, "two"), 10_100)
    assert batches.due(3_000)
