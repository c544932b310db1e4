"""Registration: aligns a bracket's frames by their content, independent of exposure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.picturefiles import Picture, Plane, blur, enlarge_rows, shrink, strips

Motion = npt.NDArray[np.float64]

SEARCH_EDGE = 1200
# A frame is warped only for a clear gain in agreement: each warp costs a little sharpness.
LEAST_GAIN = 0.02
NEGLIGIBLE_PIXELS = 1.5
CERTAIN = 0.8
# A share of the long edge; a larger motion is a mismatch, not camera shake.
MOST_SHIFT = 0.35
LEAST_INLIERS = 24
# Local correlation is measured with this sigma, in pixels at search size.
NEIGHBOURHOOD = 9.0
# Parallax: a larger shift is a mismatch; the sigma that smooths shifts; both are shares of the long edge.
MOST_DRIFT, DRIFT_REACH = 0.04, 0.004
# The gain in local correlation that makes a shift sure, and the gain in agreement that makes it worth a warp.
SURE_GAIN, DRIFT_GAIN = 0.1, 0.1


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
    looks = [GrayFrame(frame) for frame in frames]
    motions: dict[int, Motion] = {reference: np.eye(3)}
    for index in nearest_first(reference, len(frames)):
        neighbour = index + 1 if index < reference else index - 1
        motions[index] = find_motion(looks[index], looks[reference], looks[neighbour], motions[neighbour])
    aligned: list[Picture] = []
    coverage: list[Plane | None] = []
    anchor = looks[reference]
    for index, frame in enumerate(frames):
        motion = motions[index]
        drift = None if index == reference else find_parallax(looks[index], anchor, motion)
        still = drift is None and is_negligible(motion, anchor)
        aligned.append(frame if still else warp(frame, motion, drift, anchor.scale))
        coverage.append(None if still else coverage_mask(anchor.gray.shape, motion, drift))
    moved_count = sum(cover is not None for cover in coverage)
    return Aligned(aligned, coverage, moved_count)


def nearest_first(start: int, count: int) -> list[int]:
    """All indices but `start`, nearest first."""
    return sorted((index for index in range(count) if index != start), key=lambda index: abs(index - start))


class GrayFrame:
    """A frame as alignment uses it: a small gray picture with normalized exposure."""

    def __init__(self, frame: Picture) -> None:
        small = shrink(frame, SEARCH_EDGE)
        self.scale = small.shape[1] / frame.shape[1]
        self.gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        self.even = cv2.createCLAHE(clipLimit=8.0, tileGridSize=(8, 8)).apply(self.gray)
        self.usable = ((self.gray > 8) & (self.gray < 247)).astype(np.float32)

    @cached_property
    def structure(self) -> Plane:
        return local_structure(self.even)

    @cached_property
    def features(self) -> tuple[Sequence[Any], Any]:
        """SIFT key points and their descriptors (None where there are none)."""
        sift = cv2.SIFT.create(nfeatures=2500, contrastThreshold=0.02)
        return sift.detectAndCompute(self.even, None)


def find_motion(
    frame: GrayFrame, anchor: GrayFrame, neighbour: GrayFrame, neighbour_motion: Motion
) -> Motion:
    """The homography from frame to anchor, at search size; the identity where none agrees clearly better."""
    best = np.eye(3)

    def score_of(motion: Motion) -> float:
        ours, usable = overlay(frame, anchor, motion)
        return structure_correlation(ours, anchor.structure, usable)

    best_score = score_of(best) + LEAST_GAIN
    if best_score > 1 - LEAST_GAIN:
        return best
    for number, candidate in enumerate(candidate_motions(frame, anchor, neighbour, neighbour_motion)):
        if candidate is None or not is_plausible(candidate, anchor):
            continue
        score = score_of(candidate)
        if score > best_score:
            best, best_score = candidate, score
        if score > CERTAIN and (number > 0 or is_negligible(candidate, anchor)):
            break  # a translation is enough for a tripod only; what follows costs most of the time
    return best


def is_negligible(motion: Motion, anchor: GrayFrame) -> bool:
    """Whether `motion` is too small to be worth a warp."""
    return bool(corner_shift(motion, *anchor.gray.shape[::-1]) < NEGLIGIBLE_PIXELS * anchor.scale)


def candidate_motions(
    frame: GrayFrame, anchor: GrayFrame, neighbour: GrayFrame, neighbour_motion: Motion
) -> Iterator[Motion | None]:
    """Motions from frame to anchor to be tried, the cheapest first: a translation, then homographies."""
    yield estimate_translation(frame, anchor)
    yield estimate_homography(frame, anchor)
    if neighbour is not anchor:
        on_neighbour = estimate_homography(frame, neighbour)
        if on_neighbour is not None:
            yield neighbour_motion @ on_neighbour


def find_parallax(frame: GrayFrame, anchor: GrayFrame, motion: Motion) -> Plane | None:
    """The shifts that remain after `motion`: parallax, which no homography describes.

    By dense optical flow (Kroeger et al. 2016), smoothed where it is sure. None where it makes the frames
    agree hardly better.
    """
    ours, usable = overlay(frame, anchor, motion)
    theirs = anchor.structure
    before = structure_correlation(ours, theirs, usable)
    if before > CERTAIN:
        return None
    places = pixel_grid(slice(0, len(ours)), ours.shape[1])

    def shifted(shifts: Plane) -> Plane:
        return np.asarray(sample(ours, places + shifts, cv2.INTER_LINEAR), np.float32)

    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = np.asarray(finder.calc(flow_input(theirs), flow_input(ours), np.zeros_like(places)), np.float32)
    gain = local_correlation(shifted(flow), theirs, usable)[0] - local_correlation(ours, theirs, usable)[0]
    sure = np.asarray(np.clip(gain / SURE_GAIN, 0, 1) * usable, np.float32)
    sure[np.abs(flow).max(axis=2) > MOST_DRIFT * max(sure.shape)] = 0
    reach = DRIFT_REACH * max(sure.shape)
    drift = blur(flow * sure[:, :, None], reach) / (blur(sure, reach) + np.float32(0.02))[:, :, None]
    if structure_correlation(shifted(drift), theirs, usable) < before + DRIFT_GAIN:
        return None
    return np.asarray(drift, np.float32)


def overlay(frame: GrayFrame, anchor: GrayFrame, motion: Motion) -> tuple[Plane, Plane]:
    """The frame's local structure laid over the anchor, and a mask of where both have usable pixels."""
    size = (anchor.gray.shape[1], anchor.gray.shape[0])
    even = cv2.warpPerspective(frame.even, motion, size, flags=cv2.INTER_LINEAR)
    usable = cv2.warpPerspective(frame.usable, motion, size, flags=cv2.INTER_NEAREST) * anchor.usable
    return local_structure(even), np.asarray(usable, np.float32)


