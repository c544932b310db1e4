"""Spans of the day, in local time, in which photos may be uploaded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

SPAN = re.compile(r"\s*(\d{1,2}):(\d{2})\s*(?:-|–|to)\s*(\d{1,2}):(\d{2})\s*")
DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open span of the day, in minutes since midnight; it crosses midnight where `end` is before
    `start`.

    It is a span of local time: an hour that is repeated when daylight saving time ends is in it twice, one
    that is skipped when it begins isn't.
    """

    start: int
    end: int

    def contains(self, minute: int) -> bool:
        """Whether this minute of the day (since midnight) is in the span."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def __str__(self) -> str:
        return f"{_clock(self.start)}-{_clock(self.end)}"


Hours = tuple[Span, ...]
"""An empty tuple means always."""


def parse_span(text: str) -> Span:
    """Parse a span like `22:00-06:00`. Raises ValueError with a sentence for people."""
    found = SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" is no span of hours; write it like "22:00-06:00"')
    hours = [int(found[1]), int(found[3])]
    minutes = [int(found[2]), int(found[4])]
    start, end = (60 * hour + minute for hour, minute in zip(hours, minutes, strict=True))
    if start >= DAY_MINUTES or end > DAY_MINUTES or max(minutes) > 59:
        raise ValueError(f'"{text}" has a time that no clock shows')
    if start == end:
        raise ValueError(f'"{text}" begins when it ends; leave it out for the whole day')
    return Span(start, end % DAY_MINUTES if end != DAY_MINUTES or start else DAY_MINUTES)


def opens_at(hours: Sequence[Span], local: datetime) -> time | None:
    """The time at which the next span begins; None where `local` (local time) is in one or there is none."""
    minute = 60 * local.hour + local.minute
    if not hours or any(span.contains(minute) for span in hours):
        return None
    start = min((span.start for span in hours), key=lambda start: (start - minute) % DAY_MINUTES)
    return time(start // 60, start % 60)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
