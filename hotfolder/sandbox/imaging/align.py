"""Alignment of a bracket's frames by their content, independent of exposure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.files import Picture, Plane, shrink

Motion = npt.NDArray[np.float64]

SEARCH_EDGE = 1200
# A frame is warped only for a clear gain in agreement: each warp costs a little sharpness.
LEAST_GAIN = 0.02
STILL_PIXELS = 1.5
CERTAIN = 0.8
# A share of the long edge; a larger motion is a mismatch, not camera shake.
MOST_SHIFT = 0.35
LEAST_INLIERS = 24


@dataclass(frozen=True)
class Aligned:
    """Aligned frames; `coverage` has for each, at a smaller size, a mask of where it has pixels.

    None stands for everywhere. `moved` is the number of warped frames.
    """

    frames: list[Picture]
    coverage: list[Plane | None]
    moved: int


def align(frames: Sequence[Picture], reference: int) -> Aligned:
    """Warp every frame onto `frames[reference]`; a frame whose agreement doesn't improve stays as it is.

    Frames must be ordered from dark to bright. Each is also tried by way of its neighbour, which is more
    alike.
    """
    looks = [Look(frame) for frame in frames]
    motions: dict[int, Motion] = {reference: np.eye(3)}
    for index in outwards(reference, len(frames)):
        neighbour = index + 1 if index < reference else index - 1
        motions[index] = find_motion(looks[index], looks[reference], looks[neighbour], motions[neighbour])
    aligned: list[Picture] = []
    coverage: list[Plane | None] = []
    for index, frame in enumerate(frames):
        motion = full_size(motions[index], looks[index])
        aligned.append(frame if motion is None else warp(frame, motion))
        coverage.append(None if motion is None else covered(looks[index], motions[index]))
    moved_count = sum(cover is not None for cover in coverage)
    return Aligned(aligned, coverage, moved_count)


def outwards(start: int, count: int) -> list[int]:
    """All indices but `start`, nearest first."""
    return sorted((index for index in range(count) if index != start), key=lambda index: abs(index - start))


class Look:
    """The input of alignment for a frame: a small gray picture with normalized exposure."""

    def __init__(self, frame: Picture) -> None:
        small = shrink(frame, SEARCH_EDGE)
        self.scale = small.shape[1] / frame.shape[1]
        self.gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        self.even = cv2.createCLAHE(clipLimit=8.0, tileGridSize=(8, 8)).apply(self.gray)
        self.usable = ((self.gray > 8) & (self.gray < 247)).astype(np.float32)

    @cached_property
    def features(self) -> tuple[Sequence[Any], Any]:
        """SIFT key points and their descriptors (None where there are none)."""
        sift = cv2.SIFT.create(nfeatures=2500, contrastThreshold=0.02)
        return sift.detectAndCompute(self.even, None)


def find_motion(frame: Look, anchor: Look, neighbour: Look, neighbour_motion: Motion) -> Motion:
    """The homography from frame to anchor, at search size; the identity where none agrees clearly better."""
    best = np.eye(3)
    best_score = agreement(frame, anchor, best) + LEAST_GAIN
    if best_score > 1 - LEAST_GAIN:
        return best
    for candidate in candidates(frame, anchor, neighbour, neighbour_motion):
        if candidate is None or not plausible(candidate, anchor):
            continue
        score = agreement(frame, anchor, candidate)
        if score > best_score:
            best, best_score = candidate, score
        if (
            score > CERTAIN
            and corner_shift(candidate, *anchor.gray.shape[::-1]) < STILL_PIXELS * anchor.scale
        ):
            break  # from a tripod: the other candidates cost most of the time, and give the same result
    return best


def candidates(
    frame: Look, anchor: Look, neighbour: Look, neighbour_motion: Motion
) -> Iterator[Motion | None]:
    yield by_shift(frame, anchor)
    yield by_features(frame, anchor)
    if neighbour is not anchor:
        on_neighbour = by_features(frame, neighbour)
        if on_neighbour is not None:
            yield neighbour_motion @ on_neighbour


def full_size(motion: Motion, look: Look) -> Motion | None:
    """The homography in the frame's full-size pixels; None where it is too small to be worth a warp."""
    height, width = look.gray.shape
    if corner_shift(motion, width, height) < STILL_PIXELS * look.scale:
        return None
    scaling = np.diag([look.scale, look.scale, 1.0])
    return np.asarray(np.linalg.inv(scaling) @ motion @ scaling)


