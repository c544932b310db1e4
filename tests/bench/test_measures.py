"""The merge measures on cases whose values are known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench import measures
from tests.bench.measures import mef_ssim, quality_map
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


def slope(low: float, high: float) -> np.ndarray:
    """A wall that gets brighter from left to right across its middle."""
    row = np.interp(np.arange(240), (80, 160), (low, high))[None, :, None]
    return np.repeat(np.repeat(row, 160, axis=0), 3, axis=2).astype(np.uint8)


def test_a_picture_reverses_nothing_of_itself() -> None:
    for scale in (measures.WIDE, measures.MID):
        assert measures.reversed_share([facade()], facade(), scale) == 0
        assert measures.reversed_share([facade()], 255 - facade(), scale) > 0.9


def test_a_gradient_is_reversed_only_where_every_exposure_agrees_on_it() -> None:
    dark, bright = slope(10, 180), slope(90, 255)
    assert measures.reversed_share([dark, bright], slope(40, 230), measures.WIDE) == 0
    assert measures.reversed_share([dark, bright], slope(200, 60), measures.WIDE) == 1
    assert measures.reversed_share([dark, slope(255, 90)], slope(200, 60), measures.WIDE) == 0


def test_windows_are_judged_by_the_best_exposure() -> None:
    frames = [np.clip(facade() * gain, 0, 255).astype(np.uint8) for gain in (0.5, 1.3, 4)]
    frames[1][100:400, 200:600] = frames[2][100:400, 200:600] = 255
    window = measures.window_area(frames)
    assert window[100:400, 200:600].mean() > 0.9
    assert measures.window_detail(frames, frames[0], window) == pytest.approx(1.0)
    assert measures.window_detail(frames, frames[2], window) < 0.001
    assert measures.clipped_share(frames[2], window) == 1
    assert measures.clipped_share(frames[0], window) == 0


def test_a_cast_is_the_colour_that_gray_has_gained() -> None:
    gray = np.full((200, 300, 3), 150, np.uint8)
    assert measures.added_cast([gray // 2, gray], gray) == pytest.approx(0.0, abs=0.1)
    assert measures.added_cast([gray // 2, gray], gray + np.array([12, 0, 0], np.uint8)) > 3
    warm, cool = gray + np.array([0, 0, -12], np.int16), gray + np.array([0, 0, 12], np.int16)
    warm, cool = warm.astype(np.uint8), cool.astype(np.uint8)
    assert measures.added_cast([warm // 2, warm], gray) == pytest.approx(0.0, abs=0.5)
    assert measures.added_cast([warm // 2, warm], cool) > 3
    assert measures.added_cast([gray // 2, gray], warm) > 3


def test_no_patch_scores_more_than_one_where_the_exposures_contradict_each_other() -> None:
    """A pixel is brighter in one frame and darker in another: the structures cancel out but for rounding."""
    pixel = np.zeros((24, 24))
    pixel[12, 12] = 1
    stack = [np.full((24, 24), 27.0), 59 + pixel, 123 - pixel]
    assert max(np.abs(quality_map(stack, fused)).max() for fused in stack) <= 1 + 1e-9
