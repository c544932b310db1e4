"""Finding window panes: a straight top edge with an upright edge going down from either end."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.files import Picture
from hotfolder.sandbox.imaging.lines import Segments, find_segments, leans
from hotfolder.sandbox.imaging.masks import Bits

Corners = npt.NDArray[np.float64]

# All as shares of the picture's height or width.
LEAST_HEIGHT = 0.06
LEAST_WIDTH = 0.04
LONGEST_GAP = 0.06
# An edge that is lost in one look is found in another.
BLURS = (1.0, 1.7)


def find_panes(small: Picture) -> list[Corners]:
    """Quadrilaterals that could be panes: corners clockwise from the top left, x and y in pixels of `small`.

    By shape alone: shelves and pictures on the wall are among them.
    """
    height, width = small.shape[:2]
    looks = [small, *(np.asarray(cv2.GaussianBlur(small, (0, 0), blur), np.uint8) for blur in BLURS)]
    segments = np.concatenate([find_segments(look, 0.03 * height) for look in looks])
    lean = np.abs(leans(segments))
    uprights = draw(segments[lean < 5], (height, width))
    level = segments[lean > 75]
    tops = level[np.abs(level[:, 2] - level[:, 0]) > LEAST_WIDTH * width]
    found = [pane_below(top, uprights) for top in (*tops, *cut_off_tops(uprights))]
    return [pane for pane in found if pane is not None]


def draw(segments: Segments, shape: tuple[int, int]) -> Bits:
    canvas = np.zeros(shape, np.uint8)
    for x0, y0, x1, y1 in segments.round().astype(int).tolist():
        cv2.line(canvas, (x0, y0), (x1, y1), 1, 1)
    return canvas > 0


def cut_off_tops(uprights: Bits) -> list[npt.NDArray[np.float64]]:
    """Top edges for panes that the picture's upper edge cuts: between neighbouring uprights that reach it."""
    height, width = uprights.shape
    columns = np.nonzero(uprights[: max(1, height // 25)].any(axis=0))[0]
    tops = []
    for left in columns:
        right = columns[columns > left + LEAST_WIDTH * width]
        if right.size and not (columns == left + 1).any():
            tops.append(np.array([left, 1, right[0], 1], float))
    return tops


def pane_below(top: npt.NDArray[np.float64], uprights: Bits) -> Corners | None:
    """The pane whose top edge this is, or None where no upright edges hang from its ends."""
    left, right = sorted([(top[0], top[1]), (top[2], top[3])])
    left_foot, right_foot = follow(left, uprights), follow(right, uprights)
    if left_foot is None or right_foot is None:
        return None
    drops = (left_foot[1] - left[1], right_foot[1] - right[1])
    drop = max(drops)
    if drop < LEAST_HEIGHT * uprights.shape[0] or min(drops) < 0.3 * drop:
        return None
    # An edge that ends early was lost on the way, behind a handle or against leaves.
    left_drop, right_drop = (own if own > 0.8 * drop else drop for own in drops)
    return np.array(
        [left, right, (right_foot[0], right[1] + right_drop), (left_foot[0], left[1] + left_drop)]
    )


def follow(start: tuple[float, float], uprights: Bits) -> tuple[float, float] | None:
    """The lower end of the upright edge that begins near `start`, across small gaps."""
    height, width = uprights.shape
    reach = max(3, width // 100)
    patience = round(LONGEST_GAP * height)
    column, foot = round(start[0]), None
    last = round(start[1])
    for row in range(max(0, round(start[1])), height):
        low = max(0, column - reach)
        hits = np.nonzero(uprights[row, low : column + reach + 1])[0]
        if hits.size:
            column = low + int(hits[np.argmin(np.abs(hits + low - column))])
            foot, last, reach = (float(column), float(row)), row, 2
        elif row - last > patience:
            break
    return foot


def fill(panes: list[Corners], shape: tuple[int, int]) -> Bits:
    """Everything inside the panes."""
    canvas = np.zeros(shape, np.uint8)
    for pane in panes:
        cv2.fillConvexPoly(canvas, pane.round().astype(np.int32), 1)
    return canvas > 0
