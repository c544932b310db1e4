"""What a merge is judged by: the structure it keeps of its exposures, gradients it reverses, windows, colour.

MEF-MS-SSIM says how well a fused picture keeps the structure of its exposures. Written from K. Ma, K. Zeng,
Z. Wang, "Perceptual Quality Assessment for Multi-Exposure Image Fusion", IEEE Transactions on Image
Processing 24(11), 2015. Luma only, values 0 to 255, as in the paper.

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

WIDE, MID = 0.04, 0.012
"""Scales of `reversed_share`, as shares of the long edge."""
STRONG, SLIGHT = 8.0, 1.0
BURNT = 250
LEAST_WINDOW = 0.001
"""Share of the picture below which there is no view to judge."""

Gray = npt.NDArray[np.float64]


def mef_ssim(
    exposures: Sequence[npt.NDArray[np.uint8]], fused: npt.NDArray[np.uint8], scales: int = 3
) -> float:
    """The MEF-SSIM score of `fused` against `exposures`, at most 1. All are RGB or grey arrays of one
    size."""
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
    """The weighted mean over each window that lies wholly in the picture."""
    margin = WINDOW // 2
    blurred = cv2.GaussianBlur(values, (WINDOW, WINDOW), SIGMA)
    return np.asarray(blurred[margin:-margin, margin:-margin])


def quality_map(stack: Sequence[Gray], fused: Gray) -> Gray:
    """The contrast-and-structure similarity of each fused patch with the ideal patch there."""
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
    fused_variance = np.maximum(gaussian_mean(fused * fused) - fused_mean**2, 0)
    # Where the exposures' structures cancel out, the quotient of two roundings would exceed what unit length
    # allows.
    most = highest * np.sqrt(fused_variance)
    covariance_wanted = np.clip(highest * with_fused / length, -most, most)
    return np.asarray((2 * covariance_wanted + STABILITY) / (highest**2 + fused_variance + STABILITY))


def reversed_share(
    exposures: Sequence[npt.NDArray[np.uint8]], fused: npt.NDArray[np.uint8], scale: float
) -> float:
    """Share, 0 to 1, of strong gradients over `scale` (of the long edge) that run the wrong way in `fused`.

    A gradient counts where an exposure rises by at least STRONG and none falls by more than SLIGHT: the
    scene surely gets brighter there. It is reversed where `fused` falls by more than SLIGHT. Grey bruises
    on walls and halos round houses are such places.
    """
    size = scale * max(fused.shape[:2])
    step = max(1, round(size))
    frames = [
        np.asarray(cv2.GaussianBlur(to_gray(frame), (0, 0), size / 3), np.float64) for frame in exposures
    ]
    result = np.asarray(cv2.GaussianBlur(to_gray(fused), (0, 0), size / 3), np.float64)
    counted = reversed_ones = 0
    for axis in (0, 1):
        rises = np.array([difference(frame, step, axis) for frame in frames])
        strongest = np.take_along_axis(rises, np.abs(rises).argmax(axis=0)[None], axis=0)[0]
        way = np.sign(strongest)
        sure = (np.abs(strongest) >= STRONG) & ((rises * way).min(axis=0) >= -SLIGHT)
        counted += int(sure.sum())
        reversed_ones += int((sure & (difference(result, step, axis) * way < -SLIGHT)).sum())
    return reversed_ones / max(counted, 1)


def difference(values: Gray, step: int, axis: int) -> Gray:
    after, before = (slice(step, None), slice(None, -step))
    return values[after] - values[before] if axis == 0 else values[:, after] - values[:, before]


def window_area(exposures: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.bool_]:
    """The windows' mask: burnt out in the brightest exposure, and not in the darkest."""
    order = sorted((to_gray(frame) for frame in exposures), key=lambda gray: float(gray.mean()))
    area = ((order[-1] >= BURNT) & (order[0] < BURNT) & (order[0] > 20)).astype(np.uint8)
    burnt_in_the_middle = order[len(order) // 2] >= BURNT
    kernel = np.ones((5, 5), np.uint8)
    opened = cv2.morphologyEx(area & burnt_in_the_middle.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    return np.asarray(opened) > 0


def window_detail(
    exposures: Sequence[npt.NDArray[np.uint8]], fused: npt.NDArray[np.uint8], window: npt.NDArray[np.bool_]
) -> float:
    """Gradients of `fused` inside `window`, as a share of those of the exposure that has most of them there.

    The rim is left out: the step from a wall to what is bright behind it is meant to get smaller.
    """
    rim = max(2, round(0.004 * max(fused.shape[:2])))
    inside = cv2.erode(window.astype(np.uint8), np.ones((2 * rim + 1, 2 * rim + 1), np.uint8)) > 0
    if inside.mean() < LEAST_WINDOW:
        return 1.0
    best = max(slopes(to_gray(frame))[inside].sum() for frame in exposures)
    return float(slopes(to_gray(fused))[inside].sum() / max(best, 1e-9))


def slopes(gray: Gray) -> Gray:
    smooth = cv2.GaussianBlur(gray, (0, 0), 1.0)
    return np.hypot(cv2.Sobel(smooth, cv2.CV_64F, 1, 0), cv2.Sobel(smooth, cv2.CV_64F, 0, 1))


def clipped_share(fused: npt.NDArray[np.uint8], window: npt.NDArray[np.bool_]) -> float:
    """The share of `window` that is burnt out in `fused`, 0 to 1."""
    return float((to_gray(fused)[window] >= BURNT).mean()) if window.any() else 0.0


def added_cast(exposures: Sequence[npt.NDArray[np.uint8]], fused: npt.NDArray[np.uint8]) -> float:
    """How far, in CIELAB, the colour of near-neutral mid tones moved from that of the exposures. A move
    towards neutral doesn't count: it removes a cast."""
    labs = [to_lab(frame) for frame in exposures]
    levels = np.array([lab[:, :, 0] for lab in labs])
    nearest = np.abs(levels - to_lab(fused)[:, :, 0]).argmin(axis=0)
    shown = np.take_along_axis(np.array(labs), nearest[None, :, :, None], axis=0)[0]
    plain = (np.hypot(shown[:, :, 1], shown[:, :, 2]) < 15) & (shown[:, :, 0] > 30) & (shown[:, :, 0] < 92)
    if plain.mean() < 0.01:
        return 0.0
    was = np.median(shown[plain][:, 1:], axis=0)
    now = was + np.median(to_lab(fused)[plain][:, 1:] - shown[plain][:, 1:], axis=0)
    left = np.clip(now @ was / max(was @ was, 1e-6), 0, 1)
    return float(np.hypot(*(now - left * was)))


def to_lab(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.5).astype(np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB), np.float32)
