"""Merges of real brackets, from the folder that HOTFOLDER_BRACKETS names."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from hotfolder.sandbox.imaging import engine
from hotfolder.sandbox.imaging.align import align
from hotfolder.sandbox.imaging.fusion import fuse
from hotfolder.sandbox.imaging.picturefiles import at_search_size, load
from hotfolder.sandbox.imaging.tone import tone_map
from hotfolder.sandbox.imaging.view import find_view
from tests.bench.measures import mef_ssim, window_area, window_detail
from tests.sandbox.imaging.scenes import Picture, merged

BRACKETS = os.environ.get("HOTFOLDER_BRACKETS", "")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not BRACKETS, reason="HOTFOLDER_BRACKETS names no folder of real brackets"),
]


def photos_of(name: str) -> list[Path]:
    return sorted(path for path in (Path(BRACKETS) / name).iterdir() if path.suffix in {".jpg", ".jpeg"})


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("house") / "merged.jpg"
    merged(photos_of("mertens-house"), target)
    return target


@pytest.fixture(scope="module")
def house_frames() -> list[Picture]:
    return [load(path).pixels for path in photos_of("mertens-house")]


def test_the_house_scores_above_every_frame_and_their_mean(house: Path, house_frames: list[Picture]) -> None:
    score = mef_ssim(house_frames, load(house).pixels)
    mean = np.mean(house_frames, axis=0).round().astype(np.uint8)
    assert score > max(mef_ssim(house_frames, rival) for rival in [*house_frames, mean])


@pytest.mark.skipif(shutil.which("enfuse") is None, reason="enfuse is not installed")
def test_the_house_scores_no_less_than_enfuse(
    house: Path, house_frames: list[Picture], tmp_path: Path
) -> None:
    target = tmp_path / "enfuse.tif"
    photos = [str(path) for path in photos_of("mertens-house")]
    subprocess.run(["enfuse", "-o", str(target), *photos], check=True, capture_output=True, timeout=120)
    theirs = np.asarray(Image.open(target).convert("RGB"))
    assert mef_ssim(house_frames, load(house).pixels) >= mef_ssim(house_frames, theirs)


def test_the_house_s_garden_is_not_veiled(house: Path, house_frames: list[Picture]) -> None:
    window = window_area(house_frames)
    assert window_detail(house_frames, load(house).pixels, window) > 0.95


def test_the_room_s_sky_changes_and_the_room_stays(house: Path, tmp_path: Path) -> None:
    target = tmp_path / "dusk.png"
    engine.replace_sky(house, target, sky_type="twilight", sky_sub_type="middle", resolution="high")
    change = np.abs(load(target).pixels.astype(int) - load(house).pixels).max(axis=2)
    assert (change > 12).mean() > 0.03
    assert change[:, :300].max() <= 1


# Left, top, right, bottom within each pane of the door, drawn by hand on a merge with its corrections.
PANES = {
    "upper left": (384, 32, 442, 64),
    "left": (384, 110, 440, 280),
    "middle": (506, 40, 576, 262),
    "upper right, cut off by the picture": (640, 20, 684, 262),
    "lower middle": (508, 335, 572, 392),
    "lower right": (642, 355, 676, 415),
}


@pytest.fixture(scope="module")
def straightened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A merge with the API's default options."""
    merged = tmp_path_factory.mktemp("straightened") / "merged.jpg"
    engine.merge(
        photos_of("mertens-house"),
        merged,
        lens_correction=True,
        perspective_correction=True,
        photographer_removal=True,
        long_edge=3000,
    )
    return merged


def test_at_dusk_every_pane_changes_in_a_merge_that_was_straightened(
    straightened: Path, tmp_path: Path
) -> None:
    dusk = tmp_path / "dusk.png"
    engine.replace_sky(straightened, dusk, sky_type="twilight", sky_sub_type="middle", resolution="high")
    change = np.abs(load(dusk).pixels.astype(int) - load(straightened).pixels).max(axis=2)
    seen = {
        name: float((change[top:bottom, left:right] > 3).mean())
        for name, (left, top, right, bottom) in PANES.items()
    }
    assert min(seen.values()) > 0.6, seen
    assert change[:, :350].max() <= 1 and change[330:, 350:490].max() <= 1


def test_no_pane_is_left_out_where_its_frame_seems_to_end_early(straightened: Path) -> None:
    """The frame seems to end early in this merge made a pixel wider."""
    merged = load(straightened).pixels
    width = merged.shape[1]
    size = (width + 1, round((width + 1) * merged.shape[0] / width))
    wider = np.asarray(cv2.resize(merged, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    view = find_view(at_search_size(wider))
    scale = view.outdoors.shape[1] / width
    seen = {
        name: float(
            view.outdoors[
                round(top * scale) : round(bottom * scale), round(left * scale) : round(right * scale)
            ].mean()
        )
        for name, (left, top, right, bottom) in PANES.items()
    }
    assert not view.whole or min(seen.values()) > 0.6, seen


def test_alignment_pays_on_hand_held_frames() -> None:
    frames = sorted(
        (load(path, long_edge=1000).pixels for path in photos_of("darioloi-crusader")), key=np.mean
    )
    aligned = align(frames, 3)
    assert aligned.moved >= 5
    together, apart = tone_map(fuse(aligned.frames, aligned.coverage)), tone_map(fuse(frames))
    assert mef_ssim(aligned.frames, together) > mef_ssim(frames, apart)
    assert mef_ssim(aligned.frames, together) > mef_ssim(aligned.frames, apart)
    assert together.max(axis=2)[::8, [0, -1]].min() > 3
