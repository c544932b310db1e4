"""Fusion against its exposures: structure is kept, no gradient is reversed, windows are whole."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from hotfolder.sandbox.imaging.contrast import best_contrast, raise_contrast
from hotfolder.sandbox.imaging.exposures import Exposures
from hotfolder.sandbox.imaging.fusion import fuse
from hotfolder.sandbox.imaging.ghosts import mask_ghosts
from hotfolder.sandbox.imaging.rises import agreed_gradients, correct_gradients
from hotfolder.sandbox.imaging.tone import tone_map
from tests.bench import measures
from tests.sandbox.imaging.scenes import (
    Picture,
    exposed,
    facade,
    garden,
    photographed,
    room_radiance,
    wall_beside_window,
)

pytestmark = pytest.mark.long


def brackets() -> dict[str, list[Picture]]:
    wall, room = wall_beside_window()[0], room_radiance()[0]
    shaded = np.clip(facade() * np.linspace(0.25, 1.1, 900)[None, :, None], 0, 255).astype(np.uint8)
    return {
        "a wall beside a window": [photographed(wall, stops) for stops in (-5.3, -2.6, 0, 1.6)],
        "the same, of three": [photographed(wall, stops) for stops in (-5.3, -0.6, 1.4)],
        "a room": [photographed(room, stops) for stops in (-2.5, 0, 2)],
        "a room, of seven": [photographed(room, stops) for stops in (-3, -2, -1, 0, 1, 2, 3)],
        "a facade, of two": [exposed(shaded, stops) for stops in (-1.5, 1.5)],
        "a garden": [exposed(garden()[0], stops) for stops in (-2, 0, 2)],
    }


@pytest.fixture(scope="module")
def sets() -> dict[str, tuple[list[Picture], Picture]]:
    return {
        name: (frames, tone_map(fuse(frames), Exposures.of(frames, [None] * len(frames))))
        for name, frames in brackets().items()
    }


def test_structure_is_kept_and_nothing_runs_the_wrong_way(
    sets: dict[str, tuple[list[Picture], Picture]],
) -> None:
    scores = {name: measures.mef_ssim(frames, picture) for name, (frames, picture) in sets.items()}
    assert min(scores.values()) > 0.95, scores
    assert np.mean(list(scores.values())) >= 0.97, scores
    for name, (frames, picture) in sets.items():
        assert measures.reversed_share(frames, picture, measures.WIDE) <= 0.002, name
        assert measures.reversed_share(frames, picture, measures.MID) <= 0.001, name


def test_a_plain_wall_beside_a_window_has_no_bruise(sets: dict[str, tuple[list[Picture], Picture]]) -> None:
    """The wall gets brighter towards the window in every exposure, and so it does in the merge."""
    _, picture = sets["a wall beside a window"]
    wall = measures.to_gray(picture)[100:240, 20:350].mean(axis=0)
    steps = np.diff(wall.reshape(-1, 30).mean(axis=1))
    assert steps.min() > -2, steps


def test_windows_are_not_burnt_and_keep_what_they_show(
    sets: dict[str, tuple[list[Picture], Picture]],
) -> None:
    for name in ("a wall beside a window", "the same, of three", "a room", "a room, of seven"):
        frames, picture = sets[name]
        window = measures.window_area(frames)
        assert measures.clipped_share(picture, window) <= 0.08, name
        assert measures.window_detail(frames, picture, window) >= 0.9, name


def test_branches_before_a_bright_sky_keep_their_contrast_behind_glass() -> None:
    """The steps are larger than a detail, and the tone curve flattened them to two thirds."""
    light, window = wall_beside_window()
    coarse = np.random.default_rng(6).random((16, 13))
    branches = cv2.resize(coarse, (156, 192), interpolation=cv2.INTER_CUBIC) > 0.5
    shade = cv2.GaussianBlur(1 - 0.8 * branches, (0, 0), 0.8)
    light[window] = (30 * shade[:, :, None] * (0.95, 1, 1.05)).reshape(-1, 3)
    frames = [photographed(light, stops) for stops in (-5.3, -2.6, 0, 1.6)]
    picture = tone_map(fuse(frames), Exposures.of(frames, [None] * 4))
    area = measures.window_area(frames)
    assert area.mean() > 0.1
    assert measures.window_detail(frames, picture, area) > 0.95
    assert measures.clipped_share(picture, area) < 0.02
    assert measures.reversed_share(frames, picture, measures.WIDE) < 0.005


def test_the_merge_is_bright(sets: dict[str, tuple[list[Picture], Picture]]) -> None:
    for name, (_, picture) in sets.items():
        assert 125 <= np.median(measures.to_gray(picture)) <= 170, name


def test_what_is_gray_keeps_the_colour_that_the_exposures_give_it(
    sets: dict[str, tuple[list[Picture], Picture]],
) -> None:
    for name, (frames, picture) in sets.items():
        assert measures.added_cast(frames, picture) <= 0.5, name


def test_a_gray_wall_stays_gray_beside_a_green_garden() -> None:
    """The blended colours of the window would tint it with their complement."""
    light, window = wall_beside_window()
    light[window] *= (1.4, 1.6, 0.15)
    light[~window] = light[~window].mean(axis=1, keepdims=True)
    frames = [photographed(light, stops) for stops in (-5.3, -2.6, 0, 1.6)]
    picture = tone_map(fuse(frames), Exposures.of(frames, [None] * 4))
    wall = np.s_[40:300, 300:360], np.s_[20:54, 364:536], np.s_[270:310, 364:536]
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    casts = [float(np.hypot(*np.median(lab[part][:, :, 1:], axis=(0, 1)))) for part in wall]
    assert max(casts) < 1.5, casts


def test_a_deep_shadow_on_a_wooden_floor_does_not_glow_red() -> None:
    wood = np.array((0.42, 0.26, 0.13))
    light = np.full((480, 720, 3), 0.9)
    light[200:] = wood
    light[60:300, 200:560] = (0.25, 0.35, 0.5)
    light[300:318, 190:570] = 0.12 * wood
    frames = [photographed(light, stops) for stops in (-4, -2, 0, 2, 3)]
    picture = tone_map(fuse(frames), Exposures.of(frames, [None] * 5))
    red, green, _ = picture[304:314, 260:500].reshape(-1, 3).T.astype(int)
    assert np.median(red) > 10
    assert np.mean(red > 3 * green + 10) < 0.01


def test_what_stands_still_is_no_ghost_though_a_single_colour_of_it_burns() -> None:
    """In one of the middle frame's channels; the levels of such pixels correspond to none."""
    light, window = room_radiance()
    leaves = np.random.default_rng(4).random((40, 40)).astype(np.float32)
    glow = np.clip(cv2.resize(leaves, (220, 220), interpolation=cv2.INTER_CUBIC), 0, 1) + 0.15
    glow *= np.linspace(0.3, 1.5, 220, dtype=np.float32)[:, None]
    for colour in ((3.0, 2.2, 0.25), (3.5, 1.0, 0.3), (4.0, 2.5, 0.2)):
        light[window] = (np.array(colour) * glow[:, :, None]).reshape(-1, 3)
        still = [photographed(light, stops) for stops in (-2.5, 0, 2)]
        frames = [*still]
        masks = mask_ghosts(frames, [None] * 3, 1)
        assert [mask is None for mask in masks] == [True] * 3, colour
        assert all(np.array_equal(frame, as_it_was) for frame, as_it_was in zip(frames, still, strict=True))


