"""Processes of hotfolder without the price of its imports: one that has imported it already forks them.

Such a process is as one that was just started with `python -m`, but for its command line in /proc and for the
time that it takes to begin. What is about either starts a real one.
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
        # What these import once they need it.
        "alembic.autogenerate",
        "alembic.command",
        "anyio._backends._asyncio",
        "httpcore",
        "PIL.JpegImagePlugin",
        "PIL.PngImagePlugin",
        "sqlalchemy.ext.compiler",
        # What runs `python -m pytest -n 0` is imported in each process.
        "pytest",
    ]
)
ASKING = threading.Lock()
"""Held while a process is begun or looked at: multiprocessing looks at all whenever it begins one."""


class Forked:
    """A process that calls `target`. Of it is known what `subprocess.Popen` knows of its own."""

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
    """An open file, which is known by another number in the process that it is given to."""

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
    """Do what `subprocess.Popen` does with a `command` that begins with this Python and `-m`."""
    assert command[:2] == [sys.executable, "-m"], command
    with Path(os.devnull).open("rb") as nothing:
        files = [Inherited(file.fileno()) for file in (stdin or nothing, stdout, stderr)]
        return Forked(become, command[2:], dict(env), Path.cwd(), files)


def become(words: Sequence[str], env: Mapping[str, str], folder: Path, files: Sequence[Inherited]) -> None:
    """What `python -m` would make of these words."""
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
    """Let this process pass for one that was not forked."""
    gc.freeze()  # what was imported stays shared with the others
    starts_now()


def starts_now() -> None:
    """Let this process pass for one that began after whatever was left behind until now."""
    from hotfolder.outbox import linking

    linking.PROCESS_STARTED_NS = time.time_ns()


def run(
    command: Sequence[str], *, env: Mapping[str, str], timeout: float = 180, input: str = ""
) -> subprocess.CompletedProcess[str]:
    """Do what `subprocess.run` does with such a command, its texts captured."""
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
