"""How all sets stand, in the parts that people see."""

from __future__ import annotations

import pytest

from hotfolder.control.status import Status
from hotfolder.jobs.states import ACTIVE, State
from hotfolder.telemetry.overview import ENDED, SETTLING, Line, Overview

HELD = "held"


def line(state: str, *, held: bool = False, project: str = "p", updated_at: str = "") -> Line:
    return Line("id", "inbox", project, "room", "folder", state, held=held, updated_at=updated_at)


@pytest.mark.parametrize("state", [SETTLING, HELD, *sorted({*ACTIVE, *ENDED})])
def test_every_set_is_in_exactly_one_part(state: str) -> None:
    found = Status(Overview((line(SETTLING, held=True) if state == HELD else line(state),), {}))
    seen = found.seen
    parts = (seen.needing_person, seen.failed, seen.running, seen.waiting, found.finished)
    assert sum(len(part) for part in parts) == 1


def test_the_project_with_the_latest_picture_comes_first() -> None:
    times = {"a": "2026-05-04T10", "b": "2026-05-04T12", "c": "2026-05-04T11"}
    lines = [line(State.DONE, project=name, updated_at=at) for name, at in times.items()]
    lines.append(line(State.DONE, project="a", updated_at="2026-05-04T09"))
    found = Status(Overview(tuple(lines), {})).finished
    assert [(name, len(sets)) for name, sets in found.items()] == [("b", 1), ("c", 1), ("a", 2)]
