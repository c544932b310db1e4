"""The sandbox's parts, put together: records, objects, signer, ledger and work queues."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field

from hotfolder.sandbox.imageworkers import WorkQueue
from hotfolder.sandbox.objects import Objects, Signer, load_secret, url_path
from hotfolder.sandbox.projects import ProjectRecords
from hotfolder.sandbox.requestledger import RequestLedger
from hotfolder.sandbox.settings import SandboxError, SandboxSettings


@dataclass(frozen=True)
class Sandbox:
    """Everything that the two applications and the merge queue share. For use in one event loop."""

    settings: SandboxSettings
    records: ProjectRecords
    objects: Objects
    signer: Signer
    ledger: RequestLedger
    merges: WorkQueue
    operations: WorkQueue
    merge_asked: asyncio.Event = field(default_factory=asyncio.Event)

    def download_url(self, bucket: str, name: str) -> str:
        """A fresh signed URL of an object."""
        return self.signer.url("GET", url_path(bucket, name), self.settings.get_expiry_seconds)


@contextmanager
def open_sandbox(settings: SandboxSettings, storage_base_url: str) -> Iterator[Sandbox]:
    """The sandbox of a data folder, which is created at first use. Raises SandboxError when another process
    uses it."""
    data = settings.data
    data.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        lock = stack.enter_context((data / "lock").open("wb"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SandboxError(
                f"another sandbox is already running on {data}; stop it, or choose another data folder"
            ) from None
        yield Sandbox(
            settings=settings,
            records=stack.enter_context(closing(ProjectRecords(data / "sandbox.sqlite3"))),
            objects=Objects(data / "objects"),
            signer=Signer(load_secret(data), storage_base_url),
            ledger=stack.enter_context(closing(RequestLedger(data))),
            merges=WorkQueue(settings),
            operations=WorkQueue(settings),
        )
