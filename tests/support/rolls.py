"""A simulated shoot as files of a flat drop, and the held sets in a status."""

from __future__ import annotations

import io
import random
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from hotfolder.rules.sets import Photo
from tests.support.camera import BEGIN, CANON, MIDDLE, SIDE, Body, Photographer, Scene, greys

STOPS = [0.0, -4.0, -2.0, 2.0, 4.0]
TAG = ExifTags.Base
Roll = tuple[dict[str, bytes], list[list[str]], list[str]]


def jpeg_of(photo: Photo, scene: Scene, stops: float) -> bytes:
    """The frame as a file's content: the scene's pixels, and the camera's EXIF."""
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
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90, exif=exif)
    return file.getvalue()


def shoot(
    *,
    rooms: int = 3,
    stops: list[float] = STOPS,
    flash: bool = False,
    seed: int = 2,
    later_seconds: float = 0,
    body: Body = CANON,
    by_hand: tuple[int, ...] = (),
    of_nine: tuple[int, ...] = (),
) -> Roll:
    """Contents by name, the names of each room's set, and those of frames with flash. The sets numbered
    `by_hand`, from 0, take 13 s from frame to frame, and their last frame is taken twice; those numbered
    `of_nine` have nine exposures."""
    by = Photographer(random.Random(seed), body=body, now=BEGIN + later_seconds)
    files = {}
    for number in range(rooms):
        scene = by.room()
        shown = [0.0, -4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0] if number in of_nine else list(stops)
        if number in by_hand:
            shown = [*stops, stops[-1]]
            by.bracket(scene, MIDDLE, shown, (13, 13))
        else:
            by.burst(scene, MIDDLE, shown)
        if flash and number == 1:
            by.walk(2, 3)
            by.lit(scene, MIDDLE)
            shown.append(0.5)
        for photo, stop in zip(by.photos[-len(shown) :], shown, strict=True):
            files[photo.name] = jpeg_of(photo, scene, stop)
        by.walk(6, 9)
    return files, by.sets, by.flash


def stripped(content: bytes) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(content)).save(file, "JPEG", quality=85)
    return file.getvalue()


def exported_anew(content: bytes) -> bytes:
    """The same capture edited brighter, with all capture data."""
    image = Image.open(io.BytesIO(content))
    file = io.BytesIO()
    image.point([min(255, value + 3) for value in range(256)] * 3).save(
        file, "JPEG", quality=92, exif=image.getexif()
    )
    return file.getvalue()


def held(status: dict[str, Any]) -> str:
    """The reason why the shoot is held; empty when it is not."""
    reasons = [job["reason"] for job in status["jobs"] if job["state"] == "settling" and job["folder"] == ""]
    return next((reason for reason in reasons if "held for a person" in reason), "")


def held_sets(status: dict[str, Any]) -> dict[str, str]:
    """The reasons why sets are held, by room."""
    return {job["room"]: job["reason"] for job in status["jobs"] if job["held"]}
