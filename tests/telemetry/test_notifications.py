"""Notifications found in overviews, and when their messages are sent, with a clock of our own, so that hours
pass at once."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotfolder.config.settings import Notify
from hotfolder.rules.kinds import Prices
from hotfolder.telemetry.notifications import Detector, Kind, Notification, Severity, Situation
from hotfolder.telemetry.notifier import MOST_LINES, Batches, Message
from hotfolder.telemetry.overview import SETTLING, Line, Overview


def new_detector() -> Detector:
    notify = Notify(done_link="smb://nas/photos/done/")
    return Detector(notify, Prices(), done=Path("/srv/done"), failed=Path("/srv/failed"))


@pytest.fixture
def detector() -> Detector:
    return new_detector()


def line(
    state: str, folder: str = "kitchen", project: str = "12 Elm Road", reason: str = "", hint: str = ""
) -> Line:
    return Line("id", "inbox", project, folder, folder, state, reason=reason, hint=hint)


def facts(*lines: Line, **more: object) -> Situation:
    return Situation(Overview(lines, {}), **more)  # type: ignore[arg-type]


def trouble(*, needs_person: bool = False) -> Situation:
    seen = Overview((), {}, trouble="the API can't be reached.", trouble_hint="Check the network.")
    return Situation(seen, api_needs_person=needs_person)


def test_a_finished_project_is_told_once_with_counts_and_links(detector: Detector) -> None:
    """They come after two quiet minutes, and not while any set of the project is active or arriving."""
    for folder in ("a", "b", "c"):
        assert not detector.ended(line("done", folder))
    detector.ended(line("failed", "d", reason="a photo is unreadable."))
    assert not detector.look(facts(line("queued", "e")), 0)
    assert not detector.look(facts(line(SETTLING, "f"), line("done", "a")), 500)
    assert not detector.look(facts(), 501)
    assert not detector.look(facts(line("merging", project="another")), 620)
    assert detector.look(facts(), 621) == [
        Notification(
            Kind.PROJECT_FINISHED,
            "12 Elm Road: 3 sets are done, 1 came back.\n"
            "  Pictures: smb://nas/photos/done/12%20Elm%20Road\n"
            "  Came back: /srv/failed/12 Elm Road",
        )
    ]
    assert not detector.look(facts(), 9999)


def test_a_finished_project_says_what_it_cost_where_there_are_prices(detector: Detector) -> None:
    """The sum of all its sets, also from before a restart; nothing where no price is set."""
    detector.ended(line("done", "a"))
    detector.paid("inbox", "12 Elm Road", ["merge", "sky"])
    again = new_detector()
    again.restore(json.loads(json.dumps(detector.memory())))
    again.prices = Prices(currency="EUR", merge=Decimal("0.8"), sky=Decimal("0.35"))
    again.ended(line("done", "b"))
    again.paid("inbox", "12 Elm Road", ["merge"])
    [told] = again.finished(Overview((), {}), 0)
    assert told.text.endswith("\n  Paid: 1.95 EUR")
    [told] = detector.finished(Overview((), {}), 0)
    assert "Paid" not in told.text


def test_new_work_starts_the_quiet_time_anew(detector: Detector) -> None:
    """A photographer who drops the next room after a minute gets one notification of the project."""
    detector.ended(line("done", "a"))
    assert not detector.look(facts(), 0)
    assert not detector.look(facts(line("uploading", "b")), 100)
    detector.ended(line("done", "b"))
    assert not detector.look(facts(), 130)
    assert not detector.look(facts(), 249)
    (finished,) = detector.look(facts(), 250)
    assert finished.text.startswith("12 Elm Road: 2 sets are done.\n") and "Came back" not in finished.text


def test_a_set_that_came_back_and_was_dropped_again_counts_once(detector: Detector) -> None:
    """Its last end counts; a project without a done set is not called finished."""
    detector.ended(line("failed", "a", reason="no."))
    detector.ended(line("failed", "x", project="another", reason="no."))
    detector.ended(line("done", "a"))
    detector.look(facts(), 0)
    (finished,) = detector.look(facts(), 120)
    assert finished.text.startswith("12 Elm Road: 1 set is done.\n")


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        (line("done"), []),
        (line("withdrawn"), []),
        (
            line("failed", reason="8 photos; at most 7.", hint="Split it."),
            [Notification(Kind.JOB_FAILED, "12 Elm Road / kitchen: 8 photos; at most 7. Split it.")],
        ),
        (
            line("needs_attention", reason="the sky may have been charged."),
            [Notification(Kind.NEEDS_PERSON, "12 Elm Road / kitchen: the sky may have been charged.")],
        ),
    ],
)
def test_what_ends_badly_is_told_with_its_reason(ended: Line, told: list[Notification]) -> None:
    """Done sets wait for their project; withdrawn ones concern nobody."""
    assert new_detector().ended(ended) == told


def test_a_silent_api_is_told_after_fifteen_minutes_and_when_it_answers_again(detector: Detector) -> None:
    """It is reported once, however long it lasts; a short return is not yet an end."""
    assert not detector.look(trouble(), 0) and not detector.look(trouble(), 899)
    (begun,) = detector.look(trouble(), 900)
    why = "The work waits: the API can't be reached. Check the network."
    assert begun.text == f"{why} Everything continues by itself then."
    assert not detector.look(trouble(), 5000)
    assert not detector.look(facts(), 5001)
    assert not detector.look(trouble(), 5050)
    assert not detector.look(facts(), 5100)
    assert detector.look(facts(), 5160) == [
        Notification(Kind.API_UNREACHABLE, "The API can be used again.", over=True)
    ]
    assert not detector.look(facts(), 9999)


def test_a_refused_key_is_told_after_a_minute(detector: Detector) -> None:
    """Waiting doesn't help there."""
    assert not detector.look(trouble(needs_person=True), 0)
    assert [one.kind for one in detector.look(trouble(needs_person=True), 60)] == [Kind.API_UNREACHABLE]


