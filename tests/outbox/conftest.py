"""Real kills and mounts: a child that is killed at a chosen line, and a mount namespace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import hotfolder.outbox
from hotfolder.outbox import linking
from hotfolder.outbox.files import Sharing

SOURCES = str(Path(hotfolder.outbox.__file__).parent)
Killed = Callable[[int, Callable[[], object]], bool]
CHECKOUT = str(Path(hotfolder.outbox.__file__).parents[2])


@pytest.fixture
def shared(tmp_path: Path) -> Sharing:
    return Sharing.of(tmp_path)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where fsync is free, on another disk than `tmp_path` if possible; else
    `tmp_path`."""
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
    """Each way of renaming in turn, as if the file system had no other."""
    monkeypatch.setattr(linking, "WAYS", (request.param,))
    chosen: linking.Way = request.param
    return chosen


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> Killed:
    """`killed_at(n, call)`: runs `call` in a child that gets SIGKILL before the nth line of the outbox.

    True if it was killed, False if it ended before. Afterwards this process counts as started anew.
    """

    def run(nth: int, call: Callable[[], object]) -> bool:
        def kill(line: int) -> None:
            if line == nth:
                os.kill(os.getpid(), signal.SIGKILL)

        child = os.fork()
        if child == 0:
            try:
                traced(call, kill)
                os._exit(0)
            finally:
                os._exit(1)
        _, outcome = os.waitpid(child, 0)
        assert outcome in (0, signal.SIGKILL), "the call itself failed in the child"
        monkeypatch.setattr(linking, "PROCESS_STARTED_NS", time.time_ns() + 20_000_000)
        return outcome == signal.SIGKILL

    return run


def lines_that_matter(prepared: Callable[[str], Callable[[], object]], *watched: Path) -> list[int]:
    """The outbox's lines, counted from 1, before which something below `watched` has changed, the first, and
    the one after the last.

    A kill at another line leaves the same disk as one at the line before. `prepared(name)` makes a call with
    files of that name.
    """
    looks: list[list[tuple[object, ...]]] = []

    def look(line: int) -> None:
        looks.append([disk_state(path) for folder in watched for path in sorted(folder.rglob("*"))])

    traced(prepared("first"), lambda line: None)  # caches of this process are filled by the first call
    traced(prepared("watched"), look)
    assert len(looks) > 20, "the trace saw too few lines to mean anything"
    changed = [line + 2 for line, (before, after) in enumerate(pairwise(looks)) if before != after]
    return [1, *changed, len(looks) + 1]


def disk_state(path: Path) -> tuple[object, ...]:
    seen = path.lstat()
    return (path, seen.st_ino, seen.st_mode, seen.st_nlink, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)


def traced(call: Callable[[], object], at_line: Callable[[int], None]) -> None:
    """Run `call`, with `at_line(n)` before its nth line of the outbox."""
    lines = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        if not frame.f_code.co_filename.startswith(SOURCES):
            return None
        if event == "line":
            lines += 1
            at_line(lines)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)


@pytest.fixture
def with_mounts(tmp_path: Path) -> Callable[[str, str], str]:
    """`with_mounts(mounts, script)`: runs shell `mounts`, then Python `script`, in a mount namespace; both
    start in `tmp_path`. Returns the script's output. Skips where the machine doesn't permit it."""

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
