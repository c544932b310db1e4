"""Tone mapping of a merge: brightness, black and white, without flattening details.

Fusion exceeds the range of a picture. One curve for all pixels would bring it into range and flatten windows
and clouds; a local Laplacian filter (Paris, Hasinoff and Kautz 2011; fast as by Aubry et al. 2014) applies
the curve to large steps and preserves small ones. It makes no halos and reverses no gradients.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from hotfolder.sandbox.imaging.exposures import Exposures
from hotfolder.sandbox.imaging.picturefiles import (
    LUMA,
    WORKING_EDGE,
    Picture,
    Plane,
    enlarge_rows,
    fitted_size,
    strips,
    to_bytes,
)

WANTED_MEDIAN = 0.58
# A picture that is brighter already stays so up to here.
BRIGHTEST_MEDIAN = 0.63
STRONGEST_GAMMA, WEAKEST_GAMMA = 0.8, 1.2
# Black is set TOE below the darkest pixels, and at most MOST_BLACK is subtracted.
TOE, MOST_BLACK = 0.03, 0.08
# Above the knee the curve flattens over `BENDING`, so that the brightest pixels end at `HIGHEST`.
KNEE, BENDING, HIGHEST = 0.56, 0.15, 0.92
# What details add to that is compressed once more, so that white keeps its details.
WHITE_KNEE, WHITE = 0.94, 0.985
# Steps smaller than this are details, amplified at these luma values by these factors: fusion and curve
# flatten them, most of all where it is bright.
DETAIL = 0.2
LIGHTS, DETAIL_GAINS = (0.2, 0.5, 0.9), (1.1, 1.25, 2.0)
# A larger addition, relative to the curve's slope, would reverse some steps.
MOST_OVER_SLOPE = 1.9
SAMPLES = 12
# The share of a luma change that scales the colours; the rest is added to all channels equally.
COLOUR_SHARE = 0.4
# The size of the picture that is compared with the exposures' colours.
COLOUR_EDGE = 512

Curve = Callable[[Plane], Plane]


def tone_map(fused: Plane, exposures: Exposures | None = None) -> Picture:
    """The fused picture as bytes: tone-mapped, with details, gradients and colour matched to `exposures`."""
    small = shrink_to_working(fused)
    light = np.asarray(cv2.transform(small, LUMA), np.float32)
    wanted = local_laplacian(light, tone_curve(light))
    gains = np.ones((2, 2, 3), np.float32)
    if exposures is not None:
        wanted = exposures.matched(wanted)
        gains = exposures.cast_removal_gains(tone_preview(small, light, np.maximum(wanted, 0)))
    # A larger picture follows its small copy by a local linear model; at working size that gives `wanted`.
    slope = local_slope(light, wanted)
    offset = wanted - slope * light
    finished = np.empty(fused.shape, np.uint8)
    for rows in strips(len(fused)):
        own = np.asarray(cv2.transform(fused[rows], LUMA), np.float32)
        aim = own * enlarge_rows(slope, fused.shape, rows) + enlarge_rows(offset, fused.shape, rows)
        part = replace_luma(fused[rows], own, np.maximum(aim, 0)) * enlarge_rows(gains, fused.shape, rows)
        finished[rows] = to_bytes(soft_clip(fit_gamut(part), WHITE_KNEE, WHITE))
    return finished


def replace_luma(colour: Plane, light: Plane, wanted: Plane) -> Plane:
    """`colour` with the luma `wanted` in place of `light`.

    COLOUR_SHARE of the change scales the colours; the rest of it is added to all three channels.
    """
    ratio = wanted / np.maximum(light, np.float32(0.03))
    ratio = np.float32(1 - COLOUR_SHARE) + np.float32(COLOUR_SHARE) * ratio
    return np.asarray(colour * ratio[:, :, None] + (wanted - light * ratio)[:, :, None], np.float32)


def fit_gamut(part: Plane) -> Plane:
    """`part` with its colours desaturated into the gamut, and the luma that clipping at black would give.

    Fusion drives deep shadows below black; clipped there, wood and skin would glow in pure red.
    """
    red, green, blue = cv2.split(part)
    beyond = cv2.min(cv2.min(red, green), blue) < 0
    if not beyond.any():
        return part
    colour = part[beyond]
    luma = colour @ LUMA.ravel()
    shown = np.maximum(colour, 0) @ LUMA.ravel()
    kept = np.minimum(shown / np.maximum(luma - colour.min(axis=1), np.float32(1e-6)), 1)
    result = part.copy()
    result[beyond] = colour * kept[:, None] + (shown - luma * kept)[:, None]
    return result


def tone_preview(fused: Plane, light: Plane, wanted: Plane) -> Plane:
    """A small copy of the result of `tone_map`: `fused` with the luma `wanted` in place of `light`."""
    size = fitted_size(light.shape[::-1], COLOUR_EDGE)
    colour, luma, aim = (
        np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)
        for plane in (fused, light, wanted)
    )
    return soft_clip(replace_luma(colour, luma, aim), WHITE_KNEE, WHITE)


def shrink_to_working(colour: Plane) -> Plane:
    """A copy at working size; never enlarged."""
    size = fitted_size(colour.shape[1::-1], WORKING_EDGE)
    return np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_AREA), np.float32)


def tone_curve(light: Plane) -> Curve:
    """The tone curve: sets black, moves the median to its target, and flattens before white."""
    darkest, median, brightest = (float(value) for value in np.percentile(light, (0.5, 50, 99.8)))
    black = min(max(darkest - TOE, 0.0), MOST_BLACK)
    middle = min(max((median - black) / (1 - black), 0.05), 0.95)
    wanted = min(max(middle, WANTED_MEDIAN), BRIGHTEST_MEDIAN)
    gamma = np.float32(min(max(np.log(wanted) / np.log(middle), STRONGEST_GAMMA), WEAKEST_GAMMA))

    def lift(values: Plane) -> Plane:
        return np.asarray((np.maximum(values - np.float32(black), 0) / np.float32(1 - black)) ** gamma)

    top = max(float(lift(np.array([brightest], np.float32))[0]), HIGHEST)
    flatness = (HIGHEST - KNEE - BENDING / 2) / (top - KNEE - BENDING / 2)
    return lambda values: flatten_highlights(lift(values), np.float32(flatness))


def flatten_highlights(values: Plane, slope: np.float32) -> Plane:
    """`values` unchanged up to the knee; above it the slope falls to `slope`."""
    over = np.maximum(values - np.float32(KNEE), 0)
    bending = np.minimum(over, np.float32(BENDING))
    lost = bending * bending / np.float32(2 * BENDING) + (over - bending)
    return np.asarray(values - (1 - slope) * lost, np.float32)


def soft_clip(values: Plane, knee: float, highest: float) -> Plane:
    """`values` unchanged up to `knee`; above it they approach `highest` asymptotically."""
    room = np.float32(highest - knee)
    over = np.maximum(values - np.float32(knee), 0)
    return np.asarray(np.minimum(values, np.float32(knee)) + room * (1 - cv2.exp(over / -room)), np.float32)


def local_laplacian(light: Plane, curve: Curve) -> Plane:
    """`light` under `curve`, with the contrast of details preserved."""
    lowest, highest = max(float(light.min()), -0.15), min(float(light.max()), 1.45)
    anchors = np.linspace(lowest, max(highest, lowest + 0.1), SAMPLES, dtype=np.float32)
    spacing = anchors[1] - anchors[0]
    levels = max(1, int(np.log2(min(light.shape))) - 1)
    local = [np.clip(light, lowest, highest)]
    for _ in range(levels):
        local.append(np.asarray(cv2.pyrDown(local[-1]), np.float32))
    bands = [np.zeros_like(plane) for plane in local[:-1]]
    curved = curve(light)
    for anchor in anchors.tolist():
        remapped = curved + detail_residual(light - anchor, slope_at(curve, anchor), anchor)
        for level in range(levels):
            smaller = np.asarray(cv2.pyrDown(remapped), np.float32)
            band = remapped - cv2.pyrUp(smaller, dstsize=remapped.shape[::-1])
            bands[level] += band * np.maximum(1 - np.abs(local[level] - anchor) / spacing, 0)
            remapped = smaller
    picture = curve(local[-1])
    for band in reversed(bands):
        picture = band + cv2.pyrUp(picture, dstsize=band.shape[::-1])
    return np.asarray(picture, np.float32)


def detail_residual(step: Plane, slope: float, anchor: float) -> Plane:
    """The addition to the curve that preserves small steps from `anchor`, which are details."""
    gain = float(np.interp(anchor, LIGHTS, DETAIL_GAINS))
    near = cv2.exp(step * step * np.float32(-0.5 / DETAIL**2))
    return np.asarray(near * step * np.float32(min(gain - slope, MOST_OVER_SLOPE * slope)), np.float32)


def slope_at(curve: Curve, value: float) -> float:
    ends = curve(np.array([max(value, 0.03) - 0.02, max(value, 0.03) + 0.02], np.float32))
    return float(ends[1] - ends[0]) / 0.04


def local_slope(light: Plane, wanted: Plane) -> Plane:
    """The local slope of `wanted` over `light`, by which finer details are scaled."""
    window = (5, 5)
    mean, aim = cv2.blur(light, window), cv2.blur(wanted, window)
    variance = cv2.blur(light * light, window) - mean * mean + np.float32(1e-4)
    slope = (cv2.blur(light * wanted, window) - mean * aim + np.float32(1e-4)) / variance
    return np.asarray(cv2.blur(slope, window), np.float32)
