"""Finding the sky: above a house, or through the windows of a room."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np

from hotfolder.sandbox.imaging.masks import (
    LEAST_SHARE,
    Bits,
    dark_leaves,
    dilate,
    foliage,
    local_spread,
    refine,
    regions,
    to_lab,
)
from hotfolder.sandbox.imaging.outdoors import is_blue, open_sky, sky_coloured, sky_distance
from hotfolder.sandbox.imaging.picturefiles import Picture, Plane, Unsuitable, at_search_size, resize
from hotfolder.sandbox.imaging.view import find_view

# The least share of the picture that shows the outside, in a room.
LEAST_VIEW = 0.02
# The most of a hole in the sky that is as green as a leaf, where it is a bird.
MOST_LEAFY = 0.3
# The most difference of a patch of sky from the sky, in b*.
MOST_UNLIKE = 12.0
# A patch of a blue sky has about its a*b* and L* in these rows; below it, leaves are around.
PATCH_HUE, PATCH_LIGHT, LEAST_FRAMED = 5.0, 0.1, 0.05
# Half the widest gap between leaves, in pixels of the small picture.
WIDEST_GAP = 8


@dataclass(frozen=True)
class SkyMask:
    """Where the sky is, and which part of the picture is outdoors.

    `mask` is 1 in clear sky, 0 elsewhere and between where leaves are partly transparent. `outdoors` is None
    when everything is outdoors; in a room it is 1 where the windows show the outside, sky included.
    """

    mask: Plane
    outdoors: Plane | None


def find_sky(pixels: Picture) -> SkyMask:
    """The sky of a picture. Raises Unsuitable, with what was found instead, unless one is certain.

    In a room all that the windows show counts towards the least share, since it gets the new sky's light.
    """
    small = at_search_size(pixels)
    found, doubt = open_sky(small)
    found &= not doubt
    walls = np.zeros_like(found)
    outdoors = None
    radius = max(2, round(max(pixels.shape[:2]) * 0.004))
    if found.any():
        patches, walls = pale_surfaces(small, found)
        found = fill_holes(found | patches, small)
    else:
        view = find_view(small)
        found = view.sky
        if found.any() and not view.whole:
            raise Unsuitable(
                "the sky stays: looked for windows whose glass can be told whole, up to its bars; found"
                " some, and beside them panes, or parts of them, that may show the outside too"
            )
        outdoors = resize(view.outdoors, (pixels.shape[0], pixels.shape[1]))
    mask = refine(found.astype(np.float32), pixels, radius, 1e-4)
    if found.any():
        clear = sky_likelihood(to_lab(pixels), small, found)
        # Where a wall is as light as the sky, the filter doesn't see their edge.
        mask = np.minimum(mask, np.maximum(clear, resize(found.astype(np.float32), clear.shape)))
        mask = np.maximum(mask, clear * between_leaves(small, found, walls, clear.shape))
    if outdoors is not None:
        mask = np.minimum(mask, outdoors)
    share = float((mask if outdoors is None else np.maximum(mask, outdoors)).mean())
    if share < (LEAST_SHARE if outdoors is None else LEAST_VIEW) or not found.any():
        raise Unsuitable(
            "no sky was found in this picture: looked for a calm region, blue or pale, at the top edge, that"
            f" ends at something darker; found {doubt}. Looked for windows that show the outside on at least"
            f" {LEAST_VIEW:.0%} of it; found {share:.1%}"
        )
    return SkyMask(mask, outdoors)


def fill_holes(found: Bits, small: Picture) -> Bits:
    """The sky with its holes filled (clouds, sun, birds), but for dark ones that are large or are leaves."""
    lab = to_lab(small)
    lightness, leaves = lab[:, :, 0], foliage(lab)
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
        small_enough = hole.area < 0.0004 * found.size and leaves[hole.bits].mean() < MOST_LEAFY
        if inside and (small_enough or np.median(lightness[hole.bits]) > dimmest):
            whole |= hole.bits
    return whole


def sky_likelihood(lab: Plane, small: Picture, found: Bits) -> Plane:
    """How much of each pixel may be sky by its colour, 0 to 1. `lab` is the picture at any size."""
    hue, light = sky_distance(lab, to_lab(small), found)
    # Little else is as blue as a blue sky.
    nearest, farthest = (5, 11) if is_blue(to_lab(small), found) else (9, 20)
    return ramp(light, 0.68, 0.92) * (1 - ramp(hue, nearest, farthest))


def between_leaves(small: Picture, found: Bits, walls: Bits, shape: tuple[int, int]) -> Plane:
    """Where leaves are near the sky, which may be seen between them: 0 to 1, of `shape`."""
    height, width = found.shape
    lightness = np.ascontiguousarray(to_lab(small)[:, :, 0])
    leaves = dark_leaves(to_lab(small))
    if is_blue(to_lab(small), found):
        # Little else is as blue, so that neither gaps nor a crown need be narrow or rough.
        zone = dilate(leaves, 3 * WIDEST_GAP) | dilate(found, 2 * WIDEST_GAP)
    else:
        # Between leaves, or between leaves and sky; not what begins where a crown ends, such as a wall.
        leafy = dilate(dilate(leaves | found, WIDEST_GAP), -WIDEST_GAP) & dilate(leaves, WIDEST_GAP)
        rough = cv2.blur(local_spread(lightness, 7), (15, 15)) > 4.5
        zone = leafy & rough & dilate(found, max(height, width) // 8)
    zone &= ~walls
    zone[int(np.nonzero(found.any(axis=1))[0].max()) + height // 50 :] = False
    reach = cv2.GaussianBlur(zone.astype(np.float32), (0, 0), 3)
    return resize(np.asarray(reach, np.float32), shape)


def pale_surfaces(small: Picture, found: Bits) -> tuple[Bits, Bits]:
    """Other smooth regions: patches of sky, framed by leaves or of a blue sky's colour, and pale walls."""
    lab = to_lab(small)
    lightness = np.ascontiguousarray(lab[:, :, 0])
    leaves = foliage(lab)
    hue, light = sky_distance(lab, lab, found)
    same = (hue < PATCH_HUE) & (np.abs(light - 1) < PATCH_LIGHT)
    blue = is_blue(lab, found)
    calm = sky_coloured(small) & (local_spread(lightness, 7) < 7) & ~dilate(found, 2)
    horizon = int(np.nonzero(found.any(axis=1))[0].max())
    dimmest = float(np.percentile(lightness[found], 10)) - 5
    hues = lab[:, :, 2]
    sky_hue = float(np.median(hues[found]))
    patches, walls = np.zeros_like(found), np.zeros_like(found)
    like = sky_likelihood(lab, small, found) > 0.5
    # A pale wall beside a patch of a blue sky is told from it by its colour alone.
    surfaces = (calm & like, calm & ~like) if blue else (calm,)
    for region in chain.from_iterable(regions(each, 0.0004 * calm.size) for each in surfaces):
        around = leaves[dilate(region.bits, 8) & ~dilate(region.bits, 3)].mean()
        framed = around > 0.4 or region.top == 0
        bright = np.median(lightness[region.bits]) > dimmest
        alike = abs(float(np.median(hues[region.bits])) - sky_hue) < MOST_UNLIKE
        beside = region.top + region.height <= horizon or around > LEAST_FRAMED
        seen_again = blue and beside and same[region.bits].mean() > 0.8
        if seen_again or (framed and bright and alike and region.middle_row < horizon):
            patches |= region.bits
        elif around < 0.5:
            walls |= region.bits
    return patches | dilate(patches, 2) & like, dilate(walls, 8)


def ramp(values: Plane, low: float, high: float) -> Plane:
    """0 up to `low`, 1 from `high`, linear in between."""
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), np.float32)
