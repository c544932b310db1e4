"""How errors are printed, and where."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hotfolder.cli.output import USAGE, WORLD_BAD, errors_told
from hotfolder.cli.status import history_lines
from hotfolder.errors import LocalTrouble
from hotfolder.jobs.model import Job
from hotfolder.outbox.faults import SOON, SPACE
from hotfolder.patience import no_answer
from hotfolder.telemetry.history import HistoryEntry, JobHistory
from hotfolder.telemetry.overview import line_of
from tests.support.studio import environment

pytestmark = pytest.mark.long


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


@pytest.mark.parametrize("hint", [SPACE, SOON, no_answer(Path("/share")).hint])
def test_a_command_that_ended_says_so_where_its_hint_speaks_of_what_continues_by_itself(
    hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, errors_told():
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
