"""Plans of random runs: sets, faults, kills. The same seed and number always give the same plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from hotfolder.crashpoints import CrashPoint
from hotfolder.sandbox.schema import OPERATIONS
from tests.support.pictures import jpeg

Fault = dict[str, Any]

TAGS: dict[str, tuple[str, ...]] = {
    "": (),
    "__sky-twilight": ("sky-twilight",),
    "__sky-blue": ("sky-blue",),
    "__stage-modern-bedroom": ("stage",),
    "__stage-modern-bedroom__sky-twilight": ("stage", "sky-twilight"),
    "__sky-blue__lawn-light": ("sky-blue",),  # the sandbox finds no lawn, and refunds it
}
REFUSED_TAGS = ("__sky-twilihgt", "__lawn-huge")
FREE = ("projects", "group-create", "upload-url", "put", "group-get", "image", "result-get")
PAID = ("enhance", *OPERATIONS)
PICTURES = ("truncated", "cut", "html", "empty", "gzip-bomb", "redirect")
STATUSES = (400, 401, 402, 403, 404, 409, 413, 429, 500, 502, 503, 504)
CONNECTION = ("reset-before", "reset-after", "reset-mid")
MOST_KILLS = 3


@dataclass(frozen=True)
class Drop:
    """One set. `purchases` is what it may cost, each a thing that is bought at most once."""

    project: str
    folder: str
    files: dict[str, bytes]
    purchases: frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class Plan:
    """`kills` end one process of the daemon each, with the arguments of `crashing.live`."""

    drops: tuple[Drop, ...]
    faults: tuple[Fault, ...]
    kills: tuple[dict[str, Any], ...]
    dragged_back: bool

    @property
    def bound(self) -> int:
        return len(frozenset().union(*(drop.purchases for drop in self.drops)))

    @property
    def kind(self) -> str:
        kills = {"crash point" if "kill_at" in kill else "time" for kill in self.kills}
        killed = {0: "never killed", 1: f"killed once, at a {next(iter(kills), '')}"}
        often = f"killed {len(self.kills)} times"
        return f"{killed.get(len(self.kills), often)}, {'with' if self.faults else 'without'} faults"


def plan(seed: int, number: int) -> Plan:
    dice = Random(f"{seed}/{number}")
    drops = tuple(several_drops(dice))
    faults = tuple(fault(dice) for _ in range(dice.choice((0, 2, 3, 4, 6, 8))))
    kills = tuple(kill(dice) for _ in range(dice.choice((0, 1, 1, 1, 2, MOST_KILLS))))
    return Plan(drops, faults, kills, dragged_back=dice.random() < 0.5)


def several_drops(dice: Random) -> Iterator[Drop]:
    photos: dict[str, bytes] = {}
    for position in range(dice.randint(1, 3)):
        if not photos or dice.random() > 0.15:  # otherwise the same photos once more
            seeds = [dice.getrandbits(60) for _ in range(dice.choice((1, 2, 3, 3, 5)))]
            photos = {f"DSC{place:04}.jpg": jpeg(seed) for place, seed in enumerate(seeds, start=1)}
        yield one_drop(dice, position, photos)


def one_drop(dice: Random, position: int, photos: dict[str, bytes]) -> Drop:
    files = dict(photos)
    if dice.random() < 0.2:
        files["notes.txt"] = f"shot {dice.getrandbits(60)}".encode()
    project, room = dice.choice(("12 Elm Road", "Öak House")), f"room {position}"
    chance = dice.random()
    if chance < 0.06:
        return Drop(project, room + dice.choice(REFUSED_TAGS), files, frozenset())
    if chance < 0.12:
        files["DSC0001.jpg"] = jpeg(dice.getrandbits(60))[:-500]
        return Drop(project, room, files, frozenset())
    tags = dice.choice(list(TAGS))
    return Drop(project, room + tags, files, frozenset(purchases(photos, TAGS[tags], tags)))


def purchases(photos: dict[str, bytes], operations: tuple[str, ...], tags: str) -> Iterator[tuple[str, ...]]:
    """All possible purchases of such a set. A single photo with operations isn't merged."""
    content = str(sorted(hash(photo) for photo in photos.values()))
    merged = len(photos) > 1 or not tags
    if merged:
        yield (content,)
    for length in range(1, len(operations) + 1):
        yield (content, *operations[:length])


def fault(dice: Random) -> Fault:
    endpoint = dice.choice((*FREE, *PAID, "enhance", "sky", "result-get", "group-get"))
    found: Fault = {"endpoint": endpoint, **dice.choice(list(fitting(dice, endpoint)))}
    if dice.random() < 0.3:
        found |= {"probability": round(dice.uniform(0.1, 0.6), 2), "seed": dice.randint(1, 1000)}
    else:
        found["when"] = dice.choice((1, 1, 1, 2, [1, 2], [2, 3], {"to": 4}, {"every": 2}, {"every": 3}))
    return found


def fitting(dice: Random, endpoint: str) -> Iterator[Fault]:
    """The kinds of fault that an endpoint can have, the rarer ones about as often as the others."""
    yield {"fault": dice.choice(CONNECTION)}
    status = dice.choice(STATUSES)
    # A 4xx is trusted to mean that nothing was done.
    yield {"fault": status, "processed": status >= 500 and dice.random() < 0.5}
    yield {"fault": 429, "retry_after": dice.randint(1, 20)}
    yield {"fault": "refused", "seconds": round(dice.uniform(0.05, 0.4), 2)}
    yield {"fault": "hang", "seconds": 0.3, "processed": dice.random() < 0.5}
    if endpoint in (*PAID[1:], "image", "projects", "group-create", "upload-url", "group-get"):
        yield {"fault": dice.choice(("malformed", "empty-data", "wrong-types"))}
    if endpoint in (*PAID[1:], "image"):
        yield {"fault": "success-false"}
    if endpoint in ("put", "image"):
        yield {"fault": "reset-halfway"}
    if endpoint == "result-get":
        yield {"fault": dice.choice(PICTURES)}
        yield {"fault": dice.choice(PICTURES)}
    if endpoint in ("put", "result-get"):
        yield {"fault": "expired"}
    if endpoint == "group-get":
        yield {"fault": dice.choice(("unknown-status", "failed", "never", "completed-without-url"))}
        yield {"fault": dice.choice(("url-other-host", "url-private", "url-redirecting"))}


def kill(dice: Random) -> dict[str, Any]:
    if dice.random() < 0.6:
        return {"kill_at": dice.choice(list(CrashPoint)).value, "nth": dice.choice((1, 1, 1, 2, 3))}
    return {"kill_after_seconds": round(dice.uniform(0.05, 1.6), 3)}
