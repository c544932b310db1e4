"""Where a frame shows something else than the reference: what moved, and parallax that no warp takes out."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.align import SEARCH_EDGE, Look, relief
from hotfolder.sandbox.imaging.files import Picture, Plane, resize, shrink
from hotfolder.sandbox.imaging.masks import Bits, grow, regions

# Local correlation with the reference: below the first a frame is not believed, above the second wholly.
DOUBT, BELIEF = -0.1, 0.15
NEIGHBOURHOOD = 9.0
# Below this trust a frame tears what it shows; such places nearer than the second (of the long edge) are one.
TORN, JOINING = 0.25, 0.015
# Smaller is noise; larger is no object but a frame that doesn't lie right, of which the best parts are used.
LEAST_OBJECT, MOST_OBJECT = 0.0005, 0.15
# Gray levels that a frame may be off.
LEAST_STRANGENESS = 24
# A single channel may be off this many times as far.
COLOUR_LENIENCE = 2
# Around an object, in levels, for it to be put into another frame; else that frame is held back there.
MOST_MISFIT = 12.0
# Of the pixels, for a level to be known.
LEAST_SEEN = 0.0005
# How soft an object's border is, in pixels at which is searched.
SOFT = 3

Channels = npt.NDArray[np.uint8]


def lay_ghosts(frames: list[Picture], coverage: Sequence[Plane | None], reference: int) -> list[Plane | None]:
    """`coverage` with each frame held back where both it and the reference have structure, and it differs.

    What moved is taken whole from one frame, the reference or the one that shows most of it, and put into the
    others as bright as they would show it: the changed frames take their places in `frames`.
    """
    smalls = [shrink(frame, SEARCH_EDGE) for frame in frames]
    looks = [Look(small) for small in smalls]
    trusts = [
        np.ones_like(look.usable) if index == reference else trusted(look, looks[reference])
        for index, look in enumerate(looks)
    ]
    doubted = np.minimum.reduce(trusts) < TORN
    for index, look in enumerate(looks):
        if index != reference:
            usable = (look.usable * looks[reference].usable) > 0
            doubted |= strangely_lit(smalls[index], smalls[reference], usable)
    objects = whole_objects(doubted)
    matching: dict[int, list[Channels]] = {}
    changed: set[int] = set()
    for region in regions(objects, LEAST_OBJECT * doubted.size):
        if region.area < MOST_OBJECT * doubted.size:
            shown = [float(look.usable[region.bits].mean()) for look in looks]
            best = reference if shown[reference] > 0.8 * max(shown) else int(np.argmax(shown))
            if best not in matching:
                sure = (looks[best].usable > 0) & ~objects
                matching[best] = [matching_levels(smalls[best], small, sure) for small in smalls]
            levels = matching[best]
            around = grow(region.bits, 12) & ~grow(region.bits, 4)
            if (
                max(
                    misfit(smalls[best], level, small, around)
                    for level, small in zip(levels, smalls, strict=True)
                )
                > MOST_MISFIT
            ):
                hold_back_all_but(best, trusts, region.bits)
                continue
            for index, level in enumerate(levels):
                if index != best:
                    if index not in changed:
                        frames[index] = frames[index].copy()
                        changed.add(index)
                    put(frames[best], level, frames[index], region.bits)
                trusts[index][grow(region.bits, 2)] = 1
    return [held_back(cover, trust) for cover, trust in zip(coverage, trusts, strict=True)]


def held_back(cover: Plane | None, trust: Plane) -> Plane | None:
    """`cover` times `trust`, where that changes anything."""
    if trust.min() >= 1:
        return cover
    return trust if cover is None else np.asarray(cover * trust, np.float32)


def matching_levels(source: Picture, target: Picture, where: Bits) -> Channels:
    """For each level of each channel of `source` the one that `target` shows for it, of shape (1, 256, 3).

    What is brighter in one frame is so in the other: the levels go with each other in their order.
    """
    matched = np.zeros((1, 256, 3), np.uint8)
    for channel in range(3):
        ours, theirs = (np.bincount(frame[:, :, channel][where], minlength=256) for frame in (source, target))
        known = np.nonzero(ours > LEAST_SEEN * ours.sum())[0]
        middle = (ours.cumsum() - ours / 2)[known]
        pairs = np.searchsorted(theirs.cumsum(), middle)
        # Between what both show, and from there to black and white, in proportion.
        matched[0, :, channel] = np.interp(np.arange(256), [0, *known, 255], [0, *pairs, 255]).clip(0, 255)
    return matched


def strangely_lit(frame: Picture, anchor: Picture, usable: Bits) -> Bits:
    """Where the frame's colours don't go with the anchor's as they do in the rest of the picture.

    So that a plain shirt is seen to move as well as a checkered one.
    """
    if usable.mean() < 0.05:
        return np.zeros_like(usable)
    expected = cv2.GaussianBlur(cv2.LUT(frame, matching_levels(frame, anchor, usable)), (0, 0), 2)
    shown = cv2.GaussianBlur(anchor, (0, 0), 2)
    light = cv2.absdiff(cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY), cv2.cvtColor(expected, cv2.COLOR_RGB2GRAY))
    away = np.maximum(light, cv2.absdiff(shown, expected).max(axis=2) // COLOUR_LENIENCE)
    # Where lamps or a flash change the light from frame to frame, much is off, and nothing has moved.
    allowed = max(LEAST_STRANGENESS, 3 * float(np.median(away[usable])))
    strange = (usable & (away > allowed)).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(strange, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))) > 0


def misfit(source: Picture, levels: Channels, target: Picture, around: Bits) -> float:
    """How far, in levels, the source is from the target there: much where a flash lights one alone."""
    if not around.any():
        return 255.0
    expected = levels[0, source[around], np.arange(3)]
    return float(np.median(cv2.absdiff(expected, target[around]).max(axis=1)))


def put(source: Picture, levels: Channels, target: Picture, bits: Bits) -> None:
    """Write into `target` what `source` shows at `bits`, through `levels`, with a soft border."""
    height, width = target.shape[:2]
    scale = width / bits.shape[1]
    margin = 4 * SOFT
    rows, columns = np.nonzero(bits)
    top, left = max(0, rows.min() - margin), max(0, columns.min() - margin)
    bottom, right = rows.max() + margin + 1, columns.max() + margin + 1
    soft = np.asarray(
        cv2.GaussianBlur(bits[top:bottom, left:right].astype(np.float32), (0, 0), SOFT), np.float32
    )
    y, x = round(top * scale), round(left * scale)
    box = (slice(y, min(height, round(bottom * scale))), slice(x, min(width, round(right * scale))))
    share = resize(soft, target[box].shape[:2])
    target[box] = cv2.blendLinear(cv2.LUT(source[box], levels), target[box], share, 1 - share)


def whole_objects(doubted: Bits) -> Bits:
    """Doubted places that are near each other joined, with what they enclose: the parts of one walker."""
    reach = max(3, round(JOINING * max(doubted.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    framed = cv2.copyMakeBorder(doubted.astype(np.uint8), reach, reach, reach, reach, cv2.BORDER_CONSTANT)
    closed = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, kernel)[reach:-reach, reach:-reach]
    return grow(closed > 0, max(1, reach // 3))


def hold_back_all_but(best: int, trusts: list[Plane], bits: Bits) -> None:
    """Give frame `best` the whole say inside `bits`, with a soft border."""
    soft = np.asarray(cv2.GaussianBlur(bits.astype(np.float32), (0, 0), 2.5), np.float32)
    for index, trust in enumerate(trusts):
        if index == best:
            np.maximum(trust, soft, out=trust)
        else:
            np.minimum(trust, np.maximum(1 - soft, np.float32(1e-3)), out=trust)


def trusted(frame: Look, anchor: Look) -> Plane:
    """0 where the frame contradicts the anchor, 1 where it agrees or nothing can be said."""
    usable = frame.usable * anchor.usable
    ours, theirs = relief(frame.even), relief(anchor.even)
    product, our_energy, their_energy, seen = (
        cv2.GaussianBlur(plane, (0, 0), NEIGHBOURHOOD)
        for plane in (ours * theirs * usable, ours**2 * usable, theirs**2 * usable, usable)
    )
    correlation = product / np.sqrt(our_energy * their_energy + 1e-6)
    structure = np.maximum(our_energy, their_energy) / (seen + 1e-3)
    telling = np.clip((structure - 0.4) / 0.2, 0, 1) * np.clip((seen - 0.3) / 0.3, 0, 1)
    belief = np.clip((correlation - DOUBT) / (BELIEF - DOUBT), 0, 1)
    trust = 1 - telling * (1 - belief)
    # Squared, since what moved is often richer in contrast and colour than what it hides.
    return np.asarray(np.maximum(trust**2, 1e-3), np.float32)
