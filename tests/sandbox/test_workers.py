"""The server survives the death of its worker processes."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from hotfolder.sandbox.imageworkers import TaskFailed, WorkQueue
from hotfolder.sandbox.settings import SandboxSettings
from tests.sandbox.conftest import SKY, Caller, Start
from tests.support.processes import children_of
from tests.support.studio import until, wait_for


def test_a_worker_that_dies_by_itself_fails_its_merge_only(caller: Caller) -> None:
    """The group says failed and why; the next merge gets a new worker."""
    broken = caller.wait(caller.merge(caller.jpeg((1, 1, 1))))
    assert broken["status"] == "failed"
    assert "worker process died" in broken["error"]
    assert caller.wait(caller.merge())["status"] == "completed"


def test_a_worker_killed_from_outside_fails_its_merge(start: Start) -> None:
    """The system's out-of-memory killer does this."""
    others = set(children_of(os.getpid()))
    with start(task_timeout_seconds=20, engine="bad_engine") as caller:
        group = caller.merge()
        for pid in wait_for(lambda: set(children_of(os.getpid())) - others):
            os.kill(pid, signal.SIGKILL)
        assert caller.wait(group)["status"] == "failed"
        assert caller.project()


def test_work_that_takes_too_long_is_ended(start: Start) -> None:
    """The time limit fails the merge."""
    with start(task_timeout_seconds=0.5, engine="bad_engine") as caller:
        answer = caller.wait(caller.merge())
        assert answer["status"] == "failed"
        assert "longer than 0.5 seconds" in answer["error"]


@pytest.mark.parametrize("missing", ["missing_engine", "plain_engine:missing"])
def test_a_broken_operation_is_a_500_with_a_reason(start: Start, missing: str) -> None:
    """It is the only answer about an error of the sandbox itself."""
    with start(engine=missing) as caller:
        answer = caller.post(f"/api/images/{caller.image()}/sky-replace", SKY)
        assert answer.status_code == 500
        assert f"the engine {missing} can't be loaded" in answer.json()["error"]


def test_the_server_answers_while_work_is_done(start: Start) -> None:
    """A slow operation delays no other request."""
    with start(merge_delay_seconds=60) as caller:
        group = caller.merge()
        for _ in range(10):
            caller.project()
        assert caller.status(group)["status"] == "processing"


async def test_memory_is_bounded(settings: SandboxSettings, tmp_path: Path) -> None:
    """A task beyond the bound fails with a sentence, and the worker continues."""
    queue = WorkQueue(replace(settings, engine="bad_engine", worker_memory_bytes=600 * 1024**2))
    try:
        with pytest.raises(TaskFailed, match="memory doesn't suffice"):
            await queue.run("stage", source="-", target=tmp_path / "a.png", wanted_bytes=2 * 1024**3)
        assert await queue.run("stage", source="-", target=tmp_path / "a.png", wanted_bytes=1024) == (2, 3)
    finally:
        queue.stop()


async def test_a_cancelled_task_takes_its_worker_along(settings: SandboxSettings, tmp_path: Path) -> None:
    """Its late answer must not be taken for the next task's."""
    queue = WorkQueue(replace(settings, engine="bad_engine"))
    others = set(children_of(os.getpid()))
    task = asyncio.create_task(queue.run("merge", photos=[], target=tmp_path / "a.jpg"))
    await until((tmp_path / "a.jpg").exists)
    mine = set(children_of(os.getpid())) - others
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not mine & set(children_of(os.getpid())))
