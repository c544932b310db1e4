"""Imaging work in worker processes, bounded in memory and time."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib
import os
import resource
import signal
import sys
import traceback
from functools import lru_cache
from typing import Any, Protocol, cast

import anyio
import anyio.to_process
from anyio import BrokenWorkerProcess
from PIL import Image

from hotfolder.sandbox.objects import upright_size
from hotfolder.sandbox.settings import SandboxSettings

PR_SET_PDEATHSIG = 1
# Parts of C++ libraries' messages.
OUT_OF_MEMORY = ("bad_alloc", "Insufficient memory")


def die_with_parent(parent: int) -> None:
    """On Linux, have the kernel kill this process when `parent` dies, even during a task."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)


class Engine(Protocol):
    """A module or an object with the function `merge` and one for each of `schema.OPERATIONS`, with the
    parameters of those in `hotfolder.sandbox.imaging.engine`.

    Each writes a complete `target` in the format of its suffix, or raises. For a picture that can't be edited
    honestly it raises `Unsuitable`, whose message goes to the caller.
    """

    Unsuitable: type[Exception]


@lru_cache(maxsize=1)
def load_engine(name: str) -> Engine:
    """The engine `name` (`package.module` or `package.module:object`). Raises ImportError, AttributeError."""
    module_name, _, attribute = name.partition(":")
    module = importlib.import_module(module_name)
    return cast(Engine, getattr(module, attribute) if attribute else module)


def run_in_worker(
    parent: int, memory_bytes: int, engine_name: str, task: str, arguments: dict[str, Any]
) -> tuple[int, int]:
    """In the worker process: do one task. Returns width and height. Raises TaskRefused or TaskFailed."""
    initialize_worker(parent, memory_bytes)
    try:
        engine = load_engine(engine_name)
    except (ImportError, AttributeError) as error:
        raise TaskFailed(f"the engine {engine_name} can't be loaded: {error}") from None
    try:
        getattr(engine, task)(**arguments)
        with Image.open(arguments["target"]) as picture:
            size = upright_size(picture)
        with arguments["target"].open("rb") as file:
            os.fsync(file.fileno())
        return size
    except engine.Unsuitable as error:
        raise TaskRefused(str(error)) from None
    except Exception as error:
        if isinstance(error, MemoryError) or any(words in str(error) for words in OUT_OF_MEMORY):
            raise TaskFailed("the sandbox's memory doesn't suffice for pictures of this size") from None
        traceback.print_exc()
        raise TaskFailed(f"{type(error).__name__}: {error}"[:500]) from None


@lru_cache(maxsize=1)
def initialize_worker(parent: int, memory_bytes: int) -> None:
    """Initialize a worker process, once: set its limits before anything large is imported."""
    # anyio redirects it, but a traceback belongs into the sandbox's log.
    sys.stderr = sys.__stderr__
    # The sandbox handles Ctrl-C, and ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # One thread for each numeric library: their arenas count against the memory limit.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    die_with_parent(parent)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


class TaskRefused(Exception):
    """The engine can't edit this picture honestly. The message is for the caller."""


class TaskFailed(Exception):
    """The task failed or its process died. The message says how."""


class WorkQueue:
    """Runs tasks one at a time, in FIFO order. For use in one event loop."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._turn = asyncio.Lock()
        self._scope = anyio.CancelScope()
        self._stopped = False

    async def run(self, task: str, at_least_seconds: float = 0, **arguments: Any) -> tuple[int, int]:
        """Do `task`, in no less than `at_least_seconds`. Returns width and height of its picture. Raises
        TaskRefused or TaskFailed."""
        async with self._turn:
            if not self._stopped:
                with anyio.CancelScope() as self._scope:
                    end = anyio.current_time() + at_least_seconds
                    size = await self._perform(task, arguments)
                    await anyio.sleep_until(end)
                    return size
        raise TaskFailed("the sandbox was stopped")

    def stop(self) -> None:
        """Fail the running task and the waiting ones at once, and accept no more."""
        self._stopped = True
        self._scope.cancel()

    async def _perform(self, task: str, arguments: dict[str, Any]) -> tuple[int, int]:
        settings = self._settings
        order = (os.getpid(), settings.worker_memory_bytes, settings.engine, task, arguments)
        try:
            with anyio.fail_after(settings.task_timeout_seconds):
                with anyio.CancelScope(shield=True):  # anyio leaves one behind that is cancelled as it starts
                    await anyio.to_process.run_sync(os.getpid)
                return await anyio.to_process.run_sync(run_in_worker, *order, cancellable=True)
        except TimeoutError:
            raise TaskFailed(f"it took longer than {settings.task_timeout_seconds:g} seconds") from None
        except (BrokenWorkerProcess, ProcessLookupError):
            raise TaskFailed("the worker process died") from None
