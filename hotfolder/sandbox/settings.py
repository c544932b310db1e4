"""The sandbox's settings. Standard library only, so that importing them in the daemon is cheap."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

IMAGING_ENGINE = "hotfolder.sandbox.imaging.engine"


class SandboxError(Exception):
    """The sandbox can't start or has died. The message is for the user and says what to do."""


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """All of the sandbox's settings. Sizes are bytes, lengths pixels, times seconds; port 0 is any free one.

    `merge_delay_seconds` and `operation_delay_seconds` are minimums: the work takes at least that long.
    `faults` is a file of rules for faults to inject, reloaded whenever it changes.
    `engine` is a module (or `module:object`) that satisfies `hotfolder.sandbox.imageworkers.Engine`.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8801
    storage_host: str = "127.0.0.2"
    storage_port: int = 8801
    required_key: str | None = field(default=None, repr=False)
    faults: Path | None = None
    engine: str = IMAGING_ENGINE
    long_edge: int = 8192
    put_expiry_seconds: float = 900
    get_expiry_seconds: float = 3600
    merge_delay_seconds: float = 0
    operation_delay_seconds: float = 0
    task_timeout_seconds: float = 600
    worker_memory_bytes: int = 4 * 1024**3
    upload_limit_bytes: int = 128 * 1024**2
    json_limit_bytes: int = 64 * 1024
    pixel_limit: int = 120_000_000
