"""Masks: planes of 0 to 1 over a picture, found at a small size and refined to the picture's edges."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.picturefiles import Picture, Plane, luma, resize

Bits = npt.NDArray[np.bool_]

LEAST_SHARE = 0.03
# The most L* of a leaf before the sky.
LIGHTEST_LEAF = 62.0
# A channel from this level on counts as clipped.
BURNT = 250
# Limits for nearly gray pixels: most chroma, least and most L*.
GRAYISH, DARK, LIGHT = 15.0, 30.0, 92.0


@dataclass(frozen=True)
class Region:
    """One connected component of a mask. `left`, `top`, `width`, `height` and `area` are in pixels."""

    bits: Bits
    left: int
    top: int
    width: int
    height: int
    area: int

    @property
    def middle_row(self) -> float:
        return float(np.nonzero(self.bits)[0].mean())


def regions(bits: Bits, least_area: float) -> list[Region]:
    """The connected components of `bits` with at least `least_area` pixels, largest first."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bits.astype(np.uint8), connectivity=4)
    found = []
    for label in range(1, count):
        left, top, width, height, area = (int(value) for value in stats[label])
        if area >= least_area:
            found.append(Region(labels == label, left, top, width, height, area))
    return sorted(found, key=lambda region: -region.area)


def to_lab(pixels: Picture) -> Plane:
    """CIE L*a*b*: lightness 0 to 100, the others about -100 to 100."""
    return np.asarray(
        cv2.cvtColor(pixels.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB), np.float32
    )


def graying_gains(casts: Plane, lightness: float) -> Plane:
    """Factors for red, green and blue that turn colours of this L*, with `casts` as a* and b*, into gray."""
    light = np.full((*casts.shape[:2], 1), lightness, np.float32)
    here = cv2.cvtColor(np.concatenate((light, casts), axis=2), cv2.COLOR_LAB2RGB)
    there = cv2.cvtColor(np.concatenate((light, 0 * casts), axis=2), cv2.COLOR_LAB2RGB)
    return np.asarray(there / here, np.float32)


def nearly_gray(lab: Plane) -> Bits:
    """A mask of nearly gray mid tones in a CIELAB picture, from which a colour cast is measured."""
    chroma = np.hypot(lab[:, :, 1], lab[:, :, 2])
    return np.asarray((chroma < GRAYISH) & (lab[:, :, 0] > DARK) & (lab[:, :, 0] < LIGHT))


def local_spread(values: Plane, size: int) -> Plane:
    """The standard deviation in a square of `size` pixels."""
    mean = cv2.blur(values, (size, size))
    variance = cv2.blur(values * values, (size, size)) - mean * mean
    return np.asarray(np.sqrt(np.maximum(variance, 0)), np.float32)


def foliage(lab: Plane) -> Bits:
    """A mask of pixels as green as leaves and grass, in a CIELAB picture."""
    return np.asarray((lab[:, :, 1] < -4) & (lab[:, :, 2] > 6))


def dark_leaves(lab: Plane) -> Bits:
    """A mask of foliage that is as dark as leaves before a sky."""
    return np.asarray(foliage(lab) & (lab[:, :, 0] < LIGHTEST_LEAF))


def components_with(seeds: Bits, bits: Bits) -> Bits:
    """The connected components of `bits` that contain a pixel of `seeds`."""
    count, labels = cv2.connectedComponents(bits.astype(np.uint8), connectivity=4)
    kept = np.zeros(count, bool)
    kept[labels[seeds & bits]] = True
    return np.asarray(kept[labels])


def dilate(bits: Bits, pixels: int) -> Bits:
    """`bits` dilated by about `pixels`; eroded where that is negative."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(pixels) + 1,) * 2)
    work = bits.astype(np.uint8)
    return np.asarray(cv2.dilate(work, kernel) if pixels > 0 else cv2.erode(work, kernel)) > 0


def edge_contrast(lightness: Plane, region: Bits, reach: int) -> float:
    """The lightness of the region's inner rim minus that just outside it, as medians."""
    inner = region & ~dilate(region, -reach)
    outer = dilate(region, 2 * reach) & ~dilate(region, reach)
    if not inner.any() or not outer.any():
        return 0.0
    return float(np.median(lightness[inner]) - np.median(lightness[outer]))


def refine(mask: Plane, pixels: Picture, radius: int, epsilon: float) -> Plane:
    """`mask`, of any size, at the picture's size and aligned to its edges (guided filter, He et al. 2010)."""
    guide = luma(pixels)
    wanted = resize(mask, (pixels.shape[0], pixels.shape[1]))
    window = (2 * radius + 1, 2 * radius + 1)
    mean_guide, mean_mask = cv2.blur(guide, window), cv2.blur(wanted, window)
    covariance = cv2.blur(guide * wanted, window) - mean_guide * mean_mask
    variance = cv2.blur(guide * guide, window) - mean_guide * mean_guide
    slope = covariance / (variance + epsilon)
    offset = mean_mask - slope * mean_guide
    refined = cv2.blur(slope, window) * guide + cv2.blur(offset, window)
    return np.asarray(np.clip((refined - 0.08) / 0.84, 0, 1), np.float32)
