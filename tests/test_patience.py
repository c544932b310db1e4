"""Threads that are stuck on a share take nothing from the others, and nobody waits for them at the end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotfolder import patience
from hotfolder.patience import USUAL_THREADS, NoAnswer, Threads, at_once, patiently

SHARE = Path("/mnt/share")


@pytest.fixture
def hung() -> Iterator[threading.Event]:
    """What is stuck waits for this."""
    answer = threading.Event()
    yield answer
    answer.set()


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threads:
    monkeypatch.setattr(patience, "LATE_SECONDS", 0.05)
    return Threads()


def test_however_many_are_stuck_there_is_one_for_the_next(threads: Threads, hung: threading.Event) -> None:
    for _ in range(3 * USUAL_THREADS):
        threads.submit(hung.wait)
        if len(threads._threads) >= USUAL_THREADS:
            time.sleep(0.06)
    assert threads.submit(lambda: "done").result(10) == "done"
    assert threads.stuck()


def test_as_long_as_none_is_stuck_there_are_only_a_few(threads: Threads) -> None:
    for future in [threads.submit(str) for _ in range(500)]:
        future.result(10)
    assert len(threads._threads) <= USUAL_THREADS
    assert not threads.stuck()


def test_the_end_waits_for_what_ends_and_not_for_what_is_stuck(
    threads: Threads, hung: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "LAST_SECONDS", 0.3)
    slow = threads.submit(time.sleep, 0.1)
    threads.submit(hung.wait)
    threads.shutdown()
    assert slow.done() and threads.stuck()


async def test_whoever_asks_a_share_that_hangs_is_told_so(
    hung: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.1)
    asyncio.get_running_loop().set_default_executor(Threads())
    with pytest.raises(NoAnswer, match="/mnt/share doesn't answer"):
        await patiently(SHARE, hung.wait)
    with pytest.raises(NoAnswer, match="/mnt/share doesn't answer"):
        at_once(SHARE, hung.wait, 0.1)
    hung.set()


async def test_answers_and_errors_are_passed_on() -> None:
    assert await patiently(SHARE, len, "four") == 4
    assert at_once(SHARE, lambda: 4) == 4
    with pytest.raises(TimeoutError):
        await patiently(SHARE, fail, TimeoutError(110, "Connection timed out"))
    with pytest.raises(FileNotFoundError):
        at_once(SHARE, lambda: fail(FileNotFoundError(2, "gone")))


def fail(error: Exception) -> None:
    raise error
