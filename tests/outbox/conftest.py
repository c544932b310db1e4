"""Real crashes and real mounts: a child that is killed at a chosen line, and a mount namespace of our own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import hotfolder.outbox
from hotfolder.outbox import linking
from hotfolder.outbox.sharing import Sharing

SOURCES = str(Path(hotfolder.outbox.__file__).parent)
CHECKOUT = str(Path(hotfolder.outbox.__file__).parents[2])


@pytest.fixture
def shared(tmp_path: Path) -> Sharing:
    return Sharing.of(tmp_path)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder where making things durable costs nothing, and on another disk than `tmp_path` if there are
    two; else `tmp_path` itself."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def other_disk(memory: Path, tmp_path: Path) -> Path:
    """A folder on another file system than `tmp_path`."""
    if memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second writable file system")
    return memory


@pytest.fixture(params=linking.WAYS, ids=lambda way: way.__name__)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> linking.Way:
    """Each way of renaming in turn, as if the file system knew no other."""
    monkeypatch.setattr(linking, "WAYS", (request.param,))
    chosen: linking.Way = request.param
    return chosen


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], object]], bool]:
    """`killed_at(n, call)`: run `call` in a child that gets SIGKILL before the nth line of the outbox.

    True if it was killed, False if it ended before. Afterwards this process counts as started anew.
    """

    def run(nth: int, call: Callable[[], object]) -> bool:
        child = os.fork()
        if child == 0:
            run_to_line(nth, call)
        _, outcome = os.waitpid(child, 0)
        assert outcome in (0, signal.SIGKILL), "the call itself failed in the child"
        monkeypatch.setattr(linking, "PROCESS_STARTED_NS", time.time_ns() + 20_000_000)
        return outcome == signal.SIGKILL

    return run


def run_to_line(nth: int, call: Callable[[], object]) -> None:
    lines = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        if not frame.f_code.co_filename.startswith(SOURCES):
            return None
        if event == "line":
            lines += 1
            if lines == nth:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    try:
        sys.settrace(trace)
        call()
        os._exit(0)
    finally:
        os._exit(1)


@pytest.fixture
def with_mounts(tmp_path: Path) -> Callable[[str, str], str]:
    """`with_mounts(mounts, script)`: run shell `mounts`, then Python `script`, in a mount namespace of their
    own; both start in `tmp_path`. The script's output. Skips where the machine doesn't permit it."""

    def run(mounts: str, script: str) -> str:
        if shutil.which("unshare") is None:
            pytest.skip("needs unshare(1)")
        command = f'{mounts}\n: > mounted\nexec "$0" -c "$1"'
        done = subprocess.run(
            ["unshare", "-m", "sh", "-e", "-c", command, sys.executable, script],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": CHECKOUT},
        )
        if not (tmp_path / "mounted").exists():
            pytest.skip(f"may not mount here: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
