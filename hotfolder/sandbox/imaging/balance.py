"""White balance of a room: white paint becomes white under any lamp.

The brightest smooth surfaces of a room are its ceiling, frames and doors, which are nearly always white,
while walls may have any colour: these surfaces give the strength of the colour cast. In mixed light it is
removed locally, in proportion to the local cast. Only lamplight is removed: what is bluer than white is
daylight or dusk. And only where a lamp or window is in the picture: a facade keeps its colour.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hotfolder.sandbox.imaging.masks import BURNT, Bits, dilate, graying_gains, local_spread, to_lab
from hotfolder.sandbox.imaging.outdoors import open_sky
from hotfolder.sandbox.imaging.picturefiles import (
    Picture,
    Plane,
    blur,
    enlarge_rows,
    shrink,
    strips,
    to_bytes,
)

EDGE = 640
# A surface is smooth where the deviation of L* in 5 × 5 pixels is at most CALM; L* between DARK and LIGHT.
CALM, DARK, LIGHT = 1.5, 45.0, 97.0
# The most CIELAB chroma of white in lamplight; the least share of smooth pixels in the picture.
MOST_CHROMA, LEAST_CALM = 26.0, 0.1
# White is estimated from smooth pixels above this percentile of L*, if its chroma is between these.
BRIGHTEST, LEAST_CAST, MOST_CAST = 70, 3.0, 20.0
# The most green, as a share of yellow; a greener cast is paint and not lamplight.
GREENEST = 0.7
# Clipped pixels in a room: their least share, and their most in the upper edge.
LEAST_BURNT, SPANNING = 0.0005, 0.35
# Above this a channel is bent towards white, so that clipped pixels get no colour.
WHITE_KNEE = 0.94
# Sigmas of the neighbourhoods for the local cast, as shares of the long edge, and their weights.
NEAR = ((0.03, 1.0), (0.2, 0.02))


def balance_white(picture: Picture, frames: Sequence[Picture], reference: int) -> Picture:
    """`picture`, a merge, without the colour cast of lamplight; unchanged where no white surface is found, or
    where `frames`, its photos from dark to bright, don't show a room. `reference` is the best exposed one."""
    gains = lamplight_gains(picture) if has_clipped_light(frames[reference]) else None
    if gains is None or shows_sky(frames):
        return picture
    result = np.empty_like(picture)
    for rows in strips(len(picture)):
        gain = enlarge_rows(gains, picture.shape, rows)
        result[rows] = to_bytes(compress_highlights(gain * picture[rows] / np.float32(255), gain))
    return result


def has_clipped_light(frame: Picture) -> bool:
    """Whether something other than a sky is clipped in the picture: a lamp or a window."""
    burnt = dilate(shrink(frame, EDGE).min(axis=2) >= BURNT, -1)
    return bool(burnt.mean() > LEAST_BURNT and burnt[1].mean() < SPANNING)


def shows_sky(frames: Sequence[Picture]) -> bool:
    """Whether a frame shows a sky; at night not all do. In the brightest, left out, a ceiling may look
    alike."""
    return any(open_sky(shrink(frame, EDGE))[0].any() for frame in frames[:-1])


def lamplight_gains(picture: Picture) -> Plane | None:
    """Factors for the channels, at a small size; None where there is no cast to remove."""
    small = shrink(picture, EDGE)
    lab = to_lab(small)
    lightness = np.ascontiguousarray(lab[:, :, 0])
    calm = (lightness > DARK) & (lightness < LIGHT) & (local_spread(lightness, 5) < CALM)
    calm &= np.hypot(lab[:, :, 1], lab[:, :, 2]) < MOST_CHROMA
    if calm.mean() < LEAST_CALM:
        return None
    surfaces = lab[calm]
    white = np.median(surfaces[surfaces[:, 0] >= np.percentile(surfaces[:, 0], BRIGHTEST)], axis=0)
    cast = white[1:]
    yellow = cast[1] > 0 and -cast[0] < GREENEST * cast[1]
    if not (yellow and LEAST_CAST < np.hypot(*cast) < MOST_CAST) or open_sky(small)[0].any():
        return None
    casts = local_mean_colour(lab[:, :, 1:], calm)
    # Daylight on a wall is kept, and the local correction never exceeds the white surfaces' cast.
    casts *= (casts @ cast > 0)[:, :, None]
    casts *= np.minimum(1, np.hypot(*cast) / np.maximum(np.linalg.norm(casts, axis=2), 1e-3))[:, :, None]
    return graying_gains(casts, white[0])


def local_mean_colour(colours: Plane, where: Bits) -> Plane:
    """The mean colour of the pixels `where` near each pixel; far from any, that of a wider neighbourhood."""
    known = where.astype(np.float32)
    total, weight = np.zeros_like(colours), np.zeros_like(known)
    for reach, say in NEAR:
        sigma = reach * max(known.shape)
        total += np.float32(say) * blur(colours * known[:, :, None], sigma)
        weight += np.float32(say) * blur(known, sigma)
    return np.asarray(total / np.maximum(weight, 1e-6)[:, :, None], np.float32)


def compress_highlights(values: Plane, gain: Plane) -> Plane:
    """`values`, 0 to `gain`, bent above the knee so that they end at 1."""
    part = np.maximum(values / gain - np.float32(WHITE_KNEE), 0) / np.float32(1 - WHITE_KNEE)
    return np.asarray(values + (1 - gain) * part * part, np.float32)
