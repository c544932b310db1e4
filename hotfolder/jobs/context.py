"""JobContext: the shared services, folders and settings that the steps of a job use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from hotfolder.blocking import call_in_thread
from hotfolder.clock import Clock
from hotfolder.errors import LocalTrouble, OutOfReach
from hotfolder.inbox.scan import refuse_changed_set, refuse_renamed
from hotfolder.jobs.breaker import CircuitBreakers
from hotfolder.jobs.budget import Budgets
from hotfolder.jobs.darkroom import Darkroom
from hotfolder.jobs.database import StoreThread
from hotfolder.jobs.ledger import Ledger, PurchaseStep, read_chain
from hotfolder.jobs.limits import ConcurrencyLimits
from hotfolder.jobs.model import Job, JobFile, Purchase
from hotfolder.jobs.states import ACTIVE, EXPLAINED, NEEDS_PERSON, State
from hotfolder.jobs.store import Store
from hotfolder.outbox.files import Guard, Sharing, no_guard
from hotfolder.outbox.names import archived_folder, originals_folder, safe_name
from hotfolder.outbox.placing import confirm_movable
from hotfolder.outbox.returning import gathering_folder
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits
from hotfolder.rules.delivery import Originals
from hotfolder.rules.hours import Hours
from hotfolder.rules.kinds import Prices
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.routing import Rulebook
from hotfolder.stager.client import StagerClient
from hotfolder.stager.storage import StorageClient

if TYPE_CHECKING:
    from hotfolder.jobs.steps.uploading import OpenGroup


SetPlace = tuple[str, str, str]
"""The location of a set: the inbox's name, the project's folder, the set's folder."""


class CounterHooks:
    """Hooks for counters; no-ops here, telemetry overrides them. None of these methods may raise or block."""

    def paid(self, operation: str, project: str) -> None:
        """A paid call was charged, or may have been."""

    def phase(self, name: str, seconds: float) -> None:
        """A job has left the state `name` after `seconds`."""

    def bytes_up(self, number: int) -> None: ...

    def bytes_down(self, number: int) -> None: ...

    def api_error(self, kind: str) -> None:
        """A request failed; `kind` is the name of its error's class."""


@dataclass(frozen=True)
class Places:
    """The folders, and the checks of whether they are in reach. `state` is this machine's own."""

    inboxes: Mapping[str, Path]
    done: Path
    failed: Path
    state: Path
    archive: Path | None = None
    former_archives: Sequence[Path] = ()
    """Other folders that were the archive before, where originals still may lie."""
    shared_results: Path | None = None
    """The folder for bought pictures, where that isn't in `state`."""
    guard: Guard = no_guard
    """Takes a path; raises LocalTrouble where the output folder that it lies in is missing or replaced."""
    confirm_inbox: Guard = no_guard
    """Takes an inbox's path; raises LocalTrouble where it is missing or replaced. Blocks."""
    out_of_reach: Callable[[str], str] = lambda _: ""
    """Takes an inbox's name; returns why the last scan found it out of reach, "" where it is in reach."""
    confirm_ours: Callable[[str], None] = lambda _: None
    """Takes an inbox's name; raises LeaseLost where another machine owns it. Blocks."""

    @property
    def results(self) -> Path:
        return self.shared_results or self.state / "results"

    @property
    def developed(self) -> Path:
        return self.state / "developed"

    @property
    def work(self) -> Path:
        return self.state / "work"

    def inbox(self, name: str) -> Path:
        """The path of the inbox of that name. Raises LocalTrouble where the settings don't name it any
        more."""
        try:
            return self.inboxes[name]
        except KeyError:
            raise LocalTrouble(
                f"the inbox {name}, where this set was dropped, is not in the settings any more",
                hint="Put it back into the settings until its sets are done; they continue by themselves.",
            ) from None

    def folder(self, job: Job) -> Path:
        """The folder into which the job's photos were dropped. Raises LocalTrouble as `inbox`."""
        return self.inbox(job.inbox) / job.project / job.folder

    def original_paths(self, job: Job, file: JobFile) -> list[Path]:
        """The paths at which a file of the job may lie: in the inbox while the job is active, on its way back
        there, and last where it is filed, by the job's state."""
        state, known = State(job.state), job.inbox in self.inboxes
        archives = [*self.former_archives, *filter(None, [self.archive])]
        dropped = [self.folder(job) / file.name] if state in ACTIVE and known else []
        if job.filed_as is None:
            return dropped or [self.folder(job) / file.name]
        project = safe_name(job.project)
        if state in NEEDS_PERSON | EXPLAINED:
            if known:
                folder = self.folder(job) if job.folder else self.folder(job) / job.filed_as
                dropped.append(gathering_folder(folder, job.id) / file.name)
            filed = self.failed / project / job.filed_as
        elif archives and recipe_of(job).delivery.originals is Originals.ARCHIVE:
            *former, filed = (archived_folder(one, project, job.filed_as) for one in archives)
            dropped += [folder / file.name for folder in former]
        else:
            filed = originals_folder(self.done, project, job.filed_as)
        return [*dropped, filed / file.name]

    def sharing(self, job: Job) -> Sharing:
        """How files of the job are placed; its guard raises LeaseLost unless this machine owns the inbox."""

        def guard(path: Path) -> None:
            self.confirm_ours(job.inbox)
            self.guard(path)

        return Sharing.of(self.inbox(job.inbox), guard)


def with_former_archives(places: Places, store: Store) -> Places:
    """The folders, with those that the store has met as archives, on any machine."""
    met = map(Path, sorted(store.folder_names("archive")))
    return replace(places, former_archives=[path for path in met if path != places.archive])


def place_of(job: Job) -> SetPlace:
    return (job.inbox, job.project, job.folder)


