"""How evidence is said."""

from __future__ import annotations

from hotfolder.rules.grouping.evidence import shot, value
from hotfolder.rules.grouping.model import GroupingPhoto

EXPORT_WITH_CAMERA_DATA = (
    'In Lightroom\'s export dialog, under "Metadata", choose "All Metadata" or "All Except Camera Raw Info": '
    "the preset in use leaves out what the camera recorded."
)


def shutter(seconds: float) -> str:
    """`1/60 s`, `0.5 s`, `6 s`."""
    return f"{seconds:.2g} s" if seconds >= 0.3 else f"1/{round(1 / seconds)} s"


def came_back(earlier: GroupingPhoto, again: GroupingPhoto) -> str:
    """That a frame's exposure is one that the set has already."""
    first, second = shot(earlier), shot(again)
    if (first.aperture, first.iso) == (second.aperture, second.iso) and second.exposure_seconds:
        return f"the exposure {shutter(second.exposure_seconds)} came back"
    return f"the exposure value {value(again) or 0.0:.1f} came back"


def idle(seconds: float, limit: float) -> str:
    return f"idle for {seconds:.1f} s, more than {limit:g} s"


def frames(number: int) -> str:
    return "1 frame" if number == 1 else f"{number} frames"
