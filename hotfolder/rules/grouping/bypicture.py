"""Grouping by what the photos show, for exports that left out what the camera recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations, pairwise

from hotfolder.rules.grouping import wording
from hotfolder.rules.grouping.frames import by_name
from hotfolder.rules.grouping.likeness import SAME_UP_TO, on_the_whole
from hotfolder.rules.grouping.model import Draft, GroupingOptions, GroupingPhoto
from hotfolder.rules.grouping.scenes import APART_FROM, CLEAR_LEAD, scenes

_LEAST_BRIGHTNESS_STEP = 0.01


def drafts_by_picture(photos: Sequence[GroupingPhoto], options: GroupingOptions) -> list[Draft]:
    """Sets of photos that resemble each other, in the order of their names; photos from dark to bright."""
    drafts = [
        Draft(sorted(alike, key=lambda photo: photo.brightness), ("it shows another picture",))
        for alike in scenes(sorted(photos, key=by_name))
    ]
    sizes = Counter(len(draft.photos) for draft in drafts if len(draft.photos) > 1)
    usual = options.brackets or max(sizes, key=lambda size: (sizes[size], size), default=1)
    for one, other in combinations(drafts, 2):
        apart = on_the_whole(one.photos, other.photos)
        if apart is not None and apart < APART_FROM and not _clearly_two(one, other, usual):
            for draft, its_like in ((one, other), (other, one)):
                if len(its_like.photos) == 1 and _whole(draft, usual):
                    continue  # one frame more would be one too many
                draft.doubts.append(f"it may show the same picture as {its_like.photos[0].name}")
    _odd_sizes(drafts, usual)
    _homeless(drafts, usual)
    _equally_bright(drafts)
    return drafts


def _clearly_two(one: Draft, other: Draft, usual: int) -> bool:
    """Whether two sets that resemble each other are both whole, and each of their photos resembles its own
    set by far more."""
    if not len(one.photos) == len(other.photos) == usual > 1:
        return False
    for draft, stranger in ((one, other), (other, one)):
        for photo in draft.photos:
            rest = [each for each in draft.photos if each is not photo]
            near, far = on_the_whole([photo], rest), on_the_whole([photo], stranger.photos)
            if near is None or far is None or far - near < CLEAR_LEAD:
                return False
    return True


def _whole(draft: Draft, usual: int) -> bool:
    """Whether a set has as many photos as is usual, each of which shows the same as the others do."""
    if not len(draft.photos) == usual > 1:
        return False
    for photo in draft.photos:
        near = on_the_whole([photo], [each for each in draft.photos if each is not photo])
        if near is None or near > SAME_UP_TO:
            return False
    return True


def _odd_sizes(drafts: Sequence[Draft], usual: int) -> None:
    for draft in drafts:
        if len(draft.photos) not in (1, usual):
            draft.doubts.append(f"it has {wording.frames(len(draft.photos))} where others have {usual}")


def _homeless(drafts: Sequence[Draft], usual: int) -> None:
    """Photos that are too dark or too bright to be compared belong to the sets that lack some; where there
    are more of them than are lacking, they may belong to any."""
    several = [draft for draft in drafts if len(draft.photos) > 1]
    singles = [draft for draft in drafts if len(draft.photos) == 1]
    homeless = [
        draft
        for draft in singles
        if any(on_the_whole(draft.photos, other.photos) is None for other in several)
        or (not several and len(singles) > 1 and all(_blank(draft, other) for other in singles))
    ]
    for draft in homeless:
        draft.doubts.append(f"{draft.photos[0].name} shows too little to be compared with the others")
    lacking = sum(max(0, usual - len(draft.photos)) for draft in several)
    if len(homeless) > lacking:
        for draft in several:
            draft.doubts.append(f"{homeless[0].photos[0].name}, which shows too little, may belong to it")


def _blank(draft: Draft, other: Draft) -> bool:
    return draft is other or on_the_whole(draft.photos, other.photos) is None


def _equally_bright(drafts: Sequence[Draft]) -> None:
    for draft in drafts:
        for darker, brighter in pairwise(draft.photos):
            if brighter.brightness - darker.brightness < _LEAST_BRIGHTNESS_STEP:
                draft.doubts.append(f"{darker.name} and {brighter.name} are equally bright: perhaps two sets")
                break
