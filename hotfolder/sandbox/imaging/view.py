"""What the windows of a room show: the sky in them, and the rest of the outside."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from hotfolder.sandbox.imaging.files import Picture, Plane
from hotfolder.sandbox.imaging.masks import Bits, Region, edge_contrast, grow, local_spread, regions, to_lab
from hotfolder.sandbox.imaging.windows import Corners, fill, find_panes

# A pane is believed to show the outside when this much of it is as bright and neutral as sky.
LEAST_SKY_IN_PANE, LEAST_LIFE_IN_PANE = 0.025, 0.6
# Of what is just below a sky so much has structure.
LEAST_LIFE_BELOW = 0.4
# In L* from pixel to pixel, and how much of a line across a pane is so uneven or sky where it shows a view.
LEAST_UNEVEN, LEAST_LIVE_LINE = 1.0, 0.4
# The width of a bar: in pixels at least, as a share of the pane at most.
LEAST_BAR, MOST_BAR = 3, 0.15
# In CIELAB: what is so near to the clear sky's colour, behind glass, is sky.
SAME_SKY = 7.0


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
    found = [pane for pane in find_panes(small) if pane[:, 1].min() > 2]
    # A lamp's shade or a bright panel is no window, and stays.
    clear &= grow(fill(found, bright.shape), -2)
    if not clear.any():
        return View(clear, np.zeros(clear.shape, np.float32))
    alive = lively | clear
    bright[int(np.nonzero(clear.any(axis=1))[0].max()) + bright.shape[0] // 20 :] = False
    glass, bars = np.zeros_like(bright), np.zeros_like(bright)
    for pane in found:
        seen, dead = glass_and_bars(pane, lightness, clear)
        if shows_outside(seen, bright, clear, alive):
            glass |= seen
            bars |= dead
    glass = grow(grow(glass & ~bars, -2), 2)
    lab = to_lab(small)
    alike = np.linalg.norm(lab - np.median(lab[clear], axis=0), axis=2) < SAME_SKY
    sky = glass & (clear | (bright | alike) & ~long_and_thin(bright & ~clear))
    return View(sky, glass.astype(np.float32))


def glass_and_bars(pane: Corners, lightness: Plane, clear: Bits) -> tuple[Bits, Bits]:
    """What of a pane shows the outside, and what are its frame and its bars.

    Looked at straight on, a frame or a bar is even all along a column or a row, and a view is not.
    """
    size = np.linalg.norm([pane[1] - pane[0], pane[3] - pane[0]], axis=1).round().astype(int)
    width, height = (max(8, int(length)) for length in size)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn = cv2.getPerspectiveTransform(pane.astype(np.float32), corners)
    light, sky = (
        np.asarray(cv2.warpPerspective(plane, turn, (width, height)), np.float32)
        for plane in (lightness.astype(np.float32), clear.astype(np.float32))
    )
    lines = []
    for axis in (0, 1):
        steps = np.abs(np.gradient(cv2.GaussianBlur(light, (0, 0), 0.7), axis=axis))
        uneven = ((steps > LEAST_UNEVEN) | (sky > 0.5)).mean(axis=axis)
        lines.append(without_gaps(uneven > LEAST_LIVE_LINE))
    columns, rows = lines
    straight_on = np.where(rows[:, None] & columns, 2, 1).astype(np.uint8)
    back = cv2.warpPerspective(
        straight_on, np.linalg.inv(turn), lightness.shape[::-1], flags=cv2.INTER_NEAREST
    )
    return grow(back == 2, -1), back == 1


def without_gaps(live: Bits) -> Bits:
    """`live` without its gaps, but for those as wide as a bar: the others are the view's."""
    places = np.nonzero(live)[0]
    whole = live.copy()
    for before, after in pairwise(places):
        if not LEAST_BAR <= after - before - 1 <= MOST_BAR * live.size:
            whole[before:after] = True
    return whole


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


def shows_outside(glass: Bits, bright: Bits, clear: Bits, alive: Bits) -> bool:
    """Whether what is within a quadrilateral's frame holds some sky, and otherwise structure."""
    if not glass.any() or bright[glass].mean() < LEAST_SKY_IN_PANE:
        return False
    return bool(clear[glass].mean() > 0.2 * LEAST_SKY_IN_PANE and alive[glass].mean() > LEAST_LIFE_IN_PANE)


def long_and_thin(bits: Bits) -> Bits:
    """The straight rims of window frames, which shine as brightly as the sky."""
    work = bits.astype(np.uint8)
    rims = np.zeros_like(work)
    for size in ((1, 25), (25, 1)):
        kernel = np.ones(size, np.uint8)
        thickened = cv2.dilate(work, np.ones((3, 3), np.uint8))
        rims |= np.asarray(cv2.morphologyEx(thickened, cv2.MORPH_OPEN, kernel), np.uint8)
    return (rims > 0) & bits
