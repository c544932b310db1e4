"""The parent's side of the decoding process: starts it, sends requests, enforces timeouts and replaces it.

The separate process keeps the daemon small, and a hostile picture can't crash the daemon.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hotfolder.capture import Capture
from hotfolder.display import visible
from hotfolder.errors import LocalTrouble
from hotfolder.pictures.childprocess import GREETING
from hotfolder.pictures.facts import (
    Carrying,
    Developed,
    NeverUsable,
    NotWhole,
    PictureFacts,
    PictureLimits,
    Rendered,
    Rendering,
)

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from hotfolder.pictures.childprocess import main; main(int(sys.argv[2]), int(sys.argv[3]))"
)
_TRIES = 2
END_SECONDS = 1.5


class Decoder:
    """One child process, started for the first picture and restarted whenever it has died.

    `memory_bytes` limits the child's address space; `patience_seconds` is the timeout for one picture.
    Requests are handled one at a time; concurrent callers queue. Bound to the event loop on which it is first
    used.
    """

    def __init__(self, *, memory_bytes: int = 2 * 1024**3, patience_seconds: float = 120.0) -> None:
        self._memory_bytes = memory_bytes
        self.patience_seconds = patience_seconds
        self._turn = asyncio.Lock()
        self._child: asyncio.subprocess.Process | None = None
        self._killed: asyncio.subprocess.Process | None = None
        self._closed = False

    @property
    def process_id(self) -> int | None:
        """The child's process id, None while there is none."""
        return self._child.pid if self._child is not None else None

    async def inspect(self, path: Path, limits: PictureLimits, *, closely: bool = True) -> PictureFacts:
        """As `pictures.inspect.inspect`, in the child. Raises `NotWhole`, also on a timeout, or
        `NeverUsable`, and `LocalTrouble` when no child can be started, whatever the picture.

        When a child dies the picture is tried once more in a new one, since something else may have taken the
        memory; a picture on which two children die is `NeverUsable`.
        """
        facts = await self._run_task("inspect", path, limits=limits, closely=closely)
        capture = facts.pop("capture")
        return PictureFacts(**facts, capture=Capture(**capture) if capture is not None else None)

    async def render(
        self, source: Path, target: Path, wanted: Rendering, limits: PictureLimits
    ) -> Rendered | None:
        """As `pictures.rendering.render`, in the child. Raises `NotWhole`, `NeverUsable`, and `LocalTrouble`
        also where a file can't be read or written."""
        made = await self._run_task("render", source, target=target, rendering=wanted, limits=limits)
        return Rendered(**made) if made is not None else None

    async def develop(
        self, source: Path, target: Path, limits: PictureLimits, roots: Sequence[str] = ()
    ) -> Developed:
        """As `pictures.developing.develop`, in the child. Raises as `render` does."""
        return Developed(**await self._run_task("develop", source, target=target, limits=limits, roots=roots))

    async def png_of_webp(self, source: Path, target: Path, limits: PictureLimits) -> Developed:
        """As `pictures.rendering.png_of_webp`, in the child. Raises as `render` does."""
        return Developed(**await self._run_task("png_of_webp", source, target=target, limits=limits))

    async def thumbnail(
        self, source: Path, target: Path, long_edge: int, limits: PictureLimits, roots: Sequence[str] = ()
    ) -> None:
        """As `pictures.developing.thumbnail`, in the child. Raises as `render` does."""
        wanted = {"target": target, "long_edge": long_edge, "limits": limits, "roots": roots}
        await self._run_task("thumbnail", source, **wanted)

    async def carry(self, source: Path, target: Path, wanted: Carrying) -> tuple[str, ...]:
        """As `pictures.carryover.carry`, in the child. Where two children die of the metadata, the picture is
        copied without. Raises `LocalTrouble` where a file can't be read or written, also on a timeout."""
        for plain in (False, True):
            carrying = replace(wanted, plain=plain)
            try:
                return tuple(await self._run_task("carry", source, target=target, carrying=carrying))
            except NotWhole as error:
                raise LocalTrouble(error.message, hint=error.hint) from None
            except NeverUsable:
                if plain:
                    raise
        raise AssertionError("a plain one was answered or refused")

    async def _run_task(self, task: str, path: Path, **wanted: object) -> Any:
        """The result of the child's function `task` for `path`. Raises what that raises, and `NeverUsable`
        when two children have died of it."""
        answer = None
        async with self._turn:
            for _ in range(_TRIES):
                answer = answer or await self._ask(path, {"task": task, "path": path, "wanted": wanted})
            if answer is not None and "trouble" in answer:
                await self._end_child()  # it keeps the limits, as of open files, that it was started with
        if answer is None:
            raise NeverUsable(
                f"{visible(path.name)} can't be decoded: it needs too much memory, or is damaged.",
                hint="Export the photo once more as JPEG at its normal size.",
            )
        if "trouble" in answer:
            raise LocalTrouble(
                answer["trouble"], hint="Check the disk that holds `state`, and that it isn't full."
            )
        if "not_whole" in answer:
            raise NotWhole(answer["not_whole"], hint=answer["hint"])
        if "never" in answer:
            raise NeverUsable(answer["never"], hint=answer["hint"])
        return answer["made"]

    async def close(self) -> None:
        """End the child and wait for its end. The decoder can't be used afterwards. Idempotent."""
        self._closed = True
        if self._child is not None:
            self._kill(self._child)
        async with self._turn:
            await self._end_child()

    async def _ask(self, path: Path, request: dict[str, Any]) -> dict[str, Any] | None:
        """The child's answer; None if it died. Raises NotWhole on a timeout, and LocalTrouble."""
        child = await self._living_child()
        assert child.stdin is not None and child.stdout is not None
        line = b""
        try:
            async with asyncio.timeout(self.patience_seconds):
                child.stdin.write(json.dumps(request, default=_as_json).encode() + b"\n")
                await child.stdin.drain()
                line = await child.stdout.readline()
        except TimeoutError:
            raise NotWhole(
                f"{visible(path.name)} could not be read within {self.patience_seconds:.0f} s.",
                hint="Check the disk or share it lies on.",
            ) from None
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            # Without a whole answer (death, timeout, cancellation) the next request would get this one's.
            if not line.endswith(b"\n"):
                await self._end_child()
        if not line.endswith(b"\n"):
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def _living_child(self) -> asyncio.subprocess.Process:
        if self._closed:
            raise RuntimeError("the decoder is closed")
        if self._child is not None and self._child.returncode is not None:
            await self._end_child()
        if self._child is None:
            self._child = await self._started_child()
        return self._child

    async def _started_child(self) -> asyncio.subprocess.Process:
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-c", _START, json.dumps(sys.path), str(os.getpid()), str(self._memory_bytes)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=_plain_environment(),
            )
        except OSError as error:
            raise _no_child_error(error.strerror or str(error)) from error
        assert child.stdout is not None
        try:
            async with asyncio.timeout(self.patience_seconds):
                if await child.stdout.readline() == GREETING:
                    return child
            raise _no_child_error("it ended at once")
        except BaseException as error:
            await self._end(child)
            if isinstance(error, TimeoutError):
                raise _no_child_error("it does not answer") from error
            raise

    async def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await self._end(child)

    async def _end(self, child: asyncio.subprocess.Process) -> None:
        self._kill(child)
        # Reads both pipes to their ends, so that no transport outlives the loop. A process that is blocked on
        # a share that doesn't answer may survive SIGKILL for a time; then it is left to the system.
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await child.communicate()

    def _kill(self, child: asyncio.subprocess.Process) -> None:
        # Not twice: a second kill() reaps the process, and the waiter would lose its exit code.
        if child.returncode is None and child is not self._killed:
            self._killed = child
            child.kill()


def _as_json(value: Any) -> object:
    return str(value) if isinstance(value, Path) else asdict(value)


def _no_child_error(why: str) -> LocalTrouble:
    return LocalTrouble(
        f"Photos can't be read now: the process that decodes them could not be started ({why}).",
        hint="Check the machine's free memory and its limit on processes.",
    )


def _plain_environment() -> dict[str, str]:
    """Our environment without settings: the process that reads hostile pictures must not have the API key."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("STAGER_", "HOTFOLDER_"))
    }