def sample(values: npt.NDArray[Any], places: Plane, interpolation: int) -> npt.NDArray[Any]:
    """`values` at `places`; reflected beyond the border."""
    across, down = places[:, :, 0], places[:, :, 1]
    return np.asarray(cv2.remap(values, across, down, interpolation, borderMode=cv2.BORDER_REFLECT))


def flow_input(structure: Plane) -> npt.NDArray[np.uint8]:
    """Local structure as bytes, the input of the optical flow."""
    return np.asarray(np.clip(structure * 48 + 128, 0, 255), np.uint8)


def pixel_grid(rows: slice, width: int) -> Plane:
    """The places, x and y, of these rows' pixels: (rows, width, 2)."""
    columns = np.arange(width, dtype=np.float32)
    return np.dstack(np.meshgrid(columns, np.arange(rows.start, rows.stop, dtype=np.float32)))


def estimate_translation(frame: GrayFrame, anchor: GrayFrame) -> Motion:
    """A translation, by phase correlation of both frames' local structure."""
    window = cv2.createHanningWindow((anchor.gray.shape[1], anchor.gray.shape[0]), cv2.CV_32F)
    # Copies, since the window is applied in place.
    (right, down), _ = cv2.phaseCorrelate(frame.structure.copy(), anchor.structure.copy(), window)
    return np.array([[1, 0, right], [0, 1, down], [0, 0, 1]], float)


def estimate_homography(frame: GrayFrame, anchor: GrayFrame) -> Motion | None:
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


