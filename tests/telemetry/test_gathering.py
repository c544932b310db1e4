"""When people are told: with a clock of our own, so that hours pass at once."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotfolder.telemetry.notifications import TITLES, Kind, Notification, Severity
from hotfolder.telemetry.notifier import MOST_LINES, Gatherer

FAILED, FINISHED = Kind.JOB_FAILED, Kind.PROJECT_FINISHED


def test_a_burst_is_one_message() -> None:
    """Two hundred failed sets in a minute are one message that counts them all and lists the first."""
    gatherer = Gatherer()
    for number in range(200):
        gatherer.add(Notification(FAILED, f"12 Elm Road / room {number}: unreadable"), number * 0.25)
        assert not gatherer.due(number * 0.25)
    (message,) = gatherer.due(60.0)
    assert (message.title, message.count, message.severity) == ("200 sets came back", 200, Severity.WARNING)
    assert message.body.splitlines()[0] == "12 Elm Road / room 0: unreadable"
    assert message.body.splitlines()[-1] == "… and 180 more; `hotfolder status` lists all."
    assert len(message.body.splitlines()) == MOST_LINES + 1
    assert not gatherer.due(1e9)


def test_the_next_of_a_kind_waits_for_ten_minutes_and_other_kinds_do_not() -> None:
    """What comes soon after a message is gathered for the next one."""
    gatherer = Gatherer()
    gatherer.add(Notification(FAILED, "one"), 0)
    assert [message.body for message in gatherer.due(60)] == ["one"]
    gatherer.add(Notification(FAILED, "two"), 61)
    gatherer.add(Notification(FINISHED, "done"), 62)
    gatherer.add(Notification(FAILED, "two"), 300)
    assert [message.body for message in gatherer.due(130)] == ["done"]
    assert not gatherer.due(659.9)
    assert [(message.body, message.count) for message in gatherer.due(660)] == [("two (2 times)", 2)]


def test_the_end_of_a_run_hurries_but_keeps_the_pause() -> None:
    """A service that starts again and again must not send at each end."""
    gatherer = Gatherer()
    gatherer.add(Notification(FAILED, "one"), 0)
    assert len(gatherer.due(1, hurry=True)) == 1
    gatherer.add(Notification(FAILED, "two"), 2)
    assert not gatherer.due(3, hurry=True)


def test_an_all_clear_says_what_is_over() -> None:
    """The title alone tells whether it has begun or ended."""
    gatherer = Gatherer()
    gatherer.add(Notification(Kind.API_UNREACHABLE, "Nothing has been asked."), 0)
    gatherer.add(Notification(Kind.API_UNREACHABLE, "The API answers again.", over=True), 5)
    (message,) = gatherer.due(60)
    assert (message.title, message.severity) == ("Over: the API does not answer", Severity.SUCCESS)
    assert message.body == "Nothing has been asked.\nThe API answers again."


def test_every_kind_has_its_words() -> None:
    """A new kind can't be forgotten."""
    assert set(TITLES) == set(Kind)


HAPPENINGS = st.builds(
    Notification, st.sampled_from(Kind), st.sampled_from(["a", "b", "c d"]) | st.text(max_size=20)
)
STORY = st.lists(st.tuples(st.floats(0, 400), st.lists(HAPPENINGS, max_size=6), st.booleans()), max_size=60)


@given(STORY)
def test_no_storm_and_nothing_lost(history: list[tuple[float, list[Notification], bool]]) -> None:
    """Whatever happens when, with restarts in between: at most one message of a kind in ten minutes, each
    happening in exactly one message, and none waits once its minute and its kind's pause are over."""
    gatherer, now, added, told = Gatherer(), 0.0, 0, 0
    sent: dict[Kind, float] = {}
    since: dict[Kind, float] = {}
    for seconds, happenings, restarted in [*history, (1000.0, [], False)]:
        now += seconds
        if restarted:
            memory = json.loads(json.dumps(gatherer.memory(now)))
            gatherer = Gatherer()
            gatherer.recall(memory, now)
            since = dict.fromkeys(since, now)
        for happening in happenings:
            gatherer.add(happening, now)
            since.setdefault(happening.kind, now)
            added += 1
        for message in gatherer.due(now):
            assert message.kind is not None
            # Ages are kept in whole seconds over a restart.
            assert now - sent.get(message.kind, -1e9) >= 599
            assert len(message.body.splitlines()) < 1000 and message.body is not None
            sent[message.kind] = now
            del since[message.kind]
            told += message.count
        for kind, began in since.items():
            assert now - began < 60 or now - sent[kind] < 601


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=60))
def test_a_message_lists_each_text_or_counts_it(texts: list[str]) -> None:
    """The numbers in a message add up to what happened."""
    gatherer = Gatherer()
    for text in texts:
        gatherer.add(Notification(FAILED, text), 0)
    (message,) = gatherer.due(60)
    assert message.count == len(texts)
    listed: dict[str, int] = defaultdict(int)
    for text in texts:
        listed[text.strip()] += 1
    for text in list(listed)[:MOST_LINES]:
        assert text in message.body


@pytest.mark.parametrize(
    "rubbish",
    [{}, {"groups": {"no_such_kind": {}}}, {"groups": {}, "sent_seconds_ago": {FAILED: "soon"}}, []],
)
def test_a_strange_memory_is_refused(rubbish: object) -> None:
    """By the errors that are documented, so that the caller can go on without it."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        Gatherer().recall(rubbish, 0)  # type: ignore[arg-type]
