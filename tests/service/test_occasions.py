"""What is found worth telling: from overviews as the store gives them, with a clock of our own."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hotfolder.service.notices import Happening, Kind
from hotfolder.service.occasions import MIB, Budget, Facts, Links, Thresholds, Watcher
from hotfolder.service.overview import SETTLING, Line, Overview

LINKS = Links(done="smb://nas/photos/done/", failed="/srv/failed")
GIB = 1024 * MIB


def line(
    state: str, folder: str = "kitchen", project: str = "12 Elm Road", reason: str = "", hint: str = ""
) -> Line:
    return Line("id", "inbox", project, folder, folder, state, reason=reason, hint=hint)


def facts(*lines: Line, **more: object) -> Facts:
    return Facts(Overview(lines, {}), **more)  # type: ignore[arg-type]


def trouble(seconds: float, *, needs_person: bool = False) -> Facts:
    seen = Overview((), {}, trouble="the API can't be reached.", trouble_hint="Check the network.")
    return Facts(seen, api_bad_seconds=seconds, api_needs_person=needs_person)


def test_a_finished_project_is_told_once_with_counts_and_links() -> None:
    """After two quiet minutes, and not while anything of it is under way or still arriving."""
    watcher = Watcher(LINKS)
    for folder in ("a", "b", "c"):
        assert not watcher.ended(line("done", folder))
    watcher.ended(line("failed", "d", reason="a photo is unreadable."))
    assert not watcher.look(facts(line("queued", "e")), 0)
    assert not watcher.look(facts(line(SETTLING, "f"), line("done", "a")), 500)
    assert not watcher.look(facts(), 501)
    assert not watcher.look(facts(line("merging", project="another")), 620)
    assert watcher.look(facts(), 621) == [
        Happening(
            Kind.PROJECT_FINISHED,
            "12 Elm Road: 3 sets are done, 1 came back.\n"
            "  Pictures: smb://nas/photos/done/12%20Elm%20Road\n"
            "  Came back: /srv/failed/12 Elm Road",
        )
    ]
    assert not watcher.look(facts(), 9999)


def test_new_work_starts_the_quiet_time_anew() -> None:
    """A photographer who drops the next room after a minute hears of the project once."""
    watcher = Watcher(LINKS)
    watcher.ended(line("done", "a"))
    assert not watcher.look(facts(), 0)
    assert not watcher.look(facts(line("uploading", "b")), 100)
    watcher.ended(line("done", "b"))
    assert not watcher.look(facts(), 130)
    assert not watcher.look(facts(), 249)
    (finished,) = watcher.look(facts(), 250)
    assert finished.text.startswith("12 Elm Road: 2 sets are done.\n") and "Came back" not in finished.text


def test_a_set_that_came_back_and_was_dropped_again_counts_once() -> None:
    """Its last end is what counts; a project of which nothing is done is not called finished."""
    watcher = Watcher(LINKS)
    watcher.ended(line("failed", "a", reason="no."))
    watcher.ended(line("failed", "x", project="another", reason="no."))
    watcher.ended(line("done", "a"))
    watcher.look(facts(), 0)
    (finished,) = watcher.look(facts(), 120)
    assert finished.text.startswith("12 Elm Road: 1 set is done.\n")


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        (line("done"), []),
        (line("withdrawn"), []),
        (
            line("failed", reason="8 photos; at most 7.", hint="Split it."),
            [Happening(Kind.JOB_FAILED, "12 Elm Road / kitchen: 8 photos; at most 7. Split it.")],
        ),
        (
            line("needs_attention", reason="the sky may have been charged."),
            [Happening(Kind.NEEDS_PERSON, "12 Elm Road / kitchen: the sky may have been charged.")],
        ),
    ],
)
def test_what_ends_badly_is_told_with_its_reason(ended: Line, told: list[Happening]) -> None:
    """What is done waits for its project; what was withdrawn concerns nobody."""
    assert Watcher(LINKS).ended(ended) == told


def test_an_api_that_does_not_answer_is_told_after_fifteen_minutes_and_when_it_does_again() -> None:
    """Once, however long it lasts; a short return is not yet an end."""
    watcher = Watcher(LINKS)
    assert not watcher.look(trouble(899), 899)
    (begun,) = watcher.look(trouble(900), 900)
    assert begun.text == (
        "Nothing has been asked of the API for 15 min: the API can't be reached. Check the network."
    )
    assert not watcher.look(trouble(5000), 5000)
    assert not watcher.look(facts(), 5001)
    assert not watcher.look(trouble(901), 5050)
    assert not watcher.look(facts(), 5100)
    assert watcher.look(facts(), 5160) == [
        Happening(Kind.API_UNREACHABLE, "The API answers again.", over=True)
    ]
    assert not watcher.look(facts(), 9999)


def test_a_refused_key_is_told_after_a_minute() -> None:
    """Waiting doesn't help there."""
    watcher = Watcher(LINKS)
    assert not watcher.look(trouble(59, needs_person=True), 0)
    assert [one.kind for one in watcher.look(trouble(60, needs_person=True), 1)] == [Kind.API_UNREACHABLE]


