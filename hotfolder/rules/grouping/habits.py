"""What exports leave lying about: the same photo twice, and the RAW file beside its JPEG."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from pathlib import PurePath

from hotfolder.rules.grouping.frames import by_name, shot
from hotfolder.rules.grouping.likeness import Likeness, likeness
from hotfolder.rules.grouping.model import GroupingPhoto, KeptOut

_COPY_MARK = re.compile(r"(?:-\d{1,2}|\s*\(\d{1,3}\)|\s-?\s?copy(?:\s\d{1,3})?)\Z", re.IGNORECASE)


def uncopied(name: str) -> str:
    """The file's name without what Lightroom, Finder and Explorer add to that of a second export."""
    path = PurePath(name)
    return _COPY_MARK.sub("", path.stem) + path.suffix


def without_raw_twins(photos: Sequence[GroupingPhoto]) -> tuple[list[GroupingPhoto], list[KeptOut]]:
    """Drop RAW files that lie beside a picture of the same name: the photographer has developed that one."""
    developed = {_stem(photo): photo for photo in photos if not photo.is_raw}
    kept: list[GroupingPhoto] = []
    out: list[KeptOut] = []
    for photo in photos:
        twin = developed.get(_stem(photo)) if photo.is_raw else None
        if twin is None:
            kept.append(photo)
        else:
            reason = f"{photo.name} is the RAW file of {twin.name}, which is used instead."
            out.append(KeptOut(photo, reason, twin.name))
    return kept, out


def without_copies(photos: Sequence[GroupingPhoto]) -> tuple[list[GroupingPhoto], list[KeptOut]]:
    """Of several exports of one photo, with the same content or of the same capture, keep the newest."""
    kept, out = _newest((photo.sha256, photo) for photo in photos)
    kept, more = _newest((_named_capture_key(photo), photo) for photo in kept)
    return kept, out + more


def _newest(keyed: Iterable[tuple[Hashable, GroupingPhoto]]) -> tuple[list[GroupingPhoto], list[KeptOut]]:
    """A false key is nobody's copy."""
    same: dict[Hashable, list[GroupingPhoto]] = defaultdict(list)
    kept: list[GroupingPhoto] = []
    for key, photo in keyed:
        if key:
            same[key].append(photo)
        else:
            kept.append(photo)
    out: list[KeptOut] = []
    for copies in same.values():
        copies.sort(key=lambda photo: (photo.modified_seconds, by_name(photo)))
        newest = copies.pop()
        kept.append(newest)
        for photo in copies:
            if likeness(photo, newest) is Likeness.DIFFERENT:
                kept.append(photo)
                continue
            what = "has the same content as" if photo.sha256 == newest.sha256 else "is an earlier export of"
            out.append(KeptOut(photo, f"{photo.name} {what} {newest.name}, which is used.", newest.name))
    return kept, out


def capture_key(photo: GroupingPhoto) -> Hashable:
    """Equal for two exports of one capture, and for frames that were taken alike within what the camera's
    clock can tell; None where the camera data can't tell."""
    taken = shot(photo)
    if taken.started_seconds is None or taken.exposure_seconds is None:
        return None
    how = (taken.exposure_seconds, taken.aperture, taken.iso, taken.focal_mm, taken.sequence_number)
    return (taken.make, taken.model, taken.body_serial, taken.started_seconds, *how)


def _named_capture_key(photo: GroupingPhoto) -> Hashable:
    key = capture_key(photo)
    # Within a whole second a camera may have taken several alike: there the names must agree as well.
    coarse = key is not None and shot(photo).clock_step_seconds >= 1.0
    return (key, _COPY_MARK.sub("", _stem(photo))) if coarse else key


def _stem(photo: GroupingPhoto) -> str:
    return PurePath(photo.name).stem.casefold()
