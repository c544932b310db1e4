"""Hours of the day, by local time."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from hotfolder.rules.hours import Span, opens_at, parse_span

NIGHT = (parse_span("22:00-06:00"),)
BERLIN = ZoneInfo("Europe/Berlin")


def at(clock: str, day: int = 4) -> datetime:
    return datetime.combine(datetime(2026, 5, day), time.fromisoformat(clock), BERLIN)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("clock", "opens"),
    [
        ("21:59", "22:00"),
        ("22:00", None),
        ("23:59", None),
        ("00:00", None),
        ("05:59", None),
        ("06:00", "22:00"),
    ],
)
def test_over_midnight(clock: str, opens: str | None) -> None:
    assert opens_at(NIGHT, at(clock)) == (time.fromisoformat(opens) if opens else None)


def test_the_nearest_of_several_spans_is_told_and_none_at_all_is_always() -> None:
    spans = (parse_span("22:00-06:00"), parse_span("12:00 - 13:00"))
    assert [opens_at(spans, at(clock)) for clock in ("09:00", "12:30", "13:00")] == [time(12), None, time(22)]
    assert opens_at((), at("09:00")) is None


def test_up_to_midnight_and_the_whole_day() -> None:
    assert opens_at((parse_span("20:00-24:00"),), at("23:59")) is None
    assert opens_at((parse_span("20:00-24:00"),), at("00:00")) == time(20)
    assert opens_at((parse_span("00:00-24:00"),), at("12:00")) is None


@pytest.mark.parametrize("text", ["22-6", "", "25:00-06:00", "22:60-06:00", "06:00-06:00", "22:00-24:01"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no span|no clock shows|begins when it ends"):
        parse_span(text)


@pytest.mark.parametrize(
    ("night", "minutes"), [("2026-03-28", 7 * 60), ("2026-06-01", 8 * 60), ("2026-10-24", 9 * 60)]
)
def test_when_the_clocks_change_the_wall_clock_counts(night: str, minutes: int) -> None:
    """The night of spring is an hour shorter, that of autumn an hour longer; it ends at six local time."""
    began = datetime.fromisoformat(f"{night}T22:00").replace(tzinfo=BERLIN).astimezone(UTC)
    open_minutes = 0
    while opens_at(NIGHT, (began + timedelta(minutes=open_minutes)).astimezone(BERLIN)) is None:
        open_minutes += 1
    assert open_minutes == minutes


def test_a_span_reads_as_it_was_written() -> None:
    assert str(parse_span("9:05–17:30")) == "09:05-17:30" and str(Span(0, 1440)) == "00:00-24:00"
