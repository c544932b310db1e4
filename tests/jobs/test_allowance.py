"""When a day of the budget begins."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from hotfolder.jobs.budget import midnight


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process in a zone that changes its clocks, spelt out so that no database of zones is needed."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("now", "began"),
    [
        ("2026-05-04T12:00", "2026-05-03T22:00"),
        ("2026-05-03T22:00", "2026-05-03T22:00"),
        ("2026-05-03T21:59", "2026-05-02T22:00"),
        # Clocks go forward on 29 March and back on 25 October: midnight has the hours before.
        ("2026-03-29T10:00", "2026-03-28T23:00"),
        ("2026-10-25T22:30", "2026-10-24T22:00"),
    ],
)
def test_a_day_begins_at_the_midnight_of_this_place(now: str, began: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert midnight(at).astimezone(UTC) == datetime.fromisoformat(began).replace(tzinfo=UTC)
