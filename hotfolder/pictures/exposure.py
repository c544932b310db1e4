"""Capture data from EXIF: exposure, time, camera. Damaged EXIF never makes a picture unusable."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import MAXYEAR, UTC, datetime

from PIL import ExifTags, Image

from hotfolder.capture import Capture

_TAG = ExifTags.Base
_INTEROPERABILITY_INDEX = 1
_OFFSET = re.compile(r"([+-])(0\d|1[0-4]):?([0-5]\d)\Z")


@dataclass(frozen=True, slots=True)
class Exposure:
    """`orientation` is EXIF's, 1 to 8. `capture` is None where EXIF has neither time nor exposure time.
    `adobe_rgb`: the camera marks the colours as Adobe RGB."""

    orientation: int = 1
    capture: Capture | None = None
    adobe_rgb: bool = False


def read_exposure(image: Image.Image) -> Exposure:
    """Read orientation and capture from an opened image. Never raises, whatever the EXIF block holds."""
    return _read(image.getexif)


def exposure_in(block: bytes | None, orientation: int) -> Exposure:
    """Read the capture from an EXIF block or None. The result has `orientation`, whatever the block says.
    Never raises, whatever it holds."""

    def load() -> Image.Exif:
        exif = Image.Exif()
        exif.load((b"Exif\0\0" + block) if block is not None else b"")
        return exif

    return replace(_read(load), orientation=orientation)


def _read(load: Callable[[], Image.Exif]) -> Exposure:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exif = load()
            shot = exif.get_ifd(ExifTags.IFD.Exif)
            rules = exif.get_ifd(ExifTags.IFD.Interop).get(_INTEROPERABILITY_INDEX)
            orientation = exif.get(_TAG.Orientation, 1)
            tags: dict[int, object] = {**exif, **shot}
    except Exception:  # Pillow's parser raises half a dozen unrelated classes for a mangled block
        return Exposure()
    return Exposure(
        orientation=orientation if orientation in range(1, 9) else 1,
        capture=read_capture(tags),
        adobe_rgb=rules == "R03",
    )


def read_capture(tags: Mapping[int, object]) -> Capture | None:
    """The capture in EXIF `tags` by number (main and EXIF folder); None without time and exposure time."""
    started, step = _start(tags)
    seconds = _positive(tags.get(_TAG.ExposureTime))
    if started is None and seconds is None:
        return None
    flash = _whole(tags.get(_TAG.Flash))
    return Capture(
        started_seconds=started,
        clock_step_seconds=step,
        offset_seconds=_offset(tags.get(_TAG.OffsetTimeOriginal)),
        exposure_seconds=seconds,
        aperture=_positive(tags.get(_TAG.FNumber)),
        iso=_positive(tags.get(_TAG.ISOSpeedRatings)),
        bias_ev=_number(tags.get(_TAG.ExposureBiasValue)),
        exposure_mode=_whole(tags.get(_TAG.ExposureMode)),
        flash_fired=None if flash is None else bool(flash & 1),
        make=_text(tags.get(_TAG.Make)),
        model=_text(tags.get(_TAG.Model)),
        body_serial=_text(tags.get(_TAG.BodySerialNumber)),
        lens=_text(tags.get(_TAG.LensModel)),
        focal_mm=_positive(tags.get(_TAG.FocalLength)),
    )


def _start(tags: Mapping[int, object]) -> tuple[float | None, float]:
    """Seconds since 1970 by the camera's clock, and the resolution of that value."""
    # Never DateTime, which editors set to the time of the export.
    text = _text(tags.get(_TAG.DateTimeOriginal)) or ""
    try:
        moment = datetime.strptime(text, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None, 1.0
    if moment.year == MAXYEAR:
        return None, 1.0  # with sub-seconds it may be later than any date
    digits = _text(tags.get(_TAG.SubsecTimeOriginal)) or ""
    if digits.isascii() and digits.isdigit() and len(digits) <= 9:
        return moment.timestamp() + int(digits) / 10 ** len(digits), 10.0 ** -len(digits)
    return moment.timestamp(), 1.0


def _offset(value: object) -> int | None:
    found = _OFFSET.match(_text(value) or "")
    if found is None:
        return None
    seconds = int(found[2]) * 3600 + int(found[3]) * 60
    return -seconds if found[1] == "-" else seconds


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return (value.strip("\0 ") or None) if isinstance(value, str) else None


def _number(value: object) -> float | None:
    if isinstance(value, tuple) and value:
        value = value[0]
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _positive(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None else None
