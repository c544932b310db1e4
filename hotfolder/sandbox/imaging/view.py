"""What the windows of a room show: the sky in them, and the rest of the outside."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from hotfolder.sandbox.imaging.files import Picture, Plane
from hotfolder.sandbox.imaging.masks import Bits, Region, edge_contrast, grow, local_spread, regions, to_lab
from hotfolder.sandbox.imaging.windows import Corners, fill, find_panes

# A sky behind glass stands out at one of these levels of L*, however bright the merge is; and its most b*.
SKY_LEVELS = (80, 83, 86, 89, 92)
MOST_YELLOW = 4
# It is as thick as twice this, and larger than this share of the picture.
THICK, LEAST_SKY = 3, 0.0004
# In shares of the picture's width: a narrower pane isn't looked at.
LEAST_WIDE = 0.055
# Glass is where so many of the panes that were found see it, and such a share of them.
LEAST_AGREEING, AGREED = 2, 0.75
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
    lab = to_lab(small)
    lightness, blue_yellow = np.ascontiguousarray(lab[:, :, 0]), lab[:, :, 2]
    lively = local_spread(lightness, 7) > 3
    clear = np.zeros(lightness.shape, bool)
    for level in SKY_LEVELS:
        clear |= sky_in_windows((lightness > level) & (blue_yellow < MOST_YELLOW), lightness, lively)
    found = [
        pane
        for pane in find_panes(small)
        if pane[:, 1].min() > 2 and np.ptp(pane[:, 0]) > LEAST_WIDE * small.shape[1]
    ]
    # A lamp's shade or a bright panel is no window, and stays.
    clear &= grow(fill(found, (small.shape[0], small.shape[1])), -2)
    if not clear.any():
        return View(clear, np.zeros(clear.shape, np.float32))
    alive = lively | clear
    alike = np.linalg.norm(lab - np.median(lab[clear], axis=0), axis=2) < SAME_SKY
    bright = (lightness >= np.percentile(lightness[clear], 5)) & (blue_yellow < MOST_YELLOW)
    # Lower down, what shines as the sky does is a leaf, a wall or water.
    horizon = int(np.nonzero(clear.any(axis=1))[0].max()) + bright.shape[0] // 20
    bright[horizon:] = alike[horizon:] = False
    # An edge that is found by a hair makes one pane more, and hardly changes what most agree on.
    agreeing, asked = np.zeros(bright.shape, np.float32), np.zeros(bright.shape, np.float32)
    for pane in found:
        seen, dead = glass_and_bars(pane, lightness, clear)
        if shows_outside(seen, bright, clear, alive):
            agreeing += seen
            asked += seen | dead
    glass = grow(grow((agreeing >= LEAST_AGREEING) & (agreeing > AGREED * asked), -3), 2)
    sky = glass & (clear | (bright | alike) & ~long_and_thin(bright & ~clear))
    return View(sky, glass.astype(np.float32))


def sky_in_windows(bright: Bits, lightness: Plane, lively: Bits) -> Bits:
    """What of the bright places is like sky in a pane, by its shape and by what is around it."""
    clear = np.zeros_like(bright)
    for region in regions(grow(grow(bright, -THICK), THICK), LEAST_SKY * bright.size):
        if is_sky_in_window(region, lightness) and stands_over(region, lively & ~bright):
            clear |= region.bits & bright
    return clear


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
    high = region.middle_row < 0.55 * height
    solid = hole_area(region) < region.area
    return bool(wide and high and solid) and edge_contrast(lightness, region.bits, 2) > 15


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
