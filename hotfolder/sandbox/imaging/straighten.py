"""Perspective correction: makes verticals vertical.

The camera's tilt is estimated from the lines that should be vertical, and reversed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.lens import find_optics, positive_number
from hotfolder.sandbox.imaging.lines import Segments, find_segments, lean_degrees, lengths
from hotfolder.sandbox.imaging.picturefiles import SEARCH_EDGE, Picture, at_search_size

Floats = npt.NDArray[np.float64]

MOST_DEGREES = 8.0
LEAST_DEGREES = 0.3
LEAST_SEGMENTS = 12
# The least total length of the near-vertical lines, in picture heights.
LEAST_LENGTH = 1.2
# The least share of the steep lines' length that must agree with one tilt.
LEAST_SUPPORT = 0.5
# With less, down to the first, the lines in odd and in even columns must each give the same tilt.
LOWER_SUPPORT, COLUMNS, AGREED_DEGREES = 0.3, 8, 0.5
# A share of the longer side: 27 mm on film, where the EXIF has none.
FOCAL_SHARE = 0.75
FOCAL_LENGTH_35MM = 0xA405
FILM_WIDTH_MM = 36.0


@dataclass(frozen=True)
class Tilt:
    """The camera's tilt in degrees: `roll` about its axis, `pitch` up (positive) or down."""

    roll: float
    pitch: float


def straighten(pixels: Picture, exif: Mapping[int, Any] | None = None) -> Picture:
    """The picture with vertical verticals, scaled to fill its frame; the same array where nothing is to be
    done.

    The focal length is taken from `exif`, which must be that of an uncropped photo. Unchanged with a tilt
    above about 8° or with few vertical lines.
    """
    focal_share = focal_share_of(exif or {})
    tilt = find_tilt(pixels, focal_share=focal_share)
    if tilt is None or max(abs(tilt.roll), abs(tilt.pitch)) < LEAST_DEGREES:
        return pixels
    height, width = pixels.shape[:2]
    turn = untilt_homography(tilt, width, height, focal_share)
    window = fill_frame_transform(turn, width, height)
    if window is None:
        return pixels
    moved = cv2.warpPerspective(
        pixels, window @ turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)


def focal_share_of(exif: Mapping[int, Any]) -> float:
    """The focal length as a share of the picture's longer side: by EXIF or lens database, else a usual
    one."""
    on_film = positive_number(exif.get(FOCAL_LENGTH_35MM))
    if on_film is None:
        optics = find_optics(exif)
        on_film = None if optics is None else optics.focal_mm * optics.crop
    share = FOCAL_SHARE if on_film is None else on_film / FILM_WIDTH_MM
    return share if 0.3 < share < 6 else FOCAL_SHARE


def find_tilt(pixels: Picture, *, focal_share: float = FOCAL_SHARE) -> Tilt | None:
    """The tilt that explains the picture's steep lines, or None where it is uncertain."""
    small = at_search_size(pixels)
    height, width = small.shape[:2]
    segments = find_segments(small, 0.025 * height)
    steep = segments[np.abs(lean_degrees(segments)) < 2 * MOST_DEGREES]
    weights = lengths(steep)
    if len(steep) < LEAST_SEGMENTS or weights.sum() < LEAST_LENGTH * height:
        return None
    planes = plane_normals(steep, width, height, focal_share * SEARCH_EDGE)
    tilt = consensus(planes, weights, LEAST_SUPPORT)
    if tilt is None:
        tilt = agreed_tilt(planes, weights, (steep[:, 0] * COLUMNS / width).astype(int) % 2 == 0)
    return tilt if tilt is not None and max(abs(tilt.roll), abs(tilt.pitch)) <= MOST_DEGREES else None


def agreed_tilt(planes: Floats, weights: Floats, even: npt.NDArray[np.bool_]) -> Tilt | None:
    """The tilt with lower support, if the `even` segments and the others each give it too; else None."""
    tilt = consensus(planes, weights, LOWER_SUPPORT)
    for part in (even, ~even):
        own = consensus(planes[part], weights[part], LOWER_SUPPORT) if part.sum() >= LEAST_SEGMENTS else None
        if tilt is None or own is None:
            return None
        if max(abs(own.roll - tilt.roll), abs(own.pitch - tilt.pitch)) > AGREED_DEGREES:
            return None
    return tilt


def plane_normals(segments: Segments, width: int, height: int, focal: float) -> Floats:
    """For each segment the unit normal of the plane through it and the camera.

    Vertical lines' normals are level.
    """
    offset = np.array([width / 2, height / 2])
    rays = [
        np.column_stack([segments[:, corner : corner + 2] - offset, np.full(len(segments), focal)])
        for corner in (0, 2)
    ]
    normals = np.cross(rays[0], rays[1])
    return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True))


def consensus(planes: Floats, weights: Floats, least_support: float) -> Tilt | None:
    """The tilt with which most of the lines' length is vertical, or None where the support is too low."""
    best, best_support = None, 0.0
    for roll in np.arange(-MOST_DEGREES, MOST_DEGREES + 0.1, 0.5):
        for pitch in np.arange(-MOST_DEGREES, MOST_DEGREES + 0.1, 0.5):
            upright = np.array([np.tan(np.radians(roll)), 1.0, np.tan(np.radians(pitch))])
            upright /= np.linalg.norm(upright)
            miss = np.degrees(np.abs(planes @ upright))
            support = float((weights * np.exp(-((miss / 0.6) ** 2))).sum())
            if support > best_support:
                best, best_support = upright, support
    if best is None:
        return None
    for tolerance in (1.0, 0.6, 0.4, 0.4):
        near = weights * np.exp(-((np.degrees(planes @ best) / tolerance) ** 2))
        scatter = (planes * near[:, None]).T @ planes
        solved = np.linalg.eigh(scatter)[1][:, 0]
        best = solved * np.sign(solved[1])
    agreeing = np.degrees(np.abs(planes @ best)) < 0.8
    if weights[agreeing].sum() < least_support * weights.sum():
        return None
    return Tilt(
        roll=float(np.degrees(np.arctan2(best[0], best[1]))),
        pitch=float(np.degrees(np.arctan2(best[2], best[1]))),
    )


def untilt_homography(tilt: Tilt, width: int, height: int, focal_share: float) -> Floats:
    """The homography of rotating the camera upright."""
    focal = focal_share * max(width, height)
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    upright = np.array([np.tan(np.radians(tilt.roll)), 1.0, np.tan(np.radians(tilt.pitch))])
    upright /= np.linalg.norm(upright)
    # The smallest rotation that brings `upright` onto the y axis.
    axis = np.cross(upright, [0.0, 1.0, 0.0])
    sine, cosine = np.linalg.norm(axis), upright[1]
    rotation, _ = cv2.Rodrigues(axis / max(float(sine), 1e-12) * np.arctan2(sine, cosine))
    return np.asarray(camera @ rotation @ np.linalg.inv(camera))


def fill_frame_transform(turn: Floats, width: int, height: int) -> Floats | None:
    """Scale and shift that fill the frame with the rotated picture only.

    None where too little would be left.
    """
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], float)
    outline = cv2.perspectiveTransform(corners, turn)[0].astype(np.float32)
    centre = outline.mean(axis=0)
    half = np.array([width, height]) / 2
    for share in np.arange(1.0, 0.7, -0.005):
        frame = centre + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half * share
        if all(cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0 for x, y in frame):
            scale = 1 / share
            return np.array(
                [[scale, 0, half[0] - scale * centre[0]], [0, scale, half[1] - scale * centre[1]], [0, 0, 1]]
            )
    return None
