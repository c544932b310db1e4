"""A lane: one worker process, one task at a time, made anew whenever it has died."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from typing import Any

from hotfolder.sandbox.launch import python_command
from hotfolder.sandbox.settings import SandboxSettings

STOPPED = "the sandbox was stopped"


class TaskRefused(Exception):
    """The engine can't do this honestly with this picture. The message is for the caller."""


class TaskFailed(Exception):
    """The work broke or its process died. The message says how."""


@dataclass(frozen=True)
class Done:
    """The picture that was made, in pixels as seen."""

    width: int
    height: int


class Lane:
    """Starts its process at the first task. Belongs to one event loop."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._work: asyncio.Future[dict[str, Any]] | None = None
        self._stopped = False

    @property
    def pid(self) -> int | None:
        """The worker's process id, None when there is none."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def run(self, task: str, *, at_least_seconds: float = 0, **arguments: Any) -> Done:
        """Do `task` after those asked before it. Raises TaskRefused or TaskFailed; paths go as strings."""
        async with self._turn:
            if self._stopped:
                raise TaskFailed(STOPPED)
            request = {"task": task, "arguments": arguments}
            self._work = asyncio.ensure_future(self._perform(request, at_least_seconds))
            try:
                answer = await self._work
            except asyncio.CancelledError:
                if self._stopped:
                    raise TaskFailed(STOPPED) from None
                raise
        if "refused" in answer:
            raise TaskRefused(answer["refused"])
        if "failed" in answer:
            raise TaskFailed(answer["failed"])
        return Done(answer["width"], answer["height"])

    async def stop(self) -> None:
        """Fail the task at work and those that wait, now, and take no more."""
        self._stopped = True
        if self._work is not None:
            self._work.cancel()
        await self._kill()

    async def _perform(self, request: dict[str, Any], at_least_seconds: float) -> dict[str, Any]:
        end = asyncio.get_running_loop().time() + at_least_seconds
        try:
            answer = await self._ask(request)
            await asyncio.sleep(end - asyncio.get_running_loop().time())
        except BaseException:
            # A worker whose answer nobody awaits would give it to the next task.
            await self._kill()
            raise
        return answer

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        process = await self._worker()
        assert process.stdin is not None and process.stdout is not None
        try:
            async with asyncio.timeout(self._settings.task_timeout_seconds):
                process.stdin.write(json.dumps(request).encode() + b"\n")
                await process.stdin.drain()
                line = await process.stdout.readline()
        except TimeoutError:
            raise TaskFailed(f"it took longer than {self._settings.task_timeout_seconds:g} seconds") from None
        except (BrokenPipeError, ConnectionResetError):
            line = b""
        if not line:
            raise TaskFailed(f"the worker process died ({_ending(await process.wait())})")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def _worker(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            command = python_command(
                "hotfolder.sandbox.worker",
                *("--parent", str(os.getpid())),
                *("--engine", self._settings.engine),
                *("--memory-bytes", str(self._settings.worker_memory_bytes)),
            )
            # One thread of each numeric library: their arenas count against the memory bound.
            environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, env=os.environ | environment, start_new_session=True
            )
        return self._process


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
