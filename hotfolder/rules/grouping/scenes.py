"""Photos sorted by what they show.

Two groups of photos become one when their most similar photos show the same and the others, on the whole,
agree: one likeness between two rooms is not enough, and hand-held frames far apart in exposure may differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from hotfolder.rules.grouping.likeness import SAME_UP_TO, difference, on_the_whole
from hotfolder.rules.grouping.model import GroupingPhoto

_AGREE_UP_TO = 0.24
APART_FROM = 0.33
"""From this difference on, on the whole, two groups of photos certainly show two scenes."""

CLEAR_LEAD = 0.13

Photos = list[GroupingPhoto]


def scenes(photos: Sequence[GroupingPhoto]) -> list[Photos]:
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


def strangers(photos: Sequence[GroupingPhoto]) -> tuple[GroupingPhoto, GroupingPhoto] | None:
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
    found: list[tuple[Photos, GroupingPhoto]] = []
    for group in groups:
        if len(group) == 1:
            shares = [
                (share, place)
                for place, other in enumerate(settled)
                if (share := on_the_whole(group, other)) is not None
            ]
            shares.sort()
            clear = len(shares) == 1 or (len(shares) > 1 and shares[1][0] - shares[0][0] >= CLEAR_LEAD)
            if clear and shares[0][0] <= SAME_UP_TO:
                found.append((settled[shares[0][1]], group[0]))
            else:
                alone.append(group)
    for group, photo in found:
        group.append(photo)
    return sorted(settled + alone, key=lambda group: group[0].name)
