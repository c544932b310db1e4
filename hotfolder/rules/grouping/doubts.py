"""Doubts about the sets of a finished grouping, found by comparing each with the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from hotfolder.display import counted
from hotfolder.rules.grouping.evidence import (
    AUTO_BRACKET,
    Likeness,
    capture_of,
    exposure_ev,
    likeness,
    step_between,
    two_scenes_in,
)
from hotfolder.rules.grouping.results import BY_HAND_SECONDS, Draft
from hotfolder.rules.sets import Photo

_NEAR_EV = 0.35
_HALF_STOP_EV = 0.5
_ENOUGH_ALIKE = 3
_MOST = 0.6

BracketPattern = tuple[float, ...]
"""Exposure values of a set's frames in the order taken, relative to the first."""


def add_doubts(drafts: Sequence[Draft]) -> None:
    """Add to the `doubts` of the sets of one camera body, one or more, in the order taken. Weak doubts become
    doubts, except for sets whose exposures match those of most others."""
    several = [draft for draft in drafts if len(draft.photos) > 1]
    patterns = {id(draft): pattern(draft.photos) for draft in several}
    # A clock of whole seconds doesn't record the order within a second.
    coarse = max(capture_of(draft.photos[0]).clock_step_seconds for draft in drafts) >= 1.0
    ladders = {name: _ladder(each) if coarse else each for name, each in patterns.items()}
    usual = [_as_most(ladders.get(id(each), ()), list(ladders.values()), len(drafts)) for each in drafts]
    for draft, alike, all_alike in zip(drafts, usual, _with_neighbours(drafts, usual), strict=True):
        draft.doubts += [] if alike else draft.weak
        draft.doubts += [] if all_alike else draft.mutual
    coming = unfinished_set_doubt(drafts[-1], drafts[:-1])
    for draft in several:
        if not (coming and draft is drafts[-1]):
            _doubt_odd_size(draft, patterns[id(draft)], list(patterns.values()))
        _doubt_odd_values(draft)
        doubt_odd_pictures(draft)
    for draft in drafts:
        draft.doubts += bracket_piece_doubt(draft)
    drafts[-1].doubts += coming
    for before, after in pairwise(drafts):
        _stray_frame(before, after)
    for before, after in pairwise(drafts):
        _share_doubts(before, after)


def pattern(photos: Sequence[Photo]) -> BracketPattern:
    """The exposure values in the order taken, relative to the first."""
    values = [exposure_ev(photo) for photo in photos]
    return tuple(each - values[0] for each in values)


def _with_neighbours(drafts: Sequence[Draft], usual: Sequence[bool]) -> list[bool]:
    """For each set, whether it is usual and all sets linked to it by a chain of mutual doubts are: an unusual
    one may have some of its frames."""
    sound = list(usual)
    forth = range(1, len(drafts))
    for here, there in [*((one, one - 1) for one in forth), *((one - 1, one) for one in reversed(forth))]:
        if not sound[there] and set(drafts[here].mutual) & set(drafts[there].mutual):
            sound[here] = False
    return sound


def _ladder(values: BracketPattern) -> BracketPattern:
    """The exposure values from bright to dark, relative to the brightest."""
    return tuple(value - min(values) for value in sorted(values))


def _as_most(ours: BracketPattern, patterns: Sequence[BracketPattern], sets: int) -> bool:
    alike = sum(_near(ours, each) for each in patterns)
    return alike >= _ENOUGH_ALIKE and alike > _MOST * sets


def _near(one: BracketPattern, other: BracketPattern) -> bool:
    return len(one) == len(other) and all(abs(a - b) <= _NEAR_EV for a, b in zip(one, other, strict=True))


def _doubt_odd_size(draft: Draft, ours: BracketPattern, patterns: Sequence[BracketPattern]) -> None:
    sizes = Counter(len(each) for each in patterns)
    usual = max(sizes, key=lambda size: (sizes[size], size))
    number = len(ours)
    if usual in (number, number + draft.flash_frame_count):
        return
    alike = sum(_near(ours, each) for each in patterns)
    deliberate = _evenly_spaced(ours) and (_around_the_first(ours) or number > usual)
    if deliberate and alike > 1:
        return
    stopped = any(number < len(each) and _near(ours, each[:number]) for each in patterns)
    if stopped or (not _evenly_spaced(ours) and alike < 2):
        draft.doubts.append(f"it has {counted(number, 'frame')} where others have {usual}")


