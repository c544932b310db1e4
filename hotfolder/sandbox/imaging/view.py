"""What the windows of a room show: the sky in them, and the rest of the outside."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hotfolder.sandbox.imaging.files import Picture, Plane
from hotfolder.sandbox.imaging.masks import Bits, Region, edge_contrast, grow, local_spread, regions, to_lab
from hotfolder.sandbox.imaging.windows import Corners, fill, find_panes

# A pane is believed to show the outside when this much of it is as bright and neutral as sky.
LEAST_SKY_IN_PANE = 0.025
# Of what is just below a sky so much has structure.
LEAST_LIFE_BELOW = 0.4


@dataclass(frozen=True)
class View:
    """Both at the size that was searched.

    `outdoors` is 0 to 1 and empty of window frames as far as can be told.
    """

    sky: Bits
    outdoors: Plane


def find_view(small: Picture) -> View:
    """The outside as seen through the windows of `small`; all empty where it shows none."""
    lightness, _, blue_yellow = np.moveaxis(to_lab(small), 2, 0)
    bright = (lightness > 86) & (blue_yellow < 4)
    lively = local_spread(np.asarray(lightness, np.float32), 7) > 3
    clear = np.zeros_like(bright)
    for region in regions(bright, 0.0008 * bright.size):
        if is_sky_in_window(region, lightness) and stands_over(region, lively & ~bright):
            clear |= region.bits
    if not clear.any():
        return View(clear, np.zeros(clear.shape, np.float32))
    alive = lively | clear
    bright[int(np.nonzero(clear.any(axis=1))[0].max()) + bright.shape[0] // 20 :] = False
    panes = [pane for pane in find_panes(small) if shows_outside(pane, bright, clear, alive)]
    inside = grow(fill(panes, bright.shape), -2)
    gaps = bright & inside & ~long_and_thin(bright & ~clear)
    sky = clear | gaps
    lively = cv2.morphologyEx(alive.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((17, 17), np.uint8)) > 0
    outdoors = cv2.GaussianBlur((inside & grow(lively, 3) | sky).astype(np.float32), (0, 0), 1.5)
    return View(sky, np.asarray(outdoors, np.float32))


def is_sky_in_window(region: Region, lightness: Plane) -> bool:
    """Whether a bright region is like sky in a pane.

    It is no frame or rim, lies in the upper part, and stands against something darker.
    """
    height, width = lightness.shape
    wide = region.width > 0.015 * width and region.height > 0.015 * height
    thick = grow(region.bits, -3).sum() > 0.1 * region.area and hole_area(region) < region.area
    high = region.middle_row < 0.55 * height
    return bool(wide and thick and high) and edge_contrast(lightness, region.bits, 2) > 15


def stands_over(region: Region, lively: Bits) -> bool:
    """Whether something with structure is right below: trees or houses, as under a sky, and no smooth wall.

    Under a lamp, a white door or a picture on the wall there is none.
    """
    rows = max(4, lively.shape[0] // 25)
    gap = max(2, rows // 6)
    shifted = np.zeros_like(region.bits)
    below = np.zeros_like(region.bits)
    for row in range(gap, rows):
        shifted[row:] = region.bits[:-row]
        below |= shifted
        shifted[:] = False
    below &= ~grow(region.bits, gap)
    return bool(below.any()) and float(lively[below].mean()) > LEAST_LIFE_BELOW


def hole_area(region: Region) -> int:
    """Pixels that the region goes all around: many in a window's frame, few in sky behind twigs."""
    padded = np.pad(~region.bits, 1, constant_values=True).astype(np.uint8)
    cv2.floodFill(padded, None, (0, 0), 0)
    return int(padded.sum())


def shows_outside(pane: Corners, bright: Bits, clear: Bits, alive: Bits) -> bool:
    """Whether a quadrilateral holds some sky, and next to both its sides no smooth frame."""
    inside = fill([pane], bright.shape)
    if bright[inside].mean() < LEAST_SKY_IN_PANE or clear[inside].mean() < 0.2 * LEAST_SKY_IN_PANE:
        return False
    left, right, right_foot, left_foot = pane
    for outer, inner, outer_foot, inner_foot in (
        (left, right, left_foot, right_foot),
        (right, left, right_foot, left_foot),
    ):
        strip = np.array(
            [
                along(outer, inner, 0.03),
                along(outer, inner, 0.12),
                along(outer_foot, inner_foot, 0.12),
                along(outer_foot, inner_foot, 0.03),
            ]
        )
        if alive[fill([strip], bright.shape)].mean() < 0.6:
            return False
    return True


def along(start: Corners, end: Corners, share: float) -> Corners:
    return start + (end - start) * share


def long_and_thin(bits: Bits) -> Bits:
    """The straight rims of window frames, which shine as brightly as the sky."""
    work = bits.astype(np.uint8)
    rims = np.zeros_like(work)
    for size in ((1, 25), (25, 1)):
        kernel = np.ones(size, np.uint8)
        thickened = cv2.dilate(work, np.ones((3, 3), np.uint8))
        rims |= np.asarray(cv2.morphologyEx(thickened, cv2.MORPH_OPEN, kernel), np.uint8)
    return (rims > 0) & bits
