"""Exposure fusion after Mertens, Kautz and Van Reeth (2007), one frame at a time.

Frames enter the accumulated pyramid one by one, so that memory grows with one frame's pyramid and not
with their number.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.files import Picture, Plane, to_bytes

# Brighter than the paper's 0.5, which makes rooms dim and skies stormy.
WANTED_EXPOSURE = 0.65
EXPOSURE_SIGMA = 0.25
LEAST_WEIGHT = 1e-6

Channel = npt.NDArray[np.uint8]

# By the value of a byte: as 0 to 1, how well exposed a channel is, a difference's share in the variance.
UNIT = np.arange(256, dtype=np.float32) / np.float32(255)
EXPOSURE = np.exp(-((UNIT - np.float32(WANTED_EXPOSURE)) ** 2) / np.float32(2 * EXPOSURE_SIGMA**2))
NINTH_OF_SQUARE = UNIT * UNIT / np.float32(9)


def fuse(frames: Sequence[Picture], coverage: Sequence[Plane | None] | None = None) -> Picture:
    """Blend `frames` (all of one shape) by contrast, saturation and exposure.

    `coverage` holds for each frame how far each pixel may be used, 0 to 1, or None for everywhere.
    """
    if len(frames) == 1:
        return frames[0]
    allowed = coverage or [None] * len(frames)
    weights = [weigh(frame, cover) for frame, cover in zip(frames, allowed, strict=True)]
    total = np.add.reduce(weights)
    for weight in weights:
        np.divide(weight, total, out=weight)
    levels = depth(frames[0])
    blended: list[Plane] = []
    for index, frame in enumerate(frames):
        add_frame(blended, frame, weights[index], levels)
        weights[index] = np.empty((0, 0), np.float32)
    return to_bytes(collapse(blended))


def weigh(frame: Picture, cover: Plane | None) -> Plane:
    """How much each pixel of `frame` deserves to be seen."""
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    weight = np.abs(cv2.Laplacian(gray, cv2.CV_32F, scale=1 / 255))
    weight += np.float32(0.02)
    channels = [np.asarray(channel, np.uint8) for channel in cv2.split(frame)]
    weight *= saturation(*channels) + np.float32(0.05)
    for channel in channels:
        weight *= cv2.LUT(channel, EXPOSURE)
    weight += np.float32(LEAST_WEIGHT)
    return np.asarray(weight if cover is None else weight * cover + np.float32(1e-12), np.float32)


def saturation(red: Channel, green: Channel, blue: Channel) -> Plane:
    """The standard deviation of each pixel's three channels, 0 to 0.5, from their differences."""
    variance = np.zeros(red.shape, np.float32)
    for one, other in ((red, green), (green, blue), (blue, red)):
        cv2.add(variance, cv2.LUT(cv2.absdiff(one, other), NINTH_OF_SQUARE), dst=variance)
    return np.asarray(cv2.sqrt(variance), np.float32)


def depth(frame: Picture) -> int:
    """Pyramid levels: the smallest level keeps about eight pixels on its short side."""
    return max(1, int(np.log2(min(frame.shape[:2]))) - 3)


def add_frame(blended: list[Plane], frame: Picture, weight: Plane, levels: int) -> None:
    """Add the frame's Laplacian pyramid, weighted by the Gaussian pyramid of `weight`, into `blended`."""
    colour = np.asarray(cv2.LUT(frame, UNIT), np.float32)
    for level in range(levels + 1):
        if level == levels:
            band = colour
        else:
            smaller = np.asarray(cv2.pyrDown(colour), np.float32)
            wider = cv2.pyrUp(smaller, dstsize=(colour.shape[1], colour.shape[0]))
            band = np.asarray(cv2.subtract(colour, wider, dst=wider), np.float32)
            colour = smaller
        if level == len(blended):
            blended.append(np.zeros_like(band))
        cv2.accumulateProduct(band, cv2.merge((weight, weight, weight)), blended[level])
        weight = np.asarray(cv2.pyrDown(weight), np.float32)


def collapse(pyramid: list[Plane]) -> Plane:
    """The picture, 0 to 1, that a Laplacian pyramid describes."""
    picture = pyramid[-1]
    for band in reversed(pyramid[:-1]):
        picture = band + cv2.pyrUp(picture, dstsize=(band.shape[1], band.shape[0]))
    return picture
