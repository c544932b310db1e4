"""Random runs of several machines with one database: `python -m tests.scenarios.storm --machines 3`.

Three daemons work with six inboxes. Their processes are killed, frozen, ended and started; their connections
to the database and to the API are cut; the database is restarted; clocks are moved. Then all faults end, and
once nothing goes on by itself any more, the judge checks everything. The same seed and number always give the
same plan.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, update

from hotfolder.jobs.leases import database_now
from hotfolder.jobs.model import Machine as MachineRow
from hotfolder.jobs.states import ACTIVE, State
from hotfolder.jobs.store import Store
from tests.scenarios.storm import Story, audited
from tests.scenarios.weather import Drop, one_drop
from tests.support.audit import Originals, sha256
from tests.support.cluster import Cluster, Member
from tests.support.member import API_BY, MOVED_CLOCK
from tests.support.pictures import jpeg
from tests.support.postgres import Postgres, programs, running
from tests.support.proxy import Proxy, between
from tests.support.studio import Shop

LEASE_SECONDS = 1.0
INBOXES = tuple(f"inbox-{number}" for number in range(1, 7))
MEMBERS = "abcdefgh"
JOINING = "late"
CLOCKS = {"clock a day ahead": 86400.0, "clock a day behind": -86400.0}
TROUBLES = ("kill", "freeze", "database cut", "database hangs", "API cut", "API hangs", *CLOCKS)
DATABASE = ("fast", "immediate")
CALM_SECONDS = 400.0
SETTINGS = {
    "store": {"lease_seconds": LEASE_SECONDS},
    "api": {
        "merge_timeout_seconds": 40.0,
        "connect_timeout_seconds": 2.0,
        "read_timeout_seconds": 3.0,
        "paid_timeout_seconds": 4.0,
    },
    "settle": {"give_up_seconds": 20.0},
}
SLOW = {"merge_delay_seconds": 0.7, "operation_delay_seconds": 0.7}
"""Delays, so that jobs are under way whenever something happens."""


@dataclass(frozen=True)
class Trouble:
    """A fault of one machine. `kind` begins `after` seconds from the end of the one before, and lasts for
    `seconds`."""

    kind: str
    after: float
    seconds: float


@dataclass(frozen=True)
class LateDrop:
    """A set for an inbox, some seconds after the machines have started."""

    inbox: str
    after: float
    drop: Drop


@dataclass(frozen=True)
class ClusterPlan:
    """`troubles` come over each machine one after the other. `restarts` of the database have a mode and a
    time."""

    sets: tuple[LateDrop, ...]
    troubles: dict[str, tuple[Trouble, ...]]
    restarts: tuple[Trouble, ...]

    @property
    def drops(self) -> tuple[Drop, ...]:
        return tuple(one.drop for one in self.sets)

    @property
    def bound(self) -> int:
        return len(frozenset().union(*(drop.purchases for drop in self.drops)))

    @property
    def kind(self) -> str:
        joins = "one joins" if JOINING in self.troubles else "none joins"
        leaves = any(one.kind == "leave" for some in self.troubles.values() for one in some)
        restarts = "the database restarts" if self.restarts else "the database stays"
        return f"{joins}, {'one leaves' if leaves else 'none leaves'}, {restarts}"


def plan(seed: int, number: int, machines: int = 3) -> ClusterPlan:
    dice = Random(f"cluster {seed}/{number}")
    sets = tuple(several_sets(dice))
    troubles = {name: tuple(trouble(dice) for _ in range(dice.randint(0, 3))) for name in MEMBERS[:machines]}
    if dice.random() < 0.4:
        troubles[JOINING] = (Trouble("join", dice.uniform(0, 5), 0), *([trouble(dice)] * dice.randint(0, 1)))
    if dice.random() < 0.4:
        name = dice.choice(MEMBERS[:machines])
        troubles[name] += (Trouble(dice.choice(("leave", "die")), dice.uniform(0, 3), 0),)
    restarts = [
        Trouble(dice.choice(DATABASE), dice.uniform(1, 5), 0) for _ in range(dice.choice((0, 0, 1, 2)))
    ]
    return ClusterPlan(sets, troubles, tuple(restarts))


def several_sets(dice: Random) -> Iterator[LateDrop]:
    """Sets of rooms with the same name in several inboxes; sometimes with the same photos."""
    taken: set[tuple[str, str, str]] = set()
    photos: dict[str, bytes] = {}
    most = dice.randint(4, 9)
    for _ in count():
        if len(taken) == most:
            return
        if not photos or dice.random() > 0.15:
            seeds = [dice.getrandbits(60) for _ in range(dice.choice((1, 2, 3, 3)))]
            photos = {f"DSC{place:04}.jpg": jpeg(seed) for place, seed in enumerate(seeds, start=1)}
        drop = one_drop(dice, dice.randint(0, 4), photos)
        inbox, after = dice.choice(INBOXES), dice.choice((0.0, dice.uniform(0, 8)))
        if (inbox, drop.project, drop.folder) not in taken:
            taken.add((inbox, drop.project, drop.folder))
            yield LateDrop(inbox, after, drop)


def trouble(dice: Random) -> Trouble:
    kind = dice.choice(TROUBLES)
    seconds = 2 * LEASE_SECONDS if kind == "freeze" else round(dice.uniform(0.2, 5), 2)
    return Trouble(kind, round(dice.uniform(0, 3), 2), seconds)


@dataclass(frozen=True)
class ClusterLane:
    """Resources of one run at a time."""

    root: Path
    shop: Shop
    server: Postgres


@dataclass(frozen=True)
class Machine:
    """A member of the cluster, with its proxies to the database and to the API, and its clock."""

    member: Member
    database: Proxy
    api: Proxy
    clock: Path

    def go_through(self, troubles: Sequence[Trouble]) -> None:
        """Carry out one trouble after the other."""
        for trouble in troubles:
            begin, end = self._ways(trouble.kind)
            time.sleep(trouble.after)
            begin()
            time.sleep(trouble.seconds)
            end()

    def _ways(self, kind: str) -> tuple[Callable[[], object], Callable[[], object]]:
        member = self.member
        kill, leave = partial(self.end, signal.SIGKILL), partial(self.end, signal.SIGTERM)
        ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "kill": (kill, member.start),
            "freeze": (partial(self.signal, signal.SIGSTOP), partial(self.signal, signal.SIGCONT)),
            "database cut": (self.database.cut, self.database.mend),
            "database hangs": (self.database.hang, self.database.mend),
            "API cut": (self.api.cut, self.api.mend),
            "API hangs": (self.api.hang, self.api.mend),
            **{
                name: (partial(self.clock.write_text, str(off)), lambda: None) for name, off in CLOCKS.items()
            },
            "join": (member.start, lambda: None),
            "leave": (leave, lambda: None),
            "die": (kill, lambda: None),
        }
        return ways[kind]

    def signal(self, number: int) -> None:
        if self.member.running:
            self.member.signal(number)

    def end(self, number: int) -> None:
        if self.member.running:
            self.member.runs[-1].stop(number)

    def make_well(self) -> None:
        self.database.mend()
        self.api.mend()
        self.signal(signal.SIGCONT)


def play(number: int, planned: ClusterPlan, lane: ClusterLane) -> Story:
    """Play one run. Its folder stays only if a promise was broken."""
    story = Story(number, planned)
    originals = Originals()
    with ExitStack() as stack:
        server = stack.enter_context(lane.server.empty())
        root = lane.root / f"run-{number}"
        cluster = Cluster(root, lane.shop, server.url, INBOXES, **SETTINGS)
        stack.callback(cluster.end)
        database = str(make_url(server.url).database)
        machines = {
            name: stack.enter_context(machine(cluster, name, lane, database)) for name in planned.troubles
        }
        for one in planned.sets:
            originals.take(one.drop.project, one.drop.folder, one.drop.files)
        with ThreadPoolExecutor(len(machines) + 2) as pool:
            first = [one.member for name, one in machines.items() if name != JOINING]
            for started in [pool.submit(one.start) for one in first]:
                started.result()
            under_way = [
                pool.submit(drop_all, cluster, planned),
                pool.submit(restart_all, lane.server, planned),
                *(pool.submit(machines[name].go_through, some) for name, some in planned.troubles.items()),
            ]
            for ended in under_way:
                ended.result()
            for made_well in machines.values():
                made_well.make_well()
            gone = {
                name for name, some in planned.troubles.items() if some and some[-1].kind in ("leave", "die")
            }
            missing = [one.member for name, one in machines.items() if name not in gone]
            for started in [pool.submit(one.start) for one in missing if not one.running]:
                started.result()
            calm_down(story, cluster, planned)
            for ended in [pool.submit(one.end, signal.SIGTERM) for one in machines.values()]:
                ended.result()
        if gone:
            a_day_later(cluster, [machines[name].member for name in gone], missing[0])
        judge(story, cluster, originals)
    if not story.broken and not story.lost:
        shutil.rmtree(root)
    return story


@contextmanager
def machine(cluster: Cluster, name: str, lane: ClusterLane, database: str) -> Iterator[Machine]:
    host, _, port = lane.shop.url.rpartition("/")[2].partition(":")
    clock = cluster.studio.root / f"clock-{name}"
    clock.write_text("0")
    with between(lane.server.folder) as to_database, between((host, int(port))) as to_api:
        changes = {
            "HOTFOLDER_STORE__URL": to_database.server(database).url,
            MOVED_CLOCK: str(clock),
            API_BY: f"http://127.0.0.1:{to_api.port}",
        }
        member = cluster.member(name, **changes)
        member.program = "tests.support.member"
        yield Machine(member, to_database, to_api, clock)


def drop_all(cluster: Cluster, planned: ClusterPlan) -> None:
    began = time.monotonic()
    for one in sorted(planned.sets, key=lambda one: one.after):
        time.sleep(max(0.0, began + one.after - time.monotonic()))
        cluster.drop(one.inbox, one.drop.project, one.drop.folder, one.drop.files)


def restart_all(server: Postgres, planned: ClusterPlan) -> None:
    for one in planned.restarts:
        time.sleep(one.after)
        server.restart(one.kind)


def calm_down(story: Story, cluster: Cluster, planned: ClusterPlan) -> None:
    """Wait until every set is finished and nothing changes any more; end pauses that wait for a person."""
    waited_for = Counter((one.inbox, one.drop.project, one.drop.folder) for one in planned.sets)
    end = time.monotonic() + CALM_SECONDS
    with cluster.store() as store:
        while time.monotonic() < end:
            try:
                if at_rest(store, waited_for):
                    return
                store.resume()
            except SQLAlchemyError:  # its connections are older than a restart
                store.database.dispose()
            time.sleep(0.3)
        story.broken.append(f"it never came to rest; open transactions: {open_transactions(store)}")


def a_day_later(cluster: Cluster, gone: Sequence[Member], left: Member) -> None:
    """Start a day later: temporary files of missing machines belong to nobody after a day, and a start
    removes them."""
    with cluster.store() as store, store.session.begin() as session:
        before = database_now(session) - timedelta(days=2)
        ids = [member.id_ for member in gone]
        session.exec(update(MachineRow).where(col(MachineRow.id).in_(ids)).values(heartbeat_at=before))
    left.start()
    left.runs[-1].stop()


def open_transactions(store: Store) -> list[tuple[object, ...]]:
    """Open transactions, which may block others."""
    asked = text(
        "SELECT state, wait_event, now() - xact_start, now() - state_change, query FROM pg_stat_activity"
        " WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
    )
    with store.database.connect() as connection:
        return [tuple(row) for row in connection.execute(asked)]


def at_rest(store: Store, waited_for: Counter[tuple[str, str, str]]) -> bool:
    over = [one for one in store.in_states(State) if State(one.state) not in ACTIVE]
    return not store.active() and waited_for.keys() <= {(one.inbox, one.project, one.folder) for one in over}


def judge(story: Story, cluster: Cluster, originals: Originals) -> None:
    sets = [
        Counter(sha256(content) for name, content in drop.files.items() if name.endswith(".jpg"))
        for drop in story.plan.drops
    ]
    audit = audited(story, cluster.studio, cluster.shop, originals, sets)
    story.faults_met = sum(len(some) for some in story.plan.troubles.values()) + len(story.plan.restarts)
    made = Counter((job.inbox, job.project, job.folder) for job in audit.jobs if job.state == State.DONE)
    story.broken += [f"{place} was made {times} times" for place, times in made.items() if times > 1]
    for member in cluster.members.values():
        codes = [run.process.wait() for run in member.runs]
        story.exit_codes += codes
        if any(code not in (0, -signal.SIGKILL) for code in codes):
            story.broken.append(f"the daemons of {member.name} ended with {codes}")
        for line in member.text().splitlines():
            if '"exception"' in line or line.startswith("Traceback"):
                story.broken.append(f"an exception of {member.name}: {line[:500]}")
    verified = next(iter(cluster.members.values())).call("verify")
    if verified.returncode != 0:
        story.broken.append(f"verify: {verified.stdout}{verified.stderr}"[:800])


@contextmanager
def opened(root: Path) -> Iterator[ClusterLane]:
    programs_folder = programs()
    assert programs_folder is not None
    root.mkdir(parents=True)
    with Shop(root / "shop", **SLOW) as shop, running(programs_folder) as server:
        yield ClusterLane(root, shop, server)