def _around_the_first(values: BracketPattern) -> bool:
    return abs(sum(values)) <= _NEAR_EV * len(values)


def _evenly_spaced(values: BracketPattern) -> bool:
    """Whether there is an odd number of exposures at equal distances, as a bracketing camera sets them."""
    ordered = sorted(values)
    gaps = [after - before for before, after in pairwise(ordered)]
    return len(values) % 2 == 1 and max(gaps) - min(gaps) <= _NEAR_EV


def _doubt_odd_values(draft: Draft) -> None:
    values = sorted(exposure_ev(photo) for photo in draft.photos)
    if max(after - before for before, after in pairwise(values)) < _HALF_STOP_EV:
        draft.doubts.append("its exposures differ by less than half a stop")


def doubt_odd_pictures(draft: Draft) -> None:
    """Add a doubt to a set whose photos certainly show two scenes."""
    pair = two_scenes_in(draft.photos)
    if pair is not None:
        draft.doubts.append(f"{pair[0].name} and {pair[1].name} show different pictures")


def _stray_frame(before: Draft, after: Draft) -> None:
    """Add doubts for a single frame next to a set of the same scene: a trial shot, a stopped set or a
    repeated frame. The neighbouring set gets one only if it was shot by hand, not if it is one burst."""
    step = step_between(before.photos[-1], after.photos[0])
    if step.changes:
        return
    for single, other in ((before, after), (after, before)):
        if len(single.photos) > 1 or len(other.photos) == 1:
            continue
        photo = single.photos[0]
        by_hand = not step_between(*other.photos[:2]).burst
        # A deleted frame between the two doubles the pause by hand.
        if step.idle_seconds > BY_HAND_SECONDS * (2 if by_hand else 1):
            continue
        if likeness(photo, *other.photos) is not Likeness.DIFFERENT:
            single.doubts.append(
                f"{photo.name} may belong to the set of {other.photos[0].name}, or be a trial shot"
            )
            if by_hand:
                other.doubts.append(f"{photo.name} may belong to it")


def _share_doubts(before: Draft, after: Draft) -> None:
    """If the cut between two sets is doubtful and one of them has doubts, add one to the other: either may
    have frames of the other."""
    cut = [doubt for doubt in (*before.weak, *before.mutual) if doubt in (*after.weak, *after.mutual)]
    if cut and bool(before.doubts) != bool(after.doubts):
        sound = after if before.doubts else before
        sound.doubts.append(cut[0])


def bracket_piece_doubt(draft: Draft) -> list[str]:
    """The doubt about a single frame that the camera took as part of a bracket; empty where it didn't."""
    [photo, *others] = draft.photos
    if others or draft.flash_frame_count or capture_of(photo).exposure_mode != AUTO_BRACKET:
        return []
    return [f"{photo.name} lies there alone, and the camera was bracketing"]


def unfinished_set_doubt(last: Draft, others: Sequence[Draft]) -> list[str]:
    """The doubt that frames of the set taken last may still be arriving, where it is smaller than usual;
    empty where another set has its size, or its exposure mode shows that it was shot differently."""
    several = [draft for draft in others if len(draft.photos) > 1]
    number = len(last.photos)
    if not several or any(len(draft.photos) == number for draft in several):
        return []
    if _modes([last]).isdisjoint(_modes(several)):
        return []
    sizes = [len(draft.photos) + draft.flash_frame_count for draft in others]
    usual = max(set(sizes), key=lambda size: (sizes.count(size), size))
    if number + last.flash_frame_count >= usual:
        return []
    return [
        f"it has {counted(number, 'frame')} where others have {usual}, and was taken last: the rest of it "
        "may still be coming"
    ]


def _modes(drafts: Sequence[Draft]) -> set[int | None]:
    return {capture_of(photo).exposure_mode for draft in drafts for photo in draft.photos}
