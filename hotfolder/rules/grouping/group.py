"""Grouping of photos into sets, with evidence and doubts."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise, product
from math import inf
from pathlib import PurePath
from typing import Literal

from hotfolder.display import natural_order
from hotfolder.rules.foldernames import free_name
from hotfolder.rules.grouping import methods
from hotfolder.rules.grouping.copies import without_copies
from hotfolder.rules.grouping.evidence import (
    by_name,
    capture_of,
    exposure_ev,
    flash_fired,
    flash_frames,
    has_exposure_time,
    has_times,
    in_order_taken,
    start_seconds,
    step_between,
)
from hotfolder.rules.grouping.methods import drafts_by_capture, drafts_by_count, drafts_by_picture
from hotfolder.rules.grouping.results import (
    SAME_EXPOSURE_EV,
    Draft,
    GroupedSet,
    Grouping,
    GroupingOptions,
    RefusedSet,
)
from hotfolder.rules.sets import MOST_PHOTOS, Photo

NameScheme = Literal["numbered", "first_file"]
"""`<stem>-01`, `<stem>-02`, …; or the name of the photo that was taken first, without its suffix."""


def name_sets(
    parts: Sequence[GroupedSet | RefusedSet],
    scheme: NameScheme,
    stem: str = "",
    used_names: Collection[str] = (),
) -> tuple[str, ...]:
    """Names for the `parts` of a grouping, in their order, unique among themselves and `used_names` (ignoring
    case). Numbers continue after the highest in `used_names`."""
    firsts = [min(each.photos, key=_capture_order).name for each in parts]
    if scheme == "numbered":
        start = 1 + max((_number(name, stem) for name in used_names), default=0)
        digits = max(2, len(str(start + len(firsts) - 1)))
        return tuple(f"{stem}-{number:0{digits}d}" for number in range(start, start + len(firsts)))
    names: list[str] = []
    for first in firsts:
        # Two underscores begin a tag.
        names.append(free_name(re.sub("_{2,}", "_", PurePath(first).stem), (*used_names, *names)))
    return tuple(names)


def _number(name: str, stem: str) -> int:
    rest = name.casefold().removeprefix(f"{stem}-".casefold())
    return int(rest) if rest != name.casefold() and re.fullmatch("[0-9]{1,9}", rest) else 0


DEFAULT_OPTIONS = GroupingOptions()
EXPORT_WITH_CAMERA_DATA = (
    "Some photos don't say when they were taken, or how they were exposed. If the camera recorded it, in"
    ' Lightroom\'s export dialog, under "Metadata", choose "All Metadata" or "All Except Camera Raw Info".'
)


def group(photos: Sequence[Photo], options: GroupingOptions = DEFAULT_OPTIONS) -> Grouping:
    """Group a flat drop. The order of `photos` doesn't matter; no two have one name."""
    own, kept_out = _own_photos(photos)
    with_times = [photo for photo in own if has_times(photo)]
    without_times = [photo for photo in own if not has_times(photo)]
    doubts: list[str] = []
    if options.brackets is None:
        drafts = drafts_by_capture(with_times)
        lit, alone = flash_frames(with_times)
        drafts += alone
        for draft in drafts_by_picture(without_times):
            draft.photos, lit_there = _unlit(draft.photos)
            lit |= lit_there
            drafts.append(draft)
        if with_times and without_times:
            doubts.append(
                f"{len(without_times)} of {len(own)} photos lack camera data and may belong to sets of the"
                " others"
            )
    else:
        unlit, lit = _unlit(own)
        drafts = drafts_by_count(unlit, options.brackets) if unlit else []
    notices = (EXPORT_WITH_CAMERA_DATA,) if without_times else ()
    return _as_grouping(drafts, kept_out | lit, notices, tuple(doubts), options)


