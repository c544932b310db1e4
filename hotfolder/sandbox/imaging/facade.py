"""The windows of a facade, seen from outside, and how they glow when the lamps inside are on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hotfolder.sandbox.imaging.masks import Bits, regions, to_lab
from hotfolder.sandbox.imaging.picturefiles import Picture, Plane, at_search_size, resize
from hotfolder.sandbox.imaging.windows import Corners, fill_panes, find_panes

DARK_LIGHTNESS, GRAY_CHROMA = 46.0, 10.0
"""The most L* and chroma of glass by day, in CIELAB."""
# The least share of such glass in a window's outline; the most L* by which glass is lighter than nine tenths
# of it, which curtains, bars and frames exceed; the least distance in a*b* of bricks within an outline.
LEAST_GLASS, GLASS_SPREAD, ANOTHER_HUE = 0.35, 6.0, 14.0
# The largest window, as a share of the picture; the least shares of a window's convex hull and of the
# rectangle around it; how many times as tall as wide a door is.
LARGEST, CONVEX, RECTANGULAR, DOOR = 0.03, 0.92, 0.75, 1.4
# Smaller parts, as shares of a window, are folds of a curtain; thinner ones, as shares of its shorter side, a
# lintel that its outline takes in.
LEAST_LIGHT, THINNEST = 0.025, 0.1
# The glow at a window's edge, relative to its middle.
EDGE_OF_GLOW = 0.6


def window_glow(pixels: Picture) -> Plane:
    """The glow of each pixel of a facade when the lamps inside are on, 0 to 1.

    Only dark glass in upright frames glows, each window as a whole: brightest in its middle, bars and frame
    dark.
    """
    small = at_search_size(pixels)
    lab = to_lab(small)
    glow = np.zeros(lab.shape[:2], np.float32)
    windows = [found for pane in find_panes(small) if (found := find_window(pane, lab)) is not None]
    lowest = max((window.foot for window in windows), default=0.0)
    for window in windows:
        if not window.may_be_door(lowest):
            depth = cv2.distanceTransform(window.outline.astype(np.uint8), cv2.DIST_L2, 3)
            lamp = np.float32(EDGE_OF_GLOW) + np.float32(1 - EDGE_OF_GLOW) * depth / depth.max()
            glow[window.area] = np.maximum(glow[window.area], lamp * window.glass)
    sharp = np.asarray(cv2.GaussianBlur(glow, (0, 0), 0.8), np.float32)
    return resize(sharp, (pixels.shape[0], pixels.shape[1]))


@dataclass(frozen=True)
class Window:
    """A window of a facade: masks of its outline and of the glass in it, of the part `area` of a picture."""

    area: tuple[slice, slice]
    outline: Bits
    glass: Bits

    @property
    def foot(self) -> float:
        """Its lowest row in the picture."""
        return float(self.area[0].start + np.nonzero(self.outline.any(axis=1))[0][-1])

    def may_be_door(self, lowest: float) -> bool:
        """Whether it is upright, without bars, and no window is lower; `lowest` is the lowest one's foot."""
        height, width = self.outline.any(axis=1).sum(), self.outline.any(axis=0).sum()
        upright = height > DOOR * width and len(regions(self.glass, 1)) == 1
        return bool(upright and self.foot > lowest - height / 4)


def find_window(pane: Corners, lab: Plane) -> Window | None:
    """The window that a pane belongs to; None for what isn't surely one, whole and made of glass.

    Glass is dark, of one colour, and nearly gray: doors and bricks have a colour, and frames are white. It
    is looked for around the pane, which may be half a window, and has a window's shape.
    """
    left, top = np.floor(pane.min(axis=0)).astype(int)
    right, foot = np.ceil(pane.max(axis=0)).astype(int)
    height, width = foot - top, right - left
    if height * width > LARGEST * lab[:, :, 0].size:
        return None
    reach = 3 * max(height, width)
    area = slice(max(0, top - reach), foot + reach), slice(max(0, left - reach), right + reach)
    lightness, hues = lab[area][:, :, 0], lab[area][:, :, 1:]
    inside = fill_panes([pane - (area[1].start, area[0].start)], lightness.shape)
    dark = inside & (lightness < DARK_LIGHTNESS)
    gray = dark & (np.hypot(hues[:, :, 0], hues[:, :, 1]) < GRAY_CHROMA)
    if gray.sum() < max(0.4 * dark.sum(), LEAST_GLASS * inside.sum(), 1):
        return None
    brightest = float(np.percentile(lightness[gray], 90)) + GLASS_SPREAD
    alike = np.linalg.norm(hues - np.median(hues[gray], axis=0), axis=2) < ANOTHER_HUE
    glass = (alike & (lightness < brightest)).astype(np.uint8)
    closed = cv2.morphologyEx(glass, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    least = max(4, round(THINNEST * min(height, width)))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((least, least), np.uint8))
    bars = np.ones((2 * least + 1, 2 * least + 1), np.uint8)
    joined = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, bars)
    whole = np.asarray(cv2.morphologyEx(joined, cv2.MORPH_OPEN, bars)) > 0
    outlines = [part.bits for part in regions(whole, 1)]
    outline = max(outlines, key=lambda bits: (bits & inside).sum(), default=whole)
    lights = [part.bits for part in regions((opened > 0) & outline, LEAST_LIGHT * outline.sum())]
    if not lights or not all(map(is_window_shaped, (outline, *lights))):
        return None
    return Window(area, outline, np.any(lights, axis=0))


def is_window_shaped(bits: Bits) -> bool:
    """Whether a mask is nearly a rectangle, whole, perhaps in perspective."""
    if not bits.any() or bits[[0, -1]].any() or bits[:, [0, -1]].any():
        return False
    contours, _ = cv2.findContours(bits.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    around = max(contours, key=cv2.contourArea)
    area = cv2.contourArea(around)
    width, height = cv2.minAreaRect(around)[1]
    return area > CONVEX * cv2.contourArea(cv2.convexHull(around)) and area > RECTANGULAR * width * height
