"""Detail contrast: raised in the merge to that of the frame that shows it best.

Tone mapping flattens the view through a window, or what is in shade. Here each frequency band is amplified
until its local strength matches the best frame's.

Edges are left as they are, except where only the darker frames are not burnt out, as in a window: there, the
edge of a leaf before the sky is a detail too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
# From this luma on, a frame is burnt out. The burnt area's rim (a share of the long edge) and its specks (in
# pixels) are left out: the step to a window's frame is no detail of what is seen through it.
BURNT, RIM, SPECK = 0.97, 0.003, 5
# Below this strength there is only noise.
GRAIN = 0.004
MOST_GAIN = 3.0
# Luma above WHITEST is lowered to it, together with the bright surroundings (sigma as a share). What
# is darker than BRIGHT is not lowered: a wall gets no shadow around a lamp.
WHITEST, BRIGHT, SURROUNDINGS = 0.94, 0.6, 0.008


@dataclass(frozen=True)
class BestContrast:
    """For each band the largest strength among the frames; and the mask of the burnt area, 0 to 1. At working
    size."""

    strengths: list[Plane]
    burnt: Plane


def best_contrast(frames: Sequence[Picture], coverage: Sequence[Plane | None]) -> BestContrast:
    """The best contrast of `frames`, which are given from dark to bright, weighted by `coverage`."""
    burnt = burnt_area(frames)
    best: list[Plane] = []
    for frame, cover in zip(frames, coverage, strict=True):
        light = luma(shrink(frame, WORKING_EDGE))
        shown = [np.asarray(level, np.float32) for level in strengths(light, burnt)]
        if cover is not None:
            shown = [level * resize(cover, (light.shape[0], light.shape[1])) for level in shown]
        best = [np.maximum(*pair) for pair in zip(best, shown, strict=True)] if best else shown
    return BestContrast(best, burnt)


def burnt_area(frames: Sequence[Picture]) -> Plane:
    """The mask, 0 to 1, of what the middle one of `frames` shows burnt out, and the darkest does not."""
    darkest, middle = (luma(shrink(frame, WORKING_EDGE)) for frame in (frames[0], frames[len(frames) // 2]))
    burnt = ((middle >= BURNT) & (darkest < BURNT)).astype(np.uint8)
    rim = max(2, round(RIM * max(burnt.shape)))
    whole = cv2.morphologyEx(burnt, cv2.MORPH_OPEN, np.ones((SPECK, SPECK), np.uint8))
    inner = cv2.erode(whole, np.ones((2 * rim + 1, 2 * rim + 1), np.uint8))
    return blur(inner.astype(np.float32), RIM * max(burnt.shape) / 2)


def raised(light: Plane, best: BestContrast, *, only_burnt: bool = False) -> Plane:
    """`light` with its details amplified to the strengths in `best`, and highlights lowered to fit them:
    everywhere, or in the burnt area alone."""
    if only_burnt and not best.burnt.any():
        return light
    shape = (light.shape[0], light.shape[1])
    small = np.asarray(cv2.resize(light, best.burnt.shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
    burnt = resize(best.burnt, shape)
    where = burnt if only_burnt else np.float32(1)
    result = light.copy()
    for band, strength, wanted in zip(
        bands(light), strengths(small, best.burnt), best.strengths, strict=True
    ):
        gain = np.clip((wanted + np.float32(GRAIN)) / (strength + np.float32(GRAIN)), 1, MOST_GAIN) - 1
        result += where * resize(gain, shape) * without_edges(band, burnt)
    return np.asarray(result - where * sinking(result))


def sinking(light: Plane) -> Plane:
    """How much each pixel of `light` is lowered, so that highlights keep their details."""
    reach = SURROUNDINGS * max(light.shape)
    bright = np.clip((light - np.float32(BRIGHT)) / np.float32(WHITEST - BRIGHT), 0, 1)
    excess = blur(np.maximum(light - np.float32(WHITEST), 0), reach)
    around = np.maximum(blur(bright, reach), np.float32(1e-3))
    return np.asarray(bright * excess / around, np.float32)


def without_edges(band: Plane, burnt: Plane) -> Plane:
    """`band` where it is weak or in the burnt area; elsewhere the stronger, the closer to 0."""
    weak = cv2.exp(band * band * np.float32(-1 / EDGE**2))
    return np.asarray(band * np.maximum(weak, burnt), np.float32)


def bands(light: Plane) -> Iterator[Plane]:
    """The differences of successive blurs, finest first."""
    finer = light
    for share in BLURS:
        coarser = blur(light, share * max(light.shape))
        yield finer - coarser
        finer = coarser


def strengths(light: Plane, burnt: Plane) -> Iterator[Plane]:
    """The local strength of each band; `burnt` is the mask of the burnt area."""
    for share, band in zip(BLURS, bands(light), strict=True):
        reach = NEIGHBOURHOOD * share * max(light.shape)
        yield blur(np.abs(without_edges(band, burnt)), reach)
