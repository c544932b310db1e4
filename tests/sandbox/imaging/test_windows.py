"""Windows: their masks, and what of a room changes with a replaced sky."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from hotfolder.sandbox.imaging.facade import window_glow
from hotfolder.sandbox.imaging.picturefiles import Unsuitable, at_search_size, load
from hotfolder.sandbox.imaging.sky import find_sky
from hotfolder.sandbox.imaging.skyswap import swap_sky
from hotfolder.sandbox.imaging.windows import fill_panes, find_panes
from tests.sandbox.imaging.outlines import DEMO
from tests.sandbox.imaging.scenes import (
    Bits,
    Picture,
    facade,
    garden,
    merged,
    photographed,
    room_radiance,
    view_of,
)

pytestmark = pytest.mark.long

ROOMS = Path(__file__).parent / "rooms"


def test_a_pane_is_found_where_the_window_is() -> None:
    light, window = room_radiance()
    small = at_search_size(photographed(light, -1))
    truth = at_search_size(np.repeat(window[:, :, None], 3, axis=2).astype(np.uint8) * 255)[:, :, 0] > 127
    shares = []
    for pane in find_panes(small):
        bits = fill_panes([pane], truth.shape)
        shares.append((bits & truth).sum() / (bits | truth).sum())
    assert max(shares) > 0.85


def test_dusk_seen_from_a_room_leaves_the_room_alone() -> None:
    light, window = room_radiance()
    room = photographed(np.where(window[:, :, None], light / 5, light * 1.6), 0)
    dusk = swap_sky(room, "twilight", "middle")
    change = np.abs(dusk.astype(int) - room).max(axis=2)
    assert np.median(change[80:130, 400:580]) > 40
    assert change[:, :350].max() <= 1
    assert change[330:].max() <= 1


def test_at_dusk_a_window_is_lit_as_a_whole_and_its_bars_are_not() -> None:
    glow = window_glow(facade())[212:292, 180:244]
    left, bar, right = glow[:, 12:26], glow[:, 32:34], glow[:, 40:52]
    assert min(left.min(), right.min()) > 0.5
    assert bar.max() < 0.2
    assert left[:, -1].mean() > 1.1 * left[:, 0].mean()
    assert window_glow(facade())[310:345].max() < 0.05


def test_at_dusk_neither_a_gray_door_nor_shade_on_the_wall_is_lit() -> None:
    house = facade()
    door, shade = np.s_[345:590, 295:375], np.s_[345:535, 655:730]
    house[door] = house[shade] = (176, 160, 140)
    cv2.rectangle(house, (300, 380), (369, 584), (236, 234, 230), 6)
    house[387:584, 307:363] = (66, 72, 84)
    cv2.rectangle(house, (662, 350), (721, 529), (236, 234, 230), 3)
    shadow = np.array([(666, 354), (717, 354), (717, 420), (700, 470), (690, 400), (680, 526), (666, 526)])
    cv2.fillPoly(house, [shadow.astype(np.int32)], (60, 62, 68))
    glow = window_glow(house)
    assert glow[212:292, 192:206].min() > 0.5
    assert glow[door].max() < 0.05
    assert glow[shade].max() < 0.05


def test_a_tall_leaded_window_is_no_trouble_at_dusk() -> None:
    """Each of its lights is so small a part of it that it may be a fold of a curtain, too."""
    house = facade()
    house[330:560, 290:400] = (176, 160, 140)
    house[340:536, 300:391] = (236, 234, 230)
    for row in range(349, 520, 15):
        for column in range(309, 380, 15):
            house[row : row + 13, column : column + 13] = (52, 60, 72)
    assert window_glow(house)[212:292, 192:206].min() > 0.5


def test_a_house_darkens_as_its_sky_does() -> None:
    by_day, heaven, _ = garden()
    for how in ("subtle", "middle", "dramatic"):
        dusk = swap_sky(by_day, "twilight", how).astype(float)
        sky = dusk[heaven].mean() / by_day[heaven].mean()
        house = dusk[260:305].mean() / by_day[260:305].mean()
        assert 0.3 * sky < house < 1.15 * sky, (how, house, sky)


@pytest.mark.parametrize("size", [1000, 1200, 1400, 1600])
def test_at_dusk_neither_bricks_nor_a_lintel_nor_the_folds_of_a_curtain_glow(
    tmp_path: Path, size: int
) -> None:
    frames = sorted((DEMO / "front__sky-twilight").glob("*.jpg"))
    glow = window_glow(merged(frames, tmp_path / "house.jpg", photographer_removal=False, long_edge=size))
    glass, curtain, bricks, lintel = (
        glow[top * size // 1200 : bottom * size // 1200, left * size // 1200 : right * size // 1200]
        for top, bottom, left, right in (
            (495, 525, 305, 333),
            (490, 525, 261, 275),
            (335, 395, 562, 645),
            (319, 328, 668, 732),
        )
    )
    assert glass.min() > 0.5
    assert max(curtain.max(), bricks.max(), lintel.max()) < 0.1


def as_merged(room: Picture, glass: Bits) -> Picture:
    return room


def as_saved_again(room: Picture, glass: Bits) -> Picture:
    file = io.BytesIO()
    Image.fromarray(room).save(file, "JPEG", quality=88)
    return np.asarray(Image.open(file).convert("RGB"))


def with_paving_in_the_shade(room: Picture, glass: Bits) -> Picture:
    low = glass & (np.arange(len(glass))[:, None] >= 398)
    return np.where(low[:, :, None], room * 0.55, room).astype(np.uint8)


@pytest.mark.parametrize("changed", [as_merged, as_saved_again, with_paving_in_the_shade])
def test_what_stands_before_a_wall_of_glass_stays(changed: Callable[[Picture, Bits], Picture]) -> None:
    """Chairs' legs continue the bars, and a paving in the sun is as even as a frame. The room and the mask of
    its glass are path traced."""
    glass = np.asarray(Image.open(ROOMS / "glass-wall.png"))
    outdoors = view_of(changed(load(ROOMS / "glass-wall.jpg").pixels, glass))
    if outdoors is not None:
        beyond = cv2.dilate(glass.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
        assert not (outdoors[beyond] > 0).any()


def test_thin_bars_that_were_taken_for_glass_are_a_doubt() -> None:
    """A steel window's are two pixels wide, and were painted with their view. Path traced."""
    with pytest.raises(Unsuitable, match="looked for windows whose glass can be told whole"):
        find_sky(load(ROOMS / "steel.jpg").pixels)


def test_a_wall_of_glass_whose_frame_isnt_told_is_left_alone() -> None:
    """Its transom was painted, and the lawn and the paving at its foot stayed in daylight. Path traced."""
    with pytest.raises(Unsuitable, match="looked for windows whose glass can be told whole"):
        find_sky(load(ROOMS / "transom.jpg").pixels)
