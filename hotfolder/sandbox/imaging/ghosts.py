"""Deghosting: masks where a frame differs from the reference by motion or by uncorrected parallax."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.align import NEIGHBOURHOOD, SEARCH_EDGE, GrayFrame, local_correlation
from hotfolder.sandbox.imaging.masks import BURNT, Bits, Region, dilate, regions
from hotfolder.sandbox.imaging.picturefiles import Picture, Plane, resize, shrink

# Local correlation with the reference: belief in a frame is 0 up to the first and 1 from the second.
DOUBT, BELIEF = -0.1, 0.15
# Below this trust a place is doubted; doubted places closer than this share of the long edge are joined.
TORN, JOINING = 0.25, 0.015
# Shares of the picture: smaller is noise; larger is a misaligned frame, whose trusted parts are used.
LEAST_OBJECT, MOST_OBJECT = 0.0005, 0.15
# The gray levels by which a frame may always differ.
LEAST_STRANGENESS = 24
# A single channel may differ by this many times as much.
COLOUR_LENIENCE = 2
# The most difference in levels around an object for copying it into other frames; else they are masked.
MOST_MISFIT = 12.0
# The share of the pixels that a level needs to be matched.
LEAST_SEEN = 0.0005
# The sigma of an object's soft border, in pixels at search size.
SOFT = 3

Channels = npt.NDArray[np.uint8]


def mask_ghosts(
    frames: list[Picture], coverage: Sequence[Plane | None], reference: int
) -> list[Plane | None]:
    """`coverage` with each frame masked where it and the reference both have structure, and differ.

    A moved object is taken from one frame only, the reference or the one that shows most of it, and copied
    into the others at their exposure: changed frames are replaced in `frames`.
    """
    smalls = [shrink(frame, SEARCH_EDGE) for frame in frames]
    looks = [GrayFrame(small) for small in smalls]
    trusts = [
        np.ones_like(look.usable) if index == reference else frame_trust(look, looks[reference])
        for index, look in enumerate(looks)
    ]
    clear = [
        (look.usable > 0) & (small.max(axis=2) < BURNT) for look, small in zip(looks, smalls, strict=True)
    ]
    doubted = np.minimum.reduce(trusts) < TORN
    for small, usable in zip(smalls, clear, strict=True):
        if small is not smalls[reference]:
            doubted |= colour_mismatch(small, smalls[reference], usable & clear[reference])
    objects = join_objects(doubted)
    matching: dict[int, list[Channels]] = {}
    changed: set[int] = set()
    for region in regions(objects, LEAST_OBJECT * doubted.size):
        if region.area < MOST_OBJECT * doubted.size:
            shown = [float(bits[region.bits].mean()) for bits in clear]
            best = reference if shown[reference] > 0.8 * max(shown) else int(np.argmax(shown))
            if best not in matching:
                sure = clear[best] & ~objects
                matching[best] = [match_histograms(smalls[best], small, sure) for small in smalls]
            levels = matching[best]
            around = dilate(region.bits, 12) & ~dilate(region.bits, 4)
            if (
                max(
                    median_difference(smalls[best], level, small, around)
                    for level, small in zip(levels, smalls, strict=True)
                )
                > MOST_MISFIT
            ):
                keep_only(best, trusts, region.bits)
                continue
            for index, level in enumerate(levels):
                if index != best:
                    if index not in changed:
                        frames[index] = frames[index].copy()
                        changed.add(index)
                    paste_region(frames[best], level, frames[index], region)
                trusts[index][dilate(region.bits, 2)] = 1
    return [reduce_coverage(cover, trust) for cover, trust in zip(coverage, trusts, strict=True)]


def reduce_coverage(cover: Plane | None, trust: Plane) -> Plane | None:
    """`cover` times `trust`; `cover` itself where all trust is 1."""
    if trust.min() >= 1:
        return cover
    return trust if cover is None else np.asarray(cover * trust, np.float32)


def match_histograms(source: Picture, target: Picture, where: Bits) -> Channels:
    """For each level of each channel of `source` the corresponding level of `target`, of shape (1, 256, 3).

    By histogram matching: what is brighter in one frame is brighter in the other.
    """
    matched = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    for channel in range(3):
        ours, theirs = (np.bincount(frame[:, :, channel][where], minlength=256) for frame in (source, target))
        known = np.nonzero(ours > LEAST_SEEN * ours.sum())[0]
        if not known.size:
            continue
        middle = (ours.cumsum() - ours / 2)[known]
        pairs = np.searchsorted(theirs.cumsum(), middle)
        # Linear between matched levels; beyond the last one in proportion, as exposures differ.
        last = min(255.0, 255 * pairs[-1] / max(known[-1], 1))
        matched[0, :, channel] = np.interp(np.arange(256), [0, *known, 255], [0, *pairs, last]).clip(0, 255)
    return matched


def colour_mismatch(frame: Picture, anchor: Picture, usable: Bits) -> Bits:
    """A mask of where the frame's colours, matched to the anchor's, differ from it.

    So motion of plain areas is found too, such as a plain shirt.
    """
    if usable.mean() < 0.05:
        return np.zeros_like(usable)
    expected = cv2.GaussianBlur(cv2.LUT(frame, match_histograms(frame, anchor, usable)), (0, 0), 2)
    shown = cv2.GaussianBlur(anchor, (0, 0), 2)
    light = cv2.absdiff(cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY), cv2.cvtColor(expected, cv2.COLOR_RGB2GRAY))
    away = np.maximum(light, cv2.absdiff(shown, expected).max(axis=2) // COLOUR_LENIENCE)
    # Where lamps or a flash change the light between frames, much differs, and nothing has moved.
    allowed = max(LEAST_STRANGENESS, 3 * float(np.median(away[usable])))
    strange = (usable & (away > allowed)).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(strange, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))) > 0


def median_difference(source: Picture, levels: Channels, target: Picture, around: Bits) -> float:
    """The median difference, in levels, of matched source and target there; large if a flash lights only
    one."""
    if not around.any():
        return 255.0
    expected = levels[0, source[around], np.arange(3)]
    return float(np.median(cv2.absdiff(expected, target[around]).max(axis=1)))


def paste_region(source: Picture, levels: Channels, target: Picture, region: Region) -> None:
    """Copy the `region` of `source` into `target`, mapped by `levels`, with a soft border."""
    height, width = target.shape[:2]
    scale = width / region.bits.shape[1]
    margin = 4 * SOFT
    top, left = max(0, region.top - margin), max(0, region.left - margin)
    bottom, right = region.top + region.height + margin, region.left + region.width + margin
    inside = region.bits[top:bottom, left:right].astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(inside, (0, 0), SOFT), np.float32)
    y, x = round(top * scale), round(left * scale)
    box = (slice(y, min(height, round(bottom * scale))), slice(x, min(width, round(right * scale))))
    share = resize(soft, target[box].shape[:2])
    target[box] = cv2.blendLinear(cv2.LUT(source[box], levels), target[box], share, 1 - share)


def join_objects(doubted: Bits) -> Bits:
    """Doubted places that are close, joined and with their holes filled: parts of one moving person."""
    reach = max(3, round(JOINING * max(doubted.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    framed = cv2.copyMakeBorder(doubted.astype(np.uint8), reach, reach, reach, reach, cv2.BORDER_CONSTANT)
    closed = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, kernel)[reach:-reach, reach:-reach]
    return dilate(closed > 0, max(1, reach // 3))


def keep_only(best: int, trusts: list[Plane], bits: Bits) -> None:
    """Mask all frames but `best` inside `bits`, with a soft border."""
    soft = np.asarray(cv2.GaussianBlur(bits.astype(np.float32), (0, 0), 2.5), np.float32)
    for index, trust in enumerate(trusts):
        if index == best:
            np.maximum(trust, soft, out=trust)
        else:
            np.minimum(trust, np.maximum(1 - soft, np.float32(1e-3)), out=trust)


def frame_trust(frame: GrayFrame, anchor: GrayFrame) -> Plane:
    """0 where the frame contradicts the anchor, 1 where it agrees or has too little structure to tell."""
    usable = frame.usable * anchor.usable
    correlation, structure = local_correlation(frame.structure, anchor.structure, usable)
    seen = cv2.GaussianBlur(usable, (0, 0), NEIGHBOURHOOD)
    telling = np.clip((structure - 0.4) / 0.2, 0, 1) * np.clip((seen - 0.3) / 0.3, 0, 1)
    belief = np.clip((correlation - DOUBT) / (BELIEF - DOUBT), 0, 1)
    trust = 1 - telling * (1 - belief)
    # Squared, since a moving object often has more contrast and colour than what it hides.
    return np.asarray(np.maximum(trust**2, 1e-3), np.float32)
