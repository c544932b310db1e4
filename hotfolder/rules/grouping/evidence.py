"""Evidence from the frames: order, exposure, pauses, similarity of pictures, scenes and flash."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Any

from hotfolder.capture import Capture
from hotfolder.display import natural_order
from hotfolder.rules.grouping.results import BY_HAND_SECONDS, Draft
from hotfolder.rules.sets import Photo

_BURST_SECONDS = 1.2
_FOCAL_TOLERANCE = 0.02

AUTO_BRACKET = 2
"""EXIF ExposureMode of an automatic bracket."""


@dataclass(frozen=True, slots=True)
class Step:
    """The step from one frame to the next.

    `idle_seconds` runs from the end of an exposure to the start of the next. `burst`: the pause is so short
    that the camera itself must have continued, or, `dark_frame`, as long as its noise reduction takes.
    `changes`: differences in the camera's setup, for people. `order_unknown`: the clock's
    resolution of 1 s leaves the order of the frames open.
    """

    idle_seconds: float
    burst: bool
    dark_frame: bool
    changes: tuple[str, ...]
    order_unknown: bool


def capture_of(photo: Photo) -> Capture:
    """The photo's capture data; empty data where it has none."""
    return photo.capture or Capture()


def has_times(photo: Photo) -> bool:
    """Whether the capture data have the start and the exposure time."""
    return capture_of(photo).started_seconds is not None and has_exposure_time(photo)


def has_exposure_time(photo: Photo) -> bool:
    """Whether the capture data have the exposure time."""
    return capture_of(photo).exposure_seconds is not None


def exposure_ev(photo: Photo) -> float:
    """The exposure value of a `timed` photo in EV, higher is darker; comparable between frames of one camera.
    Unlike `Photo.exposure_value` it exists without aperture or ISO: constants replace them. Raises
    AssertionError for a photo that isn't `timed`."""
    taken = capture_of(photo)
    assert taken.exposure_seconds is not None
    return math.log2((taken.aperture or 1.0) ** 2 / taken.exposure_seconds) - math.log2(
        (taken.iso or 100) / 100
    )


def repeated_exposure_text(earlier: Photo, again: Photo) -> str:
    """The evidence, for people, that a frame's exposure is one that the set already has."""
    first, second = capture_of(earlier), capture_of(again)
    if (first.aperture, first.iso) == (second.aperture, second.iso) and second.exposure_seconds:
        seconds = second.exposure_seconds
        shutter = f"{seconds:.2g} s" if seconds >= 0.3 else f"1/{round(1 / seconds)} s"
        return f"the exposure {shutter} came back"
    return f"the exposure value {exposure_ev(again):.1f} came back"


def flash_fired(photo: Photo) -> bool:
    return capture_of(photo).flash_fired is True


def frames_by_body(photos: Iterable[Photo]) -> list[list[Photo]]:
    """The frames of each camera body, in the order taken. All must have a start time. Where some frames of a
    body have no offset from UTC, those of the others are removed: its clock alone compares them all."""
    bodies: dict[tuple[str, ...], list[Photo]] = defaultdict(list)
    for photo in photos:
        taken = capture_of(photo)
        bodies[taken.make or "", taken.model or "", taken.body_serial or ""].append(photo)
    return [in_order_taken(_by_one_clock(frames)) for _, frames in sorted(bodies.items())]


def _by_one_clock(frames: list[Photo]) -> list[Photo]:
    if all(capture_of(frame).offset_seconds is not None for frame in frames):
        return frames
    return [replace(frame, capture=replace(capture_of(frame), offset_seconds=None)) for frame in frames]


def in_order_taken(frames: Iterable[Photo]) -> list[Photo]:
    """The frames sorted by start time, ties (as with clocks of whole seconds) by name."""
    return sorted(frames, key=lambda frame: (start_seconds(frame), by_name(frame)))


def by_name(photo: Photo) -> tuple[list[Any], str]:
    """The sort key for natural name order, with `a2` before `a10`."""
    return natural_order(photo.name)


