"""Exposure fusion after Mertens, Kautz and Van Reeth (2007), with range compression.

The pyramid goes down to a pixel or two: one that ends earlier normalises its base locally, and leaves dark
patches on plain walls and halos around houses. Frames larger than the working size are fused at that size,
and finer details are added with the same weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.picturefiles import (
    LUMA,
    WORKING_EDGE,
    Picture,
    Plane,
    enlarge_rows,
    resize,
    shrink,
    strips,
)

WANTED_EXPOSURE = 0.5
EXPOSURE_SIGMA = 0.25
# So small that it matters only where every frame is clipped or black.
LEAST_WEIGHT = 1e-12
# From this value to white the weight falls to about 0: nearly clipped pixels have no structure left.
NEARLY_BURNT = 240
# Bands coarser than this share of the long edge are compressed where their sum exceeds MOST_ACTIVITY.
COARSE = 0.012
MOST_ACTIVITY = 0.28

Channel = npt.NDArray[np.uint8]

# Look-up tables by byte value: as 0 to 1; exposure weight; a difference's term in the variance.
UNIT = np.arange(256, dtype=np.float32) / np.float32(255)
WELL_EXPOSEDNESS = np.exp(-((UNIT - np.float32(WANTED_EXPOSURE)) ** 2) / np.float32(2 * EXPOSURE_SIGMA**2))
NINTH_OF_SQUARE = UNIT * UNIT / np.float32(9)
UNCLIPPED = np.clip((255 - np.arange(256, dtype=np.float32)) / np.float32(255 - NEARLY_BURNT), 1e-4, 1)


def fuse(frames: Sequence[Picture], coverage: Sequence[Plane | None] | None = None) -> Plane:
    """Blend `frames` (two or more, of one shape) by contrast, saturation and exposure; the result is about 0
    to 1.

    `coverage` has for each frame the weight of each pixel, 0 to 1, at any size, or None for 1 everywhere.
    """
    smalls = [shrink(frame, WORKING_EDGE) for frame in frames]
    parts = normalized_weights(smalls, coverage or [None] * len(smalls))
    pyramid: list[Plane] = []
    for small, part in zip(smalls, parts, strict=True):
        add_frame(pyramid, small, part)
    fused = collapse(pyramid)
    return fused if smalls[0] is frames[0] else restore_details(fused, frames, smalls, parts)


def normalized_weights(frames: Sequence[Picture], allowed: Sequence[Plane | None]) -> list[Plane]:
    """Each frame's normalized weight for each pixel."""
    weights = [frame_weight(frame, cover) for frame, cover in zip(frames, allowed, strict=True)]
    total = np.sum(weights, axis=0)
    return [np.asarray(weight / total, np.float32) for weight in weights]


def frame_weight(frame: Picture, cover: Plane | None) -> Plane:
    """The weight of each pixel of `frame`."""
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    channels = [np.asarray(channel, np.uint8) for channel in cv2.split(frame)]
    weight = np.abs(cv2.Laplacian(gray, cv2.CV_32F, scale=1 / 255)) + np.float32(0.02)
    weight *= saturation(*channels) + np.float32(0.05)
    for channel in channels:
        weight *= cv2.LUT(channel, WELL_EXPOSEDNESS)
    weight *= cv2.LUT(cv2.max(cv2.max(channels[0], channels[1]), channels[2]), UNCLIPPED)
    weight += np.float32(LEAST_WEIGHT)
    if cover is not None:
        weight *= resize(cover, (weight.shape[0], weight.shape[1]))
        weight += np.float32(LEAST_WEIGHT**2)
    return np.asarray(weight, np.float32)


def saturation(red: Channel, green: Channel, blue: Channel) -> Plane:
    """The standard deviation of each pixel's three channels, 0 to 0.5, computed from their differences."""
    variance = np.zeros(red.shape, np.float32)
    for one, other in ((red, green), (green, blue), (blue, red)):
        cv2.add(variance, cv2.LUT(cv2.absdiff(one, other), NINTH_OF_SQUARE), dst=variance)
    return np.asarray(cv2.sqrt(variance), np.float32)


def add_frame(pyramid: list[Plane], frame: Picture, share: Plane) -> None:
    """Add the frame's Laplacian pyramid, weighted by the Gaussian pyramid of `share`, to `pyramid`."""
    colour = np.asarray(cv2.LUT(frame, UNIT), np.float32)
    levels = max(1, int(np.log2(min(frame.shape[:2]))))
    for level in range(levels + 1):
        band = colour
        if level < levels:
            colour = np.asarray(cv2.pyrDown(colour), np.float32)
            band = np.asarray(band - cv2.pyrUp(colour, dstsize=(band.shape[1], band.shape[0])), np.float32)
        if level == len(pyramid):
            pyramid.append(np.zeros_like(band))
        cv2.accumulateProduct(band, cv2.merge((share, share, share)), pyramid[level])
        share = np.asarray(cv2.pyrDown(share), np.float32)


def collapse(pyramid: list[Plane]) -> Plane:
    """The picture that a Laplacian pyramid describes. Empties the pyramid.

    Where the coarse bands are strong, as between a room and its windows, they are attenuated together: the
    result stays in range, and details keep their contrast (the gain control of Li, Sharan and Adelson 2005).
    """
    first = max(0, int(np.ceil(np.log2(COARSE * max(pyramid[0].shape)))))
    gains = activity_gains(pyramid, min(first, len(pyramid) - 1))
    picture = pyramid.pop()
    while pyramid:
        band = pyramid.pop()
        if len(pyramid) >= first:
            band *= gains[len(pyramid) - first][:, :, None]
        wider = cv2.pyrUp(picture, dstsize=(band.shape[1], band.shape[0]))
        picture = np.asarray(cv2.add(band, wider, dst=wider), np.float32)
    return picture


def activity_gains(pyramid: Sequence[Plane], first: int) -> list[Plane]:
    """Factors, 0 to 1, for the bands from level `first` on, finest first."""
    last = len(pyramid) - 1
    activity = np.zeros(pyramid[last].shape[:2], np.float32)
    for band in reversed(pyramid[first:last]):
        strength = np.abs(cv2.transform(band, LUMA))
        activity = np.asarray(cv2.pyrUp(activity, dstsize=strength.shape[::-1]) + strength, np.float32)
    activity = np.asarray(cv2.GaussianBlur(activity, (0, 0), 2.0), np.float32)
    gains = [np.sqrt(np.minimum(1, MOST_ACTIVITY / np.maximum(activity, np.float32(1e-6))))]
    for _ in range(first + 1, last):
        gains.append(np.asarray(cv2.pyrDown(gains[-1]), np.float32))
    return gains


def restore_details(
    fused: Plane, frames: Sequence[Picture], smalls: Sequence[Picture], parts: Sequence[Plane]
) -> Plane:
    """`fused` at the size of `frames`, with the details that shrinking removed, by each frame's share."""
    whole = np.empty(frames[0].shape, np.float32)
    for rows in strips(len(whole)):
        whole[rows] = enlarge_rows(fused, whole.shape, rows)
    for frame, small, part in zip(frames, smalls, parts, strict=True):
        smooth = cv2.resize(small, (frame.shape[1], frame.shape[0]), interpolation=cv2.INTER_LINEAR)
        scaled = part / np.float32(255)
        for rows in strips(len(whole)):
            share = enlarge_rows(scaled, whole.shape, rows)
            details = cv2.subtract(frame[rows], smooth[rows], dtype=cv2.CV_32F)
            cv2.accumulateProduct(details, cv2.merge((share, share, share)), whole[rows])
    return whole