def test_an_inbox_out_of_reach_is_told_when_it_lasts() -> None:
    """A share that is away for a moment is nobody's business."""
    watcher = Watcher(LINKS)
    gone = Facts(Overview((), {}, degraded={"inbox": "the share is gone.", "other": ""}))
    assert not watcher.look(gone, 0) and not watcher.look(facts(), 800) and not watcher.look(gone, 850)
    assert not watcher.look(gone, 1749)
    (told,) = watcher.look(gone, 1750)
    assert (told.kind, told.text) == (Kind.INBOX_UNREACHABLE, "The inbox inbox: the share is gone.")


def test_a_folder_without_its_disk_is_told_when_it_lasts_and_when_it_is_back() -> None:
    watcher = Watcher(LINKS)
    gone = Facts(Overview((), {}, missing={"done": "its disk is not mounted", "failed": ""}))
    assert not watcher.look(gone, 0)
    (told,) = watcher.look(gone, 900)
    assert (told.kind, told.over) == (Kind.FOLDER_UNREACHABLE, False)
    assert "done: its disk is not mounted" in told.text
    assert not watcher.look(facts(), 2000)
    (told,) = watcher.look(facts(), 2060)
    assert (told.kind, told.over) == (Kind.FOLDER_UNREACHABLE, True)


def test_a_pause_is_told_when_it_lasts_and_when_it_ends() -> None:
    """Whoever set it may forget it, and the daemon may have set it itself."""
    watcher = Watcher(LINKS)
    paused = Facts(Overview((), {}, paused="three calls in a row ended unknown"))
    assert not watcher.look(paused, 0)
    (told,) = watcher.look(paused, 60)
    assert told.text == (
        "Nothing is paid for: three calls in a row ended unknown. `hotfolder resume` goes on."
    )
    assert not watcher.look(facts(), 61)
    assert watcher.look(facts(), 121) == [Happening(Kind.PAUSED, "Paid calls go on.", over=True)]


def test_a_disk_that_hovers_around_the_limit_is_told_once() -> None:
    """It is well again only with a fifth more than the limit."""
    watcher = Watcher(LINKS, Thresholds(disk_low_bytes=5 * GIB))
    heard = []
    for second, free in enumerate((6.0, 4.9, 5.1, 4.9, 5.5, 4.0), start=0):
        heard += watcher.look(facts(free_bytes={"done": int(free * GIB)}), second * 100)
    assert [one.text for one in heard] == ["done: 5017 MiB are free, less than 5120 MiB. Make room there."]
    watcher.look(facts(free_bytes={"done": 7 * GIB}), 700)
    (over,) = watcher.look(facts(free_bytes={"done": 7 * GIB}), 760)
    assert over.over and over.text == "done: there is room again."


def test_a_budget_is_told_at_nine_tenths_once_a_day() -> None:
    """Midnight ends it without a word, and the next day can be told again."""
    watcher = Watcher(LINKS)
    heard = []
    for second, used in enumerate((10, 89, 90, 95, 100, 0, 0, 50, 91)):
        heard += watcher.look(facts(budgets=(Budget("today", used, 100), Budget("none", 0, 0))), second * 100)
    assert [one.text for one in heard] == [
        "Paid calls, today: 90 of 100 are used.",
        "Paid calls, today: 91 of 100 are used.",
    ]


def test_each_new_error_in_the_rules_is_told() -> None:
    """The same one once; when they are valid again that is said too."""
    watcher = Watcher(LINKS)
    heard = []
    for second, error in enumerate(("rules:3:1: x", "rules:3:1: x", "rules:4:1: y", "", "")):
        heard += watcher.look(facts(rules_error=error), second * 100)
    assert [one.text for one in heard] == [
        "The rules before it stay in force. rules:3:1: x",
        "The rules before it stay in force. rules:4:1: y",
        "The rules are valid again.",
    ]


def test_a_restart_forgets_nothing_and_repeats_nothing() -> None:
    """Counts of a project under way go on; an outage that was told is not told again, but its end is."""
    watcher = Watcher(LINKS)
    watcher.ended(line("done", "a"))
    watcher.look(trouble(900), 0)
    memory = watcher.memory()
    kept = json.loads(json.dumps(memory))
    watcher.ended(line("done", "b"))
    assert memory == kept  # what was handed out doesn't change behind its reader
    again = Watcher(LINKS)
    again.recall(json.loads(json.dumps(watcher.memory())))
    assert not again.look(trouble(2000), 1000)
    heard = [*again.look(facts(), 1100), *again.look(facts(), 2000)]
    assert [one.text.splitlines()[0] for one in heard] == [
        "12 Elm Road: 2 sets are done.",
        "The API answers again.",
    ]


def test_what_is_held_for_a_person_is_told_once_and_only_when_it_lasts() -> None:
    """A photo that waits for its own set to end is no matter for anybody."""
    waits = replace(line(SETTLING, "", reason="two sets may be one"), held=True, room="")
    watcher = Watcher(LINKS)
    assert not watcher.look(facts(waits), 0)
    assert not watcher.look(facts(), 20)
    assert not watcher.look(facts(waits), 100)
    assert watcher.look(facts(waits), 131) == [Happening(Kind.HELD, "12 Elm Road: two sets may be one.")]
    assert not watcher.look(facts(waits), 500)
    assert not watcher.look(facts(line(SETTLING, "kitchen")), 1000)