def step_between(one: Photo, other: Photo) -> Step:
    before, after = capture_of(one), capture_of(other)
    apart = start_seconds(other) - start_seconds(one)
    exposure = before.exposure_seconds or 0.0
    idle = apart - exposure
    # The error of the difference of two times is up to the clock's resolution, either way.
    blur = max(before.clock_step_seconds, after.clock_step_seconds)
    quick = idle - blur <= _BURST_SECONDS
    dark_frame = not quick and _dark_frame(idle, exposure, blur)
    return Step(
        idle_seconds=max(0.0, idle),
        burst=quick or dark_frame,
        dark_frame=dark_frame,
        changes=tuple(_changes(one, other)),
        order_unknown=quick and blur >= 1.0,
    )


def _dark_frame(idle: float, exposure: float, blur: float) -> bool:
    """Whether the pause is as long as the exposure, as when noise reduction takes a dark frame after it."""
    return exposure >= 1.0 and abs(idle - exposure) <= 0.15 * exposure + 0.5 + blur


def _changes(one: Photo, other: Photo) -> Iterable[str]:
    before, after = capture_of(one), capture_of(other)
    if before.lens and after.lens and before.lens != after.lens:
        yield f"the lens changed to {after.lens}"
    zoomed = before.focal_mm and after.focal_mm and abs(math.log(after.focal_mm / before.focal_mm))
    if zoomed and zoomed > _FOCAL_TOLERANCE:
        yield f"the focal length changed from {before.focal_mm:g} to {after.focal_mm:g} mm"
    if one.shape != other.shape:
        sizes = ("{}x{}".format(*photo.shape) for photo in (one, other))
        yield "the size changed from {} to {} pixels".format(*sizes)


def start_seconds(photo: Photo) -> float:
    """The start time in seconds, in UTC where the camera recorded its offset; 0 without a start."""
    taken = capture_of(photo)
    return round((taken.started_seconds or 0.0) - (taken.offset_seconds or 0), 6)


SAME_UP_TO_SHARE = 0.17
_DIFFERENT_FROM_SHARE = 0.30
"""Thresholds of `difference` between two photos: of the same picture, of different ones."""
_LEAST_COMPARABLE = 24


class Likeness(Enum):
    SAME = auto()
    DIFFERENT = auto()
    UNCLEAR = auto()


def likeness(one: Photo, *others: Photo) -> Likeness:
    """Whether `one` shows the same picture as the most similar of `others`: a very dark and a very bright
    frame of one set may have no visible detail in common. UNCLEAR between the two thresholds, and where too
    few answers of the signatures are comparable."""
    shares = [share for other in others if (share := difference(one, other)) is not None]
    if not shares or SAME_UP_TO_SHARE < min(shares) < _DIFFERENT_FROM_SHARE:
        return Likeness.UNCLEAR
    return Likeness.SAME if min(shares) <= SAME_UP_TO_SHARE else Likeness.DIFFERENT


def difference(one: Photo, other: Photo) -> float | None:
    """The share, 0 to 1, of the signatures' comparable answers that differ; None below _LEAST_COMPARABLE."""
    differing, shared = _compared(one.signature, other.signature)
    return differing / shared if shared >= _LEAST_COMPARABLE else None


def group_difference(one: Sequence[Photo], other: Sequence[Photo]) -> float | None:
    """As `difference`, for two groups of photos, over the comparable answers of all pairs."""
    pairs = [_compared(a.signature, b.signature) for a in one for b in other]
    shared = sum(number for _, number in pairs)
    return sum(number for number, _ in pairs) / shared if shared >= _LEAST_COMPARABLE else None


def _compared(one: str, other: str) -> tuple[int, int]:
    """The number of answers that differ, and the number known in both signatures."""
    darker, known = _signature_bits(one)
    darker_too, known_too = _signature_bits(other)
    shared = known & known_too
    return ((darker ^ darker_too) & shared).bit_count(), shared.bit_count()


@lru_cache(maxsize=1024)
def _signature_bits(signature: str) -> tuple[int, int]:
    darker, _, known = signature.partition("-")
    return int(darker or "0", 16), int(known or "0", 16)


_ONE_SCENE_UP_TO_SHARE = 0.24
TWO_SCENES_FROM_SHARE = 0.33
"""Thresholds of `group_difference`: groups that show one scene, and that certainly show two."""
CLEAR_LEAD_SHARE = 0.13
"""How much smaller the difference of a photo to one group must be than that to any other."""

