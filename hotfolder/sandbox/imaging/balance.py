"""White balance of a room: its white paint is white, under whatever lamps.

The brightest calm surfaces of a room are its ceiling, its frames and its doors, and these are white, or
nearly so, where a wall may have any colour: they tell how strong the lamps' colour is. In mixed light it is
taken out of each place by as much as that place shows of it. Only lamplight is: what is bluer than white is
daylight or dusk. And only where a lamp or a window shines: a facade's colour is its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from hotfolder.sandbox.imaging.files import Picture, Plane, blur, enlarged, shrink, strips, to_bytes
from hotfolder.sandbox.imaging.masks import Bits, grow, local_spread, to_lab
from hotfolder.sandbox.imaging.outdoors import open_sky

EDGE = 640
# A surface is calm where L* spreads by no more than this in five pixels, and neither dark nor burnt.
CALM, DARK, LIGHT = 1.5, 45.0, 97.0
# In CIELAB: paint of more chroma is no white in lamplight; and so much of the picture is calm.
MOST_CHROMA, LEAST_CALM = 26.0, 0.05
# Of the calm surfaces the brightest third is taken for white where its chroma lies between these.
BRIGHTEST, LEAST_CAST, MOST_CAST = 70, 3.0, 20.0
# What is greener, as a share of how yellow it is, is paint and no lamplight.
GREENEST = 0.7
# In a room so much is burnt out, and less than this of its upper edge.
BURNT, LEAST_BURNT, SPANNING = 250, 0.0005, 0.35
# From here to white a channel bends to white, so that what is burnt in all of them gets no colour.
WHITE_KNEE = 0.94
# How far around a pixel its light is looked at, as shares of the long edge, and how much each says.
NEAR = ((0.03, 1.0), (0.2, 0.02))


def balanced(picture: Picture, frames: Sequence[Picture], reference: int) -> Picture:
    """`picture`, a merge, without the cast of lamplight; as it is where no white surface is found, and where
    `frames`, its photos from dark to bright, aren't those of a room. `reference` is the best exposed one."""
    within = light_within(frames[reference]) and not under_sky(frames)
    gains = against_lamplight(picture) if within else None
    if gains is None:
        return picture
    result = np.empty_like(picture)
    for rows in strips(len(picture)):
        gain = enlarged(gains, picture.shape, rows)
        result[rows] = to_bytes(towards_white(gain * picture[rows] / np.float32(255), gain))
    return result


def light_within(frame: Picture) -> bool:
    """Whether something in the picture is burnt out that isn't a sky: a lamp, or a window."""
    burnt = grow(shrink(frame, EDGE).min(axis=2) >= BURNT, -1)
    return bool(burnt.mean() > LEAST_BURNT and burnt[1].mean() < SPANNING)


def under_sky(frames: Sequence[Picture]) -> bool:
    """Whether a frame shows a sky, which at night not all do. In the brightest a ceiling may look alike."""
    return any(open_sky(shrink(frame, EDGE))[0].any() for frame in frames[:-1])


def against_lamplight(picture: Picture) -> Plane | None:
    """What the channels are multiplied by, at a small size; None where there is nothing to be taken out."""
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
    yellow = cast[1] > 0 and -cast[0] < GREENEST * cast[1]
    if not (yellow and LEAST_CAST < np.hypot(*cast) < MOST_CAST):
        return None
    casts = around(lab[:, :, 1:], calm)
    # Daylight on a wall is left, and nowhere is more taken out than the white surfaces show.
    casts *= (casts @ cast > 0)[:, :, None]
    casts *= np.minimum(1, np.hypot(*cast) / np.maximum(np.linalg.norm(casts, axis=2), 1e-3))[:, :, None]
    light = np.full((*calm.shape, 1), white[0], np.float32)
    here = cv2.cvtColor(np.concatenate((light, casts), axis=2), cv2.COLOR_LAB2RGB)
    there = cv2.cvtColor(np.concatenate((light, 0 * casts), axis=2), cv2.COLOR_LAB2RGB)
    return np.asarray(there / here, np.float32)


def around(colours: Plane, where: Bits) -> Plane:
    """The mean colour of the pixels `where` near each pixel; near none, that of those farther off."""
    known = where.astype(np.float32)
    total, weight = np.zeros_like(colours), np.zeros_like(known)
    for reach, say in NEAR:
        sigma = reach * max(known.shape)
        total += np.float32(say) * blur(colours * known[:, :, None], sigma)
        weight += np.float32(say) * blur(known, sigma)
    return np.asarray(total / np.maximum(weight, 1e-6)[:, :, None], np.float32)


def towards_white(values: Plane, gain: Plane) -> Plane:
    """`values`, 0 to `gain`, bent above the knee so that they end at 1."""
    part = np.maximum(values / gain - np.float32(WHITE_KNEE), 0) / np.float32(1 - WHITE_KNEE)
    return np.asarray(values + (1 - gain) * part * part, np.float32)
