"""Objects kept in a daemon's memory don't grow with finished work."""

from __future__ import annotations

import asyncio
import gc
import shutil
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hotfolder.daemon.service import Daemon
from tests.support.clocks import JumpingClock
from tests.support.pictures import bracket
from tests.support.rolls import shoot
from tests.support.studio import FILE_TIMEOUT_SECONDS, MakeStudio, files_into

pytestmark = pytest.mark.long

KEEPERS = (dict, set, frozenset, list, tuple, deque)
WHOSE = ("hotfolder.", "watchdog.observers.")


def holdings() -> Counter[str]:
    """Counts of live objects: by `Type`, its instances; by `Type.attribute`, all items in those containers,
    nested ones included."""
    gc.unfreeze()  # so that objects from before the first test count
    gc.collect()
    found: Counter[str] = Counter()
    for one in gc.get_objects():
        kind = type(one)
        if isinstance(one, asyncio.Task):
            found["Task"] += 1
        elif str(kind.__module__).startswith(WHOSE):
            name = f"{kind.__module__}.{kind.__qualname__}"
            found[name] += 1
            for attribute, value in attributes(one):
                if isinstance(value, KEEPERS):
                    found[f"{name}.{attribute}"] += content(value)
    return found


def attributes(one: object) -> Iterator[tuple[str, Any]]:
    yield from getattr(one, "__dict__", {}).items()
    for kind in type(one).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(one, name):
                yield name, getattr(one, name)


def content(value: Any, deeper: int = 3) -> int:
    """The number of items, those of nested containers included."""
    inner = list(value.values() if isinstance(value, Mapping) else value)
    return len(inner) + sum(
        content(each, deeper - 1) for each in inner if deeper and isinstance(each, KEEPERS)
    )


PROJECTS = 4
BOUNDED = {
    "hotfolder.telemetry.metrics.Metrics._projects": 100,
    "hotfolder.telemetry.overview.Overview.lines": 50,
    "hotfolder.daemon.reporter.Reporter._ended": 50,
    "hotfolder.telemetry.overview.Line": 2 * 50,
    "hotfolder.rules.sets.FileIdentity": 2 * 256,
}
"""Counts that grow with finished work up to this limit."""


async def test_what_is_over_leaves_nothing_behind(make_studio: MakeStudio, tmp_path: Path) -> None:
    """Each project has a shoot, a room and a refused set; the emptied folders are removed."""
    clock = JumpingClock(60)
    studio = make_studio(settle={"scan_seconds": 15})
    numbers = count(1)
    ended = 0

    def project() -> Path:
        number = next(numbers)
        staged = tmp_path / "staged" / f"Shoot {number}"
        photos, _, _ = shoot(rooms=1, stops=[0.0, -2.0], seed=number)
        for folder, files in (("", photos), ("hall__sky-blue", bracket(2)), ("attic__nonsense", bracket(1))):
            files_into(staged / folder, files)
        # Moved in at once: slow arrival, at sixty seconds a second, would give several sets.
        return staged.rename(studio.inbox / staged.name)

    async def wave(daemon: Daemon, projects: int) -> None:
        nonlocal ended
        there = [project() for _ in range(projects)]
        ended += 3 * projects
        async with asyncio.timeout(FILE_TIMEOUT_SECONDS):
            while daemon.outcome.finished + daemon.outcome.needing_person < ended:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        for folder in there:
            shutil.rmtree(folder)
        await clock.sleep(40)

    async with studio.working(clock=clock) as daemon:
        for projects in (PROJECTS, 1):
            await wave(daemon, projects)
        before = holdings()
        for projects in (PROJECTS, 1):
            await wave(daemon, projects)
        with suppress(TimeoutError):
            async with asyncio.timeout(FILE_TIMEOUT_SECONDS):
                # The observer's thread keeps the events that it read last until new ones come.
                while grown(before):
                    (studio.inbox / ".DS_Store").touch()
                    await asyncio.sleep(0.2)
        assert grown(before) == {}


def grown(before: Mapping[str, int]) -> dict[str, int]:
    """Counts that grew since `before` by at least one for each project."""
    now = holdings()
    more = {name: now[name] - before[name] for name in now if now[name] > BOUNDED.get(name, 0)}
    return {name: number for name, number in more.items() if number >= PROJECTS}
