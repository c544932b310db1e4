"""Fast processes of hotfolder: they are forked from a server that has imported hotfolder already.

They differ from processes started with `python -m` in their command line in /proc and in their start time.
Tests of either start a real process instead (`really=True`).
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "hotfolder.cli.app",
        "hotfolder.cli.actions",
        "hotfolder.cli.page",
        "hotfolder.cli.run",
        "hotfolder.cli.status",
        "hotfolder.cli.upkeep",
        "hotfolder.page.app",
        "hotfolder.page.site",
        # Modules that these import later.
        "alembic.autogenerate",
        "alembic.command",
        "anyio._backends._asyncio",
        "httpcore",
        "PIL.JpegImagePlugin",
        "PIL.PngImagePlugin",
        "sqlalchemy.ext.compiler",
        # `python -m pytest -n 0` imports its main module in each process.
        "pytest",
    ]
)
ASKING = threading.Lock()
"""Held while a process is started or polled: multiprocessing polls all of them at each start."""


class Forked:
    """A process that calls `target`, with the interface of `subprocess.Popen`."""

    def __init__(self, target: Callable[..., object], *arguments: object) -> None:
        self._process = SERVER.Process(target=target, args=arguments, daemon=True)
        with ASKING:
            self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        with ASKING:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        wait([self._process.sentinel], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@dataclass
class Inherited:
    """An open file, which gets another number in the process that it is passed to."""

    number: int

    def __getstate__(self) -> Any:
        return DupFd(self.number)

    def __setstate__(self, told: Any) -> None:
        self.number = told.detach()


def fork(
    command: Sequence[str],
    *,
    stdout: IO[bytes],
    stderr: IO[bytes],
    env: Mapping[str, str],
    stdin: IO[bytes] | None = None,
) -> Forked:
    """Start a process as `subprocess.Popen` does; `command` begins with this Python and `-m`."""
    assert command[:2] == [sys.executable, "-m"], command
    with Path(os.devnull).open("rb") as nothing:
        files = [Inherited(file.fileno()) for file in (stdin or nothing, stdout, stderr)]
        return Forked(become, command[2:], dict(env), Path.cwd(), files)


def become(words: Sequence[str], env: Mapping[str, str], folder: Path, files: Sequence[Inherited]) -> None:
    """Turn this process into `python -m` with these words."""
    for number, file in enumerate(files):
        os.dup2(file.number, number)
        os.close(file.number)
    sys.stdin = open(0)  # noqa: SIM115 - multiprocessing has given it none
    as_new()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    module, *sys.argv[1:] = words
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def as_new() -> None:
    """Make this process count as one that was not forked."""
    gc.freeze()  # imported modules stay shared with the other processes
    starts_now()


def starts_now() -> None:
    """Make this process count as started now, after all files that exist."""
    from hotfolder.outbox import linking

    linking.PROCESS_STARTED_NS = time.time_ns()


def run(
    command: Sequence[str], *, env: Mapping[str, str], timeout: float = 180, input: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run such a command as `subprocess.run` does, with its output captured."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as words:
        words.write(input.encode())
        words.seek(0)
        process = fork(command, stdout=out, stderr=err, env=env, stdin=words)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode())
    return subprocess.CompletedProcess(command, code, *texts)
