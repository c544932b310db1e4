"""Multi-scale MEF-SSIM: how well a fused picture keeps the structure of its exposures.

Written from K. Ma, K. Zeng, Z. Wang, "Perceptual Quality Assessment for Multi-Exposure Image Fusion",
IEEE Transactions on Image Processing 24(11), 2015. Luma only, values 0 to 255, as in the paper.

A patch is split into mean, contrast (length after the mean is removed) and structure (direction of unit
length). The patch wanted of a fusion has the highest contrast among the exposures and their
contrast-weighted mean structure; the fused patch is compared with it by the contrast and structure part of
SSIM. The weights' exponent p follows how consistent the exposures are among themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

WINDOW = 11
SIGMA = 1.5
STABILITY = (0.03 * 255) ** 2
SCALE_WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])

Gray = npt.NDArray[np.float64]


def mef_ssim(
    exposures: Sequence[npt.NDArray[np.uint8]], fused: npt.NDArray[np.uint8], scales: int = 3
) -> float:
    """Score of `fused` against `exposures`, at most 1. All are RGB or gray arrays of one size."""
    stack = [to_gray(exposure) for exposure in exposures]
    picture = to_gray(fused)
    weights = SCALE_WEIGHTS[:scales] / SCALE_WEIGHTS[:scales].sum()
    score = 1.0
    for scale in range(scales):
        value = max(float(quality_map(stack, picture).mean()), 0.0)
        score *= value ** weights[scale]
        if scale < scales - 1:
            stack = [halve(exposure) for exposure in stack]
            picture = halve(picture)
    return score


def to_gray(picture: npt.NDArray[np.uint8]) -> Gray:
    gray = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return np.asarray(gray, np.float64)


def halve(picture: Gray) -> Gray:
    return np.asarray(cv2.blur(picture, (2, 2))[::2, ::2])


def gaussian_mean(values: Gray) -> Gray:
    """Weighted mean over each window that lies wholly in the picture."""
    margin = WINDOW // 2
    blurred = cv2.GaussianBlur(values, (WINDOW, WINDOW), SIGMA)
    return np.asarray(blurred[margin:-margin, margin:-margin])


def quality_map(stack: Sequence[Gray], fused: Gray) -> Gray:
    """Contrast-and-structure similarity of each fused patch with the patch wanted there."""
    count = len(stack)
    means = [gaussian_mean(exposure) for exposure in stack]
    fused_mean = gaussian_mean(fused)
    covariance = [
        [gaussian_mean(stack[j] * stack[k]) - means[j] * means[k] if j <= k else None for k in range(count)]
        for j in range(count)
    ]
    pairs = [(j, k, np.asarray(covariance[j][k])) for j in range(count) for k in range(j, count)]
    contrasts = [np.sqrt(np.maximum(np.asarray(covariance[k][k]), 0)) for k in range(count)]

    summed = sum(product * (1 if j == k else 2) for j, k, product in pairs)
    consistency = np.sqrt(np.maximum(summed, 0)) / (sum(contrasts) + 1e-12)
    exponent = np.clip(np.tan(np.pi / 2 * np.clip(consistency, 0, 1 - 1e-9)), 0, 10)

    highest = np.maximum.reduce(contrasts)
    # Relative to the highest, so that a power of ten neither overflows nor vanishes; then divided by
    # each length, since structure has unit length.
    shares = [(c / (highest + 1e-12)) ** exponent / (c + 1e-9) for c in contrasts]
    length = np.sqrt(
        np.maximum(
            sum(shares[j] * shares[k] * product * (1 if j == k else 2) for j, k, product in pairs), 1e-18
        )
    )
    with_fused = sum(
        shares[k] * (gaussian_mean(stack[k] * fused) - means[k] * fused_mean) for k in range(count)
    )
    covariance_wanted = highest * with_fused / length
    fused_variance = np.maximum(gaussian_mean(fused * fused) - fused_mean**2, 0)
    return np.asarray((2 * covariance_wanted + STABILITY) / (highest**2 + fused_variance + STABILITY))
