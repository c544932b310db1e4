"""Finding a lawn, even a dry one, and making it green.

Its texture is kept; its colour and patches change.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hotfolder.sandbox.imaging.masks import LEAST_SHARE, Bits, dilate, local_spread, refine, regions, to_lab
from hotfolder.sandbox.imaging.outdoors import open_sky
from hotfolder.sandbox.imaging.picturefiles import Picture, Plane, Unsuitable, at_search_size, resize

# Lightness, green-red and blue-yellow of healthy turf in daylight.
FRESH = (47.0, -27.0, 35.0)
# The least share of green pixels in a region; the least median deviation of L* in 3 × 3 pixels.
LEAST_GREEN = 0.25
LEAST_ROUGHNESS = 0.5


@dataclass(frozen=True)
class Strength:
    """Factors from 0 to 1: how far the colour is moved to green, and how far patches are evened out."""

    colour: float
    evenness: float


STRENGTHS = {"light": Strength(0.5, 0.3), "medium": Strength(0.8, 0.7), "strong": Strength(1.0, 0.9)}


def freshen_lawn(pixels: Picture, lawn_type: str) -> Picture:
    """The picture with a fresher lawn. Raises Unsuitable when less than 3 % of it is lawn."""
    mask = find_lawn(pixels)
    strength = STRENGTHS[lawn_type]
    fresh = to_lab(pixels)
    reach = max(4.0, max(pixels.shape[:2]) / 60)
    inside = blur(mask, reach) + np.float32(1e-4)
    for channel, wanted in enumerate(FRESH):
        plane = fresh[:, :, channel]
        patches = blur(plane * mask, reach) / inside
        overall = float((plane * mask).sum() / mask.sum())
        # Lightness moves to the target by half as much as colour does.
        greening = strength.colour * (0.5 if channel == 0 else 1.0)
        target = overall + (wanted - overall) * greening
        evened = patches + (overall - patches) * strength.evenness
        # Single dry blades keep their lightness and lose some of their colour.
        detail = (plane - patches) * (1.0 if channel == 0 else 1 - 0.5 * strength.evenness)
        fresh[:, :, channel] = detail + evened + (target - overall)
    rgb = cv2.cvtColor(fresh, cv2.COLOR_LAB2RGB)
    mixed = pixels + (np.clip(rgb, 0, 1) * 255 - pixels) * mask[:, :, None]
    return np.where(mask[:, :, None] > 0, np.clip(mixed + 0.5, 0, 255).astype(np.uint8), pixels)


def blur(plane: Plane, reach: float) -> Plane:
    """A Gaussian blur; a wide one is computed on a smaller copy, since no fine detail is left."""
    shape = (plane.shape[0], plane.shape[1])
    factor = max(1, int(reach / 4))
    small = cv2.resize(
        plane, (max(1, shape[1] // factor), max(1, shape[0] // factor)), interpolation=cv2.INTER_AREA
    )
    return resize(np.asarray(cv2.GaussianBlur(small, (0, 0), reach / factor), np.float32), shape)


def find_lawn(pixels: Picture) -> Plane:
    """A mask: 1 on the lawn, 0 elsewhere. Raises Unsuitable, with what was found instead, unless one is
    certain.

    Without a sky none is: painted walls, floors and hedges are as green.
    """
    small = at_search_size(pixels)
    candidates = grasslike(small)
    height = candidates.shape[0]
    sky, no_sky = open_sky(small)
    found = np.zeros_like(candidates)
    thrown_out = 0.0
    for region in regions(candidates, 0.005 * candidates.size):
        flat = is_flat_ground(region.bits, region.top + region.height, height)
        if not no_sky and flat and is_grass(small, region.bits):
            found |= region.bits & ~sky
        else:
            thrown_out += region.area / candidates.size
    radius = max(2, round(max(pixels.shape[:2]) * 0.003))
    soft = np.asarray(cv2.GaussianBlur(found.astype(np.float32), (0, 0), 1.2), np.float32)
    mask = refine(soft, pixels, radius, 1e-3)
    mask[mask < 0.02] = 0
    share = float(mask.mean())
    if share < LEAST_SHARE:
        place = f"without a sky ({no_sky})" if no_sky else "under a sky"
        raise Unsuitable(
            f"no lawn was found in this picture: looked for grass on the ground, outdoors, on at least"
            f" {LEAST_SHARE:.0%} of it; found {share:.1%} that surely is grass, {place}, and {thrown_out:.1%}"
            " that has its colours but may be a floor, a wall or a hedge"
        )
    return mask


def is_grass(small: Picture, bits: Bits) -> bool:
    """Whether a region with grass's colours is grass: green enough in part, and as rough as blades are."""
    lab = to_lab(small)
    green = (lab[:, :, 1][bits] < -2) & (lab[:, :, 2][bits] > 6)
    rough = float(np.median(local_spread(np.ascontiguousarray(lab[:, :, 0]), 3)[bits]))
    deep = float((lab[:, :, 1][bits] < -8).mean())
    needed = LEAST_ROUGHNESS if deep > 0.2 else 2 * LEAST_ROUGHNESS
    # A merely yellowish region must at least be compact, which walls between windows are not.
    whole = deep > 0.1 or dilate(bits, -12).sum() > 0.6 * bits.sum()
    return bool(green.mean() > LEAST_GREEN and rough > needed and whole)


def grasslike(small: Picture) -> Bits:
    """A mask of green, straw or dry brown ground in the lower part of the picture.

    Textured, but less roughly than a hedge.
    """
    smoothed = cv2.GaussianBlur(small, (0, 0), 2.5)
    lightness, green_red, blue_yellow = np.moveaxis(to_lab(np.asarray(smoothed, np.uint8)), 2, 0)
    green = (green_red < -4) & (blue_yellow > 8)
    straw = (green_red < 9) & (blue_yellow > 20)
    spread = cv2.blur(local_spread(np.ascontiguousarray(to_lab(small)[:, :, 0]), 9), (15, 15))
    bits = (green | straw) & (lightness > 25) & (lightness < 92) & (spread > 0.8) & (spread < 8.5)
    bits[: int(0.4 * bits.shape[0])] = False
    opened = cv2.morphologyEx(bits.astype(np.uint8), cv2.MORPH_OPEN, np.ones((9, 9), np.uint8)) > 0
    for hole in regions(~opened, 1):
        if hole.area < 0.004 * bits.size:
            opened |= hole.bits
    return np.asarray(opened)


def is_flat_ground(bits: Bits, lowest: int, height: int) -> bool:
    """Whether a region is flat ground and not a hedge.

    It reaches far down, or is wider than high.
    """
    columns = bits.any(axis=0).sum()
    mean_thickness = bits.sum() / max(int(columns), 1)
    return bool(lowest > 0.8 * height or (lowest > 0.6 * height and columns > 4 * mean_thickness))
