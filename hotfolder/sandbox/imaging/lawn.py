"""Finding a lawn, however tired, and making it fresh: its texture stays, its colour and its patches change."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hotfolder.sandbox.imaging.files import Picture, Plane, Unsuitable, at_search_size, resize
from hotfolder.sandbox.imaging.masks import LEAST_SHARE, Bits, grow, local_spread, refine, regions, to_lab

# Lightness, green-red and blue-yellow of healthy turf in daylight.
FRESH = (50.0, -22.0, 31.0)


@dataclass(frozen=True)
class Strength:
    """Shares from 0 to 1: how far the colour goes to green, and how far patches are evened out."""

    colour: float
    evenness: float


STRENGTHS = {"light": Strength(0.45, 0.3), "medium": Strength(0.7, 0.55), "strong": Strength(0.92, 0.8)}


def freshen_lawn(pixels: Picture, lawn_type: str) -> Picture:
    """The picture with a fresher lawn. Raises Unsuitable when less than 3 % of it is lawn."""
    mask = find_lawn(pixels)
    strength = STRENGTHS[lawn_type]
    lab = to_lab(pixels)
    reach = max(4.0, max(pixels.shape[:2]) / 60)
    inside = blur(mask, reach) + np.float32(1e-4)
    fresh = lab.copy()
    for channel, wanted in enumerate(FRESH):
        patches = blur(lab[:, :, channel] * mask, reach) / inside
        overall = float((lab[:, :, channel] * mask).sum() / mask.sum())
        if channel == 0:
            # The light stays the picture's own; only dry patches come closer to the lawn around them.
            move = (overall - patches) * strength.evenness * 0.7 + (wanted - overall) * strength.colour * 0.3
        else:
            move = (overall - patches) * strength.evenness + (wanted - overall) * strength.colour
        fresh[:, :, channel] += move
    # Brown blades among green ones would stay brown after a mere shift.
    for channel in (1, 2):
        calm = FRESH[channel] + (fresh[:, :, channel] - FRESH[channel]) * (1 - 0.6 * strength.evenness)
        fresh[:, :, channel] += (calm - fresh[:, :, channel]) * strength.colour
    rgb = cv2.cvtColor(fresh, cv2.COLOR_LAB2RGB)
    mixed = pixels + (np.clip(rgb, 0, 1) * 255 - pixels) * mask[:, :, None]
    return np.where(mask[:, :, None] > 0, np.clip(mixed + 0.5, 0, 255).astype(np.uint8), pixels)


def blur(plane: Plane, reach: float) -> Plane:
    """A Gaussian blur, made small first where it is wide, since nothing fine is left of it."""
    shape = (plane.shape[0], plane.shape[1])
    factor = max(1, int(reach / 4))
    small = cv2.resize(plane, (max(1, shape[1] // factor), max(1, shape[0] // factor)), interpolation=cv2.INTER_AREA)
    return resize(np.asarray(cv2.GaussianBlur(small, (0, 0), reach / factor), np.float32), shape)


def find_lawn(pixels: Picture) -> Plane:
    """1 on the lawn, 0 elsewhere. Raises Unsuitable when that is less than 3 % of the picture."""
    small = at_search_size(pixels)
    candidates = grasslike(small)
    height = candidates.shape[0]
    found = np.zeros_like(candidates)
    for region in regions(candidates, 0.005 * candidates.size):
        if lies_flat(region.bits, region.top + region.height, height):
            found |= region.bits
    radius = max(2, round(max(pixels.shape[:2]) * 0.003))
    mask = refine(cv2.GaussianBlur(found.astype(np.float32), (0, 0), 1.2), pixels, radius, 1e-3)
    mask[mask < 0.02] = 0
    share = float(mask.mean())
    if share < LEAST_SHARE:
        raise Unsuitable(
            f"no lawn was found in this picture (what looks like lawn is {share:.1%} of it; 3% is the least)"
        )
    return mask


def grasslike(small: Picture) -> Bits:
    """Textured ground of green, straw or dry brown, in the lower part of the picture."""
    smoothed = cv2.GaussianBlur(small, (0, 0), 2.5)
    lightness, green_red, blue_yellow = np.moveaxis(to_lab(np.asarray(smoothed, np.uint8)), 2, 0)
    green = (green_red < -5) & (blue_yellow > 8)
    straw = (green_red < 9) & (blue_yellow > 15) & (blue_yellow > 1.8 * green_red)
    textured = local_spread(np.asarray(to_lab(small)[:, :, 0], np.float32), 9) > 1.2
    bits = (green | straw) & (lightness > 18) & (lightness < 92) & grow(textured, 2)
    bits[: int(0.4 * bits.shape[0])] = False
    opened = cv2.morphologyEx(bits.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    return np.asarray(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))) > 0


def lies_flat(bits: Bits, lowest: int, height: int) -> bool:
    """Whether a region is spread on the ground and not a hedge: it reaches far down, or is wider than high."""
    columns = bits.any(axis=0).sum()
    mean_thickness = bits.sum() / max(int(columns), 1)
    return bool(lowest > 0.8 * height or (lowest > 0.6 * height and columns > 4 * mean_thickness))
