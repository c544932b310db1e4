"""What commands print: names of folders, which are untrusted, errors, and times."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from rich.console import Console

from hotfolder.blocking import file_timeout
from hotfolder.cli.demo import progress_table
from hotfolder.cli.output import INTERRUPTED, USAGE, WORLD_BAD, report_errors
from hotfolder.cli.status import history_lines
from hotfolder.display import visible, visible_lines
from hotfolder.errors import LocalTrouble
from hotfolder.jobs.model import Job
from hotfolder.jobs.states import State
from hotfolder.outbox.faults import RETRY_HINT, SPACE_HINT
from hotfolder.telemetry.history import HistoryEntry, JobHistory
from hotfolder.telemetry.overview import Line, line_of
from tests.support.pictures import bracket
from tests.support.studio import MakeStudio, environment

PROJECT = "12 \x1b]0;owned\x07Elm\u202e Road"
ROOM = "kit\x1b[2Jchen\x9b31m\u200b"
OBEYED = ("\x1b", "\x07", "\x9b", "\u202e", "\u200b")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("12 Elm Road, Küche 🏠, 厨房, مطبخ", "12 Elm Road, Küche 🏠, 厨房, مطبخ"),
        ("👩\u200d🍳 ❤️\u200d🔥", "👩\u200d🍳 ❤️\u200d🔥"),
        ("a\x1b[31mb\x9bc\x00d\x7f", "a�[31mb�c�d�"),
        ("gpj\u202eexe \u2066a\u2069 \u200bb\u2060 kit\u200dchen \u3164", "gpj�exe �a� �b� kit�chen �"),
        ("bad \udcff\udce9", "bad \\xff\\xe9"),
        ("two\nlines\tand\u00a0a\u2028half", "two lines and a half"),
    ],
)
def test_what_misleads_is_shown_as_a_sign_and_all_else_as_it_is(text: str, shown: str) -> None:
    assert visible(text) == shown
    visible(text).encode()
    assert visible_lines(f"{text[:3]}\n{text[:3]}").count("\n") >= 1


def test_no_command_and_no_page_passes_a_name_on_to_the_terminal(make_studio: MakeStudio) -> None:
    studio = make_studio(log={"format": "console"})
    studio.drop(PROJECT, ROOM, bracket())
    studio.drop(PROJECT, f"{ROOM}__sky-twilght", bracket())
    run = studio.call("run", "--sandbox", "--until-idle")
    first, second = (job["job"] for job in studio.status()["jobs"])
    studio.drop(PROJECT, ROOM, bracket())
    place = str(studio.inbox / PROJECT / ROOM)
    told = {"the log": run.stdout + run.stderr, "STATUS.txt": (studio.inbox / "STATUS.txt").read_text()}
    for name, *rest in (
        ["status"],
        ["logs", first],
        ["explain", place],
        ["explain", str(studio.inbox / PROJECT)],
        ["approve", place],
        ["retry", second],
        ["cancel", PROJECT],
        ["verify"],
    ):
        ended = studio.say(name, *rest)
        told[f"{name} {len(rest)}"] = ended.stdout + ended.stderr
    assert {name: [sign for sign in OBEYED if sign in text] for name, text in told.items()} == {
        name: [] for name in told
    }
    assert json.loads(studio.say("status", "--json").stdout)["jobs"][0]["project"] == PROJECT


def test_neither_does_the_demonstration_of_photos_of_ones_own() -> None:
    shown = Console(file=io.StringIO(), width=200)
    shown.print(progress_table([Line("job", "inbox", PROJECT, ROOM, ROOM, State.DONE)]))
    assert isinstance(shown.file, io.StringIO)
    text = shown.file.getvalue()
    assert "Elm" in text and [sign for sign in OBEYED if sign in text] == []


@pytest.mark.long
@pytest.mark.parametrize("journal", [True, False])
def test_settings_that_are_wrong_are_told_in_the_journal_as_json_and_elsewhere_as_text(
    tmp_path: Path, *, journal: bool
) -> None:
    config, stderr = tmp_path / "config.yaml", tmp_path / "stderr"
    config.write_text("root: .\nsettle: {quiet_seconds: -3}\n")
    with stderr.open("wb") as stream:
        found = os.fstat(stream.fileno())
        named = f"{found.st_dev}:{found.st_ino if journal else found.st_ino + 1}"
        done = subprocess.run(
            [sys.executable, "-m", "hotfolder", "run", "--config", str(config)],
            stderr=stream,
            env={**environment("any-key"), "JOURNAL_STREAM": named},
            timeout=300,
        )
    assert done.returncode == USAGE
    (line,) = stderr.read_text().splitlines()[:1]
    reason = json.loads(line)["reason"] if journal else line
    assert "config.yaml:2:25: settle.quiet_seconds must be at least" in reason
    assert not journal or len(stderr.read_text().splitlines()) == 1


@pytest.mark.parametrize("hint", [SPACE_HINT, RETRY_HINT, file_timeout(Path("/share")).hint])
def test_a_command_that_ended_says_so_where_its_hint_speaks_of_what_continues_by_itself(
    hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, report_errors():
        raise LocalTrouble("It can't be done now.", hint=hint)
    assert ended.value.code == WORLD_BAD
    again = "This command has ended: say it again then."
    assert capsys.readouterr().err.splitlines() == ["It can't be done now.", hint, again]


@pytest.mark.usefixtures("berlin")
def test_times_before_and_after_the_clocks_went_back_are_told_apart() -> None:
    at = datetime(2026, 10, 25, tzinfo=UTC)
    job = Job(id="a", inbox="", project="", folder="", room="", title="", created_at=at, updated_at=at)
    entries = (HistoryEntry(f"2026-10-25T0{hour}:30:00Z", "note", "It waits.") for hour in (0, 1))
    lines = history_lines(JobHistory(job, (), tuple(entries), ()), line_of(job, ""))
    told = " ".join(" ".join(lines).split())
    assert "2026-10-25, CEST 02:30:00 It waits. Sunday 2026-10-25, CET 02:30:00 It waits." in told


def test_a_run_whose_standard_streams_are_closed_works_as_any_other(make_studio: MakeStudio) -> None:
    studio = make_studio()
    studio.drop("12 Elm Road", "hall", bracket())
    command = studio.command("run", "--sandbox", "--until-idle")
    closing = 'exec "$@" <&- >&- 2>&-'
    done = subprocess.run(["sh", "-c", closing, "sh", *command], env=environment(None), timeout=300)
    assert (done.returncode, studio.states()) == (0, ["done"])
    assert studio.call("verify").returncode == 0


@pytest.mark.parametrize("raised", [KeyboardInterrupt, typer.Abort])
def test_who_interrupts_a_command_or_its_question_gets_130(raised: type[BaseException]) -> None:
    with pytest.raises(SystemExit) as ended, report_errors():
        raise raised
    assert ended.value.code == INTERRUPTED