def group_room(photos: Sequence[Photo], options: GroupingOptions = DEFAULT_OPTIONS) -> Grouping:
    """Group a room's folder: one set, unless the photos form several sets of at least two photos without any
    doubt, and there are too many for one set (with over_seven: refuse) or the capture data prove it.

    The proof is that each set repeats an exposure of the previous set or was taken with another setup. A
    pause proves nothing: people are interrupted.
    """
    own, kept_out = _own_photos(photos)
    found = group(photos, replace(options, brackets=None))
    several = len(found.sets) > 1 and all(len(each.photos) > 1 for each in found.sets)
    if several and found.sure and not found.refused:
        too_many = len(photos) > MOST_PHOTOS and options.over_seven == "refuse"
        proved = all(has_times(photo) for photo in own) and all(
            _certainly_apart(*pair) for pair in pairwise(found.sets)
        )
        if too_many or proved:
            return found
    unlit, lit = _unlit(own)
    return _as_grouping([Draft(unlit)] if unlit else [], kept_out | lit, (), (), options)


def _certainly_apart(before: GroupedSet, after: GroupedSet) -> bool:
    one, other = in_order_taken(before.photos)[-1], in_order_taken(after.photos)[0]
    if step_between(one, other).changes or capture_of(one).body_serial != capture_of(other).body_serial:
        return True
    pairs = product(before.photos, after.photos)
    return any(abs(exposure_ev(a) - exposure_ev(b)) <= SAME_EXPOSURE_EV for a, b in pairs)


def _own_photos(photos: Sequence[Photo]) -> tuple[list[Photo], dict[str, str]]:
    kept, copies = without_copies(sorted(photos, key=by_name))
    return sorted(kept, key=by_name), copies


def _unlit(photos: Sequence[Photo]) -> tuple[list[Photo], dict[str, str]]:
    """The photos without flash (all if there are none), and the reasons, by name, for those left out."""
    unlit = [photo for photo in photos if not flash_fired(photo)]
    if not unlit:
        return list(photos), {}
    reason = "The flash fired for {}: it is kept out of the merge."
    return unlit, {photo.name: reason.format(photo.name) for photo in photos if flash_fired(photo)}


def _as_grouping(
    drafts: list[Draft],
    kept_out: dict[str, str],
    notices: tuple[str, ...],
    doubts: tuple[str, ...],
    options: GroupingOptions,
) -> Grouping:
    sets: list[GroupedSet] = []
    refused: list[RefusedSet] = []
    for draft in sorted(drafts, key=_start_key):
        ordered = _dark_to_bright(draft.photos)
        if len(ordered) <= MOST_PHOTOS:
            sets.append(_set(ordered, draft, draft.evidence))
        elif options.over_seven == "refuse":
            refused.append(methods.refused_set(ordered))
        elif options.over_seven == "spread":
            chosen, out = methods.spread(ordered)
            kept_out |= out
            sets.append(_set(chosen, draft, draft.evidence))
        else:
            for number, part in enumerate(parts := methods.split(ordered), start=1):
                of_all = f"part {number} of {len(parts)} of a set of {len(ordered)}"
                sets.append(_set(part, draft, (*draft.evidence, of_all)))
    kept_out = {name: kept_out[name] for name in sorted(kept_out, key=natural_order)}
    return Grouping(tuple(sets), tuple(refused), kept_out, notices, doubts)


def _set(ordered: list[Photo], draft: Draft, evidence: tuple[str, ...]) -> GroupedSet:
    return GroupedSet(tuple(ordered), evidence, tuple(dict.fromkeys(draft.doubts)))


def _dark_to_bright(photos: Sequence[Photo]) -> list[Photo]:
    named = sorted(photos, key=by_name)
    if all(has_exposure_time(photo) for photo in named):
        return sorted(named, key=exposure_ev, reverse=True)
    return sorted(named, key=lambda photo: photo.luma)


def _start_key(draft: Draft) -> tuple[float, object]:
    return min(_capture_order(photo) for photo in draft.photos)


def _capture_order(photo: Photo) -> tuple[float, object]:
    told = capture_of(photo).started_seconds is not None
    return (start_seconds(photo) if told else inf), by_name(photo)
