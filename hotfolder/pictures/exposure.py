"""What EXIF says of how a picture was taken. Broken EXIF is no reason to refuse a picture."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import ExifTags, Image


@dataclass(frozen=True, slots=True)
class Exposure:
    """`orientation` 1 to 8; `exposure_value` EV100 or None; `taken_at` as EXIF writes it, or None."""

    orientation: int = 1
    exposure_value: float | None = None
    taken_at: str | None = None


def read_exposure(image: Image.Image) -> Exposure:
    """Read it from an opened image. Never raises for what the EXIF block holds."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exif = image.getexif()
            shot = exif.get_ifd(ExifTags.IFD.Exif)
            orientation = exif.get(ExifTags.Base.Orientation, 1)
    except Exception:  # Pillow's parser raises half a dozen unrelated classes for a mangled block
        return Exposure()
    taken_at = shot.get(ExifTags.Base.DateTimeOriginal)
    return Exposure(
        orientation=orientation if orientation in range(1, 9) else 1,
        exposure_value=_exposure_value(shot),
        taken_at=taken_at.strip("\0 ") or None if isinstance(taken_at, str) else None,
    )


def _exposure_value(shot: Mapping[int, object]) -> float | None:
    aperture = _positive(shot.get(ExifTags.Base.FNumber))
    seconds = _positive(shot.get(ExifTags.Base.ExposureTime))
    iso = _positive(shot.get(ExifTags.Base.ISOSpeedRatings))
    if aperture is None or seconds is None or iso is None:
        return None
    return math.log2(aperture * aperture / seconds) - math.log2(iso / 100)


def _positive(value: object) -> float | None:
    if isinstance(value, tuple) and value:
        value = value[0]
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and number > 0 else None
