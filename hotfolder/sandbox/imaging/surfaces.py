"""Even surfaces: walls, table tops, window frames. One that extends beyond a pane isn't behind its glass."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.masks import Bits, dilate
from hotfolder.sandbox.imaging.picturefiles import Plane

Labels = npt.NDArray[np.int32]
Line = npt.NDArray[np.float64]
"""Two points, each of x and y."""
Sizes = npt.NDArray[np.intp]

# The most gradient in CIELAB per pixel; the least area in pixels.
EVEN, LEAST_AREA = 1.5, 60
# The pixels beside a line where a surface is searched (a frame has a bead); its least share of the line.
BESIDE, ALONG = (7, 13), 0.5
# A surface with more than this share beyond a pane belongs to the room.
BEYOND = 0.3
# As a share of the picture's width.
WIDEST_FRAME = 0.07


def even_surfaces(lab: Plane) -> Labels:
    """The connected parts of the picture without edges or structure, numbered from 1; 0 elsewhere."""
    # So that amplified noise doesn't split a wall; edges stay where they are.
    smooth = cv2.bilateralFilter(cv2.GaussianBlur(lab, (0, 0), 0.8), 7, 5.0, 2.0)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
    even = dilate((across * across + down * down).sum(axis=2) < EVEN * EVEN, -1)
    _, numbered, stats, _ = cv2.connectedComponentsWithStats(even.astype(np.uint8), connectivity=4)
    numbered[stats[numbered, cv2.CC_STAT_AREA] < LEAST_AREA] = 0
    return np.asarray(numbered, np.int32)


def thin_surfaces(surfaces: Labels) -> dict[int, int]:
    """The surfaces that are as narrow as a window's frame, each with its lowest row."""
    depth = cv2.distanceTransform((surfaces > 0).astype(np.uint8), cv2.DIST_L2, 3)
    wide = set(surfaces[depth > WIDEST_FRAME * surfaces.shape[1] / 2].tolist())
    lowest = np.zeros(int(surfaces.max()) + 1, np.intp)
    for row, numbers in enumerate(surfaces):
        lowest[numbers] = row
    return {number: int(lowest[number]) for number in range(1, lowest.size) if number not in wide}


def extends_beyond(pane: Bits, surfaces: Labels, sizes: Sizes) -> Bits:
    """By number, whether a surface extends beyond the pane. `sizes` has the surfaces' areas in pixels."""
    parts = np.bincount(surfaces[pane], minlength=sizes.size)
    beyond = np.asarray(sizes - parts > BEYOND * sizes)
    beyond[0] = False
    return beyond


def surfaces_along(line: Line, surfaces: Labels) -> set[int]:
    """The surfaces that adjoin most of the line, on its right as seen from its first point."""
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