def by_shift(frame: Look, anchor: Look) -> Motion:
    """A translation, by phase correlation of both frames' local structure."""
    window = cv2.createHanningWindow((anchor.gray.shape[1], anchor.gray.shape[0]), cv2.CV_32F)
    (right, down), _ = cv2.phaseCorrelate(relief(frame.even), relief(anchor.even), window)
    return np.array([[1, 0, right], [0, 1, down], [0, 0, 1]], float)


def by_features(frame: Look, anchor: Look) -> Motion | None:
    """A homography from matched features by RANSAC; None with too few inliers."""
    frame_points, frame_words = frame.features
    anchor_points, anchor_words = anchor.features
    if (
        frame_words is None
        or anchor_words is None
        or min(len(frame_words), len(anchor_words)) < LEAST_INLIERS
    ):
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(frame_words, anchor_words, k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < 0.75 * pair[1].distance]
    if len(good) < LEAST_INLIERS:
        return None
    source = np.array([frame_points[match.queryIdx].pt for match in good], np.float32)
    wanted = np.array([anchor_points[match.trainIdx].pt for match in good], np.float32)
    cv2.setRNGSeed(1)
    motion, inliers = cv2.findHomography(source, wanted, cv2.RANSAC, 2.0, maxIters=4000, confidence=0.999)
    if motion is None or int(inliers.sum()) < LEAST_INLIERS:
        return None
    return np.asarray(motion, float)


def plausible(motion: Motion, anchor: Look) -> bool:
    """Whether camera shake could cause this motion."""
    height, width = anchor.gray.shape
    return bool(corner_shift(motion, width, height) < MOST_SHIFT * max(width, height))


def corner_shift(motion: Motion, width: int, height: int) -> float:
    """The largest shift of a corner's coordinate for a picture of this size, in pixels."""
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], float)
    moved = np.asarray(cv2.perspectiveTransform(corners, motion), float)
    return float(np.abs(moved - corners).max())


def agreement(frame: Look, anchor: Look, motion: Motion) -> float:
    """Correlation, -1 to 1, of local structure where both frames have usable pixels."""
    size = (anchor.gray.shape[1], anchor.gray.shape[0])
    moved = cv2.warpPerspective(frame.even, motion, size, flags=cv2.INTER_LINEAR)
    usable = cv2.warpPerspective(frame.usable, motion, size, flags=cv2.INTER_NEAREST) * anchor.usable
    if usable.mean() < 0.02:
        return -1.0
    ours, theirs = relief(moved), relief(anchor.even)
    product = float((ours * theirs * usable).sum())
    energy = float((ours**2 * usable).sum()) * float((theirs**2 * usable).sum())
    return product / float(np.sqrt(energy) + 1e-9)


def relief(gray: npt.ArrayLike) -> Plane:
    """Local structure: a gray picture minus its local mean, divided by its local deviation."""
    values = np.asarray(gray, np.float32)
    # Smoothed first, or the blur of interpolation would count as agreement.
    values = cv2.GaussianBlur(values, (0, 0), 1.2) - cv2.GaussianBlur(values, (0, 0), 6)
    spread = np.sqrt(cv2.GaussianBlur(values * values, (0, 0), 6)) + np.float32(4)
    return np.asarray(values / spread, np.float32)


def warp(frame: Picture, motion: Motion) -> Picture:
    """The warped frame; its border is filled by reflection."""
    height, width = frame.shape[:2]
    moved = cv2.warpPerspective(
        frame, motion, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(moved, np.uint8)


def covered(look: Look, motion: Motion) -> Plane:
    """A feathered mask of where the warped frame has pixels of its own, at search size."""
    height, width = look.gray.shape
    whole = np.full((height, width), 255, np.uint8)
    return feather(np.asarray(cv2.warpPerspective(whole, motion, (width, height))) > 250)


def feather(inside: npt.NDArray[np.bool_]) -> Plane:
    """1 inside, falling smoothly to 0 at the edge, so that the edge leaves no line in the blend.

    The picture's own border is no edge, unless `inside` ends there.
    """
    reach = max(4.0, 0.03 * max(inside.shape))
    framed = cv2.copyMakeBorder(inside.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1]
    ramp = np.clip(distance / reach, 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), np.float32)
