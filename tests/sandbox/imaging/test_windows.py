"""Windows: where they are, and what of a room changes with the sky that they show."""

from __future__ import annotations

import numpy as np

from hotfolder.sandbox.imaging.files import at_search_size
from hotfolder.sandbox.imaging.skyswap import swap_sky
from hotfolder.sandbox.imaging.windows import fill, find_panes
from tests.sandbox.imaging.scenes import photographed, room_radiance


def test_a_pane_is_found_where_the_window_is() -> None:
    light, window = room_radiance()
    small = at_search_size(photographed(light, -1))
    truth = at_search_size(np.repeat(window[:, :, None], 3, axis=2).astype(np.uint8) * 255)[:, :, 0] > 127
    shares = []
    for pane in find_panes(small):
        bits = fill([pane], truth.shape)
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
