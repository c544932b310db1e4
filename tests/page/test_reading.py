"""The reading of photos for the page."""

from __future__ import annotations

import asyncio
import time

import pytest

from hotfolder.control.explain import Look
from hotfolder.page import reading
from hotfolder.page.reading import PhotoReader


async def test_work_that_is_late_each_time_is_done_once_and_taken_by_the_next_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with a shoot of thousands of photos: its page said for ever that they are being read."""
    monkeypatch.setattr(reading, "SOON_SECONDS", 0.05)
    monkeypatch.setattr(reading, "KEPT_SECONDS", 1.0)
    reader, times = PhotoReader(), []

    def work(_: Look) -> int:
        time.sleep(0.2)
        times.append(1)
        return len(times)

    try:
        assert await reader.soon("shoot", work) is None
        await asyncio.sleep(0.4)
        assert await reader.soon("shoot", work) == 1
        assert await reader.soon("shoot", work) is None  # it is asked for anew
        await asyncio.sleep(1.5)
        assert await reader.soon("shoot", work) is None  # too long ago
        assert len(times) == 2
        await asyncio.sleep(0.4)
    finally:
        await reader.close()
