"""A daemon that works for months keeps nothing of what is over."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path

from hotfolder.daemon.service import Daemon
from tests.daemon.test_flat import shoot
from tests.support.clocks import JumpingClock
from tests.support.holdings import holdings
from tests.support.pictures import bracket
from tests.support.studio import PATIENCE_SECONDS, Shop, Studio

PROJECTS = 4
BOUNDED = {
    "hotfolder.telemetry.metrics.Metrics._projects": 100,
    "hotfolder.telemetry.overview.Overview.lines": 50,
    "hotfolder.daemon.reporter.Reporter._last": 50,
    "hotfolder.telemetry.overview.Line": 2 * 50,
    "hotfolder.rules.sets.FileIdentity": 2 * 256,
}
"""What grows with what is done, up to so much."""


async def test_what_is_over_leaves_nothing_behind(
    make_studio: Callable[..., Studio], shop: Shop, tmp_path: Path
) -> None:
    """A shoot, a room and a set that is refused in each project; the emptied folders are taken away."""
    clock = JumpingClock(60)
    studio = make_studio(settle={"scan_seconds": 15})
    numbers = count(1)
    ended = 0

    def project() -> Path:
        number = next(numbers)
        staged = tmp_path / "staged" / f"Shoot {number}"
        photos, _, _ = shoot(tmp_path / "roll", rooms=1, stops=[0.0, -2.0], seed=number)
        for folder, files in (("", photos), ("hall__sky-blue", bracket(2)), ("attic__nonsense", bracket(1))):
            (staged / folder).mkdir(parents=True)
            for name, content in files.items():
                (staged / folder / name).write_bytes(content)
        # At once: what comes in pieces, at sixty seconds a second, would be several sets.
        return staged.rename(studio.inbox / staged.name)

    async def wave(daemon: Daemon, projects: int) -> None:
        nonlocal ended
        there = [project() for _ in range(projects)]
        ended += 3 * projects
        async with asyncio.timeout(PATIENCE_SECONDS):
            while daemon.outcome.finished + daemon.outcome.needing_person < ended:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        for folder in there:
            shutil.rmtree(folder)
        await clock.sleep(40)

    async with studio.working(shop.access(), clock=clock) as daemon:
        for projects in (PROJECTS, 1):
            await wave(daemon, projects)
        before = holdings()
        for projects in (PROJECTS, 1):
            await wave(daemon, projects)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                # The observer's thread holds the events that it read last, until there are others.
                while grown(before):
                    (studio.inbox / ".DS_Store").touch()
                    await asyncio.sleep(0.2)
        assert grown(before) == {}


def grown(before: Mapping[str, int]) -> dict[str, int]:
    """By how much it is more than `before`, where that is once more for each project."""
    now = holdings()
    more = {name: now[name] - before[name] for name in now if now[name] > BOUNDED.get(name, 0)}
    return {name: number for name, number in more.items() if number >= PROJECTS}
