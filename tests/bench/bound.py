"""The lower bound of a shoot's duration, given by the uplink and the API's cluster."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class World:
    """Uplink and cluster. Rates in bytes per second, times in seconds, `result_bytes` per picture."""

    uplink: float = 40e6
    uplink_per_connection: float = 12e6
    downlink: float = 100e6
    round_trip: float = 0.04
    merge_slots: int = 8
    merge_seconds: float = 4.0
    edit_slots: int = 8
    edit_seconds: float = 2.0
    result_bytes: int = 1_500_000

    def slower(self, factor: float) -> World:
        """The same world slowed down, so that CPU time weighs less."""
        return replace(
            self,
            uplink=self.uplink / factor,
            uplink_per_connection=self.uplink_per_connection / factor,
            downlink=self.downlink / factor,
            round_trip=self.round_trip * factor,
            merge_seconds=self.merge_seconds * factor,
            edit_seconds=self.edit_seconds * factor,
        )


@dataclass(frozen=True, slots=True)
class Shoot:
    """A shoot dropped at once: its number of sets, photos per set, bytes per photo, and one operation."""

    sets: int
    photos: int = 5
    photo_bytes: int = 4_000_000


def bound_seconds(shoot: Shoot, world: World) -> float:
    """Seconds from the drop to the last picture, at the least."""
    return max(
        last_photo_seconds(shoot, world),
        cluster_seconds(shoot, world),
        edits_seconds(shoot, world),
        one_set_seconds(shoot, world),
    )


def tail_seconds(world: World) -> float:
    """Seconds after a merge: noticing it, download, upload, edit, download."""
    trip, fetched = world.round_trip, world.result_bytes / world.downlink
    sent = world.result_bytes / min(world.uplink, world.uplink_per_connection)
    return trip + (trip + fetched) + sent + (trip + world.edit_seconds + trip + fetched + trip)


def last_photo_seconds(shoot: Shoot, world: World) -> float:
    """The bound by the uplink: it is busy until the last photo is up; then one merge and one edit follow."""
    sending = shoot.sets * shoot.photos * shoot.photo_bytes / world.uplink
    return 3 * world.round_trip + sending + world.round_trip + world.merge_seconds + tail_seconds(world)


def cluster_seconds(shoot: Shoot, world: World) -> float:
    """The bound by the cluster, which is busy from the first set on."""
    merging = math.ceil(shoot.sets / world.merge_slots) * world.merge_seconds
    return first_set_seconds(shoot, world) + merging + tail_seconds(world)


def edits_seconds(shoot: Shoot, world: World) -> float:
    """The bound by the editors, which are busy from the first merge on."""
    editing = math.ceil(shoot.sets / world.edit_slots) * world.edit_seconds
    rest = tail_seconds(world) - world.edit_seconds
    return first_set_seconds(shoot, world) + world.merge_seconds + rest + editing


def one_set_seconds(shoot: Shoot, world: World) -> float:
    """Seconds for one set that has all capacity to itself."""
    return first_set_seconds(shoot, world) + world.merge_seconds + tail_seconds(world)


def first_set_seconds(shoot: Shoot, world: World) -> float:
    """Seconds until the first merge can begin."""
    rate = min(world.uplink, shoot.photos * world.uplink_per_connection)
    return 3 * world.round_trip + shoot.photos * shoot.photo_bytes / rate + world.round_trip
