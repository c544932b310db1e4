"""Grouping by what the photos show, for exports that left out what the camera recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations, pairwise

from hotfolder.rules.grouping import wording
from hotfolder.rules.grouping.frames import by_name
from hotfolder.rules.grouping.likeness import Likeness, comparable, likeness
from hotfolder.rules.grouping.model import Draft, GroupingOptions, GroupingPhoto

_LEAST_BRIGHTNESS_STEP = 0.01


def drafts_by_picture(photos: Sequence[GroupingPhoto], options: GroupingOptions) -> list[Draft]:
    """Sets of photos that resemble each other, in the order of their names; photos from dark to bright."""
    ordered = sorted(photos, key=by_name)
    home = list(range(len(ordered)))
    between: list[tuple[int, int]] = []
    for one, other in combinations(range(len(ordered)), 2):
        alike = likeness(ordered[one], ordered[other])
        if alike is Likeness.SAME:
            kept, given_up = sorted((home[one], home[other]))
            home = [kept if each == given_up else each for each in home]
        elif alike is Likeness.UNCLEAR and comparable(ordered[one], ordered[other]):
            between.append((one, other))
    drafts = {
        place: Draft(
            sorted((ordered[each] for each in members), key=lambda photo: photo.brightness),
            ("it shows another picture",),
        )
        for place in dict.fromkeys(home)
        if (members := [each for each, its in enumerate(home) if its == place])
    }
    for one, other in between:
        if home[one] != home[other]:
            for here, there in ((one, other), (other, one)):
                _add_once(drafts[home[here]], f"it somewhat resembles {ordered[there].name}")
    _examine(list(drafts.values()), ordered, options)
    return list(drafts.values())


def _examine(drafts: list[Draft], photos: Sequence[GroupingPhoto], options: GroupingOptions) -> None:
    sizes = Counter(len(draft.photos) for draft in drafts if len(draft.photos) > 1)
    usual = options.brackets or max(sizes, key=lambda size: (sizes[size], size), default=1)
    uneven = any(size != usual for size in sizes)
    for draft in drafts:
        number = len(draft.photos)
        if number != usual and (number > 1 or uneven):
            draft.doubts.append(f"it has {wording.frames(number)} where others have {usual}")
        first = draft.photos[0]
        if (
            number == 1
            and len(photos) > 1
            and not any(comparable(first, each) for each in photos if each is not first)
        ):
            draft.doubts.append(f"{first.name} shows too little to be compared")
        for darker, brighter in pairwise(draft.photos):
            if brighter.brightness - darker.brightness < _LEAST_BRIGHTNESS_STEP:
                draft.doubts.append(f"{darker.name} and {brighter.name} are equally bright: perhaps two sets")
                break


def _add_once(draft: Draft, doubt: str) -> None:
    # One name is enough for a person to go and look.
    if not any(each.startswith("it somewhat resembles") for each in draft.doubts):
        draft.doubts.append(doubt)
