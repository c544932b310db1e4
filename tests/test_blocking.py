"""Threads that hang on a share block no others, and aren't waited for at the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotfolder import blocking
from hotfolder.blocking import FileTimeout, call_in_thread, call_within, join_threads
from hotfolder.daemon import reporter
from hotfolder.pictures import decoder
from hotfolder.sandbox import embedded

SHARE = Path("/mnt/share")


@pytest.fixture
def hung() -> Iterator[threading.Event]:
    """What is stuck waits for this."""
    answer = threading.Event()
    yield answer
    answer.set()
    assert not join_threads(10)


async def test_however_many_are_stuck_the_next_is_answered(
    hung: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking, "FILE_TIMEOUT_SECONDS", 0.1)
    stuck = [call_in_thread(SHARE, hung.wait) for _ in range(100)]
    answers = await asyncio.gather(*stuck, return_exceptions=True)
    assert {type(answer) for answer in answers} == {FileTimeout}
    monkeypatch.setattr(blocking, "FILE_TIMEOUT_SECONDS", 60)
    assert await call_in_thread(SHARE, len, "four") == 4


async def test_whoever_asks_a_share_that_hangs_is_told_so(
    hung: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking, "FILE_TIMEOUT_SECONDS", 0.1)
    with pytest.raises(FileTimeout, match="/mnt/share doesn't answer"):
        await call_in_thread(SHARE, hung.wait)
    with pytest.raises(FileTimeout, match="/mnt/share doesn't answer"):
        call_within(SHARE, hung.wait, 0.1)


def test_an_event_loop_ends_while_a_thread_hangs_and_that_can_be_told(
    hung: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking, "FILE_TIMEOUT_SECONDS", 0.1)
    with pytest.raises(FileTimeout):
        asyncio.run(call_in_thread(SHARE, hung.wait))
    assert join_threads(0.1)
    hung.set()
    assert not join_threads(10)


async def test_answers_and_errors_are_passed_on() -> None:
    assert await call_in_thread(SHARE, len, "four") == 4
    assert call_within(SHARE, lambda: 4) == 4
    with pytest.raises(TimeoutError, match="timed out"):
        await call_in_thread(SHARE, fail, TimeoutError(110, "Connection timed out"))
    with pytest.raises(FileNotFoundError):
        call_within(SHARE, lambda: fail(FileNotFoundError(2, "gone")))


def fail(error: Exception) -> None:
    raise error


def test_what_a_stop_may_wait_for_where_a_share_hangs_is_less_than_ten_seconds() -> None:
    """The decoder's child, pages being written, the sandbox and threads are stopped one after the other."""
    each = (decoder.END_SECONDS, reporter.STOP_SECONDS, embedded.STOP_SECONDS, blocking.JOIN_SECONDS)
    assert sum(each) < 10
