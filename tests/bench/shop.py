"""The paced server as a process, and its record."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.bound import World
from tests.bench.processes import environment


@dataclass
class Shop:
    """`record` is available once the block of `open_shop` has ended."""

    url: str
    storage: str
    record: dict[str, Any] = field(default_factory=dict)

    def moments(self) -> dict[str, dict[str, list[float]]]:
        """Monotonic times by room and event, oldest first."""
        found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        rooms = {group: room for _, _, group, room in self.record["events"] if room}
        for at, event, group, _ in self.record["events"]:
            found[rooms.get(group, group)][event].append(at)
        return found

    def paid_twice(self) -> list[str]:
        return [what for what, times in self.record["charges"].items() if times > 1]


@contextmanager
def open_shop(world: World, folder: Path, *, faults: bool = False, megapixels: float = 3.0) -> Iterator[Shop]:
    """The API in a process of its own; it writes its record into `folder` when the block ends."""
    record = folder / "record.json"
    given = {**asdict(world), "faults": faults, "record": str(record), "result_megapixels": megapixels}
    command = [sys.executable, "-m", "tests.bench.pacedserver", json.dumps(given)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        address = json.loads(process.stdout.readline())
        shop = Shop(address["url"], address["storage"])
        yield shop
        process.stdin.close()
        process.wait(10)
        shop.record = json.loads(record.read_text())
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