Photos = list[Photo]


def scenes(photos: Sequence[Photo]) -> list[Photos]:
    """Groups of photos that show one scene each: sorted by the name of their first photo where any group has
    several photos, else in the given order."""
    near = sorted(
        (share, one, other)
        for one, other in combinations(range(len(photos)), 2)
        if (share := difference(photos[one], photos[other])) is not None and share <= SAME_UP_TO_SHARE
    )
    groups = [[photo] for photo in photos]
    home = list(range(len(photos)))
    for _, one, other in near:
        kept, given_up = sorted((home[one], home[other]))
        if kept == given_up:
            continue
        apart = group_difference(groups[kept], groups[given_up])
        if apart is not None and apart <= _ONE_SCENE_UP_TO_SHARE:
            groups[kept] += groups[given_up]
            groups[given_up] = []
            home = [kept if each == given_up else each for each in home]
    return _with_stragglers([group for group in groups if group])


def two_scenes_in(photos: Sequence[Photo]) -> tuple[Photo, Photo] | None:
    """Two photos that certainly show different scenes; None where there are none."""
    for one, other in combinations(scenes(photos), 2):
        apart = group_difference(one, other)
        if apart is not None and apart >= TWO_SCENES_FROM_SHARE:
            return one[0], other[0]
    return None


def _with_stragglers(groups: list[Photos]) -> list[Photos]:
    """Add single photos to the group that they clearly resemble: very dark and very bright frames have too
    few answers comparable with any one photo, but may have enough with a whole group."""
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
                if (share := group_difference(group, other)) is not None
            )
            clear = len(shares) == 1 or (len(shares) > 1 and shares[1][0] - shares[0][0] >= CLEAR_LEAD_SHARE)
            if clear and shares[0][0] <= SAME_UP_TO_SHARE:
                found.append((settled[shares[0][1]], group[0]))
            else:
                alone.append(group)
    for group, photo in found:
        group.append(photo)
    return sorted(settled + alone, key=lambda group: group[0].name)


def steps_past_flash(frames: Sequence[Photo]) -> list[Step]:
    """The steps between consecutive frames without flash. Where flash frames lie between, the idle time is
    the longest pause on the way, since the flash exposures are not idle time."""
    steps: list[Step] = []
    unlit = [number for number, frame in enumerate(frames) if not flash_fired(frame)]
    for start, end in pairwise(unlit):
        passed = [step_between(*pair) for pair in pairwise(frames[start : end + 1])]
        longest = max(passed, key=lambda step: step.idle_seconds)
        burst = all(step.burst for step in passed)
        step = step_between(frames[start], frames[end])
        idle, dark = longest.idle_seconds, longest.dark_frame
        steps.append(replace(step, idle_seconds=idle, burst=burst, dark_frame=dark))
    return steps


def flash_counts_in_bursts(frames: Sequence[Photo]) -> Counter[str]:
    """The number of flash frames in one burst with a frame without flash, by the name of that frame."""
    counts: Counter[str] = Counter()
    unlit: Photo | None = None
    for before, frame in pairwise(frames):
        unlit = before if not flash_fired(before) else unlit
        if not step_between(before, frame).burst:
            unlit = None
        elif flash_fired(frame) and unlit is not None:
            counts[unlit.name] += 1
    return counts


def flash_frames(photos: Sequence[Photo]) -> tuple[dict[str, str], list[Draft]]:
    """The flash frames among `photos`: the reasons, by name, for those kept out of the merge of the frames
    that they were taken with, and doubtful sets of one for those taken without any."""
    kept_out: dict[str, str] = {}
    alone: list[Draft] = []
    for frames in frames_by_body(photos):
        unlit = [frame for frame in frames if not flash_fired(frame)]
        for frame in frames:
            if not flash_fired(frame):
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
        step = step_between(*sorted((frame, other), key=start_seconds))
        if step.idle_seconds <= BY_HAND_SECONDS and not step.changes:
            found.append((step.idle_seconds, other))
    return min(found, key=lambda pair: pair[0])[1] if found else None
