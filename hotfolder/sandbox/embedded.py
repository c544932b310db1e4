"""The sandbox as a child process of the daemon. Standard library only, so that importing it is cheap."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import selectors
import shlex
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from hotfolder.sandbox.settings import SandboxError, SandboxSettings

LOG_NAME = "sandbox.log"
EXTRA_MODULES = ("fastapi", "fontpkg_inter", "uvicorn", "python_multipart", "numpy", "cv2")
LOG_TAIL_BYTES = 2000
STOP_SECONDS = 4.0


def missing_extra() -> None:
    """Raise SandboxError, with the command to install them, where optional dependencies are missing."""
    missing = [name for name in EXTRA_MODULES if importlib.util.find_spec(name) is None]
    if missing:
        raise SandboxError(
            f"the sandbox needs packages that are not installed ({', '.join(missing)});"
            " install them, in the folder with hotfolder's pyproject.toml:"
            f" {shlex.quote(str(Path(sys.prefix, 'bin', 'pip')))} install '.[sandbox]'"
        )


def python_command(module: str, *arguments: str) -> list[str]:
    """A command line that runs `module`'s `main()` under this interpreter and this process's module path."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from {module} import main; sys.exit(main())"
    return [sys.executable, "-c", code, *arguments]


class EmbeddedSandbox:
    """The child process: call `start` and `stop`, or use `with`. It also ends when this process dies.

    It has its own session, so that Ctrl-C in the terminal doesn't reach it while its parent still drains.
    """

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._child: subprocess.Popen[bytes] | None = None
        self.api_base_url = ""
        self.storage_base_url = ""

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def start(self, timeout_seconds: float = 60) -> tuple[str, str]:
        """Start it and block until it answers. Returns (API base URL, storage `host:port`).

        Raises SandboxError where packages are missing, and, with the tail of the child's log, when it ends or
        doesn't answer in time.
        """
        missing_extra()
        data = self._settings.data
        data.mkdir(parents=True, exist_ok=True)
        command = python_command("hotfolder.sandbox.__main__", "--embedded")
        with (data / LOG_NAME).open("ab") as log:
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        try:
            line = self._first_line(self._child, timeout_seconds)
        except BaseException:
            self.stop()
            raise
        addresses = json.loads(line)
        self.api_base_url, self.storage_base_url = addresses["api"], addresses["storage"]
        return self.api_base_url, urlsplit(self.storage_base_url).netloc

    def stop(self) -> None:
        """Stop the child; kill it after STOP_SECONDS. A merge in progress is repeated at the next start."""
        child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None and child.stdout is not None
        child.stdin.close()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _first_line(self, child: subprocess.Popen[bytes], timeout_seconds: float) -> bytes:
        """Send all settings to the child's standard input, since everybody on the machine can read a command
        line; returns the first line of its answer."""
        assert child.stdin is not None and child.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # a child that has died is met below
            child.stdin.write(json.dumps(asdict(self._settings), default=str).encode() + b"\n")
            child.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            ready = selector.select(timeout_seconds)
        if not ready:
            raise SandboxError(
                f"the sandbox didn't answer within {timeout_seconds:g} seconds{self._log_tail()}"
            )
        line = child.stdout.readline()
        if not line:
            code = child.wait()
            raise SandboxError(f"the sandbox ended at once (exit code {code}){self._log_tail()}")
        return line

    def _log_tail(self) -> str:
        path = self._settings.data / LOG_NAME
        text = path.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()
        return f"; the end of {path}:\n{text}" if text else f"; {path} says nothing"
