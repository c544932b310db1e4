"""The programs that are measured: hotfolder, and scripts that a user would write instead."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.bench.processes import Measured

Start = Callable[[Path, str, str, float], Measured]
"""Takes the root folder, the API's address, the storage host and the quiet time; returns once it watches."""


@dataclass(frozen=True)
class Contender:
    name: str
    start: Start


def ours(settings: Mapping[str, Any] | None = None, *, profile: Path | None = None) -> Contender:
    """Start the daemon as a user does; `settings` are merged into its YAML, one level deep. `profile` is a
    file for cProfile's data."""

    def start(root: Path, url: str, storage: str, quiet_seconds: float) -> Measured:
        usual: dict[str, Any] = {
            "root": ".",
            "api": {"base_url": url, "storage_hosts": [storage]},
            "settle": {"quiet_seconds": quiet_seconds},
        }
        for name, value in (settings or {}).items():
            usual[name] = {**usual.get(name, {}), **value}
        config = root / "config.yaml"
        config.write_text(yaml.safe_dump(usual))
        profiler = ["-m", "cProfile", "-o", str(profile)] if profile else []
        command = [sys.executable, *profiler, "-m", "hotfolder", "run", "--config", str(config)]
        return Measured(command, root / "ours.log", ready='"event": "started"')

    return Contender("hotfolder", start)


def script(threads: int) -> Contender:
    """Start the plain script with that many threads."""

    def start(root: Path, url: str, storage: str, quiet_seconds: float) -> Measured:
        given = {"root": str(root), "url": url, "quiet_seconds": quiet_seconds, "threads": threads}
        command = [sys.executable, "-m", "tests.bench.plainscript", json.dumps(given)]
        return Measured(command, root / "script.log", ready="watching")

    return Contender("one set at a time" if threads == 1 else f"{threads} threads", start)
