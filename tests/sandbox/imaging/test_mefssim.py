"""The yardstick itself, checked on cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.sandbox.imaging.mefssim import mef_ssim
from tests.sandbox.imaging.scenes import facade


def test_a_picture_fused_from_itself_is_perfect() -> None:
    picture = facade()
    assert mef_ssim([picture, picture], picture) == pytest.approx(1.0, abs=1e-6)


def test_the_exposure_with_structure_beats_the_one_without() -> None:
    picture = facade()
    burnt = np.full_like(picture, 255)
    assert mef_ssim([picture, burnt], picture) == pytest.approx(1.0, abs=1e-3)
    assert mef_ssim([picture, burnt], burnt) < 0.7


def test_brightness_alone_costs_nothing_and_lost_contrast_does() -> None:
    picture = (facade() // 2 + 40).astype(np.uint8)
    flat = (picture // 4 + 90).astype(np.uint8)
    assert mef_ssim([picture], picture + np.uint8(20)) == pytest.approx(1.0, abs=1e-6)
    assert mef_ssim([picture], flat) < 0.9


def test_each_half_from_the_frame_that_shows_it_beats_either_frame_and_their_mean() -> None:
    picture = facade()
    left, right = picture.copy(), picture.copy()
    left[:, 450:] = 250
    right[:, :450] = 5
    stack = [left, right]
    best = np.hstack([left[:, :450], right[:, 450:]])
    mean = np.mean(stack, axis=0).astype(np.uint8)
    assert mef_ssim(stack, best) > max(mef_ssim(stack, rival) for rival in (left, right, mean))
    assert mef_ssim(stack, best) > 0.97


def test_blur_is_noticed() -> None:
    picture = facade()
    blurred = ((picture.astype(int) + np.roll(picture, 2, 1) + np.roll(picture, 4, 1)) // 3).astype(np.uint8)
    assert mef_ssim([picture], blurred) < 0.95
