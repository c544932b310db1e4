"""Evidence in the frames: order, exposure, pauses, likeness of pictures, scenes, flash and copies."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import lru_cache
from itertools import combinations, pairwise
from pathlib import PurePath
from typing import Any

from hotfolder.capture import Capture
from hotfolder.display import natural_order
from hotfolder.rules.grouping.model import BY_HAND_SECONDS, Draft
from hotfolder.rules.sets import Photo

_BURST_SECONDS = 1.2
_FOCAL_TOLERANCE = 0.02

AUTO_BRACKET = 2
"""EXIF's exposure mode of a camera that brackets by itself."""


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


def shot(photo: Photo) -> Capture:
    """The capture data, empty where there are none."""
    return photo.capture or Capture()


def tells(photo: Photo) -> bool:
    """Whether the camera has recorded when it was taken, and for how long."""
    return shot(photo).started_seconds is not None and timed(photo)


def timed(photo: Photo) -> bool:
    """Whether the camera has recorded for how long it was exposed."""
    return shot(photo).exposure_seconds is not None


def value(photo: Photo) -> float:
    """The exposure value of a `timed` photo, higher is darker; comparable between frames of one camera. A
    lens that tells no aperture, or a body that tells no ISO, is taken to have changed neither, where
    `Photo.exposure_value` is None."""
    taken = shot(photo)
    assert taken.exposure_seconds is not None
    return math.log2((taken.aperture or 1.0) ** 2 / taken.exposure_seconds) - math.log2(
        (taken.iso or 100) / 100
    )


def came_back(earlier: Photo, again: Photo) -> str:
    """In words: a frame's exposure is one that the set has already."""
    first, second = shot(earlier), shot(again)
    if (first.aperture, first.iso) == (second.aperture, second.iso) and second.exposure_seconds:
        seconds = second.exposure_seconds
        shutter = f"{seconds:.2g} s" if seconds >= 0.3 else f"1/{round(1 / seconds)} s"
        return f"the exposure {shutter} came back"
    return f"the exposure value {value(again):.1f} came back"


def fired(photo: Photo) -> bool:
    return shot(photo).flash_fired is True


def streams(photos: Iterable[Photo]) -> list[list[Photo]]:
    """The frames of each body, in the order they were taken. All must have a start time."""
    bodies: dict[tuple[str, ...], list[Photo]] = defaultdict(list)
    for photo in photos:
        taken = shot(photo)
        bodies[taken.make or "", taken.model or "", taken.body_serial or ""].append(photo)
    return [as_taken(frames) for _, frames in sorted(bodies.items())]


def as_taken(frames: Iterable[Photo]) -> list[Photo]:
    """By start. Where a clock of whole seconds leaves a tie: by name."""
    return sorted(frames, key=lambda frame: (started(frame), by_name(frame)))


def by_name(photo: Photo) -> tuple[list[Any], str]:
    """A key that puts `a2` before `a10`."""
    return natural_order(photo.name)


def step_between(one: Photo, other: Photo) -> Step:
    before, after = shot(one), shot(other)
    apart = started(other) - started(one)
    exposure = before.exposure_seconds or 0.0
    idle = apart - exposure
    # A clock that writes whole seconds may be off by one either way.
    blur = max(before.clock_step_seconds, after.clock_step_seconds)
    quick = idle - blur <= _BURST_SECONDS
    dark_frame = not quick and _dark_frame(idle, exposure, blur)
    return Step(
        idle_seconds=max(0.0, idle),
        burst=quick or dark_frame,
        dark_frame=dark_frame,
        changes=tuple(_changes(one, other)),
        untold=quick and blur >= 1.0,
    )


def _dark_frame(idle: float, exposure: float, blur: float) -> bool:
    """Noise reduction exposes once more, for as long, with the shutter closed."""
    return exposure >= 1.0 and abs(idle - exposure) <= 0.15 * exposure + 0.5 + blur


def _changes(one: Photo, other: Photo) -> Iterable[str]:
    before, after = shot(one), shot(other)
    if before.lens and after.lens and before.lens != after.lens:
        yield f"the lens changed to {after.lens}"
    zoomed = before.focal_mm and after.focal_mm and abs(math.log(after.focal_mm / before.focal_mm))
    if zoomed and zoomed > _FOCAL_TOLERANCE:
        yield f"the focal length changed from {before.focal_mm:g} to {after.focal_mm:g} mm"
    if one.shape != other.shape:
        sizes = ("{}x{}".format(*photo.shape) for photo in (one, other))
        yield "the size changed from {} to {} pixels".format(*sizes)


