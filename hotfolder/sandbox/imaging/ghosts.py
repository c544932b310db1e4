"""Where a frame shows something else than the reference: what moved, and parallax that no warp takes out."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from hotfolder.sandbox.imaging.align import Look, relief
from hotfolder.sandbox.imaging.files import Picture, Plane

# Local correlation with the reference: below the first a frame is not believed, above the second wholly.
DOUBT, BELIEF = 0.15, 0.45
NEIGHBOURHOOD = 9.0


def lay_ghosts(
    frames: Sequence[Picture], coverage: Sequence[Plane | None], reference: int
) -> list[Plane | None]:
    """`coverage` with each frame held back where both it and the reference have structure, and it differs."""
    anchor = Look(frames[reference])
    laid = list(coverage)
    for index, frame in enumerate(frames):
        if index == reference:
            continue
        trust = trusted(Look(frame), anchor)
        if trust.min() < 1:
            cover = laid[index]
            laid[index] = trust if cover is None else np.asarray(cover * trust, np.float32)
    return laid


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
