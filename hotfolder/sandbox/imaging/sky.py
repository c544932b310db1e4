"""Finding the sky: above a house, or through the windows of a room."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hotfolder.sandbox.imaging.files import Picture, Plane, Unsuitable, at_search_size, resize
from hotfolder.sandbox.imaging.masks import (
    LEAST_SHARE,
    Bits,
    foliage,
    grow,
    local_spread,
    refine,
    regions,
    to_lab,
)
from hotfolder.sandbox.imaging.outdoors import SURELY_BLUE, open_sky, skylike
from hotfolder.sandbox.imaging.view import find_view

# The least share of the picture that shows the outside, in a room.
LEAST_VIEW = 0.02
# The most difference of a patch of sky from the sky, in b*.
MOST_UNLIKE = 12.0
LIGHTEST_LEAF = 62.0
# A patch of a blue sky has about its a*b* and L* in these rows; below it, leaves are around.
SAME_HUE, SAME_LIGHT, LEAST_FRAMED = 5.0, 0.1, 0.05
# The b* of the palest horizon.
HORIZON = -2.0
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
        found = filled(found | patches, small)
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
        mask = np.maximum(mask, between_leaves(pixels, small, found, walls, outdoors))
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


def filled(found: Bits, small: Picture) -> Bits:
    """The sky with its holes filled (clouds, sun, birds), unless a hole is both dark and large."""
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


def between_leaves(
    pixels: Picture, small: Picture, found: Bits, walls: Bits, outdoors: Plane | None
) -> Plane:
    """The transparency of leaves near the sky, 0 to 1 at the size of `pixels`."""
    height, width = found.shape
    lightness = np.ascontiguousarray(to_lab(small)[:, :, 0])
    leaves = foliage(to_lab(small)) & (lightness < LIGHTEST_LEAF)
    if np.median(to_lab(small)[:, :, 2][found]) < SURELY_BLUE:
        # Little else is as blue, so that neither gaps nor a crown need be narrow or rough.
        zone = grow(leaves, 3 * WIDEST_GAP) | grow(found, 2 * WIDEST_GAP)
        nearest, farthest = 6, 14
    else:
        # Between leaves, or between leaves and sky; not what begins where a crown ends, such as a wall.
        leafy = grow(grow(leaves | found, WIDEST_GAP), -WIDEST_GAP) & grow(leaves, WIDEST_GAP)
        rough = cv2.blur(local_spread(lightness, 7), (15, 15)) > 4.5
        zone = leafy & rough & grow(found, max(height, width) // 8)
        nearest, farthest = 9, 20
    zone &= ~walls
    zone[int(np.nonzero(found.any(axis=1))[0].max()) + height // 50 :] = False
    reach = cv2.GaussianBlur(zone.astype(np.float32), (0, 0), 3)
    shape = (pixels.shape[0], pixels.shape[1])
    open_part = resize(np.asarray(reach, np.float32), shape)
    if outdoors is not None:
        open_part = np.minimum(open_part, outdoors)
    lab = to_lab(pixels)
    hue, light = unlike_sky(lab, small, found)
    light_enough = ramp(light, 0.68, 0.92)
    hue_enough = 1 - ramp(hue, nearest, farthest)
    return np.asarray(open_part * light_enough * hue_enough, np.float32)


def unlike_sky(lab: Plane, small: Picture, found: Bits) -> tuple[Plane, Plane]:
    """How each pixel of `lab` differs from the sky's own colour in its row: distance in a*b*, quotient of L*.

    `lab` is the picture at any size. Below the sky that was found, it may be as pale as at the horizon.
    """
    rows, columns = np.nonzero(found)
    slope, start = np.polyfit(rows, to_lab(small)[rows, columns], 1)
    places = np.arange(len(lab))[:, None] * (len(found) / len(lab))
    own = np.asarray(places * slope + start, np.float32)
    palest = np.where(places[:, 0] > rows.max(), np.maximum(own[:, 2], HORIZON), own[:, 2])[:, None]
    blue_yellow = lab[:, :, 2] - np.clip(lab[:, :, 2], own[:, 2:], palest)
    return (
        np.asarray(np.hypot(lab[:, :, 1] - own[:, 1:2], blue_yellow), np.float32),
        np.asarray(lab[:, :, 0] / own[:, :1], np.float32),
    )


def pale_surfaces(small: Picture, found: Bits) -> tuple[Bits, Bits]:
    """Other smooth regions: patches of sky, framed by leaves or of a blue sky's colour, and pale walls."""
    lab = to_lab(small)
    lightness = np.ascontiguousarray(lab[:, :, 0])
    leaves = foliage(lab)
    hue, light = unlike_sky(lab, small, found)
    same = (hue < SAME_HUE) & (np.abs(light - 1) < SAME_LIGHT)
    blue = np.median(lab[:, :, 2][found]) < SURELY_BLUE
    calm = skylike(small) & (local_spread(lightness, 7) < 7) & ~grow(found, 2)
    horizon = int(np.nonzero(found.any(axis=1))[0].max())
    dimmest = float(np.percentile(lightness[found], 10)) - 5
    hues = lab[:, :, 2]
    sky_hue = float(np.median(hues[found]))
    patches, walls = np.zeros_like(found), np.zeros_like(found)
    for region in regions(calm, 0.0004 * calm.size):
        around = leaves[grow(region.bits, 8) & ~grow(region.bits, 3)].mean()
        framed = around > 0.4 or region.top == 0
        bright = np.median(lightness[region.bits]) > dimmest
        alike = abs(float(np.median(hues[region.bits])) - sky_hue) < MOST_UNLIKE
        beside = region.top + region.height <= horizon or around > LEAST_FRAMED
        seen_again = blue and beside and same[region.bits].mean() > 0.8
        if seen_again or (framed and bright and alike and region.middle_row < horizon):
            patches |= region.bits
        elif around < 0.5:
            walls |= region.bits
    return grow(patches, 2), grow(walls, 8)


def ramp(values: Plane, low: float, high: float) -> Plane:
    """0 up to `low`, 1 from `high`, linear in between."""
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), np.float32)
