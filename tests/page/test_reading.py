"""The reading of photos for the page."""

from __future__ import annotations

import asyncio
import threading

import pytest

from hotfolder.control.explain import Look
from hotfolder.page import reading
from hotfolder.page.reading import PhotoReader
from tests.support.studio import PATIENCE_SECONDS, until


async def test_work_that_is_late_each_time_is_done_once_and_taken_by_the_next_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with a shoot of thousands of photos: its page said for ever that they are being read."""
    reader, times, may_end = PhotoReader(), list[int](), threading.Event()

    def work(_: Look) -> int:
        may_end.wait(PATIENCE_SECONDS)
        times.append(1)
        return len(times)

    async def late(kept_seconds: float) -> bool:
        """Whether the work, which ends only then, is late."""
        monkeypatch.setattr(reading, "SOON_SECONDS", 0.05)
        monkeypatch.setattr(reading, "KEPT_SECONDS", kept_seconds)
        may_end.clear()
        found = await reader.soon("shoot", work)
        may_end.set()
        await until(lambda: not reader._running)
        return found is None

    try:
        assert await late(kept_seconds=PATIENCE_SECONDS)
        assert await reader.soon("shoot", work) == 1
        assert await late(kept_seconds=0.05)  # it is asked for anew
        await asyncio.sleep(0.1)
        assert await late(kept_seconds=0.05)  # the result before was too long ago
        assert len(times) == 3
    finally:
        await reader.close()
