"""A camera's frames in the order they were taken, and what lies between two of them."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from hotfolder.capture import Capture
from hotfolder.rules.grouping.model import GroupingPhoto

_BURST_SECONDS = 1.2
_FOCAL_TOLERANCE = 0.02
_MOST_COUNTED = 9


@dataclass(frozen=True, slots=True)
class Step:
    """From one frame to the next.

    `idle_seconds` runs from the end of an exposure to the start of the next. `burst`: so quickly that only
    the camera itself can have gone on, or, `dark_frame`, after as long as its noise reduction takes.
    `changes`: what differs in the camera's setup, in words. `untold`: a clock of whole seconds can't tell
    which frames came first here.
    """

    idle_seconds: float
    burst: bool
    dark_frame: bool
    changes: tuple[str, ...]
    untold: bool


def shot(photo: GroupingPhoto) -> Capture:
    """The capture data, empty where there are none."""
    return photo.capture or Capture()


def value(photo: GroupingPhoto) -> float | None:
    """The exposure value, higher is darker; comparable between frames of one camera. A lens that tells no
    aperture, or a body that tells no ISO, is taken to have changed neither."""
    taken = shot(photo)
    if taken.exposure_seconds is None:
        return None
    return math.log2((taken.aperture or 1.0) ** 2 / taken.exposure_seconds) - math.log2(
        (taken.iso or 100) / 100
    )


def fired(photo: GroupingPhoto) -> bool:
    return shot(photo).flash_fired is True


def streams(photos: Iterable[GroupingPhoto]) -> list[list[GroupingPhoto]]:
    """The frames of each body, in the order they were taken. All must have a start time."""
    bodies: dict[tuple[str, ...], list[GroupingPhoto]] = defaultdict(list)
    for photo in photos:
        taken = shot(photo)
        bodies[taken.make or "", taken.model or "", taken.body_serial or ""].append(photo)
    return [in_order(frames) for _, frames in sorted(bodies.items())]


def in_order(frames: Sequence[GroupingPhoto]) -> list[GroupingPhoto]:
    """By start. Where a clock of whole seconds leaves a tie: as the camera counted, else by name."""
    ordered: list[GroupingPhoto] = []
    for _, at_once in groupby(sorted(frames, key=lambda frame: (started(frame), by_name(frame))), started):
        tied = list(at_once)
        while tied:
            due = _due(ordered[-1], tied[0]) if ordered else 1
            following = [frame for frame in tied if shot(frame).sequence_number == due]
            chosen = (
                following[0] if following else min(tied, key=lambda frame: shot(frame).sequence_number or 0)
            )
            tied.remove(chosen)
            ordered.append(chosen)
    return ordered


def _due(last: GroupingPhoto, following: GroupingPhoto) -> int:
    """The sequence number that comes next: the bracket's next, unless it is full or was left long ago."""
    taken = shot(last)
    number = taken.sequence_number or 0
    over = number >= (taken.sequence_length or _MOST_COUNTED)
    waited = started(following) - started(last) - (taken.exposure_seconds or 0.0)
    return 1 if over or waited > _BURST_SECONDS + taken.clock_step_seconds else number + 1


def by_name(photo: GroupingPhoto) -> tuple[list[tuple[int, int, str]], str]:
    """A key that puts `a2` before `a10`."""
    parts = re.split(r"(\d+)", photo.name.casefold())
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts if part], photo.name


def step_between(one: GroupingPhoto, other: GroupingPhoto) -> Step:
    before, after = shot(one), shot(other)
    apart = started(other) - started(one)
    exposure = before.exposure_seconds or 0.0
    idle = apart - exposure
    # A clock that writes whole seconds may be off by one either way.
    blur = max(before.clock_step_seconds, after.clock_step_seconds)
    counted = before.sequence_number is not None and after.sequence_number is not None
    quick = idle - blur <= _BURST_SECONDS
    dark_frame = not quick and _dark_frame(idle, exposure, blur)
    return Step(
        idle_seconds=max(0.0, idle),
        burst=quick or dark_frame,
        dark_frame=dark_frame,
        changes=tuple(_changes(one, other)),
        untold=quick and blur >= 1.0 and not counted,
    )


def _dark_frame(idle: float, exposure: float, blur: float) -> bool:
    """Noise reduction exposes once more, for as long, with the shutter closed."""
    return exposure >= 1.0 and abs(idle - exposure) <= 0.15 * exposure + 0.5 + blur


def _changes(one: GroupingPhoto, other: GroupingPhoto) -> Iterable[str]:
    before, after = shot(one), shot(other)
    if before.lens and after.lens and before.lens != after.lens:
        yield f"the lens changed to {after.lens}"
    zoomed = before.focal_mm and after.focal_mm and abs(math.log(after.focal_mm / before.focal_mm))
    if zoomed and zoomed > _FOCAL_TOLERANCE:
        yield f"the focal length changed from {before.focal_mm:g} to {after.focal_mm:g} mm"
    if one.shape != other.shape:
        sizes = ("{}x{}".format(*photo.shape) for photo in (one, other))
        yield "the size changed from {} to {} pixels".format(*sizes)


def started(photo: GroupingPhoto) -> float:
    """The start, in UTC where the camera tells its offset."""
    taken = shot(photo)
    return round((taken.started_seconds or 0.0) - (taken.offset_seconds or 0), 6)
