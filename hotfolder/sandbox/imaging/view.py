"""The view through a room's windows: the sky in them, and the rest of the outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np

from hotfolder.sandbox.imaging.masks import (
    Bits,
    Region,
    dilate,
    edge_contrast,
    foliage,
    local_spread,
    regions,
    to_lab,
)
from hotfolder.sandbox.imaging.picturefiles import Picture, Plane
from hotfolder.sandbox.imaging.surfaces import (
    LEAST_AREA,
    Labels,
    even_surfaces,
    surfaces_along,
    thin_surfaces,
)
from hotfolder.sandbox.imaging.windows import LEAST_HEIGHT, Corners, fill_panes, find_panes_of_room

# A sky behind glass is a region at two of these thresholds of L*, however bright the merge is: at one a jamb
# in the sun may be connected to it. And its most b*.
SKY_LEVELS = (80, 83, 86, 89, 92)
MOST_YELLOW = 4
# Its least half thickness in pixels, and its least share of the picture.
THICK, LEAST_SKY = 5, 0.0004
# The least width of a pane, as a share of the picture's.
LEAST_WIDE = 0.055
# A pixel is glass where at least so many panes, and such a share of those that contain it, say so.
LEAST_AGREEING, AGREED = 2, 0.75
# A pane may show the outside when this share of it is as bright and neutral as sky, or when most of it is sky
# or leaves; and certainly does when the second share is sky. Third: least structure, sky or leaves.
LEAST_SKY_IN_PANE, LEAST_CLEAR_IN_PANE, LEAST_LIFE_IN_PANE = 0.025, 0.005, 0.6
MOSTLY_OUTSIDE = 0.5
# A share of the picture: smaller glass is a gap in a frame; as much possible glass, or leaves behind
# it, is a doubt.
LEAST_GLASS = 0.002
# The least share of a sky behind glass that must have been found to be glass.
WHOLE_SKY = 0.5
# A share of the picture: as much that is as bright as the sky, below the glass that was found, is a
# doubt. A sill in the sun is smaller.
LEAST_BELOW = 0.001
# The least spread of L* of what has structure, and its least share just below a sky.
LIVELY = 3
LEAST_LIFE_BELOW = 0.4
# The least gradient of L* per pixel; the least share of it, or of outdoors, in a row or column with a view.
LEAST_UNEVEN, LEAST_LIVE_LINE = 1.0, 0.4
# The width of a bar: least pixels, most share of the pane; and the least share of what it divides.
LEAST_BAR, MOST_BAR, LEAST_LIGHT = 3, 0.15, 0.1
# A bar that was taken for glass: its most width in pixels, its least difference in L*, its least share of the
# glass's height; railings outside have less.
WIDEST_LINE, LEAST_LINE, ACROSS = 7, 5.0, 0.93
# What stands before a window extends beyond it by at least this share of what is seen before the glass; a lit
# wall outside, where the glass was found to end early, by less.
LEAST_BEYOND = 0.1
# In CIELAB: what is as near as this to the clear sky's colour, behind glass, is sky.
SAME_SKY = 7.0
# In CIELAB: the most distance of a bar from what its ends adjoin. In pixels: the margin around a pane or
# the glass.
SAME_BAR, MARGIN = 9.0, 12


@dataclass(frozen=True)
class WindowView:
    """The view, at search size.

    `outdoors` is 0 to 1 and excludes window frames as far as they are known. `whole` says whether it covers
    all that may be glass: otherwise a pane would be left half in daylight when the sky changes.
    """

    sky: Bits
    outdoors: Plane
    whole: bool


def find_view(small: Picture) -> WindowView:
    """The outside as seen through the windows of `small`; all empty where it shows none."""
    lab = to_lab(small)
    surfaces = even_surfaces(lab)
    found = [
        (pane, room)
        for pane, room in find_panes_of_room(small, surfaces)
        if np.ptp(pane[:, 0]) > LEAST_WIDE * small.shape[1]
    ]
    anywhere = clear_sky(lab)
    # A lamp's shade or a bright panel is no window, and is kept.
    clear = anywhere & dilate(fill_panes([pane for pane, _ in found], (small.shape[0], small.shape[1])), -2)
    if not clear.any():
        return WindowView(clear, np.zeros(clear.shape, np.float32), whole=True)
    signs = OutdoorSigns.of(lab, clear)
    sky_numbers = set(surfaces[clear].tolist())
    thin = {number: row for number, row in thin_surfaces(surfaces).items() if number not in sky_numbers}
    panes = [Pane.of(corners, room, lab, signs.outside, surfaces, thin) for corners, room in found]
    panes = [
        pane for pane in panes if pane.glass.any() and signs.alive[pane.glass].mean() > LEAST_LIFE_IN_PANE
    ]
    sure, doubting, frames = sort_panes(panes, signs)
    glass = agreed_glass(sure, frames, clear.shape)
    sky = glass & signs.sky
    doubtful = (
        (count_votes(doubting, frames, clear.shape)[0] >= LEAST_AGREEING) & signs.alive & ~dilate(glass, 4)
    )
    # A paving in the sun is as even as a frame is, and outdoors.
    below = (np.sum([pane.below_glass for pane in sure], axis=0) >= LEAST_AGREEING) & ~dilate(glass, 4)
    # Without a frame that is told, neither are its bars nor its foot.
    whole = bool(frames) and not (
        regions(dilate(doubtful, -3), LEAST_GLASS * glass.size)
        or regions(dilate(dilate(signs.leaves_beyond(glass), -1), 1), LEAST_GLASS * glass.size)
        or regions(dilate(signs.lit & below, -2), LEAST_BELOW * glass.size)
        or any(glass[region.bits].mean() <= WHOLE_SKY for region in regions(anywhere, LEAST_SKY * glass.size))
        or has_bars(glass, signs.lightness)
    )
    # A foot is usually found too low, at the edge of a lit sill; where sky reaches it, it is right.
    glass[:-8] &= glass[8:] | clear[:-8]
    # A strip of a known frame between two panes is no reason to refuse them.
    glass &= ~np.isin(surfaces, list(frames))
    whole &= not is_obstructed(glass, surfaces, signs.lit | signs.outside)
    return WindowView(sky & glass, glass.astype(np.float32), whole)


def clear_sky(lab: Plane) -> Bits:
    """What looks like sky in a pane, wherever it is in the picture."""
    lightness, blue_yellow = np.ascontiguousarray(lab[:, :, 0]), lab[:, :, 2]
    lively = local_spread(lightness, 7) > LIVELY
    looks = [
        sky_in_windows((lightness > level) & (blue_yellow < MOST_YELLOW), lightness, lively)
        for level in SKY_LEVELS
    ]
    return np.asarray(np.sum(looks, axis=0) > 1)


@dataclass(frozen=True, eq=False)
class OutdoorSigns:
    """What in the picture looks like the outside, given its `clear` sky.

    `lit` is as bright and neutral as that sky, and `bright` that down to the horizon: below it, what is as
    bright is a leaf, a wall or water. `alike` has the sky's colour down to there, and `lively` structure.
    """

    lightness: Plane
    clear: Bits
    lit: Bits
    bright: Bits
    alike: Bits
    lively: Bits
    leaves: Bits

    @classmethod
    def of(cls, lab: Plane, clear: Bits) -> OutdoorSigns:
        lightness = np.ascontiguousarray(lab[:, :, 0])
        lit = (lightness >= np.percentile(lightness[clear], 5)) & (lab[:, :, 2] < MOST_YELLOW)
        alike = np.linalg.norm(lab - np.median(lab[clear], axis=0), axis=2) < SAME_SKY
        bright = lit.copy()
        horizon = int(np.nonzero(clear.any(axis=1))[0].max()) + clear.shape[0] // 20
        bright[horizon:] = alike[horizon:] = False
        return cls(lightness, clear, lit, bright, alike, local_spread(lightness, 7) > LIVELY, foliage(lab))

    @cached_property
    def rims(self) -> Bits:
        return thin_rims(self.bright & ~self.clear)

    @cached_property
    def outside(self) -> Bits:
        return self.clear | self.leaves | self.bright & self.alike & ~self.rims

    @property
    def sky(self) -> Bits:
        return self.clear | (self.bright | self.alike) & ~self.rims

    @cached_property
    def alive(self) -> Bits:
        return self.lively | self.clear | self.leaves

    def leaves_beyond(self, glass: Bits) -> Bits:
        """Leaves with sky between them, which are outdoors whether or not a pane was found there."""
        return (
            self.lively
            & dilate(self.leaves, 4)
            & dilate(self.bright | self.alike, 4)
            & ~dilate(glass, MARGIN)
        )


def sort_panes(panes: Sequence[Pane], signs: OutdoorSigns) -> tuple[list[Pane], list[Pane], set[int]]:
    """Sort the panes into those that surely show the outside and those that may; and the surfaces that frame
    the former."""
    views = [
        pane
        for pane in panes
        if signs.bright[pane.glass].mean() > LEAST_SKY_IN_PANE
        or signs.outside[pane.glass].mean() > MOSTLY_OUTSIDE
    ]
    # A pane that extends below its frame includes chairs and the floor between their legs.
    seeing_sky = [
        pane
        for pane in views
        if not pane.cut_off and not pane.overlong and signs.clear[pane.glass].mean() > LEAST_CLEAR_IN_PANE
    ]
    # A pane in the same frame is glass too, and needs no sky; with few other signs, two sides must be in it.
    frames = set[int]().union(*(side for pane in seeing_sky for side in pane.sides))
    beside = [
        pane
        for pane in panes
        if pane not in seeing_sky and pane.sides_in(frames) > (pane not in views) + pane.cut_off
    ]
    sure = [*seeing_sky, *(pane for pane in beside if not pane.overlong)]
    doubting = [pane for pane in panes if pane in [*views, *beside] and not pane.cut_off]
    return sure, doubting, frames


@dataclass(frozen=True, eq=False)
class Pane:
    """A quadrilateral that may be a pane: its glass (what shows the outside), and its frame and bars.

    `sides` has the numbers of the thin surfaces along its top, right, bottom and left. `cut_off`: it extends
    beyond the picture's upper edge; `overlong`: it extends below the end of the frame at its side, or below
    an object that hides that frame.
    """

    glass: Bits
    bars: Bits
    sides: list[set[int]]
    cut_off: bool
    overlong: bool

    @classmethod
    def of(
        cls,
        corners: Corners,
        room: Bits,
        lab: Plane,
        outside: Bits,
        surfaces: Labels,
        thin: Mapping[int, int],
    ) -> Pane:
        """`thin` maps the surfaces that may be frames to their lowest rows."""
        turned = np.roll(corners, -1, axis=0)
        sides = [
            surfaces_along(np.array((end, start)), surfaces) & thin.keys()
            for start, end in zip(corners, turned, strict=True)
        ]
        _, right, _, left = sides
        framed = bool(left or right) and sum(map(bool, sides)) > 1
        seen, dead = glass_and_bars(corners, lab, outside, framed=framed)
        overlong = any(
            foot - max(thin[number] for number in side) > LEAST_HEIGHT * len(lab)
            for side, foot in ((right, corners[2, 1]), (left, corners[3, 1]))
            if side
        )
        return cls(seen & ~room, dead & ~room, sides, bool(corners[:, 1].min() <= 2), overlong)

    @property
    def below_glass(self) -> Bits:
        """Its pixels below its glass, which were taken for a frame or a sill."""
        below = self.bars.copy()
        below[: int(np.nonzero(self.glass.any(axis=1))[0].max()) + 1] = False
        return below

    def sides_in(self, frames: Set[int]) -> int:
        """The number of its sides that adjoin one of these surfaces."""
        return sum(bool(side & frames) for side in self.sides)


def count_votes(panes: Sequence[Pane], frames: Set[int], shape: tuple[int, ...]) -> tuple[Plane, Plane]:
    """For each pixel, how many panes take it for glass, and how many for glass or bars; panes with a side in
    `frames` count twice."""
    agreeing, asked = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for pane in panes:
        looks = np.float32(2 if pane.sides_in(frames) else 1)
        agreeing += looks * pane.glass
        asked += looks * (pane.glass | pane.bars)
    return agreeing, asked


def agreed_glass(panes: Sequence[Pane], frames: Set[int], shape: tuple[int, ...]) -> Bits:
    """The pixels that most of the panes that judge them take for glass.

    A borderline edge adds one pane, and hardly changes the majority.
    """
    agreeing, asked = count_votes(panes, frames, shape)
    glass = dilate(dilate((agreeing >= LEAST_AGREEING) & (agreeing > AGREED * asked), -4), 3)
    large = regions(dilate(glass, 4), LEAST_GLASS * glass.size)
    return np.asarray(glass & np.any([part.bits for part in large] or [~glass], axis=0))


def has_bars(glass: Bits, lightness: Plane) -> bool:
    """Whether a thin dark upright crosses some of the glass from edge to edge, as only a bar does."""
    line = cv2.morphologyEx(lightness, cv2.MORPH_BLACKHAT, np.ones((1, WIDEST_LINE), np.uint8)) > LEAST_LINE
    crossed = cv2.dilate(line.astype(np.uint8), np.ones((1, 3), np.uint8)) > 0
    for part in regions(glass, LEAST_GLASS * glass.size):
        heights = part.bits.sum(axis=0)
        shares = (part.bits & crossed).sum(axis=0) / np.maximum(heights, heights.max() / 2)
        # At its sides is its frame.
        within = slice(part.left + WIDEST_LINE, part.left + part.width - WIDEST_LINE)
        if (shares[within] > ACROSS).any():
            return True
    return False


def is_obstructed(glass: Bits, surfaces: Labels, outside: Bits) -> bool:
    """Whether an even surface, neither sky nor leaves, extends from the glass far beyond it: a chair's back,
    say."""
    seen, beyond = (
        np.bincount(surfaces[part], minlength=int(surfaces.max()) + 1)
        for part in (glass & ~outside, ~dilate(glass, MARGIN))
    )
    return bool(((seen > LEAST_AREA) & (beyond > LEAST_BEYOND * seen))[1:].any())


def sky_in_windows(bright: Bits, lightness: Plane, lively: Bits) -> Bits:
    """The bright places that look like sky in a pane, by their shape and surroundings."""
    clear = np.zeros_like(bright)
    for region in regions(dilate(dilate(bright, -THICK), THICK), LEAST_SKY * bright.size):
        if is_sky_in_window(region, lightness) and has_structure_below(region, lively & ~bright):
            clear |= region.bits & bright
    return clear


def glass_and_bars(pane: Corners, lab: Plane, outside: Bits, *, framed: bool) -> tuple[Bits, Bits]:
    """Two masks of a pane: what shows the outside, and its frame and bars.

    With the pane rectified, a frame or a bar is even along a whole column or row, and a view is not. A
    horizontal bar must also adjoin the frame at both ends; else a wall in the view might pass for one. A pane
    that is `framed` has no wall of the room at its foot.
    """
    size = np.linalg.norm([pane[1] - pane[0], pane[3] - pane[0]], axis=1).round().astype(int)
    width, height = (max(8, int(length)) for length in size)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) + np.float32(MARGIN)
    turn = cv2.getPerspectiveTransform(pane.astype(np.float32), corners)
    straight, seen = (
        np.asarray(cv2.warpPerspective(plane, turn, (width + 2 * MARGIN, height + 2 * MARGIN)), np.float32)
        for plane in (lab, outside.astype(np.float32))
    )
    inside = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    light = cv2.GaussianBlur(np.ascontiguousarray(straight[:, :, 0]), (0, 0), 0.7)
    bars = []
    for axis in (0, 1):
        uneven = (np.abs(np.gradient(light, axis=axis)) > LEAST_UNEVEN) | (seen > 0.5)
        bars.append(uneven[inside].mean(axis=axis) <= LEAST_LIVE_LINE)
    columns, rows = bars
    own = np.median(straight[inside], axis=1)
    ends = (straight[MARGIN:-MARGIN, edge].mean(axis=1) for edge in (slice(0, 6), slice(-6, None)))
    fixed = np.max([np.linalg.norm(own - end, axis=1) for end in ends], axis=0) < SAME_BAR
    # From the top of the view down to its certain end.
    view = np.nonzero(~rows if framed else seen[inside].mean(axis=1) > LEAST_LIVE_LINE)[0]
    if view.size:
        sure = slice(int(view[0]), None if framed else int(view[-1]))
        rows[sure] &= fixed[sure]
    straight_on = np.ones(straight.shape[:2], np.uint8)
    straight_on[inside] += fill_gaps(~rows)[:, None] & fill_gaps(~columns)
    back = cv2.warpPerspective(straight_on, np.linalg.inv(turn), lab.shape[1::-1], flags=cv2.INTER_NEAREST)
    return dilate(back == 2, -1), (back == 1) & fill_panes([pane], lab.shape[:2])


def fill_gaps(live: Bits) -> Bits:
    """`live` with its gaps filled, except those as wide as a bar: the others belong to the view.

    Runs of a few pixels are a bar's edge, or at the end a handle or a sill, and are removed.
    """
    live = cv2.morphologyEx(live.astype(np.uint8), cv2.MORPH_OPEN, np.ones(5, np.uint8)).ravel() > 0
    places = np.nonzero(live)[0]
    whole = live.copy()
    for before, after in pairwise(places):
        if not LEAST_BAR <= after - before - 1 <= MOST_BAR * live.size:
            whole[before:after] = True
        elif places[-1] - after < LEAST_LIGHT * live.size:
            whole[after:] = False
            break
    return whole


def is_sky_in_window(region: Region, lightness: Plane) -> bool:
    """Whether a bright region looks like sky in a pane.

    It is no frame or rim, is in the upper part, and borders on something darker.
    """
    height, width = lightness.shape
    wide = region.width > 0.015 * width and region.height > 0.015 * height
    high = region.middle_row < 0.55 * height
    solid = hole_area(region) < region.area
    return bool(wide and high and solid) and edge_contrast(lightness, region.bits, 2) > 15


def has_structure_below(region: Region, lively: Bits) -> bool:
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
    below &= ~dilate(region.bits, gap)
    return bool(below.any()) and float(lively[below].mean()) > LEAST_LIFE_BELOW


def hole_area(region: Region) -> int:
    """The area of the region's holes in pixels: large in a window's frame, small in sky behind twigs."""
    padded = np.pad(~region.bits, 1, constant_values=True).astype(np.uint8)
    cv2.floodFill(padded, None, (0, 0), 0)
    return int(padded.sum())


def thin_rims(bits: Bits) -> Bits:
    """The straight rims of window frames, which are as bright as the sky."""
    work = bits.astype(np.uint8)
    rims = np.zeros_like(work)
    for size in ((1, 25), (25, 1)):
        kernel = np.ones(size, np.uint8)
        thickened = cv2.dilate(work, np.ones((3, 3), np.uint8))
        rims |= np.asarray(cv2.morphologyEx(thickened, cv2.MORPH_OPEN, kernel), np.uint8)
    return (rims > 0) & bits & ~dilate(dilate(bits, -THICK), THICK + 1)
