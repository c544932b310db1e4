"""Finding window panes: a straight top edge with a vertical edge going down from either end."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.lines import Segments, find_segments, lean_degrees
from hotfolder.sandbox.imaging.masks import Bits, dilate
from hotfolder.sandbox.imaging.picturefiles import Picture
from hotfolder.sandbox.imaging.surfaces import Labels, extends_beyond, surfaces_along

Corners = npt.NDArray[np.float64]

# All as shares of the picture's height or width.
LEAST_HEIGHT = 0.06
LEAST_WIDTH = 0.04
LONGEST_GAP = 0.06
# An edge that isn't found at one blur is found at another.
BLURS = (0.7, 1.0, 1.35, 1.7, 2.2)
# The least share of a pane's width that its foot crosses; its lowest position, as a share of the height.
LEAST_ACROSS, LOWEST_FOOT = 0.6, 1.25
# How wide the edge of an even surface is, in pixels.
SURFACE_EDGE = 4


def find_panes(small: Picture) -> list[Corners]:
    """Quadrilaterals that may be panes: corners clockwise from the top left, x and y in pixels of `small`.

    By shape only: shelves and pictures on the wall are among them.
    """
    segments, lean = find_edges(small)
    uprights = draw_segments(segments[lean < 5], (small.shape[0], small.shape[1]))
    return panes_below(segments[lean > 75], uprights)


def find_panes_of_room(small: Picture, surfaces: Labels) -> list[tuple[Corners, Bits]]:
    """As `find_panes`, including panes in side walls and those cut off by the picture's sides.

    Each ends at its foot. With it comes a mask of what is certainly not behind its glass: parts of the room
    that are in front of it or extend beyond it.
    """
    segments, lean = find_edges(small)
    uprights = draw_segments(segments[lean < 5], (small.shape[0], small.shape[1]))
    uprights[:, [1, -2]] = True
    level = segments[lean > 45]
    level = np.where(level[:, :1] <= level[:, 2:3], level, level[:, [2, 3, 0, 1]])
    sizes = np.bincount(surfaces.ravel())
    beneath_edges = np.zeros((len(level), sizes.size), bool)
    for edge, numbers in zip(level, beneath_edges, strict=True):
        numbers[list(surfaces_along(edge.reshape(2, 2), surfaces))] = True

    def over_room(room: Bits) -> Segments:
        return np.asarray(level[beneath_edges[:, room].any(axis=1)])

    found = []
    for pane in panes_below(level, uprights):
        beyond = extends_beyond(fill_panes([pane], surfaces.shape), surfaces, sizes)
        whole = cut_at_foot(pane, over_room(beyond), surfaces.shape)
        if whole is not None:
            room = extends_beyond(fill_panes([whole], surfaces.shape), surfaces, sizes)
            hidden = mask_below(whole, over_room(room), surfaces.shape)
            found.append((whole, dilate(room[surfaces], SURFACE_EDGE) | hidden))
    return found


def find_edges(small: Picture) -> tuple[Segments, npt.NDArray[np.float64]]:
    """The straight edges of the picture, and the angle of each from the vertical, in degrees."""
    looks = [small, *(np.asarray(cv2.GaussianBlur(small, (0, 0), blur), np.uint8) for blur in BLURS)]
    segments = np.concatenate([find_segments(look, 0.03 * small.shape[0]) for look in looks])
    return segments, np.abs(lean_degrees(segments))


def panes_below(level: Segments, uprights: Bits) -> list[Corners]:
    """The panes whose top edges are among the level edges, or at the picture's upper edge."""
    tops = level[np.abs(level[:, 2] - level[:, 0]) > LEAST_WIDTH * uprights.shape[1]]
    rows = [row.tobytes() for row in uprights]
    found = [pane_below(top, rows) for top in (*tops, *cut_off_tops(uprights))]
    return [pane for pane in found if pane is not None]


def cut_at_foot(pane: Corners, feet: Segments, shape: tuple[int, ...]) -> Corners | None:
    """The pane, cut at the highest of the edges `feet` that crosses it; unchanged where none does.

    None for one that the picture's side cuts off and whose foot isn't found.
    """
    x0, y0, x1, y1 = feet.T
    across = np.minimum(x1, pane[1, 0]) - np.maximum(x0, pane[0, 0])
    lengths = pane[2:, 1] - pane[[1, 0], 1]
    slopes = (y1 - y0) / (x1 - x0)
    # Where the edges cross the sides: iterated from their crossings with vertical lines.
    shares = np.ones((len(feet), 2))
    for _ in range(2):
        columns = pane[[1, 0], 0] + (pane[2:, 0] - pane[[1, 0], 0]) * shares
        shares = (y0[:, None] + slopes[:, None] * (columns - x0[:, None]) - pane[[1, 0], 1]) / lengths
    fit = (across > LEAST_ACROSS * (pane[1, 0] - pane[0, 0])) & (shares.max(axis=1) < LOWEST_FOOT)
    fit &= (shares * lengths).min(axis=1) > LEAST_HEIGHT * shape[0]
    if fit.any():
        share = shares[fit][shares[fit].sum(axis=1).argmin()]
        return np.vstack((pane[:2], pane[[1, 0]] + (pane[2:] - pane[[1, 0]]) * share[:, None]))
    cut_off = pane[:, 0].min() < 3 or pane[:, 0].max() > shape[1] - 4
    return None if cut_off else pane


