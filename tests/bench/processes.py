"""CPU time and memory of a process and its children, by Linux's accounting."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.support.processes import children_of

LIBC = ctypes.CDLL(None)
REPOSITORY = Path(__file__).parents[2]


class Measured:
    """A process under observation. After `stop`: `cpu_seconds` with its children's, `peak_bytes` of itself
    alone and `children_peak_bytes` of the largest child."""

    def __init__(
        self, command: Sequence[str], log: Path, *, ready: str, patience_seconds: float = 60
    ) -> None:
        """Start the process, and wait until its log says `ready`."""
        self.log = log
        self.peak_bytes = 0
        self.children_peak_bytes = 0
        self.cpu_seconds = 0.0
        self.exit_code: int | None = None
        self._stream = log.open("wb")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._stream,
            stderr=self._stream,
            env=environment(),
            cwd=tree(),
        )
        self._over = threading.Event()
        self._watching = threading.Thread(target=self._watch, daemon=True)
        self._watching.start()
        end = time.monotonic() + patience_seconds
        while ready not in log.read_text(errors="replace"):
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"it did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.02)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def cpu_so_far(self) -> float:
        """CPU seconds so far of the process and its living children."""
        return sum(cpu_seconds(pid) for pid in (self.pid, *children_of(self.pid)))

    def stop(self, patience_seconds: float = 30) -> None:
        """Send SIGTERM, wait, and take the measurements."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._over.set()
        self._watching.join()
        self._process.send_signal(signal.SIGTERM)
        try:
            self.exit_code = self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.exit_code = self._process.wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.exit_code is None:
            self.stop()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self.peak_bytes = max(self.peak_bytes, peak_bytes(self.pid))
            for child in children_of(self.pid):
                self.children_peak_bytes = max(self.children_peak_bytes, peak_bytes(child))


def peak_bytes(pid: int) -> int:
    """The peak of its resident memory; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def cpu_seconds(pid: int) -> float:
    """CPU seconds by the scheduler's clock, ended threads included: the ticks in /proc are 10 ms, more than
    an idle process uses in seconds. 0 once it is gone."""
    number = ctypes.c_int()
    if LIBC.clock_getcpuclockid(pid, ctypes.byref(number)) != 0:
        return 0.0
    try:
        return time.clock_gettime(number.value)
    except OSError:
        return 0.0


def environment() -> Mapping[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("HOTFOLDER_", "STAGER_"))
    }
    path = os.pathsep.join((str(tree()), str(REPOSITORY)))
    return {**kept, "PYTHONPATH": path, "STAGER_API_KEY": "any-key"}


def tree() -> Path:
    """The checkout whose hotfolder is measured."""
    return Path(os.environ.get("HOTFOLDER_BENCH_TREE", REPOSITORY))
