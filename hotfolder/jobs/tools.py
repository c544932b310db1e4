"""What every step works with."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hotfolder.clock import Clock
from hotfolder.errors import LocalTrouble
from hotfolder.jobs.allowance import Budgets
from hotfolder.jobs.checkpoints import Passing
from hotfolder.jobs.counting import Counts, Uncounted
from hotfolder.jobs.desk import Desk
from hotfolder.jobs.gate import Asking, Gate
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.states import State
from hotfolder.jobs.store import Store
from hotfolder.jobs.tables import FileRole, Job, JobFile
from hotfolder.outbox.sharing import Sharing
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits
from hotfolder.rules.hours import Hours
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.sets import FileIdentity
from hotfolder.stager.client import StagerClient
from hotfolder.stager.storage import StorageClient
from hotfolder.stager.throttle import Throttle

if TYPE_CHECKING:
    from hotfolder.jobs.groups import OpenGroup

Recheck = Callable[[Path, str, str, Mapping[str, FileIdentity]], None]
"""Takes inbox, project, folder and the photos by name; raises SetChanged unless exactly they are there."""


ConfirmInbox = Callable[[Path], None]
"""Takes an inbox; raises LocalTrouble where it isn't there, or another folder is in its place. Blocks."""


@dataclass(frozen=True)
class Places:
    """The folders. `inboxes` by name; `state` is ours alone."""

    inboxes: Mapping[str, Path]
    done: Path
    failed: Path
    state: Path
    archive: Path | None = None

    @property
    def results(self) -> Path:
        return self.state / "results"

    @property
    def work(self) -> Path:
        return self.state / "work"

    def inbox(self, job: Job) -> Path:
        """Raises LocalTrouble where the settings don't name that inbox any more."""
        return self.inbox_named(job.inbox)

    def inbox_named(self, name: str) -> Path:
        """As `inbox`."""
        try:
            return self.inboxes[name]
        except KeyError:
            raise LocalTrouble(
                f"the inbox {name}, where this set was dropped, is not in the settings any more",
                hint="Put it back into the settings until its sets are done; they go on by themselves.",
            ) from None

    def folder(self, job: Job) -> Path:
        """Where the job's photos were dropped."""
        return self.inbox(job) / job.project / job.folder

    def sharing(self, job: Job) -> Sharing:
        return Sharing.of(self.inbox(job))


Place = tuple[str, str, str]
"""Where a set lies: the inbox's name, the project's folder, the set's folder."""


def place_of(job: Job) -> Place:
    return (job.inbox, job.project, job.folder)


Rank = tuple[int, str, str]
PICTURE: Rank = (0, "", "")
"""A merged picture on its way to an operation: it unblocks work that is paid for already."""


def photo_rank(job: Job) -> Rank:
    """Oldest set first, among those of the same priority."""
    return (1, job.created_at, job.id)


NORMAL = 1


class Turns:
    """So many at once; among those that wait, the lowest rank goes first, then who came first. `levels` are
    the priorities of jobs, by id, as they are now; a job that isn't in it has the normal one."""

    def __init__(self, number: int, levels: Mapping[str, int] | None = None) -> None:
        self.levels: Mapping[str, int] = levels or {}
        self._number = number
        self._free = number
        self._came = itertools.count()
        self._waiting: list[tuple[Rank, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def turn(self, rank: Rank) -> AsyncIterator[None]:
        await self._enter(rank)
        try:
            yield
        finally:
            self._leave()

    def resize(self, number: int) -> None:
        """Let so many go on at once from now on; whoever is over that finishes first."""
        self._free += number - self._number
        self._number = number
        while self._free > 0 and self._call():
            self._free -= 1

    async def _enter(self, rank: Rank) -> None:
        if self._free > 0:
            self._free -= 1
            return
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rank, next(self._came), called))
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        if self._free < 0 or not self._call():
            self._free += 1

    def _call(self) -> bool:
        """Call the next one in; False when none waits."""
        self._waiting = [one for one in self._waiting if not one[2].done()]
        if not self._waiting:
            return False
        # Looked for only now, since a priority may change while somebody waits.
        first = min(self._waiting, key=self._order)
        self._waiting.remove(first)
        first[2].set_result(None)
        return True

    def _order(self, one: tuple[Rank, int, asyncio.Future[None]]) -> tuple[int, int, str, str, int]:
        (kind, created_at, job_id), came, _ = one
        return (kind, self.levels.get(job_id, NORMAL), created_at, job_id, came)


