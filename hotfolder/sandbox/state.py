"""The sandbox's parts, put together: what it knows, what it keeps, who works, and who writes it down."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hotfolder.sandbox.ledger import Ledger
from hotfolder.sandbox.objects import Objects, Signer, secret_of, url_path
from hotfolder.sandbox.records import Records
from hotfolder.sandbox.settings import SandboxError, SandboxSettings
from hotfolder.sandbox.worker import Lane


@dataclass(frozen=True)
class Sandbox:
    """Everything that the two applications and the merging share."""

    settings: SandboxSettings
    records: Records
    objects: Objects
    signer: Signer
    ledger: Ledger
    merge_lane: Lane
    operation_lane: Lane

    def download_url(self, bucket: str, name: str) -> str:
        """A fresh signed URL of an object."""
        return self.signer.url("GET", url_path(bucket, name), self.settings.get_expiry_seconds)


@contextmanager
def open_sandbox(settings: SandboxSettings, storage_base_url: str) -> Iterator[Sandbox]:
    """The sandbox of a data folder, made at first use. Raises SandboxError when another one uses it."""
    settings.data.mkdir(parents=True, exist_ok=True)
    with alone_in(settings.data):
        records = Records(settings.data / "sandbox.sqlite3")
        ledger = Ledger(settings.data)
        try:
            yield Sandbox(
                settings=settings,
                records=records,
                objects=Objects(settings.data / "objects"),
                signer=Signer(secret_of(settings.data), storage_base_url),
                ledger=ledger,
                merge_lane=Lane(settings),
                operation_lane=Lane(settings),
            )
        finally:
            ledger.close()
            records.close()


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder for this process alone."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SandboxError(
                f"another sandbox is already running on {folder}; stop it, or choose another data folder"
            ) from None
        yield
    finally:
        os.close(descriptor)