def test_a_lamp_before_a_wall_throws_no_dark_ring_and_is_not_hollow() -> None:
    light = np.full((480, 720, 3), 0.06)
    cv2.circle(light, (360, 240), 40, (4.0, 3.8, 3.4), -1)
    frames = [photographed(light, stops) for stops in (-4, -2, 0, 2, 3)]
    picture = tone_map(fuse(frames), Exposures.of(frames, [None] * 5))
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(int)
    away = np.hypot(*np.mgrid[-240:240, -360:360])
    wall, beside = (np.median(gray[(away > near) & (away < far)]) for near, far in ((120, 160), (41, 43)))
    assert beside > wall - 8
    core, rim = (np.median(gray[(away >= near) & (away < far)]) for near, far in ((0, 20), (38, 40)))
    assert core > rim - 8


def test_the_same_at_another_size() -> None:
    """Sizes are relative to the picture, so that a merge of small copies is a small copy of the merge."""
    wall = wall_beside_window()[0]
    large = wall.repeat(2, axis=0).repeat(2, axis=1)
    merges = [
        tone_map(fuse([photographed(light, stops) for stops in (-5.3, -2.6, 0, 1.6)]))
        for light in (wall, large)
    ]
    difference = np.abs(merges[0].astype(int) - merges[1][::2, ::2])
    assert np.median(difference) <= 6


def test_a_gradient_that_the_frames_agree_on_is_turned_back_and_the_rest_stays() -> None:
    columns = np.arange(600, dtype=np.float32)
    slope = np.tile(60 + 130 / (1 + np.exp((300 - columns) / 12)), (400, 1))

    def gray(light: npt.NDArray[np.floating]) -> Picture:
        return np.repeat(np.clip(light, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)

    frames = [gray(slope * gain) for gain in (0.6, 1)]
    dented = (slope / 255).astype(np.float32)
    dented[100:300] -= 0.3 * np.exp(-(((columns - 310) / 12) ** 2))
    mended = correct_gradients(dented, agreed_gradients(frames))
    for scale in (measures.MID, 0.016):
        assert measures.reversed_share(frames, gray(255 * dented), scale) > 0.02, scale
        assert measures.reversed_share(frames, gray(255 * mended), scale) < 0.002, scale
    assert np.abs(mended - dented)[:, :150].max() < 0.002


def test_details_are_as_strong_as_in_the_frame_that_shows_them_best() -> None:
    grain = cv2.GaussianBlur(np.random.default_rng(5).normal(0, 90, (400, 600)), (0, 0), 1.5)
    flat, textured = np.full((400, 600), 250.0), 128 + grain
    frames = [
        np.repeat(np.clip(light, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
        for light in (textured, flat)
    ]
    veiled = (0.6 + 0.4 * grain / 255).astype(np.float32)
    result = raise_contrast(veiled, best_contrast(frames, [None, None]))
    assert veiled.std() < 0.45 * textured.std() / 255
    assert result.std() > 0.6 * textured.std() / 255
    kept = raise_contrast(veiled, best_contrast(frames, [np.zeros((4, 6), np.float32), None]))
    assert kept.std() == pytest.approx(veiled.std(), rel=0.02)
