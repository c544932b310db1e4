"""The window pull: inside panes that are burnt out, the darker exposures are given the say."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from hotfolder.sandbox.imaging.files import Picture, Plane, at_search_size, luma, resize
from hotfolder.sandbox.imaging.masks import Bits, local_spread
from hotfolder.sandbox.imaging.windows import fill, find_panes

# A pane counts only from this share of the picture on: below, it is glare, a gap in a curtain, a lamp.
LEAST_PANE = 0.004
MOST_PANE = 0.25
NEAR_CLIPPING = 0.88
# Of a pane, so much must be near clipping in a brighter frame, and so much have structure in a darker one.
LEAST_BURNT = 0.45
LEAST_DETAIL = 0.3
PULL = 0.92


def pull_windows(
    frames: Sequence[Picture], coverage: Sequence[Plane | None], reference: int
) -> list[Plane | None]:
    """`coverage` with the frames that are burnt out behind a window held back there.

    Frames run from dark to bright. Only large panes with four straight edges are touched; without any, the
    planes come back as they were.
    """
    smalls = [at_search_size(frame) for frame in frames]
    grays = [luma(small) for small in smalls]
    pulled = [None if cover is None else cover.copy() for cover in coverage]
    panes = [
        pane
        for small in smalls
        for pane in find_panes(small)
        if LEAST_PANE < fill([pane], grays[0].shape).mean() < MOST_PANE
    ]
    held_back = [np.zeros(grays[0].shape, bool) for _ in frames]
    for pane in panes:
        inside = fill([pane], grays[0].shape)
        for index in burnt_frames(inside, grays, reference):
            held_back[index] |= inside
    for index, bits in enumerate(held_back):
        if bits.any():
            pulled[index] = hold_back(pulled[index], bits, (frames[0].shape[0], frames[0].shape[1]))
    return pulled


def burnt_frames(inside: Bits, grays: Sequence[Plane], reference: int) -> list[int]:
    """The frames to hold back inside one pane.

    None unless it is burnt in the reference or brighter, and whole in a darker.
    """
    burnt = [index for index, gray in enumerate(grays) if (gray[inside] > NEAR_CLIPPING).mean() > LEAST_BURNT]
    if not burnt or burnt[0] > reference + 1 or burnt[0] == 0:
        return []
    darker = grays[burnt[0] - 1]
    detail = (local_spread(darker * 100, 7)[inside] > 2.5).mean()
    return burnt if detail > LEAST_DETAIL else []


def hold_back(cover: Plane | None, bits: Bits, shape: tuple[int, int]) -> Plane:
    soft = cv2.GaussianBlur(bits.astype(np.float32), (0, 0), 2.5)
    kept = 1 - PULL * resize(np.asarray(soft, np.float32), shape)
    return np.asarray(kept if cover is None else cover * kept, np.float32)