def test_an_inbox_out_of_reach_is_told_when_it_lasts(detector: Detector) -> None:
    """A share that is away for a moment is nobody's business."""
    gone = Situation(Overview((), {}, degraded={"inbox": "The inbox /srv/in is not there.", "other": ""}))
    assert not detector.look(gone, 0) and not detector.look(facts(), 800) and not detector.look(gone, 850)
    assert not detector.look(gone, 1749)
    (told,) = detector.look(gone, 1750)
    assert (told.kind, told.text) == (
        Kind.INBOX_UNREACHABLE,
        "Nothing comes in from inbox: The inbox /srv/in is not there.",
    )


def test_a_folder_without_its_disk_is_told_when_it_lasts_and_when_it_is_back(detector: Detector) -> None:
    gone = Situation(Overview((), {}, missing={"done": "its disk is not mounted", "failed": ""}))
    assert not detector.look(gone, 0)
    (told,) = detector.look(gone, 900)
    assert (told.kind, told.over) == (Kind.FOLDER_UNREACHABLE, False)
    assert "done: its disk is not mounted" in told.text
    assert not detector.look(facts(), 2000)
    (told,) = detector.look(facts(), 2060)
    assert (told.kind, told.over) == (Kind.FOLDER_UNREACHABLE, True)


def test_a_pause_is_told_when_it_lasts_and_when_it_ends(detector: Detector) -> None:
    """Whoever set it may forget it, and the daemon may have set it itself."""
    paused = Situation(Overview((), {}, paused="three calls in a row ended unknown"))
    assert not detector.look(paused, 0)
    (told,) = detector.look(paused, 60)
    assert told.text == (
        "No paid calls are made just now: three calls in a row ended unknown. `hotfolder resume` continues."
    )
    assert not detector.look(facts(), 61)
    assert detector.look(facts(), 121) == [Notification(Kind.PAUSED, "Paid calls continue.", over=True)]


def test_what_all_machines_see_is_told_by_the_one_that_leads() -> None:
    held = replace(line(SETTLING, reason="two views"), held=True)
    seen = Overview((held,), {}, paused="closed on Sunday")
    situation = Situation(seen, full_disks=("done", "state"))
    one, two = new_detector(), new_detector()
    told = one.look(situation, 0.0) + one.look(situation, 60.0)
    assert [note.kind for note in told] == [Kind.DISK_FULL, Kind.DISK_FULL, Kind.HELD, Kind.PAUSED]
    beside = replace(situation, leads=False)
    heard = two.look(beside, 0.0) + two.look(beside, 60.0)
    assert [(note.kind, "state" in note.text) for note in heard] == [
        (Kind.DISK_FULL, True),
        (Kind.HELD, False),
    ]
    # Another machine leads from now on, and reports it once more; only that one gives the all-clear.
    passed_on = one.look(beside, 61.0) + one.look(beside, 200.0)
    taken_over = two.look(situation, 61.0) + two.look(situation, 121.0)
    assert passed_on == []
    assert [note.kind for note in taken_over] == [Kind.DISK_FULL, Kind.PAUSED]
    over, besides = Situation(Overview((), {})), Situation(Overview((), {}), leads=False)
    for machine, looks, kinds in (
        (one, besides, {Kind.DISK_FULL}),
        (two, over, {Kind.DISK_FULL, Kind.PAUSED}),
    ):
        ended = machine.look(looks, 300.0) + machine.look(looks, 400.0)
        assert {(note.kind, note.over) for note in ended} == {(kind, True) for kind in kinds}


