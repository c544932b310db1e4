"""A studio on a temporary disk: its settings, its folders, and its daemon as a process or in this process."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import structlog
import yaml
from typer.testing import CliRunner, Result

from hotfolder.cli.app import app
from hotfolder.clock import Clock
from hotfolder.config.load import SettingsFile, load
from hotfolder.control.opening import opened
from hotfolder.crashpoints import no_crash
from hotfolder.daemon.folders import holder_of
from hotfolder.daemon.service import ApiAccess, Daemon, Outcome
from hotfolder.jobs.database import StorePlace, inode_of, open_store, read_store
from hotfolder.jobs.postgres import StoreServer
from hotfolder.jobs.store import Store
from hotfolder.outbox.outputs import RESULTS_MARKER
from hotfolder.sandbox.embedded import EmbeddedSandbox
from hotfolder.sandbox.objects import Signer, load_secret
from hotfolder.sandbox.requestledger import FILE_NAME as LEDGER_FILE
from hotfolder.sandbox.settings import SandboxSettings
from hotfolder.telemetry.overview import overview
from tests.support import forking
from tests.support.clocks import JumpingClock
from tests.support.crashing import hooked
from tests.support.forking import Forked, fork
from tests.support.sandboxledger import Entry, charged, entries_in

T = TypeVar("T")
REPOSITORY = Path(__file__).parents[2]
ELM = "12 Elm Road"
MERGE, SKY = "/api/hdr-enhance", "/api/images/{imageId}/sky-replace"
FILE_TIMEOUT_SECONDS = 180.0
KEY = "any-key"
Fault = dict[str, Any]


def wait_for(holds: Callable[[], T], told: Callable[[], object] = str) -> T:
    """The first true value of `holds`; fails with `told` where there is none in time."""
    end = time.monotonic() + FILE_TIMEOUT_SECONDS
    while not (found := holds()):
        assert time.monotonic() < end, told()
        time.sleep(0.02)
    return found


async def until(holds: Callable[[], object], seconds: float = FILE_TIMEOUT_SECONDS) -> None:
    """Wait until `holds`. Raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - a test may poll
            await asyncio.sleep(0.02)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def words_of(page: Path) -> str:
    return " ".join(page.read_text().split()) if page.exists() else ""


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` with its content, by relative path.

    A temporary file that a running daemon renames between listing and reading is left out.
    """
    found = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file():
                found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def files_into(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Copy files into `folder`, which is made where it is missing, as a photographer does; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


class Shop:
    """A sandbox for several daemons. Tests judge by its ledger.

    `mark` begins a new count and removes all faults; `goes_wrong` sets faults.
    """

    def __init__(self, data: Path, **changes: Any) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._faults = data / "faults.json"
        self._faults.write_text("[]")
        usual: dict[str, Any] = {
            "port": 0,
            "storage_port": 0,
            "engine": "tests.support.quickengine",
            "faults": self._faults,
        }
        self.data = data
        self.sandbox = EmbeddedSandbox(SandboxSettings(data=data, **{**usual, **changes}))
        self.url = ""
        self.storage_host = ""
        self._entries: list[Entry] = []
        self._read_bytes = 0
        self._marked = 0

    def __enter__(self) -> Self:
        self.url, self.storage_host = self.sandbox.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.sandbox.stop()

    def access(self) -> ApiAccess:
        return ApiAccess(self.url, self.url, (self.storage_host,), partial(str, KEY))

    def mark(self) -> None:
        """Count from here on, without faults."""
        self._marked = len(self.entries())
        self.goes_wrong()

    def goes_wrong(self, *faults: Fault) -> None:
        """Set these faults, each counting requests from one."""
        fresh = self._faults.with_suffix(".new")
        fresh.write_text(json.dumps(faults))
        fresh.replace(self._faults)

    def bought(self, route: str | None = None) -> int:
        """The number of paid calls accepted since the mark."""
        return len(charged(self.page(), route))

    def charged(self) -> list[Entry]:
        """The paid calls that were accepted since the mark."""
        return charged(self.page())

    def asked(self, route: str) -> int:
        """The number of requests received on that route, answered or not."""
        answered = [one for one in self.page() if one.route == route]
        return sum(
            one.event == "answered" or (one.event == "faulted" and one.status is None) for one in answered
        )

    def ghosts(self, paid: Sequence[Entry], sets: Sequence[Counter[str]]) -> list[str]:
        """Merges among the `paid` calls whose group didn't hold exactly one of `sets` (checksums)."""
        merges = [one for one in paid if one.route == MERGE]
        return [one.ids["group"] for one in merges if self._group(one.ids["group"]) not in sets]

    def _group(self, group: str) -> Counter[str]:
        with closing(sqlite3.connect(self.data / "sandbox.sqlite3")) as books:
            rows = books.execute("SELECT object FROM photos WHERE owner = ?", (group,)).fetchall()
        uploads = self.data / "objects" / "stager-uploads"
        return Counter(digest(uploads / name) for (name,) in rows)

    def result_address(self, image: str) -> str:
        """A signed address of the newest result other than that image."""
        with closing(sqlite3.connect(self.data / "sandbox.sqlite3")) as books:
            rows = books.execute("SELECT bucket, object FROM images WHERE id != ?", (image,)).fetchall()
        newest = max(rows, key=lambda row: (self.data / "objects" / row[0] / row[1]).stat().st_mtime_ns)
        storage = self.sandbox.storage_base_url
        return Signer(load_secret(self.data), storage).url("GET", f"/{newest[0]}/{newest[1]}", 3600)

    def page(self) -> list[Entry]:
        """The ledger since the mark."""
        return self.entries()[self._marked :]

    def entries(self) -> list[Entry]:
        """The whole ledger; only its new part is read."""
        with (self.data / LEDGER_FILE).open("rb") as file:
            file.seek(self._read_bytes)
            fresh = file.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        self._entries += entries_in(whole.decode())
        return self._entries


@dataclass
class Run:
    """A `hotfolder run` process."""

    process: subprocess.Popen[bytes] | Forked
    log: Path

    def watching(self) -> Self:
        """Wait until it watches, or has ended."""
        wait_for(lambda: self.process.poll() is not None or '"event": "started"' in self.text(), self.text)
        return self

    def stop(self, number: int = signal.SIGTERM, call_within: float = FILE_TIMEOUT_SECONDS) -> int:
        """Signal it and wait; its exit code."""
        self.process.send_signal(number)
        return self.wait(call_within)

    def wait(self, call_within: float = FILE_TIMEOUT_SECONDS) -> int:
        try:
            return self.process.wait(call_within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end in time; its log:\n{self.text()}") from None

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def begun(command: Sequence[str], log: Path, environ: Mapping[str, str], *, really: bool = False) -> Run:
    """Start a process with its output in `log`. `really`: not forked, but started."""
    start = subprocess.Popen if really else fork
    with log.open("wb") as stream:
        return Run(start(command, stdout=stream, stderr=stream, env=environ), log)


class Studio:
    """Folders and settings below `root`. `settings` are merged into the YAML, one level deep. Its daemons buy
    from `shop`, except where another access is given."""

    new_server: ClassVar[Callable[[], StoreServer] | None] = None
    """Creates the database of a new studio where the tests use PostgreSQL."""

    def __init__(self, root: Path, *, shop: Shop | None = None, **settings: Any) -> None:
        self.root, self.shop = root, shop
        root.mkdir(parents=True, exist_ok=True)
        self.config = root / "config.yaml"
        self.inbox, self.done, self.failed, self.state, self.archive = (
            root / name for name in ("inbox", "done", "failed", "state", "archive")
        )
        usual: dict[str, Any] = {"root": ".", "settle": {"quiet_seconds": 0.4, "scan_seconds": 0.5}}
        if shop is not None:
            usual["api"] = {"base_url": shop.url, "storage_hosts": [shop.storage_host]}
        for name, value in settings.items():
            usual[name] = {**usual.get(name, {}), **value} if isinstance(value, Mapping) else value
        if Studio.new_server is not None:
            usual.setdefault("store", {"url": Studio.new_server().url})
        url = usual.get("store", {}).get("url")
        self.place: StorePlace = StoreServer(url) if url else self.state
        self.inboxes = [root / one["path"] for one in usual.get("inboxes", [{"path": "inbox"}])]
        self.state_folders = [self.state]
        """One for each machine of the studio."""
        self.results = self.state / "results"
        if url:
            self.results = root / usual.setdefault("results", "results")
            self.results.mkdir(exist_ok=True)
        self.config.write_text(yaml.safe_dump(usual))
        self.runs: list[Run] = []

    def edit(self, **settings: Any) -> None:
        """Change the settings as a careful editor does, by replacing the file."""
        beside = self.config.with_suffix(".new")
        beside.write_text(yaml.safe_dump({**yaml.safe_load(self.config.read_text()), **settings}))
        beside.replace(self.config)

    def drop(self, project: str, folder: str, files: Mapping[str, bytes]) -> Path:
        """Copy files into the inbox, as a photographer does."""
        return files_into(self.inbox / project / folder, files)

    def filed(self, folder: str = "", project: str = ELM) -> dict[str, bytes]:
        """The filed originals of a project, or of one of its folders."""
        return files_below(self.done / project / "originals" / folder)

    def status_page(self) -> str:
        """STATUS.txt with each run of white space as one space; empty while there is no page."""
        return words_of(self.inbox / "STATUS.txt")

    def reason_page(self, folder: str, project: str = ELM) -> str:
        """REASON.txt of a folder in failed/, as `status_page`."""
        return words_of(self.failed / project / folder / "REASON.txt")

    def receipt(self, name: str, project: str = ELM) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.done / project / "receipts" / f"{name}.json").read_bytes())
        return found

    def kept_results(self) -> list[Path]:
        """The files of kept results."""
        return [path for path in self.results.iterdir() if path.name != RESULTS_MARKER]

    def status(self) -> dict[str, Any]:
        """The output of `hotfolder status --json`, without starting a process."""
        with self._looking() as look:
            return look()

    @contextmanager
    def _looking(self) -> Iterator[Callable[[], dict[str, Any]]]:
        """A function that reads the status; the store stays open until it is another file."""
        database, inode = None, 0

        def look() -> dict[str, Any]:
            nonlocal database, inode
            found = inode_of(self.place)
            if database is None or found != inode:
                if database is not None:
                    database.dispose()
                database, inode = read_store(self.place), found
            if database is None:
                return {"jobs": [], "daemon": {"running": False}}
            return overview(Store(database), pid=holder_of(self.state)).as_dict()

        try:
            yield look
        finally:
            if database is not None:
                database.dispose()

    def reading(self, look: Callable[[Store], T]) -> T | None:
        """The result of `look` at the store; None while there is none."""
        database = read_store(self.place)
        if database is None:
            return None
        try:
            return look(Store(database))
        finally:
            database.dispose()

    def states(self) -> list[str]:
        return [job["state"] for job in self.status()["jobs"]]

    def wait_until(
        self, holds: Callable[[dict[str, Any]], object], call_within: float = FILE_TIMEOUT_SECONDS
    ) -> dict[str, Any]:
        """The first status for which `holds`; fails with the last one and the log when none does in time."""
        end = time.monotonic() + call_within
        with self._looking() as look:
            while not holds(status := look()):
                if time.monotonic() > end:
                    told = "\n".join(run.text() for run in self.runs)
                    raise AssertionError(f"it never came to that: {status}\n{told}")
                time.sleep(0.1)
        return status

    def wait_for_states(self, *states: str, call_within: float = FILE_TIMEOUT_SECONDS) -> dict[str, Any]:
        """Wait until the sets are in exactly these states, in any order."""
        return self.wait_until(
            lambda status: sorted(job["state"] for job in status["jobs"]) == sorted(states), call_within
        )

    def start(self, *options: str, really: bool = False) -> Run:
        """Start `hotfolder run`, with a key where it needs one; returns once it watches, or has ended.
        `really`: not forked."""
        log, key = self.root / f"run-{len(self.runs) + 1}.log", None if "--sandbox" in options else KEY
        self.runs.append(begun(self.command("run", *options), log, environment(key), really=really))
        return self.runs[-1].watching()

    def command(self, name: str, *options: str) -> list[str]:
        return [sys.executable, "-m", "hotfolder", name, "--config", str(self.config), *options]

    def call(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run one command of hotfolder to its end."""
        command = self.command(name, *options)
        return forking.run(command, env=environment(None))

    def say(self, name: str, *options: str, columns: int = 80) -> Result:
        """Run a command in this process, where only its output matters; in a thread, since a daemon may run
        in this thread's event loop."""
        words = [name, "--config", str(self.config), *options]
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(CliRunner().invoke, app, words, env={"COLUMNS": str(columns)}).result()

    def end(self) -> None:
        for run in self.runs:
            run.end()

    def access(self, given: ApiAccess | None) -> ApiAccess:
        if given is None:
            assert self.shop is not None, "this studio has no shop"
            given = self.shop.access()
        return given

    @asynccontextmanager
    async def working(
        self,
        access: ApiAccess | None = None,
        *,
        clock: Clock | None = None,
        crash_point: Callable[[Any], None] = no_crash,
        live: bool = False,
    ) -> AsyncIterator[Daemon]:
        """Run the daemon in this process until the block ends, with time twice as fast. `live`: it reads
        edited settings."""
        if not structlog.is_configured():
            # Otherwise it would log into the output of a command that a test runs beside it.
            structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
        file = SettingsFile(self.config, {}) if live else None
        daemon = Daemon(load(self.config, {}), self.access(access), clock=clock or JumpingClock(2), file=file)
        stop = asyncio.Event()
        with hooked(crash_point):
            running = asyncio.create_task(daemon.run(stop=stop))
            try:
                yield daemon
            finally:
                stop.set()
                try:
                    await running
                finally:
                    await daemon.close()

    async def until_idle(self, access: ApiAccess | None = None, *, clock: Clock | None = None) -> Outcome:
        """Run the daemon in this process until nothing can go on by itself. All files are there already, so
        its time passes four times as fast."""
        daemon = Daemon(load(self.config, {}), self.access(access), clock=clock or JumpingClock(4))
        try:
            async with asyncio.timeout(FILE_TIMEOUT_SECONDS):
                return await daemon.run(stop=asyncio.Event(), until_idle=True)
        finally:
            await daemon.close()

    async def drop_and_run(self, project: str, folder: str, files: Mapping[str, bytes]) -> Outcome:
        """Drop files, and run the daemon until nothing can go on by itself."""
        self.drop(project, folder, files)
        return await self.until_idle()

    async def comes_to(self, *states: str) -> dict[str, Any]:
        """`wait_for_states`, for a daemon in this process."""
        return await asyncio.to_thread(self.wait_for_states, *states)

    async def comes_to_say(self, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """`wait_until`, for a daemon in this process."""
        return await asyncio.to_thread(self.wait_until, holds)

    @contextmanager
    def store(self) -> Iterator[Store]:
        database = open_store(self.place)
        try:
            yield Store(database)
        finally:
            database.dispose()

    def by_hand(self, action: Callable[..., T], *arguments: object, **named: object) -> T:
        """Call a function of `control` with these settings, as a person's command does."""
        with opened(self.config) as installation:
            return action(installation, *arguments, **named)


MakeStudio = Callable[..., Studio]


def environment(key: str | None) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HOTFOLDER_") and name != "STAGER_API_KEY"
    }
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    return {**kept, "PYTHONPATH": path, **({"STAGER_API_KEY": key} if key else {})}
