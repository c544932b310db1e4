"""The embedded sandbox as the daemon's API: on the same ports at each start, and restarted when it ends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from anyio import to_thread

from hotfolder import log
from hotfolder.daemon.folders import lock_state
from hotfolder.daemon.service import ApiAccess
from hotfolder.errors import UsageError
from hotfolder.jobs.model import SANDBOX
from hotfolder.outbox.faults import make_our_folder
from hotfolder.sandbox.embedded import EmbeddedSandbox
from hotfolder.sandbox.settings import SandboxError, SandboxSettings

logger = log.get("sandbox")

LOOK_SECONDS = 1.0


class Embedding:
    """A context manager that runs the sandbox. `data`, a folder in `state`, is its persistent storage.
    Entering raises UsageError when it can't start or another daemon works with `state`, and LocalTrouble."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._ports_file = data / "ports.json"
        self._sandbox: EmbeddedSandbox | None = None

    def __enter__(self) -> Self:
        state = self.data.parent
        make_our_folder(state)
        # Two sandboxes on one folder would sell the same pictures under two addresses.
        lock_state(state).close()
        make_our_folder(self.data)
        try:
            self._start()
        except SandboxError as error:
            raise UsageError(str(error)) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sandbox:
            self._sandbox.stop()

    def access(self) -> ApiAccess:
        """How the daemon reaches the sandbox."""
        assert self._sandbox is not None
        return ApiAccess(
            origin=SANDBOX,
            base_url=self._sandbox.api_base_url,
            storage_hosts=(urlsplit(self._sandbox.storage_base_url).netloc,),
            key=lambda: "the-sandbox-needs-no-key",
        )

    async def keep_alive(self) -> None:
        """Check each second, and restart the sandbox where it has ended, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._sandbox is None or self._sandbox.pid is None:
                logger.warning("sandbox_ended")
                try:
                    await to_thread.run_sync(self._start)
                except SandboxError as error:
                    logger.error("sandbox_not_started", reason=str(error))

    def _known_ports(self) -> tuple[int, int]:
        """The ports of the last run, since result URLs may still be in use; (0, 0), any free ports, at
        first."""
        try:
            api, storage = json.loads(self._ports_file.read_text())
            return int(api), int(storage)
        except (OSError, ValueError, TypeError):
            return 0, 0

    def _start(self) -> None:
        ports = self._known_ports()
        try:
            self._sandbox, addresses = self._started(*ports)
        except SandboxError:
            if ports == (0, 0):
                raise
            self._sandbox, addresses = self._started(0, 0)
        self._ports_file.write_text(json.dumps([urlsplit(address).port for address in addresses]))

    def _started(self, port: int, storage_port: int) -> tuple[EmbeddedSandbox, tuple[str, str]]:
        sandbox = EmbeddedSandbox(SandboxSettings(data=self.data, port=port, storage_port=storage_port))
        sandbox.start()
        return sandbox, (sandbox.api_base_url, sandbox.storage_base_url)
