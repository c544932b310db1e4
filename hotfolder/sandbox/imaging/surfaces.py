"""Even surfaces: walls, table tops and window frames. What runs on beyond a pane is not behind its glass."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.files import Plane
from hotfolder.sandbox.imaging.masks import Bits, grow

Labels = npt.NDArray[np.int32]
Line = npt.NDArray[np.float64]
"""Two points, each of x and y."""
Sizes = npt.NDArray[np.intp]

# In CIELAB, from pixel to pixel, at most; and how many pixels at least.
EVEN, LEAST_AREA = 1.5, 60
# So far beside a line a surface is looked for, since a frame has a bead; and so much of the line it is along.
BESIDE, ALONG = (7, 13), 0.5
# Of a surface, more than this lies beyond a pane where it is the room's.
BEYOND = 0.3
# In shares of the picture's width.
WIDEST_FRAME = 0.07


def even_surfaces(lab: Plane) -> Labels:
    """The connected parts of the picture without an edge or any structure, numbered from 1; 0 elsewhere."""
    # What a merge raises of a wall's grain doesn't cut it up; edges stay where they are.
    smooth = cv2.bilateralFilter(cv2.GaussianBlur(lab, (0, 0), 0.8), 7, 5.0, 2.0)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
    even = grow((across * across + down * down).sum(axis=2) < EVEN * EVEN, -1)
    _, numbered, stats, _ = cv2.connectedComponentsWithStats(even.astype(np.uint8), connectivity=4)
    numbered[stats[numbered, cv2.CC_STAT_AREA] < LEAST_AREA] = 0
    return np.asarray(numbered, np.int32)


def thin_ones(surfaces: Labels) -> dict[int, int]:
    """The surfaces that are as narrow as a window's frame, with the lowest row of each."""
    depth = cv2.distanceTransform((surfaces > 0).astype(np.uint8), cv2.DIST_L2, 3)
    wide = set(surfaces[depth > WIDEST_FRAME * surfaces.shape[1] / 2].tolist())
    lowest = np.zeros(int(surfaces.max()) + 1, np.intp)
    for row, numbers in enumerate(surfaces):
        lowest[numbers] = row
    return {number: int(lowest[number]) for number in range(1, lowest.size) if number not in wide}


def running_on(pane: Bits, surfaces: Labels, sizes: Sizes) -> Bits:
    """By number, which surfaces run on beyond the pane. `sizes` are theirs, in pixels."""
    parts = np.bincount(surfaces[pane], minlength=sizes.size)
    beyond = np.asarray(sizes - parts > BEYOND * sizes)
    beyond[0] = False
    return beyond


def surfaces_along(line: Line, surfaces: Labels) -> set[int]:
    """Which surfaces are along most of the line, on its right as seen from its first point."""
    found: set[int] = set()
    height, width = surfaces.shape
    along = (line[1] - line[0]) / max(float(np.linalg.norm(line[1] - line[0])), 1e-6)
    for distance in BESIDE:
        start, end = line + distance * np.array((-along[1], along[0]))
        columns, rows = np.linspace(start, end, 64)[6:-6].round().astype(int).T
        inside = (rows >= 0) & (columns >= 0) & (rows < height) & (columns < width)
        met = np.bincount(surfaces[rows[inside], columns[inside]], minlength=1)
        found.update(np.nonzero(met > ALONG * len(rows))[0].tolist())
    return found - {0}
