"""Gradients: where all frames agree on a gradient's sign, and a merge corrected to have it too.

Fusion takes neighbouring places from different frames, and may so reverse a gradient that no frame
contradicts: a dark patch on a wall, a halo around a house. A smooth correction removes these: the merge is
projected onto each such gradient in turn, at several scales, until hardly any is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from hotfolder.sandbox.imaging.picturefiles import Picture, Plane, fitted_size, luma, resize, shrink

# The distances of gradients, as shares of the long edge; measured at the size where that is STEP pixels.
SCALES = (0.05, 0.032, 0.02, 0.0135, 0.0115, 0.0095)
STEP = 6
BLUR = STEP / 3
# The least difference that counts as a gradient; the most opposite one that doesn't contradict it.
CLEAR, SLIGHT = 6 / 255, 1 / 255
ROUNDS = 32
# The correction is exaggerated by this factor, since its blur spreads it.
OVERSTEP = 3.0

AFTER, BEFORE = slice(STEP, None), slice(None, -STEP)
ENDS = (((AFTER, slice(None)), (BEFORE, slice(None))), ((slice(None), AFTER), (slice(None), BEFORE)))


@dataclass(frozen=True)
class GradientSigns:
    """Gradient signs at one scale, downwards and to the right: 1 rising, -1 falling, 0 uncertain."""

    shape: tuple[int, int]
    ways: tuple[Plane, Plane]


def agreed_gradients(frames: Sequence[Picture]) -> list[GradientSigns]:
    """The gradients that aligned frames of one scene agree on, coarsest scale first."""
    grays = [luma(shrink(frame, round(STEP / min(SCALES)))) for frame in frames]
    found = []
    for scale in SCALES:
        width, height = fitted_size(grays[0].shape[::-1], round(STEP / scale))
        if min(width, height) > 2 * STEP:
            small = [resize_to(gray, (height, width)) for gray in grays]
            found.append(GradientSigns((height, width), (agreed_signs(small, 0), agreed_signs(small, 1))))
    return found


def resize_to(light: Plane, shape: tuple[int, int]) -> Plane:
    """`light` at another, usually smaller (height, width)."""
    return np.asarray(cv2.resize(light, shape[::-1], interpolation=cv2.INTER_AREA), np.float32)


def agreed_signs(grays: Sequence[Plane], axis: int) -> Plane:
    steps = np.array([gradient(gray, axis) for gray in grays])
    most, least = steps.max(axis=0), steps.min(axis=0)
    growing = (most >= CLEAR) & (least >= -SLIGHT)
    falling = (least <= -CLEAR) & (most <= SLIGHT)
    return np.asarray(growing.astype(np.float32) - falling)


def gradient(light: Plane, axis: int) -> Plane:
    smooth = np.asarray(cv2.GaussianBlur(light, (0, 0), BLUR), np.float32)
    after, before = ENDS[axis]
    return np.asarray(smooth[after] - smooth[before])


def correct_gradients(light: Plane, rises: Sequence[GradientSigns]) -> Plane:
    """`light`, smoothly corrected until hardly any gradient has the opposite sign of `rises`."""
    if not rises:
        return light
    before = resize_to(light, rises[-1].shape)
    corrected = before.copy()
    for _ in range(ROUNDS):
        for scale in rises:
            small = resize_to(corrected, scale.shape)
            for axis in (0, 1):
                added = correction(small, scale.ways[axis], axis)
                small += added
                corrected += resize(added, rises[-1].shape)
    return light + resize(corrected - before, (light.shape[0], light.shape[1]))


def correction(light: Plane, way: Plane, axis: int) -> Plane:
    """The correction of `light` that flattens its gradients opposite to `way`."""
    lacking = np.minimum(gradient(light, axis) * way, 0) * way * np.float32(-OVERSTEP / 2)
    added = np.zeros_like(light)
    after, before = ENDS[axis]
    added[after] += lacking
    added[before] -= lacking
    return np.asarray(cv2.GaussianBlur(added, (0, 0), BLUR), np.float32)
