"""Decoding in a process apart, so that the daemon stays small and a hostile picture can't take it down."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hotfolder.capture import Capture
from hotfolder.errors import LocalTrouble
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
from hotfolder.pictures.formats import printable_name
from hotfolder.pictures.worker import GREETING

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from hotfolder.pictures.worker import main; main(int(sys.argv[2]), int(sys.argv[3]))"
)
_TRIES = 2
_END_SECONDS = 5.0


class Decoder:
    """One worker process, started at the first picture and again whenever it has died.

    `memory_bytes` bounds the worker's address space, `patience_seconds` one picture. Pictures are taken one
    at a time; concurrent callers queue. Belongs to the event loop on which it is first used.
    """

    def __init__(self, *, memory_bytes: int = 2 * 1024**3, patience_seconds: float = 120.0) -> None:
        self._memory_bytes = memory_bytes
        self.patience_seconds = patience_seconds
        self._turn = asyncio.Lock()
        self._worker: asyncio.subprocess.Process | None = None
        self._killed: asyncio.subprocess.Process | None = None
        self._closed = False

    @property
    def worker_id(self) -> int | None:
        """The worker's process id, None while there is none."""
        return self._worker.pid if self._worker is not None else None

    async def inspect(self, path: Path, limits: PictureLimits, *, closely: bool = True) -> PictureFacts:
        """As `pictures.inspect.inspect`, in the worker. Raises `NotWhole` or `NeverUsable`, and
        `LocalTrouble` when no worker can be started, whatever the picture.

        A worker that dies is replaced and the picture tried once more, since something else may have taken
        the memory; a picture that takes two workers with it is `NeverUsable`.
        """
        facts = await self._made("inspect", path, limits=asdict(limits), closely=closely)
        capture = facts.pop("capture")
        return PictureFacts(**facts, capture=Capture(**capture) if capture is not None else None)

    async def render(
        self, source: Path, target: Path, wanted: Rendering, limits: PictureLimits
    ) -> Rendered | None:
        """As `pictures.rendering.render`, in the worker. Raises `NotWhole`, `NeverUsable`, and `LocalTrouble`
        also where a file can't be read or written."""
        made = await self._made(
            "render", source, target=str(target), wanted=asdict(wanted), limits=asdict(limits)
        )
        return Rendered(**made) if made is not None else None

    async def develop(self, source: Path, target: Path, limits: PictureLimits) -> Developed:
        """As `pictures.developing.develop`, in the worker. Raises as `render` does."""
        return Developed(**await self._made("develop", source, target=str(target), limits=asdict(limits)))

    async def png_of_webp(self, source: Path, target: Path, limits: PictureLimits) -> Developed:
        """As `pictures.rendering.png_of_webp`, in the worker. Raises as `render` does."""
        return Developed(**await self._made("png_of_webp", source, target=str(target), limits=asdict(limits)))

    async def carry(self, source: Path, target: Path, wanted: Carrying) -> tuple[str, ...]:
        """As `pictures.carrying.carry`, in the worker. Where two workers died of the metadata, the picture
        goes without. Raises `LocalTrouble` where a file can't be read or written, now or in time."""
        for plain in (False, True):
            carrying = asdict(replace(wanted, plain=plain))
            try:
                return tuple(await self._made("carry", source, target=str(target), wanted=carrying))
            except NotWhole as error:
                raise LocalTrouble(error.message, hint=error.hint) from None
            except NeverUsable:
                if plain:
                    raise
        raise AssertionError("a plain one was answered or refused")

    async def _made(self, task: str, path: Path, **request: Any) -> Any:
        answer = await self._answer(path, {"task": task, "path": str(path), **request})
        if "trouble" in answer:
            raise LocalTrouble(
                answer["trouble"], hint="Check the disk that holds `state`, and that it isn't full."
            )
        if "not_whole" in answer:
            raise NotWhole(answer["not_whole"], hint=answer["hint"])
        if "never" in answer:
            raise NeverUsable(answer["never"], hint=answer["hint"])
        return answer["made"]

    async def _answer(self, path: Path, request: dict[str, Any]) -> dict[str, Any]:
        async with self._turn:
            for _ in range(_TRIES):
                answer = await self._ask(path, request)
                if answer is not None:
                    return answer
        raise NeverUsable(
            f"{printable_name(path.name)} can't be decoded: it needs too much memory, or is damaged.",
            hint="Export the photo once more as JPEG at its normal size.",
        )

    async def prepare(self) -> None:
        """Start the worker now, so that the first picture needn't wait for it. Whatever stands in the way is
        told with that picture."""
        with suppress(LocalTrouble):
            async with self._turn:
                if not self._closed:
                    await self._living_worker()

    async def close(self) -> None:
        """End the worker and wait for its end. Nothing can be inspected afterwards; may be called twice."""
        self._closed = True
        if self._worker is not None:
            self._kill(self._worker)
        async with self._turn:
            await self._end_worker()

    async def _ask(self, path: Path, request: dict[str, Any]) -> dict[str, Any] | None:
        """The worker's answer; None if it died of the question."""
        worker = await self._living_worker()
        assert worker.stdin is not None and worker.stdout is not None
        line = b""
        try:
            async with asyncio.timeout(self.patience_seconds):
                worker.stdin.write(json.dumps(request).encode() + b"\n")
                await worker.stdin.drain()
                line = await worker.stdout.readline()
        except TimeoutError:
            raise NotWhole(
                f"{printable_name(path.name)} could not be read within {self.patience_seconds:.0f} s.",
                hint="Check the disk or share it lies on.",
            ) from None
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            # Without a whole answer (death, time-out, cancellation) the next question would get this one's.
            if not line.endswith(b"\n"):
                await self._end_worker()
        if not line.endswith(b"\n"):
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def _living_worker(self) -> asyncio.subprocess.Process:
        if self._closed:
            raise RuntimeError("the decoder is closed")
        if self._worker is not None and self._worker.returncode is not None:
            await self._end_worker()
        if self._worker is None:
            self._worker = await self._started_worker()
        return self._worker

    async def _started_worker(self) -> asyncio.subprocess.Process:
        try:
            worker = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-c", _START, json.dumps(sys.path), str(os.getpid()), str(self._memory_bytes)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=_plain_environment(),
            )
        except OSError as error:
            raise _no_worker(error.strerror or str(error)) from error
        assert worker.stdout is not None
        try:
            async with asyncio.timeout(self.patience_seconds):
                if await worker.stdout.readline() == GREETING:
                    return worker
            raise _no_worker("it ended at once")
        except BaseException as error:
            await self._end(worker)
            if isinstance(error, TimeoutError):
                raise _no_worker("it does not answer") from error
            raise

    async def _end_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await self._end(worker)

    async def _end(self, worker: asyncio.subprocess.Process) -> None:
        self._kill(worker)
        # Reads both pipes to their ends, so that no transport outlives the loop. A process that waits for a
        # share that doesn't answer may outlive its own death; then it is left to the system.
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await worker.communicate()

    def _kill(self, worker: asyncio.subprocess.Process) -> None:
        # Not twice: the second call would take the dead process's code away from whoever waits for it.
        if worker.returncode is None and worker is not self._killed:
            self._killed = worker
            worker.kill()


def _no_worker(why: str) -> LocalTrouble:
    return LocalTrouble(
        f"Photos can't be read now: the process that decodes them could not be started ({why}).",
        hint="Check the machine's free memory and its limit on processes.",
    )


def _plain_environment() -> dict[str, str]:
    """Ours without the settings: the process that meets hostile pictures has no use for an API key."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("STAGER_", "HOTFOLDER_"))
    }
