"""The methods that divide a shoot into sets: by capture data, by picture content, by count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations, pairwise
from math import ceil

from hotfolder.display import counted
from hotfolder.rules.grouping.boundaries import Neighbours, decide_boundary
from hotfolder.rules.grouping.doubts import add_doubts, doubt_odd_pictures
from hotfolder.rules.grouping.evidence import (
    SAME_UP_TO_SHARE,
    TWO_SCENES_FROM_SHARE,
    Step,
    by_name,
    capture_of,
    exposure_ev,
    flash_counts_in_bursts,
    flash_fired,
    frames_by_body,
    group_difference,
    has_exposure_time,
    repeated_exposure_text,
    scenes,
    steps_past_flash,
)
from hotfolder.rules.grouping.results import SAME_EXPOSURE_EV, Draft, RefusedSet
from hotfolder.rules.sets import MOST_PHOTOS, Photo


def refused_set(ordered: Sequence[Photo]) -> RefusedSet:
    """The refusal of a set with more than MOST_PHOTOS photos."""
    first, *_, last = sorted(ordered, key=by_name)
    return RefusedSet(
        tuple(ordered),
        f"{len(ordered)} photos belong to one set, from {first.name} to {last.name}; "
        f"the API takes {MOST_PHOTOS}.",
        "Take some out, or set over_seven to split or spread.",
    )


def split(ordered: Sequence[Photo]) -> list[list[Photo]]:
    """The photos (dark to bright) in as few parts as possible, each spanning dark to bright."""
    parts = ceil(len(ordered) / MOST_PHOTOS)
    return [list(ordered[start::parts]) for start in range(parts)]


def spread(ordered: Sequence[Photo]) -> tuple[list[Photo], dict[str, str]]:
    """MOST_PHOTOS photos at even intervals from the darkest to the brightest; and the reasons, by name, for
    those left out."""
    last = len(ordered) - 1
    picked = {round(number * last / (MOST_PHOTOS - 1)) for number in range(MOST_PHOTOS)}
    chosen = [photo for number, photo in enumerate(ordered) if number in picked]
    out = {
        photo.name: f"{photo.name} is left out of a set of {len(ordered)}: the API takes {MOST_PHOTOS}, "
        "and those that span it evenly are used."
        for number, photo in enumerate(ordered)
        if number not in picked
    }
    return chosen, out


def drafts_by_count(photos: Sequence[Photo], count: int) -> list[Draft]:
    """Sets of `count` consecutive photos, by body and time if all photos have a start time, else by name.
    Raises IndexError if there are no photos."""
    dated = all(capture_of(photo).started_seconds is not None for photo in photos)
    drafts: list[Draft] = []
    for frames in frames_by_body(photos) if dated else [sorted(photos, key=by_name)]:
        for start in range(0, len(frames), count):
            evidence = (f"every {counted(count, 'frame')} are one set",) if drafts else ()
            drafts.append(Draft(list(frames[start : start + count]), evidence))
            _doubt_counted_set(drafts[-1], count)
    _doubt_odd_orders(drafts)
    return drafts


def _doubt_counted_set(draft: Draft, count: int) -> None:
    if len(draft.photos) < count:
        draft.doubts.append(f"only {counted(len(draft.photos), 'frame')} are left where {count} make a set")
    doubt_odd_pictures(draft)
    known = [(exposure_ev(photo), photo) for photo in draft.photos if has_exposure_time(photo)]
    for number, (ours, photo) in enumerate(known):
        for theirs, earlier in known[:number]:
            if abs(ours - theirs) <= SAME_EXPOSURE_EV:
                draft.doubts.append(f"{repeated_exposure_text(earlier, photo)} within it ({photo.name})")
                return


def _doubt_odd_orders(drafts: Sequence[Draft]) -> None:
    """Add a doubt to sets whose brightness order differs from that of most: a camera always brackets in one
    order, so the photos aren't aligned with the sets."""
    orders = [_brightness_order(draft) for draft in drafts]
    usual, times = Counter(orders).most_common(1)[0]
    for draft, order in zip(drafts, orders, strict=True):
        if times * 2 <= len(drafts) or order != usual:
            draft.doubts.append("its photos get dark and bright in another order than those of other sets")


def _brightness_order(draft: Draft) -> tuple[int, ...]:
    """The indices of the photos, sorted from dark to bright."""
    return tuple(sorted(range(len(draft.photos)), key=lambda number: draft.photos[number].luma))


_LEAST_BRIGHTNESS_STEP = 0.01


