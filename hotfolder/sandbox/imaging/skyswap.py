"""Replacing the sky of a picture, and relighting the rest for it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import cv2
import numpy as np

from hotfolder.sandbox.imaging.files import Picture, Plane, at_search_size, resize, shrink, to_bytes
from hotfolder.sandbox.imaging.heavens import PALETTES, paint_sky
from hotfolder.sandbox.imaging.masks import Bits, regions, to_lab
from hotfolder.sandbox.imaging.sky import SkyMask, find_sky
from hotfolder.sandbox.imaging.windows import Corners, fill, find_panes

# How much twilight darkens what is under the sky, 0 to 1.
DUSK = {"subtle": 0.4, "middle": 0.7, "dramatic": 0.95}
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
# The glow at a window's edge, relative to its middle; the share of it on the wall, and its sigma.
EDGE_OF_GLOW, SPILL, SPILL_REACH = 0.6, 0.44, 0.012
# The house is darkened like its sky; the factor on top of the colours of dusk is at least this.
MOST_DARKENED = 0.55
LAMPLIGHT = np.array([1.0, 0.75, 0.38], np.float32)


def swap_sky(pixels: Picture, sky_type: str, sky_sub_type: str) -> Picture:
    """The picture with a `blue` or `twilight` sky. Raises Unsuitable when it shows no sky."""
    sky = find_sky(pixels)
    palette = PALETTES[sky_type, sky_sub_type]
    top, horizon = sky_span(sky)
    painted = paint_sky(
        (pixels.shape[0], pixels.shape[1]), palette, top=top, horizon=horizon, seed=picture_seed(pixels)
    )
    colour = pixels.astype(np.float32) / np.float32(255)
    alpha = sky.mask[:, :, None]
    ground = without_sky(colour, sky.mask)
    if sky_type == "twilight":
        dusk = at_dusk(ground, DUSK[sky_sub_type])
        dusk *= darkening(colour, painted, ground, dusk, sky)
        outdoors = 1 if sky.outdoors is None else sky.outdoors[:, :, None]
        ground = ground + (dusk - ground) * outdoors
        if sky.outdoors is None:
            glow = lit_windows(pixels) * np.float32(DUSK[sky_sub_type])
            spill = cv2.GaussianBlur(glow, (0, 0), SPILL_REACH * max(glow.shape)) * (1 - glow)
            ground = np.asarray(
                ground + (LAMPLIGHT * (0.75 + 0.5 * colour) - ground) * glow[:, :, None], np.float32
            )
            ground += np.asarray(LAMPLIGHT * colour * (SPILL * spill[:, :, None]), np.float32)
    mixed = ground * (1 - alpha) + painted * alpha
    return to_bytes(mixed)


def darkening(colour: Plane, painted: Plane, ground: Plane, dusk: Plane, sky: SkyMask) -> np.float32:
    """The factor for `dusk` by which the house loses as much light as its sky."""
    clear = sky.mask > 0.5
    below = ~clear if sky.outdoors is None else (sky.outdoors > 0.5) & ~clear
    if not below.any():
        return np.float32(1)
    wanted = float(painted[clear].mean()) / max(float(colour[clear].mean()), 1e-3)
    reached = float(dusk[below].mean()) / max(float(ground[below].mean()), 1e-3)
    return np.float32(min(max(wanted / reached, MOST_DARKENED), 1.0))


def picture_seed(pixels: Picture) -> int:
    """A seed that depends on the picture only."""
    return zlib.crc32(np.ascontiguousarray(shrink(pixels, 256)).tobytes())


def sky_span(sky: SkyMask) -> tuple[float, float]:
    """The rows of zenith and horizon.

    Through a window only the lower sky is seen, so its zenith is above the picture.
    """
    rows = np.nonzero((sky.mask > 0.5).mean(axis=1) > 0.002)[0]
    top, horizon = float(rows.min()), float(np.percentile(rows, 99))
    if sky.outdoors is not None:
        top -= 0.6 * (horizon - top)
    return top, horizon + 0.08 * (horizon - top)


def without_sky(colour: Plane, mask: Plane) -> Plane:
    """The foreground, with the old sky's colour removed from half-covered pixels."""
    reach = max(3.0, max(mask.shape) / 100)
    clear = (mask > 0.95).astype(np.float32)
    near = cv2.GaussianBlur(clear, (0, 0), reach)[:, :, None] + np.float32(1e-4)
    old_sky = cv2.GaussianBlur(colour * clear[:, :, None], (0, 0), reach) / near
    alpha = mask[:, :, None]
    ground = (colour - alpha * old_sky) / np.maximum(1 - alpha, 0.08)
    return np.where(alpha > 0, np.clip(ground, 0, 1), colour).astype(np.float32)


def at_dusk(colour: Plane, amount: float) -> Plane:
    """The picture darker, with cool shadows and warm lights, by `amount` from 0 to 1."""
    gray = colour @ np.array([0.299, 0.587, 0.114], np.float32)
    light = np.clip(gray, 0, 1)[:, :, None] ** 0.8
    cool = np.array([0.42, 0.48, 0.70], np.float32)
    warm = np.array([0.82, 0.60, 0.44], np.float32)
    dusk = colour ** (1 + 0.3 * amount) * (cool * (1 - light) + warm * light)
    return np.asarray(colour + (dusk - colour) * amount, np.float32)


def lit_windows(pixels: Picture) -> Plane:
    """The glow of each pixel of a facade when the lamps inside are on, 0 to 1.

    Only dark glass in upright frames glows, each window as a whole: brightest in its middle, bars and frame
    dark.
    """
    small = at_search_size(pixels)
    lab = to_lab(small)
    glow = np.zeros(lab.shape[:2], np.float32)
    windows = [found for pane in find_panes(small) if (found := window_of(pane, lab)) is not None]
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


def window_of(pane: Corners, lab: Plane) -> Window | None:
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
    inside = fill([pane - (area[1].start, area[0].start)], lightness.shape)
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
    if not (has_shape_of_window(outline) and all(has_shape_of_window(light) for light in lights)):
        return None
    return Window(area, outline, np.any(lights, axis=0))


def has_shape_of_window(bits: Bits) -> bool:
    """Whether a mask is nearly a rectangle, whole, perhaps in perspective."""
    if not bits.any() or bits[[0, -1]].any() or bits[:, [0, -1]].any():
        return False
    contours, _ = cv2.findContours(bits.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    around = max(contours, key=cv2.contourArea)
    area = cv2.contourArea(around)
    width, height = cv2.minAreaRect(around)[1]
    return area > CONVEX * cv2.contourArea(cv2.convexHull(around)) and area > RECTANGULAR * width * height
