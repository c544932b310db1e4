"""Lens correction with lensfun's database, for the camera and lens that the EXIF names."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from hotfolder.sandbox.imaging.picturefiles import Picture

try:
    import lensfunpy
except ImportError as error:  # all the rest works without
    lensfunpy = None
    hint = "on Debian and Ubuntu: apt-get install libglib2.0-0"  # pip doesn't install GLib, which it needs
    if isinstance(error, ModuleNotFoundError):
        hint = "pip has it for Python 3.14 and older"
    logging.getLogger(__name__).warning("lenses are not corrected: %s; %s", error, hint)

MAKE, MODEL, LENS_MODEL = 0x010F, 0x0110, 0xA434
F_NUMBER, FOCAL_LENGTH, DISTANCE = 0x829D, 0x920A, 0x9206
FAR_METRES = 1000.0


@dataclass(frozen=True)
class Optics:
    """Camera and lens of a picture.

    `focal_mm` is the real focal length, `crop` the sensor's factor against 36 mm film.
    """

    lens: Any
    crop: float
    focal_mm: float
    f_number: float
    distance_metres: float


def find_optics(exif: Mapping[int, Any]) -> Optics | None:
    """Camera and lens in the database, or None when the EXIF doesn't identify them with certainty."""
    make, model, lens_name = (str(exif.get(tag) or "").strip("\0 ") for tag in (MAKE, MODEL, LENS_MODEL))
    focal = positive_number(exif.get(FOCAL_LENGTH))
    if not (make and model and focal) or lensfunpy is None:
        return None
    database = lensfunpy.Database()
    cameras = database.find_cameras(make, model)
    if not cameras:
        return None
    camera = cameras[0]
    lenses = database.find_lenses(camera, None, lens_name) if lens_name else database.find_lenses(camera)
    fitting = [lens for lens in lenses if lens.min_focal - 0.5 <= focal <= lens.max_focal + 0.5]
    # Without a lens's name only a camera with a fixed lens is certain.
    if (
        not fitting
        or (lens_name and not same_lens(lens_name, fitting[0].model))
        or not (lens_name or len(lenses) == 1)
    ):
        return None
    return Optics(
        fitting[0],
        camera.crop_factor,
        focal,
        positive_number(exif.get(F_NUMBER)) or 8.0,
        positive_number(exif.get(DISTANCE)) or FAR_METRES,
    )


def positive_number(value: Any) -> float | None:
    """An EXIF value as a positive number, or None."""
    try:
        found = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return found if 0 < found < float("inf") else None


def same_lens(ours: str, theirs: str) -> bool:
    """Whether two names agree in the numbers that identify a lens.

    Focal lengths and the widest aperture.
    """
    numbers = [{float(digits) for digits in re.findall(r"\d+(?:\.\d+)?", name)} for name in (ours, theirs)]
    return numbers[0] <= numbers[1] or numbers[1] <= numbers[0]


def correct_lens(pixels: Picture, exif: Mapping[int, Any]) -> Picture:
    """The picture without its lens's distortion, chromatic aberration and vignetting.

    For an unknown lens the same array is returned. A photo rotated by its EXIF orientation is corrected too:
    the corrections are symmetrical about the centre.
    """
    optics = find_optics(exif)
    if optics is None:
        return pixels
    height, width = pixels.shape[:2]
    modifier = lensfunpy.Modifier(optics.lens, optics.crop, width, height)
    modifier.initialize(optics.focal_mm, optics.f_number, optics.distance_metres, pixel_format=np.uint8)
    corrected = np.ascontiguousarray(pixels).copy()
    brightened = modifier.apply_color_modification(corrected)
    coordinates = modifier.apply_subpixel_geometry_distortion()
    if coordinates is None:
        return corrected if brightened else pixels
    channels = [
        cv2.remap(
            np.ascontiguousarray(corrected[:, :, channel]),
            np.ascontiguousarray(coordinates[:, :, channel, 0]),
            np.ascontiguousarray(coordinates[:, :, channel, 1]),
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for channel in range(3)
    ]
    return np.asarray(np.dstack(channels), np.uint8)
