"""Detail contrast: raised in the merge to that of the frame that shows it best.

Tone mapping flattens the view through a window, or what is in shade. Here each frequency band is amplified
until its local strength matches the best frame's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from hotfolder.sandbox.imaging.files import Picture, Plane, blur, luma, resize, shrink

# Strengths are measured at this size; they are smooth.
WORKING_EDGE = 1024
# The bands' sigmas, as shares of the long edge; the sigma for measuring strength, in band sigmas.
BLURS = (0.0015, 0.003, 0.006, 0.012)
NEIGHBOURHOOD = 2.0
# Amplitudes well above this are edges, not details: they are neither measured nor raised, since
# lamps and window frames would get halos.
EDGE = 0.12
# Below this strength there is only noise.
GRAIN = 0.004
MOST_GAIN = 3.0
# Luma above WHITEST is lowered to it, together with the bright surroundings (sigma as a share). What
# is darker than BRIGHT is not lowered: a wall gets no shadow around a lamp.
WHITEST, BRIGHT, SURROUNDINGS = 0.94, 0.6, 0.008


def best_contrast(frames: Sequence[Picture], coverage: Sequence[Plane | None]) -> list[Plane]:
    """For each band the largest strength among the frames, weighted by `coverage`."""
    best: list[Plane] = []
    for frame, cover in zip(frames, coverage, strict=True):
        light = luma(shrink(frame, WORKING_EDGE))
        shown = [np.asarray(level, np.float32) for level in strengths(light)]
        if cover is not None:
            shown = [level * resize(cover, (light.shape[0], light.shape[1])) for level in shown]
        best = [np.maximum(*pair) for pair in zip(best, shown, strict=True)] if best else shown
    return best


def raised(light: Plane, best: Sequence[Plane]) -> Plane:
    """`light` with its details amplified to the strengths in `best`, and highlights lowered to fit them."""
    if not best:
        return light
    shape = (light.shape[0], light.shape[1])
    small = np.asarray(cv2.resize(light, best[0].shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
    result = light.copy()
    for band, strength, wanted in zip(bands(light), strengths(small), best, strict=True):
        gain = np.clip((wanted + np.float32(GRAIN)) / (strength + np.float32(GRAIN)), 1, MOST_GAIN) - 1
        result += resize(gain, shape) * without_edges(band)
    return result - sinking(result)


def sinking(light: Plane) -> Plane:
    """How much each pixel of `light` is lowered, so that highlights keep their details."""
    reach = SURROUNDINGS * max(light.shape)
    bright = np.clip((light - np.float32(BRIGHT)) / np.float32(WHITEST - BRIGHT), 0, 1)
    excess = blur(np.maximum(light - np.float32(WHITEST), 0), reach)
    around = np.maximum(blur(bright, reach), np.float32(1e-3))
    return np.asarray(bright * excess / around, np.float32)


def without_edges(band: Plane) -> Plane:
    """`band` where it is weak; the stronger, the closer to 0."""
    return np.asarray(band * cv2.exp(band * band * np.float32(-1 / EDGE**2)), np.float32)


def bands(light: Plane) -> Iterator[Plane]:
    """The differences of successive blurs, finest first."""
    finer = light
    for share in BLURS:
        coarser = blur(light, share * max(light.shape))
        yield finer - coarser
        finer = coarser


def strengths(light: Plane) -> Iterator[Plane]:
    """The local strength of each band."""
    for share, band in zip(BLURS, bands(light), strict=True):
        reach = NEIGHBOURHOOD * share * max(light.shape)
        yield blur(np.abs(without_edges(band)), reach)
