"""The embedded sandbox as the daemon's API, on the same ports at each start."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from hotfolder.daemon.folders import lock_state
from hotfolder.daemon.service import ApiAccess
from hotfolder.errors import UsageError
from hotfolder.jobs.model import SANDBOX
from hotfolder.outbox.faults import make_our_folder
from hotfolder.sandbox.embedded import EmbeddedSandbox
from hotfolder.sandbox.settings import SandboxError, SandboxSettings


class Embedding:
    """The sandbox, from its creation until `close`. `data`, a folder in `state`, is its storage."""

    def __init__(self, data: Path) -> None:
        """Raises UsageError when it can't start or another daemon works with `state`, and LocalTrouble."""
        self.data = data
        self._ports_file = data / "ports.json"
        state = data.parent
        make_our_folder(state)
        # Two sandboxes on one folder would sell the same pictures under two addresses.
        lock_state(state).close()
        make_our_folder(data)
        try:
            self._sandbox = self._started()
        except SandboxError as error:
            raise UsageError(str(error)) from None

    def close(self) -> None:
        self._sandbox.stop()

    def access(self) -> ApiAccess:
        """How the daemon reaches the sandbox."""
        return ApiAccess(
            origin=SANDBOX,
            base_url=self._sandbox.api_base_url,
            storage_hosts=(urlsplit(self._sandbox.storage_base_url).netloc,),
            key=lambda: "the-sandbox-needs-no-key",
        )

    def _started(self) -> EmbeddedSandbox:
        """A new process: on the ports of the last run, since result URLs may still be in use; at first, and
        where those are taken, on any free ones."""
        free, known = (0, 0), (0, 0)
        with suppress(OSError, ValueError, TypeError):
            api, storage = json.loads(self._ports_file.read_text())
            known = int(api), int(storage)
        try:
            sandbox = self._started_on(*known)
        except SandboxError:
            if known == free:
                raise
            sandbox = self._started_on(*free)
        addresses = sandbox.api_base_url, sandbox.storage_base_url
        self._ports_file.write_text(json.dumps([urlsplit(address).port for address in addresses]))
        return sandbox

    def _started_on(self, port: int, storage_port: int) -> EmbeddedSandbox:
        sandbox = EmbeddedSandbox(SandboxSettings(data=self.data, port=port, storage_port=storage_port))
        sandbox.start()
        return sandbox
