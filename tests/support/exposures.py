"""Frames of a simulated shoot as real JPEG files with a camera's EXIF."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from hotfolder.rules.sets import Photo
from tests.support.scenery import SIDE, Scene, greys

TAG = ExifTags.Base


def written(folder: Path, photo: Photo, scene: Scene, stops: float) -> Path:
    """The frame as a file: the scene's pixels, and the camera's EXIF."""
    image = Image.fromarray(greys(scene, stops).astype(np.uint8))
    image = image.resize((SIDE * 6, SIDE * 4), Image.Resampling.NEAREST).convert("RGB")
    taken = photo.capture
    assert taken is not None and taken.started_seconds is not None and taken.exposure_seconds is not None
    exif = Image.Exif()
    exif[TAG.Make], exif[TAG.Model] = taken.make, taken.model
    shot = exif.get_ifd(ExifTags.IFD.Exif)
    shot[TAG.DateTimeOriginal] = datetime.fromtimestamp(taken.started_seconds, UTC).strftime(
        "%Y:%m:%d %H:%M:%S"
    )
    if taken.clock_step_seconds < 1:
        shot[TAG.SubsecTimeOriginal] = f"{round(taken.started_seconds % 1 * 100) % 100:02d}"
    if taken.offset_seconds is not None:
        shot[TAG.OffsetTimeOriginal] = "-04:00"
    exposure = Fraction(taken.exposure_seconds).limit_denominator(8000)
    shot[TAG.ExposureTime] = IFDRational(exposure.numerator, exposure.denominator)
    shot[TAG.FNumber] = IFDRational(80, 10)
    shot[TAG.ISOSpeedRatings] = round(taken.iso or 0)
    shot[TAG.ExposureBiasValue] = IFDRational(0, 1)
    shot[TAG.ExposureMode] = taken.exposure_mode
    shot[TAG.Flash] = 9 if taken.flash_fired else 16
    shot[TAG.FocalLength] = IFDRational(17, 1)
    shot[TAG.LensModel] = taken.lens
    if taken.body_serial:
        shot[TAG.BodySerialNumber] = taken.body_serial
    path = folder / photo.name
    image.save(path, quality=90, exif=exif)
    return path
