"""White balance of a room: its white paint is white, under whatever lamps.

The brightest calm surfaces of a room are its ceiling, its frames and its doors, and these are white, or
nearly so, where a wall may have any colour. Only lamplight is taken out: what is bluer than white is daylight
or dusk. And only where a lamp or a window shines: a facade's colour is its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.files import Picture, Plane, shrink
from hotfolder.sandbox.imaging.masks import grow, local_spread, nearly_gray, to_lab
from hotfolder.sandbox.imaging.outdoors import open_sky

EDGE = 640
# A surface is calm where L* spreads by no more than this in five pixels, and neither dark nor burnt.
CALM, DARK, LIGHT = 1.5, 45.0, 97.0
# In CIELAB: paint of more chroma is no white in lamplight; and so much of the picture is calm.
MOST_CHROMA, LEAST_CALM = 26.0, 0.05
# Of the calm surfaces the brightest third is taken for white where its chroma lies between these.
BRIGHTEST, LEAST_CAST, MOST_CAST = 70, 3.0, 20.0
# In a room so much is burnt out, and less than this of its upper edge.
BURNT, LEAST_BURNT, SPANNING = 250, 0.0005, 0.35
# From here to white a channel bends to white, so that what is burnt in all of them gets no colour.
WHITE_KNEE = 0.94

Gains = npt.NDArray[np.float32]


def balanced(picture: Picture, frames: Sequence[Picture], reference: int) -> Picture:
    """`picture`, a merge, without the cast of lamplight; as it is where no white surface is found, and where
    `frames`, its photos from dark to bright, aren't those of a room. `reference` is the best exposed one."""
    within = light_within(frames[reference]) and not under_sky(frames)
    gains = against_lamplight(picture) if within else None
    if gains is None:
        return picture
    values = np.arange(256, dtype=np.float32) / np.float32(255)
    tables = np.stack([towards_white(values * gain, gain) for gain in gains], axis=1)
    table = (tables.clip(0, 1) * 255 + 0.5).astype(np.uint8)[None, :, :]
    return np.asarray(cv2.LUT(picture, table), np.uint8)


def light_within(frame: Picture) -> bool:
    """Whether something in the picture is burnt out that isn't a sky: a lamp, or a window."""
    burnt = grow(shrink(frame, EDGE).min(axis=2) >= BURNT, -1)
    return bool(burnt.mean() > LEAST_BURNT and burnt[1].mean() < SPANNING)


def under_sky(frames: Sequence[Picture]) -> bool:
    """Whether a frame shows a sky, which at night not all do. In the brightest a ceiling may look alike."""
    return any(open_sky(shrink(frame, EDGE))[0].any() for frame in frames[:-1])


def against_lamplight(picture: Picture) -> Gains | None:
    """What the channels are multiplied by; None where there is nothing to be taken out."""
    small = shrink(picture, EDGE)
    lab = to_lab(small)
    lightness = np.ascontiguousarray(lab[:, :, 0])
    calm = (lightness > DARK) & (lightness < LIGHT) & (local_spread(lightness, 5) < CALM)
    calm &= np.hypot(lab[:, :, 1], lab[:, :, 2]) < MOST_CHROMA
    if calm.mean() < LEAST_CALM or open_sky(small)[0].any():
        return None
    surfaces = lab[calm]
    white = np.median(surfaces[surfaces[:, 0] >= np.percentile(surfaces[:, 0], BRIGHTEST)], axis=0)
    cast = white[1:]
    if cast[1] <= 0 or not LEAST_CAST < np.hypot(*cast) < MOST_CAST:
        return None
    # In mixed light, no further than 1 beyond neutral for most of what is nearly gray.
    grayish = nearly_gray(lab)
    gray = np.median(lab[grayish], axis=0)[1:] if grayish.any() else cast
    share = min(max(float(gray @ cast) / float(cast @ cast) + 1 / float(np.hypot(*cast)), 0), 1)
    pair = np.array([[white, white - share * np.array((0, *cast))]], np.float32)
    here, there = cv2.cvtColor(pair, cv2.COLOR_LAB2RGB)[0]
    return np.asarray(there / here, np.float32)


def towards_white(values: Plane, gain: np.float32) -> Plane:
    """`values`, 0 to `gain`, bent above the knee so that they end at 1."""
    part = np.maximum(values / gain - np.float32(WHITE_KNEE), 0) / np.float32(1 - WHITE_KNEE)
    return np.asarray(values + (1 - gain) * part * part, np.float32)
