"""Sky and lawn against outlines drawn by hand, and rooms in which nothing but glass may change.

The photographs lie anywhere below the folder that HOTFOLDER_PHOTOS names; the demonstration's are here.
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from hotfolder.sandbox.imaging import engine
from hotfolder.sandbox.imaging.files import Unsuitable, load
from hotfolder.sandbox.imaging.lawn import find_lawn
from hotfolder.sandbox.imaging.sky import find_sky
from hotfolder.sandbox.imaging.skyswap import swap_sky
from tests.sandbox.imaging.outlines import DEMO, GLASS, LAWNS, SKIES, Outline
from tests.sandbox.imaging.scenes import Picture, overlap

PHOTOS = os.environ.get("HOTFOLDER_PHOTOS", "")


def picture_of(outline: Outline) -> Picture:
    if not outline.package:
        return load(DEMO / outline.photo, long_edge=1200).pixels
    found = sorted(Path(PHOTOS).rglob(outline.photo)) if PHOTOS else []
    if not found:
        pytest.skip(f"HOTFOLDER_PHOTOS names no folder with {outline.photo}, which {outline.package} has")
    return load(found[0], long_edge=1200).pixels


@pytest.mark.parametrize("name", SKIES)
def test_the_sky_is_where_the_hand_drew_it(name: str) -> None:
    picture = picture_of(SKIES[name])
    found = find_sky(picture)
    assert found.outdoors is None
    # Of the tubes that hold the cables, white ones pass for clouds.
    assert overlap(found.mask, SKIES[name].mask(picture.shape)) >= (0.94 if "cables" in name else 0.95)


def test_a_sky_that_runs_into_water_in_haze_is_refused() -> None:
    pagoda = picture_of(Outline("china.jpg", "scikit-learn", ()))
    with pytest.raises(Unsuitable, match=r"found a calm, gray region of .* water in haze"):
        find_sky(pagoda)


@pytest.mark.parametrize("name", LAWNS)
def test_the_lawn_is_where_the_hand_drew_it(name: str) -> None:
    picture = picture_of(LAWNS[name])
    assert overlap(find_lawn(picture), LAWNS[name].mask(picture.shape)) >= 0.9


@pytest.mark.parametrize("sky_type", ["blue", "twilight"])
@pytest.mark.parametrize("name", GLASS)
def test_in_a_room_nothing_but_glass_changes(name: str, sky_type: str, tmp_path: Path) -> None:
    outline = GLASS[name]
    if outline.package and not os.environ.get(outline.package):
        pytest.skip(f"{outline.package} names no folder of real brackets")
    folder = Path(os.environ[outline.package]) if outline.package else DEMO
    target = tmp_path / "merge.jpg"
    engine.merge(
        sorted((folder / outline.photo).glob("*.jpg")),
        target,
        lens_correction=False,
        perspective_correction=False,
        photographer_removal=False,
        long_edge=3000,
    )
    room = load(target).pixels
    glass = outline.mask(room.shape)
    changed = np.abs(swap_sky(room, sky_type, "dramatic").astype(int) - room).max(axis=2) > 0
    assert changed[glass].mean() > 0.05
    # The outline was drawn by hand: at the photo's own size its edge is right to a pixel.
    drawn = cv2.dilate(glass.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert int(changed[~drawn].sum()) == 0
