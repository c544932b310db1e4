"""Verticals: a known tilt is found and corrected, and an upright picture is unchanged."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hotfolder.sandbox.imaging.straighten import (
    FOCAL_SHARE,
    Tilt,
    find_tilt,
    focal_share_of,
    straighten,
    untilt_homography,
)
from tests.sandbox.imaging.scenes import Picture, facade


def tilted(picture: Picture, tilt: Tilt) -> Picture:
    """The picture by a tilted camera; its surroundings continue beyond the frame."""
    height, width = picture.shape[:2]
    askew = np.linalg.inv(untilt_homography(tilt, width, height, FOCAL_SHARE))
    return np.asarray(
        cv2.warpPerspective(picture, askew, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8
    )


@pytest.mark.parametrize(
    ("roll", "pitch"), [(1, 0), (3, 0), (6, 0), (-6, 0), (0, 3), (0, 6), (0, -6), (4, 4), (-3, 5)]
)
def test_a_tilt_of_up_to_six_degrees_is_recovered_within_half_a_degree(roll: float, pitch: float) -> None:
    picture = tilted(facade(), Tilt(roll, pitch))
    found = find_tilt(picture)
    assert found is not None
    assert abs(found.roll - roll) < 0.5
    assert abs(found.pitch - pitch) < 0.5
    left = find_tilt(straighten(picture))
    assert left is not None
    assert max(abs(left.roll), abs(left.pitch)) < 0.5


def cluttered(picture: Picture, lines: int) -> Picture:
    """The picture with leaning lines all over it, as of furniture, branches and stairs."""
    random = np.random.default_rng(3)
    for _ in range(lines):
        x, y, lean = random.uniform(0, 900), random.uniform(0, 500), np.radians(random.uniform(-15, 15))
        end = (round(x + 80 * np.sin(lean)), round(y + 80 * np.cos(lean)))
        cv2.line(picture, (round(x), round(y)), end, (30, 30, 30), 2, cv2.LINE_AA)
    return picture


def test_among_many_leaning_lines_the_upright_ones_count_where_two_halves_agree() -> None:
    picture = cluttered(tilted(facade(), Tilt(3, 0)), 160)
    found = find_tilt(picture)
    assert found is not None
    assert abs(found.roll - 3) < 0.55
    assert abs(found.pitch) < 0.55
    assert find_tilt(cluttered(np.full((600, 900, 3), 170, np.uint8), 300)) is None


def test_a_turned_photo_comes_back_without_black_corners() -> None:
    height, width = facade().shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 4, 1)
    turned = np.asarray(cv2.warpAffine(facade(), turn, (width, height), borderValue=(0, 0, 0)), np.uint8)
    upright = straighten(turned)
    assert upright.shape == turned.shape
    assert turned.max(axis=2)[:5, :5].max() < 10
    assert upright.max(axis=2)[3:-3, 3:-3].min() > 25


def test_an_upright_picture_is_the_very_same_array() -> None:
    picture = facade()
    assert straighten(picture) is picture


@pytest.mark.parametrize("tilt", [Tilt(12, 0), Tilt(0, 14)])
def test_more_than_eight_degrees_is_taken_for_intention(tilt: Tilt) -> None:
    picture = tilted(facade(), tilt)
    assert straighten(picture) is picture


def test_without_lines_nothing_is_guessed() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (300, 400, 3)).astype(np.uint8)
    cloudy = np.asarray(cv2.GaussianBlur(noise, (0, 0), 9), np.uint8)
    assert find_tilt(cloudy) is None
    assert straighten(cloudy) is cloudy


def test_the_focal_length_that_the_camera_wrote_down_is_used() -> None:
    """The same lines through a longer lens mean a greater tilt."""
    picture = tilted(facade(), Tilt(0, 2))
    assert focal_share_of({0xA405: 72}) == 2
    assert focal_share_of({0xA405: 0}) == focal_share_of({}) == FOCAL_SHARE
    wide, long = find_tilt(picture), find_tilt(picture, focal_share=2)
    assert wide is not None and long is not None
    assert abs(long.pitch) > 2 * abs(wide.pitch)
    assert not np.array_equal(straighten(picture), straighten(picture, {0xA405: 72}))