def started(photo: Photo) -> float:
    """The start, in UTC where the camera tells its offset."""
    taken = shot(photo)
    return round((taken.started_seconds or 0.0) - (taken.offset_seconds or 0), 6)


SAME_UP_TO = 0.17
_DIFFERENT_FROM = 0.30
_LEAST_ANSWERS = 24


class Likeness(Enum):
    SAME = auto()
    DIFFERENT = auto()
    UNCLEAR = auto()


def likeness(one: Photo, *others: Photo) -> Likeness:
    """Whether they show the same, as the most similar of `others` says: a very dark and a very bright frame
    may share nothing visible. UNCLEAR too where too little is visible in both."""
    shares = [share for other in others if (share := difference(one, other)) is not None]
    if not shares or SAME_UP_TO < min(shares) < _DIFFERENT_FROM:
        return Likeness.UNCLEAR
    return Likeness.SAME if min(shares) <= SAME_UP_TO else Likeness.DIFFERENT


def difference(one: Photo, other: Photo) -> float | None:
    """The share, 0 to 1, of answers in which their signatures differ; None where they share too few."""
    differing, shared = _compared(one.signature, other.signature)
    return differing / shared if shared >= _LEAST_ANSWERS else None


def on_the_whole(one: Sequence[Photo], other: Sequence[Photo]) -> float | None:
    """As `difference`, for two groups of photos, of all answers that photos of both share."""
    pairs = [_compared(a.signature, b.signature) for a in one for b in other]
    shared = sum(number for _, number in pairs)
    return sum(number for number, _ in pairs) / shared if shared >= _LEAST_ANSWERS else None


def _compared(one: str, other: str) -> tuple[int, int]:
    """How many answers differ, and how many both know."""
    darker, known = _parts(one)
    darker_too, known_too = _parts(other)
    shared = known & known_too
    return ((darker ^ darker_too) & shared).bit_count(), shared.bit_count()


@lru_cache(maxsize=1024)
def _parts(signature: str) -> tuple[int, int]:
    darker, _, known = signature.partition("-")
    return int(darker or "0", 16), int(known or "0", 16)


_AGREE_UP_TO = 0.24
APART_FROM = 0.33
"""From this difference on, on the whole, two groups of photos certainly show two scenes."""

CLEAR_LEAD = 0.13

Photos = list[Photo]


def scenes(photos: Sequence[Photo]) -> list[Photos]:
    """Groups of photos that show one scene each, in the order of their first photos."""
    near = sorted(
        (share, one, other)
        for one, other in combinations(range(len(photos)), 2)
        if (share := difference(photos[one], photos[other])) is not None and share <= SAME_UP_TO
    )
    groups = [[photo] for photo in photos]
    home = list(range(len(photos)))
    for _, one, other in near:
        kept, given_up = sorted((home[one], home[other]))
        if kept == given_up:
            continue
        apart = on_the_whole(groups[kept], groups[given_up])
        if apart is not None and apart <= _AGREE_UP_TO:
            groups[kept] += groups[given_up]
            groups[given_up] = []
            home = [kept if each == given_up else each for each in home]
    return _with_stragglers([group for group in groups if group])


def strangers(photos: Sequence[Photo]) -> tuple[Photo, Photo] | None:
    """Two photos of different scenes, if there certainly are such among `photos`."""
    for one, other in combinations(scenes(photos), 2):
        apart = on_the_whole(one, other)
        if apart is not None and apart >= APART_FROM:
            return one[0], other[0]
    return None


def _with_stragglers(groups: list[Photos]) -> list[Photos]:
    """Very dark and very bright frames share too little with any one photo, but may with a whole group."""
    settled = [group for group in groups if len(group) > 1]
    if not settled:
        return groups
    alone: list[Photos] = []
    found: list[tuple[Photos, Photo]] = []
    for group in groups:
        if len(group) == 1:
            shares = sorted(
                (share, number)
                for number, other in enumerate(settled)
                if (share := on_the_whole(group, other)) is not None
            )
            clear = len(shares) == 1 or (len(shares) > 1 and shares[1][0] - shares[0][0] >= CLEAR_LEAD)
            if clear and shares[0][0] <= SAME_UP_TO:
                found.append((settled[shares[0][1]], group[0]))
            else:
                alone.append(group)
    for group, photo in found:
        group.append(photo)
    return sorted(settled + alone, key=lambda group: group[0].name)