@dataclass(frozen=True)
class JobSettings:
    """The settings that concern jobs. Immutable; replaced as a whole on reload."""

    result_limits: PictureLimits
    merge_timeout_seconds: float
    budgets: Budgets
    rulebooks: Mapping[str, Rulebook]
    """By inbox name: those in the settings now, and those that were at the start."""
    hours: Hours = ()
    prices: Prices = field(default_factory=Prices)
    language: str = "en"


@dataclass
class JobContext:
    """The objects that all steps share. `origin` names the API in purchase keys."""

    origin: str
    places: Places
    store: Store
    store_thread: StoreThread
    client: StagerClient
    storage: StorageClient
    decoder: Decoder
    darkroom: Darkroom
    breakers: CircuitBreakers
    clock: Clock
    limits: ConcurrencyLimits
    paid_seconds: float
    """The timeout of a paid request, as given to `client`."""
    settings: JobSettings
    lease_lost: Callable[[str], None] = lambda _: None
    """Called with an inbox's name after a step there has raised LeaseLost."""
    counts: CounterHooks = field(default_factory=CounterHooks)
    claims: dict[SetPlace, dict[str, frozenset[str]]] = field(default_factory=dict)
    """The names of the files that unfinished jobs own, by place and job id."""
    locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    paying: dict[asyncio.Task[Purchase], Purchase] = field(default_factory=dict)
    """The paid calls in flight, by their tasks; a task's name is its job's id."""
    failed_downloads: dict[str, int] = field(default_factory=dict)
    """Consecutive failed downloads, by the picture's name in results/."""
    early_groups: dict[SetPlace, OpenGroup] = field(default_factory=dict)
    """API groups of sets that still arrive. A cache, not persisted."""
    uploading_groups: dict[str, OpenGroup] = field(default_factory=dict)
    """API groups of jobs that are uploading, by job id; read for the upload's progress."""
    groups_by_id: WeakValueDictionary[str, OpenGroup] = field(default_factory=WeakValueDictionary)
    """The API groups that photos are sent into, by their ids."""

    @property
    def ledger(self) -> Ledger:
        return self.store.ledger

    def lock(self, name: str) -> asyncio.Lock:
        """The lock of that name. Two jobs that want the same purchase take it, so that it is made once."""
        return self.locks.setdefault(name, asyncio.Lock())

    def claimed(self, inbox: str, project: str, folder: str) -> frozenset[str]:
        """The names of the files in a folder that belong to unfinished jobs. Called for every folder at every
        scan, so its cost must not depend on the number of jobs."""
        return frozenset().union(*self.claims.get((inbox, project, folder), {}).values())

    async def files(self, job: Job) -> list[JobFile]:
        """A job's files: photos in the order they are sent, then companions."""
        return await self.store_thread(self.store.files, job.id)

    async def photos(self, job: Job) -> list[JobFile]:
        """The job's photos, in the order they are sent."""
        return await self.store_thread(self.store.photos, job.id)

    async def advance(self, job: Job, state: State, **changes: Any) -> Job:
        """`Store.advance` at the present time: the job in its next state. Raises IllegalMove, LeaseLost,
        LocalTrouble."""
        return await self.store_thread(self.store.advance, job.id, state, self.clock.now(), **changes)

    async def publish(self, name: str, content: object, *, inbox: str = "") -> None:
        """`Store.publish` at the present time. Raises LocalTrouble, LeaseLost."""
        await self.store_thread(self.store.publish, name, content, self.clock.now(), inbox=inbox)

    async def recheck_photos(self, job: Job) -> None:
        """Check the photos once more before money is spent. Raises SetChanged; OutOfReach and LocalTrouble
        where the inbox can't be read, or the photos couldn't be moved out of it once they are paid for."""
        self.refuse_out_of_reach(job)
        expected = {file.name: file.identity for file in await self.photos(job)}
        inbox = self.places.inbox(job.inbox)
        others = self.claimed(*place_of(job)) - expected.keys()
        await call_in_thread(inbox, refuse_changed_set, inbox, job.project, job.folder, expected, others)
        await call_in_thread(inbox, confirm_movable, self.places.folder(job))

    async def refuse_renamed(self, job: Job) -> None:
        """Raise SetChanged where the job's folder was renamed: under its new name it is a new set, which
        reuses what was bought. Where the inbox can't be read, the folder counts as not renamed."""
        if self.places.out_of_reach(job.inbox):
            return
        expected = {file.name: file.identity for file in await self.photos(job)}
        with suppress(OSError, LocalTrouble):
            inbox = self.places.inbox(job.inbox)
            await call_in_thread(inbox, refuse_renamed, inbox, job.project, job.folder, expected)

    async def confirm_gone(self, job: Job) -> None:
        """Raise LocalTrouble where the inbox itself is missing, so that its photos only seem to be gone."""
        self.refuse_out_of_reach(job)
        inbox = self.places.inbox(job.inbox)
        await call_in_thread(inbox, self.places.confirm_inbox, inbox)

    def refuse_out_of_reach(self, job: Job) -> None:
        """Raise OutOfReach where the job's inbox is out of reach. Checked before each access, since on a
        share that hangs every call blocks a thread."""
        why = self.places.out_of_reach(job.inbox)
        if why:
            raise OutOfReach(why.removesuffix("."), hint="It continues by itself once the inbox is back.")


def recipe_of(job: Job) -> Recipe:
    """The recipe that the job started with."""
    return Recipe.model_validate_json(job.recipe)


def chain_of(store: Store, job: Job) -> list[PurchaseStep]:
    """The job's paid calls, by `read_chain`."""
    photos = [file.sha256 for file in store.photos(job.id)]
    return read_chain(store, job.origin, photos, recipe_of(job), job.generation)
