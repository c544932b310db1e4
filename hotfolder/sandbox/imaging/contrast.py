"""Detail contrast: raised in the merge to that of the frame that shows it best.

Tone mapping flattens the view through a window, or what is in shade. Here each frequency band is amplified
until its local strength matches the best frame's.

That leaves edges as they are. Where only the darker frames are not burnt out, as in a window, a branch before
the sky is an edge, too, and was flattened most of all: there, the frames' own details are added.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from hotfolder.sandbox.imaging.picturefiles import Picture, Plane, blur, luma, resize, shrink

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
# From this luma on, a frame is burnt out. Of the burnt area, specks (in pixels) and the rim (a share of the
# long edge) are left out: the step to a window's frame is no detail of what is seen through it. To a wider
# rim no details are added.
BURNT, SPECK, RIM, WIDER_RIM = 0.97, 5, 0.004, 0.007
# The sigma, as a share, of the steps that are details there; and what part of them is added in a round, as a
# multiple of the part that is missing.
COARSEST, HASTE = 0.012, 5.0


def best_contrast(frames: Sequence[Picture], coverage: Sequence[Plane | None]) -> list[Plane]:
    """For each band the largest strength among the frames, weighted by `coverage`."""
    best: list[Plane] = []
    for frame, cover in zip(frames, coverage, strict=True):
        light = luma(shrink(frame, WORKING_EDGE))
        shown = [np.asarray(level, np.float32) for level in band_strengths(light)]
        if cover is not None:
            shown = [level * resize(cover, (light.shape[0], light.shape[1])) for level in shown]
        best = [np.maximum(*pair) for pair in zip(best, shown, strict=True)] if best else shown
    return best


def raise_contrast(light: Plane, best: Sequence[Plane]) -> Plane:
    """`light` with its details amplified to the strengths in `best`, and highlights lowered to fit them."""
    shape = (light.shape[0], light.shape[1])
    small = resize_like(best[0], light)
    result = light.copy()
    for band, strength, wanted in zip(frequency_bands(light), band_strengths(small), best, strict=True):
        gain = np.clip((wanted + np.float32(GRAIN)) / (strength + np.float32(GRAIN)), 1, MOST_GAIN) - 1
        result += resize(gain, shape) * suppress_edges(band)
    return result - highlight_lowering(result)


def highlight_lowering(light: Plane) -> Plane:
    """How much each pixel of `light` is lowered, so that highlights keep their details."""
    reach = SURROUNDINGS * max(light.shape)
    bright = np.clip((light - np.float32(BRIGHT)) / np.float32(WHITEST - BRIGHT), 0, 1)
    excess = blur(np.maximum(light - np.float32(WHITEST), 0), reach)
    around = np.maximum(blur(bright, reach), np.float32(1e-3))
    return np.asarray(bright * excess / around, np.float32)


def suppress_edges(band: Plane) -> Plane:
    """A soft threshold: `band` where it is weak, closer to 0 the stronger it is, as at edges."""
    return np.asarray(band * cv2.exp(band * band * np.float32(-1 / EDGE**2)), np.float32)


def frequency_bands(light: Plane) -> Iterator[Plane]:
    """The differences of successive blurs, finest first."""
    finer = light
    for share in BLURS:
        coarser = blur(light, share * max(light.shape))
        yield finer - coarser
        finer = coarser


def band_strengths(light: Plane) -> Iterator[Plane]:
    """The local strength of each band."""
    for share, band in zip(BLURS, frequency_bands(light), strict=True):
        reach = NEIGHBOURHOOD * share * max(light.shape)
        yield blur(np.abs(suppress_edges(band)), reach)


@dataclass(frozen=True)
class BurntArea:
    """What the middle frame shows burnt out and the darkest does not, as masks from 0 to 1.

    `details` are those of the frames up to the middle one, each mostly where it shows them best. They are 0
    outside of `inner`, the area without its rim. `steepness` is the largest sum of a frame's gradients in
    `whole`.
    """

    whole: Plane
    inner: Plane
    details: Plane
    steepness: float

    @classmethod
    def of(cls, frames: Sequence[Picture], coverage: Sequence[Plane | None]) -> BurntArea | None:
        """From frames from dark to bright; None where there is no such area. `coverage` is as for `fuse`."""
        showing = frames[: len(frames) // 2 + 1]
        small = [luma(shrink(frame, WORKING_EDGE)) for frame in showing]
        burnt = ((small[-1] >= BURNT) & (small[0] < BURNT)).astype(np.float32)
        opened = cv2.morphologyEx(burnt, cv2.MORPH_OPEN, np.ones((SPECK, SPECK), np.uint8))
        whole = erode_rim(np.asarray(opened, np.float32), RIM)
        for cover in coverage:
            whole = whole if cover is None else whole * resize(cover, (whole.shape[0], whole.shape[1]))
        inner = blur(erode_rim(whole, WIDER_RIM), WIDER_RIM * max(whole.shape) / 2)
        if not inner.any():
            return None
        steepness = max(float((gradients(light) * whole).sum()) for light in small)
        return cls(whole, inner, details_within(inner, showing), max(steepness, 1e-6))

    def restore(self, light: Plane) -> Plane:
        """`light` with as many of the details as it lacks, and highlights lowered to fit them."""
        shape = (light.shape[0], light.shape[1])
        small = resize_like(self.whole, np.minimum(light, BURNT))
        missing = 1 - float((gradients(small) * self.whole).sum()) / self.steepness
        result = light + np.float32(np.clip(HASTE * missing, 0, 1)) * resize(self.details, shape)
        return np.asarray(result - resize(self.inner, shape) * highlight_lowering(result), np.float32)


def details_within(mask: Plane, frames: Sequence[Picture]) -> Plane:
    """The details of `frames`, at their size, in `mask`; weighted by their local steepness."""
    lights = [luma(frame) for frame in frames]
    where = resize(mask, (lights[0].shape[0], lights[0].shape[1]))
    reach = COARSEST * max(where.shape)
    within = np.maximum(blur(where, reach), np.float32(1e-3))
    details, weights = np.zeros_like(where), np.full_like(where, 1e-6)
    for light in lights:
        weight = np.square(blur(gradients(light) * where, reach))
        details += weight * where * (light - blur(light * where, reach) / within)
        weights += weight
    return np.asarray(details / weights)


def erode_rim(mask: Plane, share: float) -> Plane:
    """`mask` without a rim whose width is that share of the long edge, and at least 2 pixels."""
    rim = max(2, round(share * max(mask.shape)))
    return np.asarray(cv2.erode(mask, np.ones((2 * rim + 1, 2 * rim + 1), np.uint8)), np.float32)


def gradients(light: Plane) -> Plane:
    """How steep `light` is at each pixel."""
    smooth = cv2.GaussianBlur(light, (0, 0), 1.0)
    return np.asarray(np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)))


def resize_like(pattern: Plane, light: Plane) -> Plane:
    """`light` at the size of `pattern`."""
    return np.asarray(cv2.resize(light, pattern.shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
