"""Where all frames agree which way light rises, and a merge that rises the same way.

Fusion takes neighbouring places from different frames, and may so turn a gradient round that no frame
contradicts: a bruise on a wall, a halo round a house. A smooth correction takes those out: the merge is
projected onto each such gradient in turn, on several scales, until hardly one is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from hotfolder.sandbox.imaging.files import Picture, Plane, fitting, luma, resize, shrink

# Gradients are looked at over these shares of the long edge, each at the size at which that is STEP pixels.
SCALES = (0.05, 0.032, 0.02, 0.0135, 0.0115, 0.0095)
STEP = 6
BLUR = STEP / 3
# A frame shows a rise from the first difference on; one below the second contradicts nothing.
CLEAR, SLIGHT = 6 / 255, 1 / 255
ROUNDS = 32
# More than what is lacking is added, since the correction's blur spreads it.
OVERSTEP = 3.0

AFTER, BEFORE = slice(STEP, None), slice(None, -STEP)
ENDS = (((AFTER, slice(None)), (BEFORE, slice(None))), ((slice(None), AFTER), (slice(None), BEFORE)))


@dataclass(frozen=True)
class Rises:
    """Steps on one scale, downwards and to the right: 1 where light grows, -1 where it falls, 0 if unsure."""

    shape: tuple[int, int]
    ways: tuple[Plane, Plane]


def agreed_rises(frames: Sequence[Picture]) -> list[Rises]:
    """What frames of one scene, laid over each other, agree on, from the widest scale to the finest."""
    grays = [luma(shrink(frame, round(STEP / min(SCALES)))) for frame in frames]
    found = []
    for scale in SCALES:
        width, height = fitting(grays[0].shape[::-1], round(STEP / scale))
        if min(width, height) > 2 * STEP:
            small = [at(gray, (height, width)) for gray in grays]
            found.append(Rises((height, width), (agreed(small, 0), agreed(small, 1))))
    return found


def at(light: Plane, shape: tuple[int, int]) -> Plane:
    """`light` at another, usually smaller shape."""
    return np.asarray(cv2.resize(light, shape[::-1], interpolation=cv2.INTER_AREA), np.float32)


def agreed(grays: Sequence[Plane], axis: int) -> Plane:
    steps = np.array([rise(gray, axis) for gray in grays])
    most, least = steps.max(axis=0), steps.min(axis=0)
    growing = (most >= CLEAR) & (least >= -SLIGHT)
    falling = (least <= -CLEAR) & (most <= SLIGHT)
    return np.asarray(growing.astype(np.float32) - falling)


def rise(light: Plane, axis: int) -> Plane:
    smooth = np.asarray(cv2.GaussianBlur(light, (0, 0), BLUR), np.float32)
    after, before = ENDS[axis]
    return np.asarray(smooth[after] - smooth[before])


def turned_back(light: Plane, rises: Sequence[Rises]) -> Plane:
    """`light` with a smooth correction, after which it falls nowhere that by `rises` it grows."""
    if not rises:
        return light
    before = at(light, rises[-1].shape)
    corrected = before.copy()
    for _ in range(ROUNDS):
        for scale in rises:
            small = at(corrected, scale.shape)
            for axis in (0, 1):
                added = correction(small, scale.ways[axis], axis)
                small += added
                corrected += resize(added, rises[-1].shape)
    return light + resize(corrected - before, (light.shape[0], light.shape[1]))


def correction(light: Plane, way: Plane, axis: int) -> Plane:
    """What `light` needs for its steps against `way` to become flat."""
    lacking = np.minimum(rise(light, axis) * way, 0) * way * np.float32(-OVERSTEP / 2)
    added = np.zeros_like(light)
    after, before = ENDS[axis]
    added[after] += lacking
    added[before] -= lacking
    return np.asarray(cv2.GaussianBlur(added, (0, 0), BLUR), np.float32)
