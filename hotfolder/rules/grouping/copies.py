"""Several files of one photo: copies, older and newer exports, and what Lightroom made of it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise
from pathlib import PurePath

from hotfolder.rules.foldernames import COPY
from hotfolder.rules.grouping.evidence import Likeness, by_name, capture_of, has_times, likeness
from hotfolder.rules.sets import Photo

_COPY_MARK = re.compile(
    rf"\A{COPY}\s(?:of|von|van|de|di)\s"
    rf"|(?:[-\s]\d{{1,2}}|\s*\(\d{{1,3}}\)|\s[-–]?\s?{COPY}(?:\s\d{{1,3}}|\s\(\d{{1,3}}\))?"
    r"|\s\([^()]*[ck]onfli[ck]t[^()]*\))\Z",
    re.IGNORECASE,
)
_MERGE_MARK = re.compile(r"-HDR\Z", re.IGNORECASE)
"""The suffix of Lightroom's own merge, behind the name of one of its photos."""


def without_copy_mark(name: str) -> str:
    """The file's name without what Lightroom, Finder, Explorer or a cloud's client adds to that of a copy or
    of a second export."""
    path = PurePath(name)
    return _COPY_MARK.sub("", path.stem) + path.suffix


def without_copies(photos: Sequence[Photo]) -> tuple[list[Photo], dict[str, str]]:
    """Of several exports of one photo (same content, or same capture) keep the newest by mtime, and none that
    is, by its name, Lightroom's merge of one of the `photos`. Returns the kept photos, and the reasons, by
    name, for the others."""
    merges = _merges(photos)
    kept, same = _newest((photo.sha256, photo) for photo in photos if photo.name not in merges)
    kept, older = _newest((_named_capture_key(photo), photo) for photo in kept)
    return kept, merges | same | older


def _merges(photos: Sequence[Photo]) -> dict[str, str]:
    named = {_stem(photo): photo.name for photo in photos}
    found: dict[str, str] = {}
    for photo in photos:
        frame = _MERGE_MARK.sub("", stem := _stem(photo))
        if frame != stem and frame in named:
            made = f"{photo.name} is, by its name, made of {named[frame]} and others"
            found[photo.name] = f"{made}: it is kept out of the merge."
    return found


def _stem(photo: Photo) -> str:
    return PurePath(without_copy_mark(photo.name)).stem.casefold()


def copies_among(out: Iterable[Photo], photos: Iterable[Photo]) -> set[str]:
    """The names of those in `out` that are exports of one of `photos`."""
    keys = {key for photo in photos for key in (photo.sha256, _named_capture_key(photo)) if key}
    return {photo.name for photo in out if not keys.isdisjoint((photo.sha256, _named_capture_key(photo)))}


_LEAST_OF_BRACKET = 3
_BRACKET_FROM = 0.12
"""So many exports of one capture, each brighter than the one before by that, are no older and newer ones but
a bracket, developed of virtual copies."""


def _newest(keyed: Iterable[tuple[Hashable, Photo]]) -> tuple[list[Photo], dict[str, str]]:
    """The newest photo of each key and the reasons for the others. Photos with a falsy key are all kept, and
    so are those that show another picture than the newest, or are a bracket."""
    same: dict[Hashable, list[Photo]] = defaultdict(list)
    kept: list[Photo] = []
    for key, photo in keyed:
        if key:
            same[key].append(photo)
        else:
            kept.append(photo)
    out: dict[str, str] = {}
    for copies in same.values():
        if _is_bracket(copies):
            kept += copies
            continue
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


def _is_bracket(copies: Sequence[Photo]) -> bool:
    values = sorted(photo.brightness for photo in copies if photo.brightness is not None)
    apart = all(after - before >= _BRACKET_FROM for before, after in pairwise(values))
    return apart and len(values) == len(copies) >= _LEAST_OF_BRACKET


def capture_key(photo: Photo) -> Hashable:
    """A key that is equal for two exports of one capture, and for frames with equal settings within the
    resolution of the camera's clock; None without sufficient capture data."""
    if not has_times(photo):
        return None
    taken = capture_of(photo)
    how = (taken.exposure_seconds, taken.aperture, taken.iso, taken.focal_mm)
    return (taken.make, taken.model, taken.body_serial, taken.started_seconds, *how)


def _named_capture_key(photo: Photo) -> Hashable:
    key = capture_key(photo)
    # A clock of whole seconds gives several frames one time: then the names must agree too.
    coarse = key is not None and capture_of(photo).clock_step_seconds >= 1.0
    return (key, _stem(photo)) if coarse else key
