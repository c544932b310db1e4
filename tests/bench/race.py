"""One contender with one shoot in one paced world: duration, cost, and the time of each stage.

The contenders are hotfolder, and scripts that a user would write instead.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from tests.bench import photos
from tests.bench.bound import Shoot, World, bound_seconds
from tests.bench.processes import Measured, environment
from tests.support.studio import ELM

TAG = "__sky-twilight"
LOOK_SECONDS = 0.02
WARM_SECONDS = 1.0
"""The wait after a contender says that it watches, so that its last imports aren't measured."""


Start = Callable[[Path, str, str, float], Measured]
"""Takes the root folder, the API's address, the storage host and the quiet time; returns once it watches."""


@dataclass(frozen=True)
class Contender:
    """A program that is measured."""

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


@dataclass
class Shop:
    """The paced server as a process. `record` is available once the block of `open_shop` has ended."""

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


@dataclass
class Race:
    """The result of one contender."""

    contender: str
    shoot: Shoot
    bound: float
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    children_peak_bytes: int
    done: int
    first_seconds: float
    load: float
    injected_seconds: float = 0.0
    injected: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    stages: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By stage: the median and the maximum, in seconds, over all sets."""

    @property
    def ratio(self) -> float:
        return self.seconds / self.bound


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder with an empty inbox, removed at the end."""
    root = Path(tempfile.mkdtemp(prefix="hotfolder-bench-"))
    (root / "inbox").mkdir()
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def stage_sets(root: Path, shoot: Shoot, megapixels: float, mark: str = "") -> list[str]:
    """Make all photos beside the inbox, to be moved into it at once; the rooms' names. Another `mark` gives
    other photos."""
    rooms = [f"room-{number:04d}" for number in range(1, shoot.sets + 1)]
    for room in rooms:
        photos.write_set(root / "staged" / room, mark + room, shoot.photos, shoot.photo_bytes, megapixels)
    return rooms


def drop(root: Path, rooms: list[str], project: str = ELM) -> float:
    """Move the sets in, one file after the other; the moment of the first."""
    began = time.monotonic()
    for room in rooms:
        target = root / "inbox" / project / (room + TAG)
        target.mkdir(parents=True, exist_ok=True)
        for photo in sorted((root / "staged" / room).iterdir()):
            photo.rename(target / photo.name)
    return began


def wait_for(done: Path, rooms: list[str], process: Measured, patience_seconds: float) -> list[float]:
    """The moment when each finished picture appeared; missing ones are left out."""
    missing = {done / f"{room}{TAG}.jpg" for room in rooms}
    seen: list[float] = []
    end = time.monotonic() + patience_seconds
    while missing and time.monotonic() < end and process.alive:
        there = {path for path in missing if path.exists()}
        seen += [time.monotonic()] * len(there)
        missing -= there
        time.sleep(LOOK_SECONDS)
    return seen


def race(
    contender: Contender,
    shoot: Shoot,
    world: World,
    *,
    quiet_seconds: float = 2.0,
    megapixels: float = 6.0,
    faults: bool = False,
    patience_seconds: float = 900.0,
) -> Race:
    """Run the race to its end."""
    with workspace() as root:
        rooms = stage_sets(root, shoot, megapixels)
        bound = bound_seconds(shoot, world)
        with (
            open_shop(world, root, faults=faults) as shop,
            contender.start(root, shop.url, shop.storage, quiet_seconds) as process,
        ):
            time.sleep(WARM_SECONDS)
            warm_cpu = process.cpu_so_far()
            began = drop(root, rooms)
            seen = wait_for(root / "done" / ELM, rooms, process, patience_seconds)
            wait_for_originals(root, rooms, shoot)
            process.stop()
        made = Race(
            contender=contender.name,
            shoot=shoot,
            bound=bound,
            seconds=(max(seen) if len(seen) == len(rooms) else time.monotonic()) - began,
            cpu_seconds=process.cpu_seconds - warm_cpu,
            peak_bytes=process.peak_bytes,
            children_peak_bytes=process.children_peak_bytes,
            done=len(seen),
            first_seconds=min(seen, default=began) - began,
            load=os.getloadavg()[0],
            injected_seconds=shop.record["injected_seconds"],
            injected=shop.record["injected"],
            stages=stages(shop, began),
        )
        made.wrong = wrong_in(root, rooms, shoot, shop, faults)
        if made.wrong or made.done < len(rooms):
            keep = Path(tempfile.gettempdir()) / f"bench-{contender.name.split()[0]}.log"
            shutil.copy(process.log, keep)
            made.wrong.append(f"its log is {keep}")
        return made


def wait_for_originals(root: Path, rooms: list[str], shoot: Shoot) -> None:
    """Wait for the last originals, which are filed after the last pictures."""
    end = time.monotonic() + 5
    while len(originals(root)) < len(rooms) * shoot.photos and time.monotonic() < end:
        time.sleep(0.1)


def originals(root: Path) -> list[Path]:
    return list((root / "done" / ELM / "originals").rglob("*.jpg"))


def wrong_in(root: Path, rooms: list[str], shoot: Shoot, shop: Shop, faults: bool) -> list[str]:
    """Violations: lost photos, missing pictures, double payments, broken API rules."""
    wrong = []
    if len(originals(root)) != len(rooms) * shoot.photos:
        wrong.append(f"{len(originals(root))} of {len(rooms) * shoot.photos} originals are filed")
    wrong += [f"paid twice: {what}" for what in shop.paid_twice()]
    if len(shop.record["charges"]) != 2 * len(rooms):
        wrong.append(f"{len(shop.record['charges'])} paid calls for {len(rooms)} sets")
    if not faults:
        wrong += shop.record["complaints"][:3]
    return wrong


STAGES = (
    ("group opened", "drop", "group"),
    ("first photo sent", "drop", "put began"),
    ("photos up", "put began", "put ended"),
    ("merge asked for", "put ended", "enhance"),
    ("merge waited and done", "enhance", "merged"),
    ("merge noticed", "merged", "seen"),
    ("merge fetched", "seen", "merge fetched"),
    ("picture sent", "merge fetched", "image began"),
    ("picture up", "image began", "image ended"),
    ("edit asked for", "image ended", "operate"),
    ("edited", "operate", "edited"),
    ("edit fetched", "edited", "final fetched"),
)
FIRST = {"group", "put began", "seen", "image began"}


def stages(shop: Shop, dropped_at: float) -> dict[str, tuple[float, float]]:
    """The duration of each stage, over all sets."""
    found: dict[str, tuple[float, float]] = {}
    for name, start, end in STAGES:
        took = []
        for events in shop.moments().values():
            begin = [dropped_at] if start == "drop" else events.get(start, [])
            finish = events.get(end, [])
            if begin and finish:
                took.append(
                    (finish[0] if end in FIRST else finish[-1]) - (begin[0] if start in FIRST else begin[-1])
                )
        if took:
            found[name] = (median(took), max(took))
    return found
