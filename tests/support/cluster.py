"""A cluster of daemons as processes, each with its own `state`, and one database."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from hotfolder.jobs.store import Store
from tests.support import forking
from tests.support.studio import FILE_TIMEOUT_SECONDS, Run, Shop, Studio, begun, environment, files_into


@dataclass
class Member:
    """One machine. `runs` are its processes, the latest last."""

    cluster: Cluster
    name: str
    changes: dict[str, str] = field(default_factory=dict)
    program: str = "hotfolder"
    runs: list[Run] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.cluster.studio.root / f"state-{self.name}"

    @property
    def id_(self) -> str:
        """The machine's id in the database; "" before its first start."""
        path = self.state / "machine"
        return path.read_text().strip() if path.exists() else ""

    def environment(self) -> dict[str, str]:
        return {**environment("any-key"), "HOTFOLDER_STATE": str(self.state), **self.changes}

    def start(self, *options: str, freeze_at: str = "", nth: int = 1) -> Run:
        """Start its daemon; returns once it watches, or has ended. With `freeze_at`, a crash point, it
        freezes there at the `nth` pass."""
        studio = self.cluster.studio
        log = studio.root / f"{self.name}-{len(self.runs) + 1}.log"
        program = "tests.support.member" if freeze_at else self.program
        command = [sys.executable, "-m", program, *studio.command("run", *options)[3:]]
        frozen = {"FREEZE_AT": f"{freeze_at} {nth}"} if freeze_at else {}
        self.runs.append(begun(command, log, self.environment() | frozen))
        return self.runs[-1].watching()

    @property
    def running(self) -> bool:
        return bool(self.runs) and self.runs[-1].process.poll() is None

    def signal(self, number: int) -> None:
        self.runs[-1].process.send_signal(number)

    def call(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run one command of hotfolder on this machine to its end."""
        command = self.cluster.studio.command(name, *options)
        return forking.run(command, env=self.environment())

    def text(self) -> str:
        return "\n".join(run.text() for run in self.runs)


class Cluster:
    """Machines with one database. `settings` are merged into the YAML, one level deep; `url` is that of an
    empty database."""

    def __init__(
        self, root: Path, shop: Shop, url: str, inboxes: Sequence[str] = ("inbox",), **settings: Any
    ) -> None:
        usual: dict[str, Any] = {
            "inboxes": [{"path": name} for name in inboxes],
            "store": {"url": url, "lease_seconds": 2.0},
        }
        for name, value in settings.items():
            usual[name] = {**usual.get(name, {}), **value} if isinstance(value, Mapping) else value
        self.shop = shop
        self.url = url
        self.studio = Studio(root, shop=shop, **usual)
        self.studio.state_folders.clear()
        self.members: dict[str, Member] = {}

    def member(self, name: str, **changes: str) -> Member:
        """The machine of that name, created where missing; `changes` are made to its environment."""
        if name not in self.members:
            self.members[name] = Member(self, name, changes)
            self.studio.state_folders.append(self.members[name].state)
        return self.members[name]

    def drop(self, inbox: str, project: str, folder: str, files: Mapping[str, bytes]) -> Path:
        """Copy files into an inbox, as a photographer does."""
        return files_into(self.studio.root / inbox / project / folder, files)

    @contextmanager
    def store(self) -> Iterator[Store]:
        engine = create_engine(self.url)
        try:
            yield Store(engine)
        finally:
            engine.dispose()

    def wait_until(self, holds: Callable[[Store], object], call_within: float = FILE_TIMEOUT_SECONDS) -> None:
        """Wait until the store satisfies `holds`; fails with every log when it never does."""
        end = time.monotonic() + call_within
        with self.store() as store:
            while not holds(store):
                if time.monotonic() > end:
                    told = "\n".join(member.text() for member in self.members.values())
                    raise AssertionError(f"it never came to that: {store.count_by_state()}\n{told}")
                time.sleep(0.05)

    def owners(self) -> dict[str, str | None]:
        """The machine that owns each inbox, by the test's names."""
        ids = {member.id_: name for name, member in self.members.items() if member.id_}
        with self.store() as store:
            return {inbox: ids.get(owner or "") for inbox, owner in store.machines()[1].items()}

    def end(self) -> None:
        for member in self.members.values():
            for run in member.runs:
                if run.process.poll() is None:
                    run.process.send_signal(signal.SIGCONT)
                run.end()
