"""How all sets stand, in the parts that people see."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotfolder.control.board import Status
from hotfolder.jobs.states import ACTIVE, State
from hotfolder.telemetry.overview import ENDED, SETTLING, Line, Overview

HELD = "held"
WAITS = "waits"
SPECIAL = {
    HELD: Line("id", "inbox", "p", "room", "folder", SETTLING, held=True),
    WAITS: Line("id", "inbox", "p", "room", "folder", State.MERGING, waits=True),
}


def line(state: str, *, project: str = "p", updated_at: str = "") -> Line:
    return Line("id", "inbox", project, "room", "folder", state, updated_at=updated_at)


@pytest.mark.parametrize("state", [SETTLING, *SPECIAL, *sorted({*ACTIVE, *ENDED})])
def test_every_set_is_in_exactly_one_part(state: str) -> None:
    found = Status(Overview((SPECIAL.get(state) or line(state),), {}), Path())
    seen = found.seen
    parts = (seen.needing_person, seen.failed, seen.running, seen.waiting, found.finished)
    assert sum(len(part) for part in parts) == 1


def test_the_project_with_the_latest_picture_comes_first() -> None:
    times = {"a": "2026-05-04T10", "b": "2026-05-04T12", "c": "2026-05-04T11"}
    lines = [line(State.DONE, project=name, updated_at=at) for name, at in times.items()]
    lines.append(line(State.DONE, project="a", updated_at="2026-05-04T09"))
    found = Status(Overview(tuple(lines), {}), Path()).finished
    assert [(name, len(sets)) for name, sets in found.items()] == [("b", 1), ("c", 1), ("a", 2)]
