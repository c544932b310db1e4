"""Grouping by a fixed number, checked against whatever else is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hotfolder.rules.grouping import wording
from hotfolder.rules.grouping.doubts import odd_pictures
from hotfolder.rules.grouping.frames import by_name, shot, streams, value
from hotfolder.rules.grouping.model import Draft, GroupingOptions, GroupingPhoto


def drafts_by_count(photos: Sequence[GroupingPhoto], options: GroupingOptions) -> list[Draft]:
    """Every `options.brackets` photos one set, in the order taken where all tell it, else in the order of
    their names."""
    count = options.brackets or 1
    timed = all(shot(photo).started_seconds is not None for photo in photos)
    drafts: list[Draft] = []
    for frames in streams(photos) if timed else [sorted(photos, key=by_name)]:
        for start in range(0, len(frames), count):
            evidence = (f"every {wording.frames(count)} are one set",) if drafts else ()
            drafts.append(Draft(list(frames[start : start + count]), evidence))
            _examine(drafts[-1], count, options)
    _compare(drafts)
    return drafts


def _examine(draft: Draft, count: int, options: GroupingOptions) -> None:
    if len(draft.photos) < count:
        draft.doubts.append(f"only {wording.frames(len(draft.photos))} are left where {count} make a set")
    odd_pictures(draft)
    known = [(each, photo) for photo in draft.photos if (each := value(photo)) is not None]
    for number, (ours, photo) in enumerate(known):
        for theirs, earlier in known[:number]:
            if abs(ours - theirs) <= options.value_tolerance_ev:
                draft.doubts.append(f"{wording.came_back(earlier, photo)} within it ({photo.name})")
                return


def _compare(drafts: Sequence[Draft]) -> None:
    """A camera brackets in one order: where the photos are in order, all sets get dark and bright alike."""
    orders = [_order(draft) for draft in drafts]
    usual, times = Counter(orders).most_common(1)[0]
    for draft, order in zip(drafts, orders, strict=True):
        if times * 2 <= len(drafts):
            draft.doubts.append("its photos get dark and bright in another order than those of other sets")
        elif order != usual:
            draft.doubts.append("its photos get dark and bright in another order than those of most sets")


def _order(draft: Draft) -> tuple[int, ...]:
    """The places of its photos when sorted from dark to bright."""
    by_brightness = sorted(range(len(draft.photos)), key=lambda place: draft.photos[place].brightness)
    return tuple(by_brightness)
