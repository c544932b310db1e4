"""Finding the sky: above a house, or through the windows of a room."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hotfolder.sandbox.imaging.files import Picture, Plane, Unsuitable, at_search_size, resize
from hotfolder.sandbox.imaging.masks import (
    LEAST_SHARE,
    Bits,
    edge_contrast,
    grow,
    local_spread,
    refine,
    regions,
    to_lab,
)
from hotfolder.sandbox.imaging.view import find_view


@dataclass(frozen=True)
class Sky:
    """Where the sky is, and what of the picture lies outdoors under it.

    `mask` is 1 in clear sky, 0 elsewhere and between where leaves let it through. `outdoors` is None
    when everything is outdoors; in a room it is 1 where the windows show the outside, sky included.
    """

    mask: Plane
    outdoors: Plane | None


def find_sky(pixels: Picture) -> Sky:
    """The sky of a picture. Raises Unsuitable when less than 3 % of the picture is sky.

    In a room all that the windows show counts towards the 3 %, since all of it takes the new sky's light.
    """
    small = at_search_size(pixels)
    found = open_sky(small, skylike(small))
    walls = np.zeros_like(found)
    outdoors = None
    radius = max(2, round(max(pixels.shape[:2]) * 0.004))
    if found.any():
        patches, walls = pale_surfaces(small, found)
        found |= patches
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
            f"no sky was found in this picture (what looks like sky is {share:.1%} of it; 3% is the least)"
        )
    return Sky(mask, outdoors)


def skylike(small: Picture) -> Bits:
    """Pixels that could be sky by colour alone: pale and not warm, or blue."""
    lightness, green_red, blue_yellow = np.moveaxis(to_lab(small), 2, 0)
    chroma = np.hypot(green_red, blue_yellow)
    pale = (lightness > 55) & (chroma < 10) & (blue_yellow < 5)
    blue = (blue_yellow < -6) & (lightness > 45) & (green_red < 12) & (green_red > -18)
    return np.asarray(pale | blue)


def open_sky(small: Picture, candidates: Bits) -> Bits:
    """Sky that reaches the top of the frame; empty where there is none."""
    height = candidates.shape[0]
    lightness = to_lab(small)[:, :, 0]
    calm = candidates & (local_spread(lightness, 7) < 7)
    top_row = max(1, height // 100)
    core = np.zeros_like(calm)
    for region in regions(calm, 0.004 * calm.size):
        touching = region.bits[:top_row].any(axis=0).mean()
        if touching > 0.05 and edge_contrast(lightness, grow(region.bits, 3), 3) > 12:
            core |= region.bits
    if core.mean() < LEAST_SHARE / 2:
        return np.zeros_like(core)
    return cut_out(small, core, candidates)


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
    lightness = np.ascontiguousarray(to_lab(small)[:, :, 0])
    leafy = cv2.blur(foliage(small).astype(np.float32), (15, 15)) > 0.25
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
    patches, walls = np.zeros_like(found), np.zeros_like(found)
    for region in regions(calm, 0.0004 * calm.size):
        around = leaves[grow(region.bits, 8) & ~grow(region.bits, 3)].mean()
        framed = around > 0.4 or region.top == 0
        bright = np.median(lightness[region.bits]) > dimmest
        if framed and bright and region.middle_row < horizon:
            patches |= region.bits
        elif around < 0.5:
            walls |= region.bits
    return grow(patches, 2), grow(walls, 8)


def foliage(small: Picture) -> Bits:
    _, green_red, blue_yellow = np.moveaxis(to_lab(small), 2, 0)
    return np.asarray((green_red < -3) & (blue_yellow > 2))


def ramp(values: Plane, low: float, high: float) -> Plane:
    """0 up to `low`, 1 from `high`, straight in between."""
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), np.float32)