class Queue(Turns):
    """`async with`: so many at once, first come, first served."""

    async def __aenter__(self) -> None:
        await self._enter(PICTURE)

    async def __aexit__(self, *_: object) -> None:
        self._leave()


class Slots:
    """How many of each kind may go on at once, over all jobs together."""

    def __init__(self, *, uploads: int, merges: int, operations: int, downloads: int) -> None:
        self.levels: Mapping[str, int] = {}
        self.uploads = Turns(uploads)
        self.addresses = Turns(2 * uploads)
        self.merges = Turns(merges)
        self.operations = Turns(operations)
        self.downloads = Queue(downloads)

    def order(self, levels: Mapping[str, int]) -> None:
        """Let jobs go by these priorities from now on, also those that wait already."""
        self.levels = levels
        for turns in (self.uploads, self.addresses, self.merges, self.operations):
            turns.levels = levels

    def resize(self, *, uploads: int, merges: int, operations: int, downloads: int) -> None:
        """Other numbers from now on; what goes on already is not interrupted."""
        self.uploads.resize(uploads)
        self.addresses.resize(2 * uploads)
        self.merges.resize(merges)
        self.operations.resize(operations)
        self.downloads.resize(downloads)


class KeyLocks:
    """A lock per name, so that two jobs that want the same purchase make it once."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        lock, users = self._locks.get(name, (asyncio.Lock(), 0))
        self._locks[name] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(name)
            if users > 1:
                self._locks[name] = (lock, users - 1)


@dataclass
class Tools:
    """Everything that the steps share. `origin` names the API in content keys."""

    origin: str
    places: Places
    store: Store
    ledger: Ledger
    desk: Desk
    client: StagerClient
    storage: StorageClient
    decoder: Decoder
    gate: Gate
    clock: Clock
    slots: Slots
    recheck: Recheck
    confirm_inbox: ConfirmInbox
    passing: Passing
    result_limits: PictureLimits
    merge_timeout_seconds: float
    budgets: Budgets
    throttle: Throttle
    hours: Hours = ()
    counts: Counts = field(default_factory=Uncounted)
    locks: KeyLocks = field(default_factory=KeyLocks)
    paying: set[asyncio.Task[None]] = field(default_factory=set)
    merges_took: deque[float] = field(default_factory=lambda: deque(maxlen=16))
    polling: int = 0
    downloading: dict[str, Asking] = field(default_factory=dict)
    """Pictures on their way, and those that fail to come; by their name in state/results/."""
    early: dict[Place, OpenGroup] = field(default_factory=dict)
    """Groups of sets that still arrive. Not more than a cache: forgotten at the end of the process."""
    known_files: dict[str, list[JobFile]] = field(default_factory=dict)
    """Of the jobs under way, until their originals are filed: only then does what the store says change."""

    async def files(self, job: Job) -> list[JobFile]:
        """A job's files: photos in the order they are sent, then companions."""
        if job.state == State.FILING:
            return await self.desk(self.store.files, job.id)
        if job.id not in self.known_files:
            self.known_files[job.id] = await self.desk(self.store.files, job.id)
        return self.known_files[job.id]

    async def photos(self, job: Job) -> list[JobFile]:
        """The job's photos, in the order they are sent."""
        return [file for file in await self.files(job) if file.role == FileRole.PHOTO]

    async def look_again(self, job: Job) -> None:
        """The last look at the photos before money is spent. Raises SetChanged."""
        expected = {file.name: identity_of(file) for file in await self.photos(job)}
        inbox = self.places.inbox(job)
        await asyncio.to_thread(self.recheck, inbox, job.project, job.folder, expected)

    async def confirm_gone(self, job: Job) -> None:
        """Raise LocalTrouble when the job's photos may only seem to be gone, since their inbox is."""
        await asyncio.to_thread(self.confirm_inbox, self.places.inbox(job))


def recipe_of(job: Job) -> Recipe:
    """The recipe that the job started with."""
    return Recipe.model_validate_json(job.recipe)


def identity_of(file: JobFile) -> FileIdentity:
    """The file's identity when its set had settled."""
    return FileIdentity(file.size_bytes, file.mtime_ns, file.ctime_ns, file.inode)