def is_plausible(motion: Motion, anchor: GrayFrame) -> bool:
    """Whether the homography is one that camera shake could cause."""
    height, width = anchor.gray.shape
    return bool(corner_shift(motion, width, height) < MOST_SHIFT * max(width, height))


def corner_shift(motion: Motion, width: int, height: int) -> float:
    """The largest shift of a corner's coordinate for a picture of this size, in pixels."""
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], float)
    moved = np.asarray(cv2.perspectiveTransform(corners, motion), float)
    return float(np.abs(moved - corners).max())


def structure_correlation(ours: Plane, theirs: Plane, usable: Plane) -> float:
    """Correlation, -1 to 1, of local structure over the whole picture."""
    if usable.mean() < 0.02:
        return -1.0
    product = float((ours * theirs * usable).sum())
    energy = float((ours**2 * usable).sum()) * float((theirs**2 * usable).sum())
    return product / float(np.sqrt(energy) + 1e-9)


def local_correlation(ours: Plane, theirs: Plane, usable: Plane) -> tuple[Plane, Plane]:
    """Local correlation of structure, -1 to 1, and how much structure there is in the one that has more."""
    product, our_energy, their_energy, seen = (
        cv2.GaussianBlur(plane, (0, 0), NEIGHBOURHOOD)
        for plane in (ours * theirs * usable, ours**2 * usable, theirs**2 * usable, usable)
    )
    correlation = product / np.sqrt(our_energy * their_energy + 1e-6)
    strength = np.maximum(our_energy, their_energy) / (seen + 1e-3)
    return np.asarray(correlation, np.float32), np.asarray(strength, np.float32)


def local_structure(gray: npt.ArrayLike) -> Plane:
    """Local structure: a gray picture minus its local mean, divided by its local deviation."""
    values = np.asarray(gray, np.float32)
    # Smoothed first, or the blur of interpolation would count as agreement.
    values = cv2.GaussianBlur(values, (0, 0), 1.2) - cv2.GaussianBlur(values, (0, 0), 6)
    spread = np.sqrt(cv2.GaussianBlur(values * values, (0, 0), 6)) + np.float32(4)
    return np.asarray(values / spread, np.float32)


def warp(frame: Picture, motion: Motion, drift: Plane | None, scale: float) -> Picture:
    """The frame moved by `motion` and `drift`, found at `scale` times its size; reflected beyond its
    border."""
    height, width = frame.shape[:2]
    # Pixels are counted from their middle.
    shrinking = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
    whole = np.linalg.inv(shrinking) @ motion @ shrinking
    if drift is None:
        size, way = (width, height), cv2.INTER_CUBIC
        return np.asarray(
            cv2.warpPerspective(frame, whole, size, flags=way, borderMode=cv2.BORDER_REFLECT), np.uint8
        )
    moved = np.empty_like(frame)
    for rows in strips(height):
        drifted = pixel_grid(rows, width) + enlarge_rows(drift, frame.shape, rows) / np.float32(scale)
        moved[rows] = sample(frame, source_positions(drifted, whole), cv2.INTER_CUBIC)
    return moved


def source_positions(places: Plane, motion: Motion) -> Plane:
    """The places, x and y, that `motion` moves to these: (height, width, 2)."""
    found = cv2.perspectiveTransform(places.reshape(1, -1, 2), np.linalg.inv(motion))
    return np.asarray(found.reshape(places.shape), np.float32)


def coverage_mask(shape: tuple[int, ...], motion: Motion, drift: Plane | None) -> Plane:
    """A feathered mask of where a frame moved by these has pixels of its own, at search size."""
    height, width = shape
    places = pixel_grid(slice(0, height), width)
    came = source_positions(places if drift is None else places + drift, motion)
    inside = (came >= 0) & (came <= (width - 1, height - 1))
    return feather(np.asarray(inside.all(axis=2)))


def feather(inside: npt.NDArray[np.bool_]) -> Plane:
    """1 inside, falling smoothly to 0 at the edge, so that the edge leaves no line in the blend.

    The picture's own border is no edge, unless `inside` ends there.
    """
    reach = max(4.0, 0.03 * max(inside.shape))
    framed = cv2.copyMakeBorder(inside.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1]
    ramp = np.clip(distance / reach, 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), np.float32)
