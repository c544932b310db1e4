"""Windows: what is burnt out behind them is pulled back, and nothing else is."""

from __future__ import annotations

import numpy as np

from hotfolder.sandbox.imaging.files import at_search_size
from hotfolder.sandbox.imaging.fusion import fuse
from hotfolder.sandbox.imaging.pull import pull_windows
from hotfolder.sandbox.imaging.skyswap import swap_sky
from hotfolder.sandbox.imaging.windows import fill, find_panes
from tests.sandbox.imaging.scenes import exposed, facade, photographed, room_radiance


def test_a_pane_is_found_where_the_window_is() -> None:
    light, window = room_radiance()
    small = at_search_size(photographed(light, -1))
    truth = at_search_size(np.repeat(window[:, :, None], 3, axis=2).astype(np.uint8) * 255)[:, :, 0] > 127
    shares = []
    for pane in find_panes(small):
        bits = fill([pane], truth.shape)
        shares.append((bits & truth).sum() / (bits | truth).sum())
    assert max(shares) > 0.85


def test_the_burnt_frames_are_held_back_in_the_window_and_not_on_the_glare() -> None:
    light, window = room_radiance()
    frames = [photographed(light, stops) for stops in (-3, 0, 2)]
    pulled = pull_windows(frames, [None, None, None], 1)
    assert pulled[0] is None
    brightest = pulled[2]
    assert brightest is not None
    assert brightest[window].mean() < 0.3
    assert brightest[340:].min() > 0.99
    after, before = fuse(frames, pulled), fuse(frames)
    assert after[window].std() > 0.95 * before[window].std()
    assert after[window].mean() < before[window].mean()


def test_without_burnt_windows_nothing_is_held_back() -> None:
    frames = [exposed(facade(), stops) for stops in (-1, 0, 1)]
    assert pull_windows(frames, [None, None, None], 1) == [None, None, None]


def test_dusk_seen_from_a_room_leaves_the_room_alone() -> None:
    light, window = room_radiance()
    room = photographed(np.where(window[:, :, None], light / 5, light * 1.6), 0)
    dusk = swap_sky(room, "twilight", "middle")
    change = np.abs(dusk.astype(int) - room).max(axis=2)
    assert np.median(change[80:130, 400:580]) > 40
    assert change[:, :350].max() <= 1
    assert change[330:].max() <= 1
