"""Where a frame shows something else than the reference: what moved, and parallax that no warp takes out."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from hotfolder.sandbox.imaging.align import Look, relief
from hotfolder.sandbox.imaging.files import Picture, Plane
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


def lay_ghosts(
    frames: Sequence[Picture], coverage: Sequence[Plane | None], reference: int
) -> list[Plane | None]:
    """`coverage` with each frame held back where both it and the reference have structure, and it differs.

    What moved is taken whole from one frame: the reference, or the frame that shows most of it.
    """
    looks = [Look(frame) for frame in frames]
    trusts = [
        np.ones_like(look.usable) if index == reference else trusted(look, looks[reference])
        for index, look in enumerate(looks)
    ]
    doubted = np.minimum.reduce(trusts) < TORN
    for index, look in enumerate(looks):
        if index != reference:
            doubted |= strangely_bright(look, looks[reference])
    for region in regions(whole_objects(doubted), LEAST_OBJECT * doubted.size):
        if region.area < MOST_OBJECT * doubted.size:
            shown = [float(look.usable[region.bits].mean()) for look in looks]
            best = reference if shown[reference] > 0.8 * max(shown) else int(np.argmax(shown))
            hold_back_all_but(best, trusts, region.bits)
    laid = list(coverage)
    for index, trust in enumerate(trusts):
        if trust.min() < 1:
            cover = laid[index]
            laid[index] = trust if cover is None else np.asarray(cover * trust, np.float32)
    return laid


def strangely_bright(frame: Look, anchor: Look) -> Bits:
    """Where the frame's brightness doesn't go with the anchor's as it does in the rest of the picture.

    So that a plain shirt is seen to move as well as a checkered one.
    """
    usable = (frame.usable * anchor.usable) > 0
    if usable.mean() < 0.05:
        return np.zeros_like(usable)
    ours, theirs = (np.bincount(look.gray[usable], minlength=256).cumsum() for look in (frame, anchor))
    # What is brighter in one frame is so in the other: the levels go with each other in their order.
    matching = np.searchsorted(theirs, ours).clip(0, 255).astype(np.uint8)
    expected = cv2.GaussianBlur(cv2.LUT(frame.gray, matching), (0, 0), 2)
    away = cv2.absdiff(cv2.GaussianBlur(anchor.gray, (0, 0), 2), expected)
    # Where lamps or a flash change the light from frame to frame, much is off, and nothing has moved.
    allowed = max(LEAST_STRANGENESS, 3 * float(np.median(away[usable])))
    strange = (usable & (away > allowed)).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(strange, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))) > 0


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
