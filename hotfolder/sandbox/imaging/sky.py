"""Finding the sky: above a house, or through the windows of a room."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hotfolder.sandbox.imaging.files import Picture, Plane, Unsuitable, at_search_size, resize
from hotfolder.sandbox.imaging.masks import (
    LEAST_SHARE,
    Bits,
    grow,
    local_spread,
    refine,
    regions,
    to_lab,
)
from hotfolder.sandbox.imaging.view import find_view

# Median b* from which a sky is blue. A blue one gets brighter towards the horizon; a wall doesn't.
LEAST_BLUE, SURELY_BLUE = -5.0, -10.0
LEAST_BRIGHTENING = 2.0
# Of what isn't sky so much may be as bright: under a gray sky nothing is, in a room the windows are.
MOST_BRIGHTER, MOST_BRIGHTER_BLUE = 0.06, 0.03
LEAST_GRAY = 0.05
# In b*: a patch that differs by more from the sky is none of it.
MOST_UNLIKE = 12.0
NARROW = 4
LIGHTEST_LEAF = 62.0
# Half the widest gap between leaves, in pixels of the small picture.
WIDEST_GAP = 8


@dataclass(frozen=True)
class Sky:
    """Where the sky is, and what of the picture lies outdoors under it.

    `mask` is 1 in clear sky, 0 elsewhere and between where leaves let it through. `outdoors` is None
    when everything is outdoors; in a room it is 1 where the windows show the outside, sky included.
    """

    mask: Plane
    outdoors: Plane | None


def find_sky(pixels: Picture) -> Sky:
    """The sky of a picture. Raises Unsuitable, saying what was found instead, unless it surely is one.

    In a room all that the windows show counts towards the least share, since it takes the new sky's light.
    """
    small = at_search_size(pixels)
    found, doubt = open_sky(small)
    walls = np.zeros_like(found)
    outdoors = None
    radius = max(2, round(max(pixels.shape[:2]) * 0.004))
    if found.any():
        patches, walls = pale_surfaces(small, found)
        found = filled(found | patches, small)
    else:
        view = find_view(small)
        found = view.sky
        outdoors = refine(view.outdoors, pixels, radius, 1e-3)
    mask = refine(found.astype(np.float32), pixels, radius, 1e-4)
    if found.any():
        mask = np.maximum(mask, between_leaves(pixels, small, found, walls, outdoors))
    share = float((mask if outdoors is None else np.maximum(mask, outdoors)).mean())
    if share < LEAST_SHARE or not found.any():
        raise Unsuitable(
            f"no sky was found in this picture: {doubt}, and windows show the outside on {share:.1%} of it"
            " (3% is the least)"
        )
    return Sky(mask, outdoors)


def open_sky(small: Picture) -> tuple[Bits, str]:
    """Sky that reaches the top of the frame, or nothing and why what looked like it may be something else."""
    candidates = skylike(small)
    lightness = np.ascontiguousarray(to_lab(small)[:, :, 0])
    spread = local_spread(lightness, 7)
    blue = np.ascontiguousarray(to_lab(small)[:, :, 2]) < LEAST_BLUE
    # Apart where they hang together by a thread only, so that a sky doesn't run down a gap into the street.
    calm = grow(candidates & (spread < np.where(blue, 7, 4)), -NARROW)
    core = np.zeros_like(calm)
    for region in regions(calm, 0.002 * calm.size):
        if region.bits[: 2 * NARROW].any(axis=0).mean() > 0.04:
            core |= region.bits
    core = grow(core, NARROW)
    doubt = doubts(small, core)
    if doubt:
        return np.zeros_like(core), doubt
    found = cut_out(small, core, candidates)
    # Growing from a sky is a matter of its rim; what doubles has run down a pale facade.
    return (found if found.sum() < 1.6 * core.sum() else core), ""


def doubts(small: Picture, core: Bits) -> str:
    """Why the calm region at the top may not be sky; empty where it surely is."""
    height = core.shape[0]
    share = float(core.mean())
    if share < LEAST_SHARE / 2:
        return f"what is calm, blue or pale and reaches the top edge is {share:.1%} of it"
    lab = to_lab(small)
    lightness, blueness = lab[:, :, 0], float(np.median(lab[:, :, 2][core]))
    width_at_top = float(core[: max(1, height // 100)].any(axis=0).mean())
    typical = float(np.median(lightness[core]))
    rest = ~grow(core, 8)
    brighter = float((lightness[rest] > typical - 2).mean()) if rest.any() else 1.0
    seen = f"the calm region of {share:.1%} at the top edge"
    at_the_foot = float(core[-max(1, height // 50) :].any(axis=0).mean())
    if at_the_foot > (0.5 if blueness < SURELY_BLUE else 0.15):
        return f"{seen} reaches down to the floor, like a wall"
    if blueness < LEAST_BLUE:
        falling = lightness_slope(lightness, core)
        if falling < LEAST_BRIGHTENING and brighter > MOST_BRIGHTER_BLUE:
            return f"{seen} is blue but gets no brighter downwards, like a painted wall"
        return "" if width_at_top > 0.1 else f"{seen} touches only {width_at_top:.0%} of that edge"
    if width_at_top < 0.4 or share < LEAST_GRAY:
        return f"{seen} is gray and touches only {width_at_top:.0%} of that edge, like a wall or a lamp"
    if brighter > MOST_BRIGHTER:
        return f"{seen} is gray and {brighter:.0%} of the rest is as bright: maybe a ceiling or a wall"
    return ""


def lightness_slope(lightness: Plane, core: Bits) -> float:
    """How much lighter the region gets, from its highest rows to its lowest, in L*."""
    rows = np.nonzero(core.any(axis=1))[0]
    low, high = rows[len(rows) // 5], rows[-1 - len(rows) // 5]
    upper, lower = core.copy(), core.copy()
    upper[low:] = False
    lower[:high] = False
    if not upper.any() or not lower.any():
        return 0.0
    return float(np.median(lightness[lower]) - np.median(lightness[upper]))


def filled(found: Bits, small: Picture) -> Bits:
    """The sky with its clouds, sun and birds: whatever it goes all around and isn't both dark and large."""
    lightness = to_lab(small)[:, :, 0]
    dimmest = float(np.percentile(lightness[found], 25)) - 12
    whole = found.copy()
    for hole in regions(~found, 1):
        rows, columns = found.shape
        inside = (
            hole.left > 0
            and hole.left + hole.width < columns
            and hole.top + hole.height < rows
            and hole.middle_row < np.nonzero(found)[0].max()
        )
        small_enough = hole.area < 0.0004 * found.size
        if inside and (small_enough or np.median(lightness[hole.bits]) > dimmest):
            whole |= hole.bits
    return whole


