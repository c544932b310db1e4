"""The contrast of details: as high in the merge as in the frame that shows them best.

Toning leaves a view through a window, or what lies in the shade, behind a veil. Here each of a few bands is
raised until it has, around each pixel, the strength that it has in the best frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from hotfolder.sandbox.imaging.files import Picture, Plane, blur, luma, resize, shrink

# Strengths are measured at this size; they are smooth.
WORKING_EDGE = 1024
# The bands' blurs, as shares of the long edge, and how far around a pixel strength is measured, in blurs.
BLURS = (0.0015, 0.003, 0.006, 0.012)
NEIGHBOURHOOD = 2.0
# What is much stronger than this is an edge and no detail: it counts for nothing and isn't raised, since
# lamps and window frames would get halos.
EDGE = 0.12
# Below this strength there is grain and no detail.
GRAIN = 0.004
MOST_GAIN = 3.0
# What would be whiter than this sinks to it, together with what is bright around it, out to this share. What
# is darker than the second stays where it is: a wall gets no shadow from a lamp before it.
WHITEST, BRIGHT, SURROUNDINGS = 0.94, 0.6, 0.008


def best_contrast(frames: Sequence[Picture], coverage: Sequence[Plane | None]) -> list[Plane]:
    """Each band's strength in the frame that shows most of it, as far as `coverage` lets it be used."""
    best: list[Plane] = []
    for frame, cover in zip(frames, coverage, strict=True):
        light = luma(shrink(frame, WORKING_EDGE))
        shown = [np.asarray(level, np.float32) for level in strengths(light)]
        if cover is not None:
            shown = [level * resize(cover, (light.shape[0], light.shape[1])) for level in shown]
        best = [np.maximum(*pair) for pair in zip(best, shown, strict=True)] if best else shown
    return best


def raised(light: Plane, best: Sequence[Plane]) -> Plane:
    """`light` with its details as strong as `best` says, and room below white for them."""
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
    """How far each pixel of `light` has to sink, so that what is too white keeps its details."""
    reach = SURROUNDINGS * max(light.shape)
    bright = np.clip((light - np.float32(BRIGHT)) / np.float32(WHITEST - BRIGHT), 0, 1)
    excess = blur(np.maximum(light - np.float32(WHITEST), 0), reach)
    around = np.maximum(blur(bright, reach), np.float32(1e-3))
    return np.asarray(bright * excess / around, np.float32)


def without_edges(band: Plane) -> Plane:
    """`band` where it is weak, and the closer to nothing the stronger it is."""
    return np.asarray(band * cv2.exp(band * band * np.float32(-1 / EDGE**2)), np.float32)


def bands(light: Plane) -> Iterator[Plane]:
    """What lies between one blur and the next, from the finest on."""
    finer = light
    for share in BLURS:
        coarser = blur(light, share * max(light.shape))
        yield finer - coarser
        finer = coarser


def strengths(light: Plane) -> Iterator[Plane]:
    """How strong each band is around each pixel."""
    for share, band in zip(BLURS, bands(light), strict=True):
        reach = NEIGHBOURHOOD * share * max(light.shape)
        yield blur(np.abs(without_edges(band)), reach)