def mask_below(pane: Corners, tops: Segments, shape: tuple[int, ...]) -> Bits:
    """A mask of what is below those of the edges `tops` that cross the pane well below its top: a table,
    say."""
    canvas = np.zeros(shape, np.uint8)
    x0, y0, x1, y1 = tops.T
    pane_tops = np.interp((x0 + x1) / 2, pane[:2, 0], pane[:2, 1])
    crossing = (x1 >= pane[:, 0].min() - 1) & (x0 <= pane[:, 0].max() + 1)
    crossing &= (y0 + y1) / 2 > pane_tops + LEAST_HEIGHT * shape[0]
    for left, left_row, right, right_row in tops[crossing]:
        # Only over the edge's own width.
        corners = [(left, left_row - 2), (right, right_row - 2), (right, shape[0]), (left, shape[0])]
        cv2.fillConvexPoly(canvas, np.array(corners).round().astype(np.int32), 1)
    return canvas > 0


def draw_segments(segments: Segments, shape: tuple[int, int]) -> Bits:
    canvas = np.zeros(shape, np.uint8)
    for x0, y0, x1, y1 in segments.round().astype(int).tolist():
        cv2.line(canvas, (x0, y0), (x1, y1), 1, 1)
    return canvas > 0


def cut_off_tops(uprights: Bits) -> list[npt.NDArray[np.float64]]:
    """Top edges for panes cut off by the picture's upper edge: between neighbouring verticals reaching it."""
    height, width = uprights.shape
    columns = np.nonzero(uprights[: max(1, height // 25)].any(axis=0))[0]
    tops = []
    for left in columns:
        right = columns[columns > left + LEAST_WIDTH * width]
        if right.size and not (columns == left + 1).any():
            tops.append(np.array([left, 1, right[0], 1], float))
    return tops


def pane_below(top: npt.NDArray[np.float64], uprights: Sequence[bytes]) -> Corners | None:
    """The pane with this top edge, or None where no vertical edges go down from its ends."""
    left, right = sorted([(top[0], top[1]), (top[2], top[3])])
    left_foot, right_foot = follow_edge(left, uprights), follow_edge(right, uprights)
    if left_foot is None or right_foot is None:
        return None
    drops = (left_foot[1] - left[1], right_foot[1] - right[1])
    drop = max(drops)
    if drop < LEAST_HEIGHT * len(uprights) or min(drops) < 0.3 * drop:
        return None
    # A side that ends early was interrupted, by a handle or against leaves.
    left_drop, right_drop = (own if own > 0.8 * drop else drop for own in drops)
    return np.array(
        [left, right, (right_foot[0], right[1] + right_drop), (left_foot[0], left[1] + left_drop)]
    )


def follow_edge(start: tuple[float, float], uprights: Sequence[bytes]) -> tuple[float, float] | None:
    """The lower end of the vertical edge that begins near `start`, across small gaps; None where there is
    none.

    `uprights` holds a byte for each pixel of each row, non-zero where there is a vertical edge.
    """
    width = len(uprights[0])
    reach = max(3, width // 100)
    patience = round(LONGEST_GAP * len(uprights))
    column, foot = round(start[0]), None
    last = round(start[1])
    for row in range(max(0, round(start[1])), len(uprights)):
        pixels = uprights[row]
        near = range(max(0, column - reach), min(width, column + reach + 1))
        hits = [(abs(hit - column), hit) for hit in near if pixels[hit]]
        if hits:
            column = min(hits)[1]
            foot, last, reach = (float(column), float(row)), row, 4
        elif row - last > patience:
            break
    return foot


def fill_panes(panes: list[Corners], shape: tuple[int, int]) -> Bits:
    """A mask of everything inside the panes."""
    canvas = np.zeros(shape, np.uint8)
    for pane in panes:
        cv2.fillConvexPoly(canvas, pane.round().astype(np.int32), 1)
    return canvas > 0
