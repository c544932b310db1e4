"""Replacing the sky of a picture, and relighting the rest for it."""

from __future__ import annotations

import zlib

import cv2
import numpy as np

from hotfolder.sandbox.imaging.facade import window_glow
from hotfolder.sandbox.imaging.heavens import PALETTES, paint_sky
from hotfolder.sandbox.imaging.picturefiles import Picture, Plane, shrink, to_bytes
from hotfolder.sandbox.imaging.sky import SkyMask, find_sky

# How much twilight darkens what is under the sky, 0 to 1.
DUSK = {"subtle": 0.4, "middle": 0.7, "dramatic": 0.95}
# The share of a window's glow on the wall, and its sigma.
SPILL, SPILL_REACH = 0.44, 0.012
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
    ground = remove_sky_spill(colour, sky.mask)
    if sky_type == "twilight":
        dusk = relight_for_dusk(ground, DUSK[sky_sub_type])
        dusk *= dusk_factor(colour, painted, ground, dusk, sky)
        outdoors = 1 if sky.outdoors is None else sky.outdoors[:, :, None]
        ground = ground + (dusk - ground) * outdoors
        if sky.outdoors is None:
            glow = window_glow(pixels) * np.float32(DUSK[sky_sub_type])
            spill = cv2.GaussianBlur(glow, (0, 0), SPILL_REACH * max(glow.shape)) * (1 - glow)
            ground = np.asarray(
                ground + (LAMPLIGHT * (0.75 + 0.5 * colour) - ground) * glow[:, :, None], np.float32
            )
            ground += np.asarray(LAMPLIGHT * colour * (SPILL * spill[:, :, None]), np.float32)
    mixed = ground * (1 - alpha) + painted * alpha
    return to_bytes(mixed)


def dusk_factor(colour: Plane, painted: Plane, ground: Plane, dusk: Plane, sky: SkyMask) -> np.float32:
    """The factor for `dusk` that darkens the house as much as its sky was darkened."""
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


def remove_sky_spill(colour: Plane, mask: Plane) -> Plane:
    """The foreground, with the old sky's colour removed from partly covered pixels (edge decontamination)."""
    reach = max(3.0, max(mask.shape) / 100)
    clear = (mask > 0.95).astype(np.float32)
    near = cv2.GaussianBlur(clear, (0, 0), reach)[:, :, None] + np.float32(1e-4)
    old_sky = cv2.GaussianBlur(colour * clear[:, :, None], (0, 0), reach) / near
    alpha = mask[:, :, None]
    ground = (colour - alpha * old_sky) / np.maximum(1 - alpha, 0.08)
    return np.where(alpha > 0, np.clip(ground, 0, 1), colour).astype(np.float32)


def relight_for_dusk(colour: Plane, amount: float) -> Plane:
    """The picture darker, with cool shadows and warm lights, by `amount` from 0 to 1."""
    gray = colour @ np.array([0.299, 0.587, 0.114], np.float32)
    light = np.clip(gray, 0, 1)[:, :, None] ** 0.8
    cool = np.array([0.42, 0.48, 0.70], np.float32)
    warm = np.array([0.82, 0.60, 0.44], np.float32)
    dusk = colour ** (1 + 0.3 * amount) * (cool * (1 - light) + warm * light)
    return np.asarray(colour + (dusk - colour) * amount, np.float32)
