"""Processes of hotfolder without the price of its imports: one that has imported it already forks them.

Such a process is as one that was just started with `python -m`, but for its command line in /proc and for the
time that it takes to begin. What is about either starts a real one.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, NoReturn

REPOSITORY = Path(__file__).parents[2]
IMPORTED = (
    "hotfolder.cli.app",
    "hotfolder.cli.actions",
    "hotfolder.cli.page",
    "hotfolder.cli.run",
    "hotfolder.cli.status",
    "hotfolder.cli.upkeep",
    "hotfolder.page.server",
    "hotfolder.page.site",
)
MOST_BYTES = 1 << 20
ASKING = threading.Lock()


class Forked:
    """One such process, of which is known what `subprocess.Popen` knows of its own."""

    def __init__(self, pid: int, ended: int) -> None:
        """`ended` is the pipe through which its exit code comes."""
        self.pid = pid
        self.returncode: int | None = None
        self._ended = os.fdopen(ended, "rb")

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._ended], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            self.returncode = int(self._ended.read())
            self._ended.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


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
    request = {"words": command[2:], "env": dict(env), "cwd": str(Path.cwd())}
    reading, writing = os.pipe()
    with Path(os.devnull).open("rb") as nothing:
        files = [*(file.fileno() for file in (stdin or nothing, stdout, stderr)), writing]
        with ASKING:
            channel = forker()
            socket.send_fds(channel, [json.dumps(request).encode()], files)
            pid = int(channel.recv(100))
    os.close(writing)
    return Forked(pid, reading)


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


@cache
def forker() -> socket.socket:
    """The end of the process that forks which takes requests; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forking", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            cwd=REPOSITORY,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def serve(channel: socket.socket) -> dict[str, Any] | None:
    """Fork whatever is asked for, and tell how it ended. Returns in each child, with its request."""
    living: dict[int, int] = {}
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([channel, woken], [], [])
        if woken in ready:
            os.read(woken, 1000)
            tell_of_the_dead(living)
        if channel not in ready:
            continue
        message, files, _, _ = socket.recv_fds(channel, MOST_BYTES, 4)
        if not message:
            return None
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number, file in enumerate(files[:3]):
                os.dup2(file, number)
            for file in (*files, *living.values(), woken, wakes):
                os.close(file)
            channel.close()
            request: dict[str, Any] = json.loads(message)
            return request
        living[pid] = files[3]
        for file in files[:3]:
            os.close(file)
        channel.send(str(pid).encode())


def tell_of_the_dead(living: dict[int, int]) -> None:
    while living:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with suppress(BrokenPipeError):
            os.write(living[pid], str(os.waitstatus_to_exitcode(status)).encode())
        os.close(living.pop(pid))


def become(request: dict[str, Any]) -> NoReturn:
    """What `python -m` would make of these words."""
    from hotfolder.outbox import linking

    linking.PROCESS_STARTED_NS = time.time_ns()
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    module, *sys.argv[1:] = request["words"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit()


def main() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # what is imported stays shared with the children
    request = serve(socket.socket(fileno=int(sys.argv[1])))
    if request is not None:
        become(request)


if __name__ == "__main__":
    main()