def test_a_project_s_spent_budget_is_told_once_and_a_set_s_by_itself(detector: Detector) -> None:
    """Each project's waits until somebody raises it; the daily one is reported once for all."""
    hint = "To continue, raise limits.paid_calls_per_project."
    spent = {
        "bath": "the project 12 Elm Road",
        "hall": "the project 12 Elm Road",
        "kitchen": "this set",
        "porch": "this set",
        "attic": "today",
    }
    lines = [
        replace(
            line(
                "merging", folder, reason=f"the budget of paid calls for {of} is used up (3 of 3)", hint=hint
            ),
            waits=True,
        )
        for folder, of in spent.items()
    ]
    heard = detector.look(facts(*lines), 0)
    assert [(one.kind, one.text.partition(":")[0]) for one in heard] == [
        (Kind.BUDGET_SPENT, f"12 Elm Road / {room}") for room in ("bath", "kitchen", "porch")
    ]
    assert heard[0].text.endswith(f"the project 12 Elm Road is used up (3 of 3). {hint}")
    assert not detector.look(facts(*lines), 100)


def test_a_full_disk_is_told_once_however_often_it_fills_anew(detector: Detector) -> None:
    """There must be room for a minute before it counts as over."""
    heard = []
    for second, full in enumerate(([], ["done"], [], ["done"], [], ["done"])):
        heard += detector.look(facts(full_disks=full), second * 50)
    assert [one.text for one in heard] == [
        "The disk of done is full: less than 200 MiB are free. Make room there: what finds no room waits."
    ]
    detector.look(facts(), 700)
    (over,) = detector.look(facts(), 760)
    assert over.over and over.text == "There is room on every disk again."


def test_a_spent_budget_is_told_once_a_day(detector: Detector) -> None:
    """Midnight ends it silently, and the next day can be reported again."""
    heard = []
    for second, spent in enumerate((None, 100, 100, None, None, 100)):
        heard += detector.look(facts(spent_budget=spent), second * 100)
    assert [one.text for one in heard] == [
        "Today's budget of 100 paid calls is used up; what is left waits for another day."
    ] * 2
    assert not detector.look(facts(spent_budget=0), 9999)  # nobody who allows none is surprised


def test_each_new_error_in_the_settings_is_told(detector: Detector) -> None:
    """The same error is reported once; that the settings are valid again is reported too."""
    heard = []
    for second, error in enumerate(("rules:3:1: x", "rules:3:1: x", "rules:4:1: y", "", "")):
        heard += detector.look(Situation(Overview((), {}, pid=1, settings_error=error)), second * 100)
    refused = "The settings have an error, and those before it stay in force"
    assert [one.text for one in heard] == [
        f"{refused}: rules:3:1: x",
        f"{refused}: rules:4:1: y",
        "The settings are valid again.",
    ]


def test_a_restart_forgets_nothing_and_repeats_nothing(detector: Detector) -> None:
    """Counts of a project under way go on; a reported outage is not reported again, but its end is."""
    detector.look(trouble(), 0)
    detector.look(trouble(), 900)
    detector.ended(line("done", "a"))
    memory = detector.memory()
    kept = json.loads(json.dumps(memory))
    detector.ended(line("done", "b"))
    assert memory == kept  # a returned memory doesn't change later
    again = new_detector()
    again.restore(json.loads(json.dumps(detector.memory())))
    assert not again.look(trouble(), 1000)
    heard = [*again.look(facts(), 1100), *again.look(facts(), 2000)]
    assert [one.text.splitlines()[0] for one in heard] == [
        "12 Elm Road: 2 sets are done.",
        "The API can be used again.",
    ]


def test_a_memory_of_another_version_is_restored_as_a_whole_or_not_at_all(detector: Detector) -> None:
    """As after a downgrade: an unknown kind must not leave half of the counts behind."""
    detector.ended(line("done", "a"))
    memory = {**detector.memory(), "told": {"disk done": "DISK_FULL", "x": "A_LATER_KIND"}}
    again = new_detector()
    with pytest.raises(KeyError):
        again.restore(memory)
    assert again.memory() == new_detector().memory()


def test_what_is_held_for_a_person_is_told_once_and_only_when_it_lasts(detector: Detector) -> None:
    """A photo that waits for its own set to end is no matter for anybody."""
    waits = replace(line(SETTLING, "", reason="two sets may be one"), held=True, room="")
    assert not detector.look(facts(waits), 0)
    assert not detector.look(facts(), 20)
    assert not detector.look(facts(waits), 100)
    assert detector.look(facts(waits), 131) == [Notification(Kind.HELD, "12 Elm Road: two sets may be one.")]
    assert not detector.look(facts(waits), 500)
    assert not detector.look(facts(line(SETTLING, "kitchen")), 1000)


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


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_is_in_the_handbook_by_its_title(kind: Kind) -> None:
    handbook = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()
    assert kind.value.one.lower() in handbook.lower()
