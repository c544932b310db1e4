"""The last touch of a merge.

Fusion flattens, so black, white and the middle are set where a photographer wants them.
"""

from __future__ import annotations

import cv2
import numpy as np

from hotfolder.sandbox.imaging.files import Picture, luma

WANTED_MEDIAN = 0.56
STRONGEST_GAMMA = 0.75


def finish(pixels: Picture) -> Picture:
    """One curve for all pixels and channels: a slight stretch, and brighter if dark. Never darker."""
    gray = luma(pixels)
    low, median, high = (float(value) for value in np.percentile(gray, (0.3, 50, 99.7)))
    black, white = min(0.7 * low, 0.08), max(high, 0.7)
    middle = min(max((median - black) / (white - black), 0.05), 0.95)
    gamma = min(max(np.log(WANTED_MEDIAN) / np.log(middle), STRONGEST_GAMMA), 1.0)
    steps = np.clip((np.arange(256) / 255 - black) / (white - black), 0, 1) ** gamma
    curve = np.clip(steps * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(pixels, curve), np.uint8)
