"""Detection of straight line segments, for straightening and for finding windows."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.picturefiles import Picture

Segments = npt.NDArray[np.float64]


def find_segments(small: Picture, least_length: float) -> Segments:
    """Segments of at least `least_length` pixels, one a row as x0, y0, x1, y1 with y0 <= y1; may be empty."""
    gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(gray)[0]
    if found is None:
        return np.zeros((0, 4))
    segments = np.asarray(found, np.float64).reshape(-1, 4)
    upside_down = segments[:, 1] > segments[:, 3]
    segments[upside_down] = segments[upside_down][:, [2, 3, 0, 1]]
    return segments[lengths(segments) >= least_length]


def lengths(segments: Segments) -> npt.NDArray[np.float64]:
    return np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])


def lean_degrees(segments: Segments) -> npt.NDArray[np.float64]:
    """Degrees from the vertical, -90 to 90; positive where the lower end lies to the right."""
    return np.degrees(np.arctan2(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1]))
