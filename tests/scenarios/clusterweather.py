"""Plans of random runs of several machines. The same seed and number always give the same plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from random import Random

from tests.scenarios.weather import Drop, one_drop
from tests.support.pictures import jpeg

LEASE_SECONDS = 1.0
INBOXES = tuple(f"inbox-{number}" for number in range(1, 7))
MEMBERS = "abcdefgh"
JOINING = "late"
CLOCKS = {"clock a day ahead": 86400.0, "clock a day behind": -86400.0}
TROUBLES = ("kill", "freeze", "database cut", "database hangs", "API cut", "API hangs", *CLOCKS)
DATABASE = ("fast", "immediate")


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
