"""Reading and writing pictures. A picture is an RGB array of uint8, shape (height, width, 3), upright."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

Picture = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]

SEARCH_EDGE = 1024
# Pixels: a blur of twice this sigma or more loses nothing when it is computed on a smaller copy.
LEAST_SIGMA = 4.0
# Rec. 601, as a transform of one row for cv2.transform.
LUMA = np.array([[0.299, 0.587, 0.114]], np.float32)
# Fusion and tone mapping are computed at this size; larger pictures add their own details.
WORKING_EDGE = 2048
# The smallest side in pixels, and the largest ratio of the sides, of a picture that can be edited.
LEAST_EDGE, MOST_ELONGATED = 32, 20
# Rows that are processed at once, so that they fit into the processor's cache.
STRIP = 64
ORIENTATION = 0x0112
SIDEWAYS = (5, 6, 7, 8)


class Unsuitable(Exception):
    """The picture can't be edited honestly. The message is for the user."""


@dataclass(frozen=True)
class DecodedPhoto:
    """One decoded file: its pixels, and the metadata that imaging needs.

    `size` is the (width, height) of the file, upright, before it was shrunk.
    """

    name: str
    size: tuple[int, int]
    pixels: Picture
    icc_profile: bytes | None
    exif: dict[int, Any]


def load(path: Path, *, long_edge: int | None = None) -> DecodedPhoto:
    """Decode `path` upright, shrunk so that its longer side is at most `long_edge` pixels.

    Raises Unsuitable when the file can't be decoded to its end as a picture, or is too small or narrow.
    """
    try:
        with Image.open(path) as opened:
            exif = exif_tags(opened)
            profile = opened.info.get("icc_profile")
            size = opened.size
            refuse_unusable_size(path.name, size)
            # A JPEG is decoded at a half, a quarter or an eighth, where that is large enough.
            opened.draft(None, fitted_size(size, long_edge))
            ImageOps.exif_transpose(opened, in_place=True)
            pixels = np.asarray(opened if opened.mode == "RGB" else opened.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Unsuitable(f"{path.name} can't be read as a picture ({error})") from error
    return DecodedPhoto(
        name=path.name,
        size=(size[1], size[0]) if exif.get(ORIENTATION) in SIDEWAYS else size,
        pixels=shrink(pixels, long_edge),
        icc_profile=profile if isinstance(profile, bytes) else None,
        exif=exif,
    )


def refuse_unusable_size(name: str, size: tuple[int, int]) -> None:
    """Raise Unsuitable for a (width, height) that is too small or narrow: OpenCV fails on some such sizes."""
    if min(size) < LEAST_EDGE or max(size) > MOST_ELONGATED * min(size):
        raise Unsuitable(
            f"{name} has {size[0]}×{size[1]} pixels: at least {LEAST_EDGE} are needed in width and height,"
            f" and neither may be more than {MOST_ELONGATED} times the other"
        )


def exif_tags(opened: Image.Image) -> dict[int, Any]:
    """The tags of the main and the Exif directory in one dictionary; empty where the block is damaged."""
    try:
        exif = opened.getexif()
        return {**exif, **exif.get_ifd(0x8769)}
    except (OSError, ValueError, SyntaxError, KeyError, TypeError):
        return {}


def shrink(pixels: Picture, long_edge: int | None) -> Picture:
    """The same array, or a smaller one whose longer side is `long_edge`. Never enlarges."""
    height, width = pixels.shape[:2]
    size = fitted_size((width, height), long_edge)
    if size == (width, height):
        return pixels
    # By halves first, which takes a tenth of the time.
    while min(pixels.shape[1] / size[0], pixels.shape[0] / size[1]) > 2:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def fitted_size(size: tuple[int, int], long_edge: int | None) -> tuple[int, int]:
    """`size`, (width, height), or a smaller one of that shape whose longer side is `long_edge`."""
    if long_edge is None or max(size) <= long_edge:
        return size
    scale = long_edge / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def resize(plane: Plane, shape: tuple[int, int]) -> Plane:
    """`plane` at another (height, width), interpolated."""
    if plane.shape[:2] == shape:
        return plane
    return np.asarray(cv2.resize(plane, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def blur(plane: Plane, sigma: float) -> Plane:
    """A Gaussian blur; a wide one is computed on a smaller copy, which looks the same."""
    times = int(sigma / LEAST_SIGMA)
    if times < 2:
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)
    height, width = plane.shape[:2]
    size = (-(-width // times), -(-height // times))
    small = cv2.GaussianBlur(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), (0, 0), sigma / times)
    return resize(np.asarray(small, np.float32), (height, width))


def strips(height: int) -> Iterator[slice]:
    """Slices of STRIP rows that cover the height."""
    for top in range(0, height, STRIP):
        yield slice(top, min(top + STRIP, height))


def enlarge_rows(plane: Plane, shape: tuple[int, ...], rows: slice) -> Plane:
    """These rows of `plane` at another, usually larger (height, width), interpolated."""
    if plane.shape[:2] == shape[:2]:
        return plane[rows]
    places = (np.arange(rows.start, rows.stop) + 0.5) * (len(plane) / shape[0]) - 0.5
    above = np.clip(places.astype(int), 0, len(plane) - 2)
    share = np.clip(places - above, 0, 1).astype(np.float32).reshape(-1, *[1] * (plane.ndim - 1))
    between = np.asarray(plane[above] + (plane[above + 1] - plane[above]) * share, np.float32)
    return resize(between, (len(places), shape[1]))


def at_search_size(pixels: Picture) -> Picture:
    """The picture with a longer side of exactly SEARCH_EDGE, so that pixels are comparable between
    pictures."""
    height, width = pixels.shape[:2]
    scale = SEARCH_EDGE / max(height, width)
    if scale == 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=way), np.uint8)


def to_bytes(colour: Plane) -> Picture:
    """Values of 0 to 1 as bytes, rounded; values outside are clipped."""
    return np.asarray(np.clip(colour * np.float32(255) + np.float32(0.5), 0, 255), np.uint8)


def save(pixels: Picture, target: Path, *, icc_profile: bytes | None = None) -> None:
    """Write a JPEG (quality 95, no chroma subsampling) or PNG, by the suffix."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    extra: dict[str, Any] = {"icc_profile": icc_profile} if icc_profile else {}
    if target.suffix.lower() == ".png":
        image.save(target, format="PNG", compress_level=3, **extra)
    else:
        image.save(target, format="JPEG", quality=95, subsampling=0, **extra)


def luma(pixels: Picture) -> Plane:
    """Rec. 601 luma, 0 to 1, shape (height, width)."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.asarray(gray, np.float32) / np.float32(255)