def steps_past_flash(frames: Sequence[Photo]) -> list[Step]:
    """What lies between each two frames without flash. A flash frame between them is not idle time: the
    longest pause on the way counts."""
    steps: list[Step] = []
    last: Photo | None = None
    way: list[Step] = []
    for before, frame in zip([None, *frames], frames, strict=False):
        if before is not None and last is not None:
            way.append(step_between(before, frame))
        if fired(frame):
            continue
        if last is not None:
            longest = max(way, key=lambda step: step.idle_seconds)
            burst = all(step.burst for step in way)
            idle, dark = longest.idle_seconds, longest.dark_frame
            steps.append(replace(step_between(last, frame), idle_seconds=idle, burst=burst, dark_frame=dark))
        last, way = frame, []
    return steps


def lit_in_burst(frames: Sequence[Photo]) -> Counter[str]:
    """How many frames with flash were fired in one burst with a frame without, by the name of that one."""
    counts: Counter[str] = Counter()
    unlit: Photo | None = None
    for before, frame in pairwise(frames):
        unlit = before if not fired(before) else unlit
        if not step_between(before, frame).burst:
            unlit = None
        elif fired(frame) and unlit is not None:
            counts[unlit.name] += 1
    return counts


def lit_frames(photos: Sequence[Photo]) -> tuple[dict[str, str], list[Draft]]:
    """What becomes of the frames with flash among `photos`: kept out of the merge of those that they were
    taken with, or, where there are none, sets of one that a person should see first."""
    kept_out: dict[str, str] = {}
    alone: list[Draft] = []
    for frames in streams(photos):
        unlit = [frame for frame in frames if not fired(frame)]
        for frame in frames:
            if not fired(frame):
                continue
            beside = _nearest(frame, unlit)
            if beside is None:
                doubt = f"{frame.name} was taken with flash, and no frame without flash was taken with it"
                alone.append(Draft([frame], ("taken with flash, by itself",), [doubt]))
                continue
            kept_out[frame.name] = (
                f"The flash fired for {frame.name}: it is kept out of the merge with {beside.name}."
            )
    return kept_out, alone


def _nearest(frame: Photo, unlit: Sequence[Photo]) -> Photo | None:
    found: list[tuple[float, Photo]] = []
    for other in unlit:
        step = step_between(*sorted((frame, other), key=started))
        if step.idle_seconds <= BY_HAND_SECONDS and not step.changes:
            found.append((step.idle_seconds, other))
    return min(found, key=lambda pair: pair[0])[1] if found else None


_COPY_MARK = re.compile(r"(?:-\d{1,2}|\s*\(\d{1,3}\)|\s-?\s?copy(?:\s\d{1,3})?)\Z", re.IGNORECASE)


def uncopied(name: str) -> str:
    """The file's name without what Lightroom, Finder and Explorer add to that of a second export."""
    path = PurePath(name)
    return _COPY_MARK.sub("", path.stem) + path.suffix


def without_copies(photos: Sequence[Photo]) -> tuple[list[Photo], dict[str, str]]:
    """Of several exports of one photo, with the same content or of the same capture, keep the newest."""
    kept, out = _newest((photo.sha256, photo) for photo in photos)
    kept, more = _newest((_named_capture_key(photo), photo) for photo in kept)
    return kept, out | more


def _newest(keyed: Iterable[tuple[Hashable, Photo]]) -> tuple[list[Photo], dict[str, str]]:
    """A false key is nobody's copy."""
    same: dict[Hashable, list[Photo]] = defaultdict(list)
    kept: list[Photo] = []
    for key, photo in keyed:
        if key:
            same[key].append(photo)
        else:
            kept.append(photo)
    out: dict[str, str] = {}
    for copies in same.values():
        copies.sort(key=lambda photo: (photo.identity.mtime_ns, by_name(photo)))
        newest = copies.pop()
        kept.append(newest)
        for photo in copies:
            if likeness(photo, newest) is Likeness.DIFFERENT:
                kept.append(photo)
                continue
            what = "has the same content as" if photo.sha256 == newest.sha256 else "is an earlier export of"
            out[photo.name] = f"{photo.name} {what} {newest.name}, which is used."
    return kept, out


def capture_key(photo: Photo) -> Hashable:
    """Equal for two exports of one capture, and for frames that were taken alike within what the camera's
    clock can tell; None where the camera data can't tell."""
    if not tells(photo):
        return None
    taken = shot(photo)
    how = (taken.exposure_seconds, taken.aperture, taken.iso, taken.focal_mm)
    return (taken.make, taken.model, taken.body_serial, taken.started_seconds, *how)


def _named_capture_key(photo: Photo) -> Hashable:
    key = capture_key(photo)
    # Within a whole second a camera may have taken several alike: there the names must agree as well.
    coarse = key is not None and shot(photo).clock_step_seconds >= 1.0
    return (key, PurePath(uncopied(photo.name)).stem.casefold()) if coarse else key