def drafts_by_picture(photos: Sequence[Photo]) -> list[Draft]:
    """Sets of photos that show the same scene, with photos from dark to bright and with their doubts."""
    drafts = [
        Draft(sorted(alike, key=lambda photo: photo.luma), ("it shows another picture",))
        for alike in scenes(sorted(photos, key=by_name))
    ]
    sizes = Counter(len(draft.photos) for draft in drafts if len(draft.photos) > 1)
    usual = max(sizes, key=lambda size: (sizes[size], size), default=1)
    for one, other in combinations(drafts, 2):
        apart = group_difference(one.photos, other.photos)
        if apart is not None and apart < TWO_SCENES_FROM_SHARE:
            for draft, its_like in ((one, other), (other, one)):
                if len(its_like.photos) == 1 and _is_regular(draft, usual):
                    continue  # a whole set has no place for a further frame
                draft.doubts.append(f"it may show the same picture as {its_like.photos[0].name}")
    for draft in drafts:
        if len(draft.photos) not in (1, usual):
            draft.doubts.append(f"it has {counted(len(draft.photos), 'frame')} where others have {usual}")
    _doubt_incomparable_singles(drafts, usual)
    _doubt_equal_brightness(drafts)
    return drafts


def _is_regular(draft: Draft, usual: int) -> bool:
    """Whether a set has the usual size and each of its photos shows the same picture as the others."""
    if not len(draft.photos) == usual > 1:
        return False
    for photo in draft.photos:
        near = group_difference([photo], [each for each in draft.photos if each is not photo])
        if near is None or near > SAME_UP_TO_SHARE:
            return False
    return True


def _doubt_incomparable_singles(drafts: Sequence[Draft], usual: int) -> None:
    """Add doubts for single photos that are too dark or too bright to be compared. If there are more of them
    than the smaller sets lack, every set may be missing one and gets a doubt too."""
    several = [draft for draft in drafts if len(draft.photos) > 1]
    singles = [draft for draft in drafts if len(draft.photos) == 1]
    homeless = [
        draft
        for draft in singles
        if any(group_difference(draft.photos, other.photos) is None for other in several)
        or (not several and len(singles) > 1 and all(_is_incomparable(draft, other) for other in singles))
    ]
    for draft in homeless:
        draft.doubts.append(f"{draft.photos[0].name} shows too little to be compared with the others")
    lacking = sum(max(0, usual - len(draft.photos)) for draft in several)
    if len(homeless) > lacking:
        for draft in several:
            draft.doubts.append(f"{homeless[0].photos[0].name}, which shows too little, may belong to it")


def _is_incomparable(draft: Draft, other: Draft) -> bool:
    return draft is other or group_difference(draft.photos, other.photos) is None


def _doubt_equal_brightness(drafts: Sequence[Draft]) -> None:
    for draft in drafts:
        for darker, brighter in pairwise(draft.photos):
            if brighter.luma - darker.luma < _LEAST_BRIGHTNESS_STEP:
                draft.doubts.append(f"{darker.name} and {brighter.name} are equally bright: perhaps two sets")
                break


def drafts_by_capture(photos: Sequence[Photo]) -> list[Draft]:
    """The sets of all camera bodies, frames in the order taken. All photos must satisfy `has_times`. Flash
    frames are left out, but their exposures don't count as idle time."""
    drafts: list[Draft] = []
    found = frames_by_body(photos)
    for frames in found:
        unlit = [frame for frame in frames if not flash_fired(frame)]
        if unlit:
            of_body = _segments(unlit, steps_past_flash(frames))
            lit = flash_counts_in_bursts(frames)
            for draft in of_body:
                draft.flash_frame_count = sum(lit[photo.name] for photo in draft.photos)
            add_doubts(of_body)
            if len(found) > 1 and not of_body[0].evidence:
                of_body[0].evidence = ("another camera took it",)
            drafts += of_body
    return drafts


def _segments(frames: list[Photo], steps: list[Step]) -> list[Draft]:
    bursts = _burst_lengths(steps)
    drafts = [Draft([frames[0]])]
    for number, step in enumerate(steps, start=1):
        draft = drafts[-1]
        at = Neighbours(draft.photos, frames[number], step, bursts[number - 1], bursts[number])
        found = decide_boundary(at)
        if not found.joins:
            drafts.append(Draft([], found.evidence))
        drafts[-1].photos.append(frames[number])
        for touched in {id(each): each for each in (draft, drafts[-1])}.values():
            touched.doubts += [found.doubt] if found.doubt else []
            touched.weak += [found.weak_doubt] if found.weak_doubt else []
            touched.mutual += [found.mutual_doubt] if found.mutual_doubt else []
    return drafts


def _burst_lengths(steps: list[Step]) -> list[int]:
    """For each frame, the length of the burst that it belongs to, itself included."""
    lengths: list[int] = []
    start = 0
    for number in range(1, len(steps) + 2):
        if number > len(steps) or not steps[number - 1].burst or steps[number - 1].changes:
            lengths += [number - start] * (number - start)
            start = number
    return lengths