def skylike(small: Picture) -> Bits:
    """Pixels that could be sky by colour alone: pale and not warm, or blue."""
    lightness, green_red, blue_yellow = np.moveaxis(to_lab(small), 2, 0)
    chroma = np.hypot(green_red, blue_yellow)
    pale = (lightness > 55) & (chroma < 12) & (blue_yellow < 8)
    blue = (blue_yellow < -4) & (lightness > 25) & (green_red < 22) & (green_red > -22)
    return np.asarray(pale | blue)


def cut_out(small: Picture, core: Bits, candidates: Bits) -> Bits:
    """The sky's exact outline, from what is surely sky and what only looks like it."""
    labels = np.full(core.shape, cv2.GC_BGD, np.uint8)
    lowest = int(np.nonzero(core.any(axis=1))[0].max())
    near = grow(core, 12)
    labels[near] = cv2.GC_PR_BGD
    labels[near & candidates] = cv2.GC_PR_FGD
    labels[grow(core, -2)] = cv2.GC_FGD
    labels[min(lowest + 12, core.shape[0] - 1) :] = cv2.GC_BGD
    cv2.setRNGSeed(1)
    empty = np.zeros((1, 65), np.float64)
    size = (small.shape[1], small.shape[0])
    half = cv2.resize(small, (size[0] // 2, size[1] // 2), interpolation=cv2.INTER_AREA)
    labels = np.ascontiguousarray(labels[: 2 * half.shape[0] : 2, : 2 * half.shape[1] : 2])
    cv2.grabCut(half, labels, (0, 0, 1, 1), empty, empty.copy(), 2, cv2.GC_INIT_WITH_MASK)
    sky = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8)
    # What was surely one or the other at full size stays so.
    return np.asarray((cv2.resize(sky, size, interpolation=cv2.INTER_NEAREST) > 0) & (candidates | core))


def between_leaves(
    pixels: Picture, small: Picture, found: Bits, walls: Bits, outdoors: Plane | None
) -> Plane:
    """How far the sky shows through the leaves near it, 0 to 1 at the size of `pixels`."""
    height, width = found.shape
    if np.median(to_lab(small)[:, :, 2][found]) < SURELY_BLUE:
        # What is pale against a blue sky is a wall or a blossom.
        return np.zeros(pixels.shape[:2], np.float32)
    lightness = np.ascontiguousarray(to_lab(small)[:, :, 0])
    leaves = foliage(small) & (lightness < LIGHTEST_LEAF)
    # Between leaves, or between them and the sky; not what begins where a crown ends, such as a wall.
    leafy = grow(grow(leaves | found, WIDEST_GAP), -WIDEST_GAP) & grow(leaves, WIDEST_GAP)
    rough = cv2.blur(local_spread(lightness, 7), (15, 15)) > 4.5
    zone = leafy & rough & grow(found, max(height, width) // 8) & ~walls
    zone[int(np.nonzero(found.any(axis=1))[0].max()) + height // 50 :] = False
    reach = cv2.GaussianBlur(zone.astype(np.float32), (0, 0), 3)
    shape = (pixels.shape[0], pixels.shape[1])
    open_part = resize(np.asarray(reach, np.float32), shape)
    if outdoors is not None:
        open_part = np.minimum(open_part, outdoors)
    sky_lightness = float(np.percentile(lightness[found], 25))
    lab = to_lab(pixels)
    light_enough = ramp(lab[:, :, 0], 0.68 * sky_lightness, 0.92 * sky_lightness)
    pale_enough = 1 - ramp(np.hypot(lab[:, :, 1], lab[:, :, 2]), 9, 20)
    return np.asarray(open_part * light_enough * pale_enough, np.float32)


def pale_surfaces(small: Picture, found: Bits) -> tuple[Bits, Bits]:
    """What else is calm and pale: patches of sky framed by leaves or by the frame's top, and walls."""
    lightness = np.ascontiguousarray(to_lab(small)[:, :, 0])
    leaves = foliage(small)
    calm = skylike(small) & (local_spread(lightness, 7) < 7) & ~grow(found, 2)
    horizon = int(np.nonzero(found.any(axis=1))[0].max())
    dimmest = float(np.percentile(lightness[found], 10)) - 5
    hues = to_lab(small)[:, :, 2]
    sky_hue = float(np.median(hues[found]))
    patches, walls = np.zeros_like(found), np.zeros_like(found)
    for region in regions(calm, 0.0004 * calm.size):
        around = leaves[grow(region.bits, 8) & ~grow(region.bits, 3)].mean()
        framed = around > 0.4 or region.top == 0
        bright = np.median(lightness[region.bits]) > dimmest
        alike = abs(float(np.median(hues[region.bits])) - sky_hue) < MOST_UNLIKE
        if framed and bright and alike and region.middle_row < horizon:
            patches |= region.bits
        elif around < 0.5:
            walls |= region.bits
    return grow(patches, 2), grow(walls, 8)


def foliage(small: Picture) -> Bits:
    _, green_red, blue_yellow = np.moveaxis(to_lab(small), 2, 0)
    return np.asarray((green_red < -4) & (blue_yellow > 6))


def ramp(values: Plane, low: float, high: float) -> Plane:
    """0 up to `low`, 1 from `high`, straight in between."""
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), np.float32)
