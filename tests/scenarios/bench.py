"""A studio under test: recorded drops, a daemon with a fast clock, and the judge at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hotfolder import log
from hotfolder.daemon.service import ApiAccess, Daemon, Outcome
from tests.support import crashing
from tests.support.audit import Audit, Originals, sha256
from tests.support.clocks import JumpingClock
from tests.support.pictures import bracket
from tests.support.studio import ELM, Shop, Studio, files_below

ROOM = "living-room__sky-twilight"
SPEED = 40.0
HURRIED: dict[str, Any] = {"api": {"merge_timeout_seconds": 60.0, "read_timeout_seconds": 5.0}}
"""Settings for a clock of that speed; network time-outs follow the real clock."""


class Bench:
    """A studio that buys from `shop`. A daemon in this process logs to a file of the studio."""

    def __init__(self, studio: Studio, shop: Shop) -> None:
        self.studio = studio
        self.shop = shop
        self.clock = JumpingClock(SPEED)
        self.originals = Originals()
        self.sets: list[Counter[str]] = []
        self.log = studio.root / "daemon.log"
        self.log.touch()

    def drop(
        self, folder: str = ROOM, files: Mapping[str, bytes] | None = None, *, project: str = ELM
    ) -> Mapping[str, bytes]:
        """Drop a set, of three new photos unless `files` is given; its files."""
        files = bracket() if files is None else files
        self.originals.take(project, folder, files)
        self.sets.append(Counter(sha256(content) for name, content in files.items() if name.endswith(".jpg")))
        self.studio.drop(project, folder, files)
        return files

    def access(self, **changes: Any) -> ApiAccess:
        usual = self.shop.access()
        return ApiAccess(**{**{name: getattr(usual, name) for name in usual.__dataclass_fields__}, **changes})

    async def until_idle(self, access: ApiAccess | None = None) -> Outcome:
        with self.logging():
            return await self.studio.until_idle(access or self.access(), clock=self.clock)

    async def drop_and_run(self, *what: Any, **options: Any) -> Mapping[str, bytes]:
        """`drop`, then `until_idle`; the set's files."""
        files = self.drop(*what, **options)
        await self.until_idle()
        return files

    @asynccontextmanager
    async def working(self, access: ApiAccess | None = None, **options: Any) -> AsyncIterator[Daemon]:
        with self.logging():
            async with self.studio.working(access or self.access(), clock=self.clock, **options) as daemon:
                yield daemon

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Write the log of a daemon in this process to the studio's file."""
        with self.log.open("a") as stream:
            log.configure(stream=stream, json=True)
            try:
                yield
            finally:
                log.configure()

    def live(self, **request: Any) -> int:
        """Run a daemon in a process of its own, until it is idle or killed; its exit code."""
        return crashing.live(self.studio, self.shop, speed=SPEED, **request)

    def check(self, *states: str, paid: int, bound: int | None = None) -> Audit:
        """Assert by the judge that no promise is broken, that the sets have exactly these states, and that
        exactly this many paid calls were accepted."""
        charged = self.shop.charged()
        audit = Audit(self.studio, charged)
        assert sorted(job.state for job in audit.jobs) == sorted(states), self.text()
        faults = audit.faults(self.originals, paid if bound is None else bound)
        assert faults == [], "\n".join((*faults, self.text()))
        assert self.shop.ghosts(charged, self.sets) == []
        assert len(charged) == paid, self.text()
        return audit

    def text(self) -> str:
        """The log."""
        return self.log.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log's lines of one event."""
        lines = [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def reason_page(self, folder: str = ROOM) -> str:
        return self.studio.reason_page(folder)

    def delivered(self, project: str = ELM) -> set[str]:
        """Names of the delivered pictures."""
        return {name for name in files_below(self.studio.done / project) if "/" not in name}

    def in_inbox(self, folder: str = ROOM) -> dict[str, bytes]:
        place = self.studio.inbox / ELM / folder
        return files_below(place) if place.is_dir() else {}

    def studio_lines(self) -> list[dict[str, Any]]:
        """The last overview's lines of all sets, those still arriving included."""
        return [asdict(line) for line in Audit(self.studio, ()).seen.lines]

    def path(self, *parts: str) -> Path:
        return self.studio.inbox.joinpath(*parts)


MakeBench = Callable[..., Bench]
