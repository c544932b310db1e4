"""White balance: lamplight is removed from a room's white surfaces, and from nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hotfolder.sandbox.imaging import balance
from hotfolder.sandbox.imaging.masks import to_lab
from tests.sandbox.imaging.scenes import Picture, clouded, exposed, garden, merged

LAMP = np.array([1.0, 0.95, 0.84])
CEILING, WALL, CURTAIN, LAMPSHADE = (
    np.s_[20:130, 20:580],
    np.s_[170:330, 20:280],
    np.s_[170:330, 330:560],
    np.s_[210:250, 400:440],
)


def balanced(picture: Picture) -> Picture:
    """The picture balanced as a merge whose best exposed photo it is."""
    return balance.balance_white(picture, [picture], 0)


def room(wall: tuple[int, int, int] = (196, 196, 196), light: float | np.ndarray = 1.0) -> Picture:
    """A white ceiling over a wall and a blue curtain with a lamp before it, in that light."""
    picture = np.full((400, 600, 3), (150, 110, 80), np.float32)
    picture[:150] = 226
    picture[150:350] = wall
    picture[160:340, 320:570] = (70, 96, 150)
    picture *= np.linspace(0.96, 1.03, 600)[None, :, None] * light
    picture[200:260, 390:450] = 255
    picture += np.random.default_rng(3).normal(0, 0.8, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def colour(picture: Picture, where: tuple[slice, slice]) -> tuple[float, float]:
    """The median a* and b* of that area."""
    a, b = np.median(to_lab(picture)[where][..., 1:].reshape(-1, 2), axis=0)
    return float(a), float(b)


def test_white_paint_in_lamplight_is_neutral() -> None:
    before = room(light=LAMP)
    after = balanced(before)
    assert np.hypot(*colour(before, CEILING)) > 10
    assert np.hypot(*colour(before, WALL)) > 10
    assert np.hypot(*colour(after, CEILING)) < 2
    assert np.hypot(*colour(after, WALL)) < 2
    assert np.median(to_lab(after)[WALL][..., 0]) == pytest.approx(
        np.median(to_lab(before)[WALL][..., 0]), abs=1
    )


def test_in_mixed_light_each_side_is_neutral() -> None:
    """A lamp on the left, a window on the right: one correction for both would make the right side blue."""
    share = np.linspace(1, 0, 600)[None, :, None].clip(0.2, 0.8) / 0.6 - 1 / 3
    before = room(light=1.05 * LAMP * share + 0.75 * (1 - share))
    after = balanced(before)
    by_lamp, by_window = np.s_[20:130, 20:110], np.s_[20:130, 500:580]
    assert np.hypot(*colour(before, by_lamp)) > 8
    assert np.hypot(*colour(before, by_window)) < 2
    assert np.hypot(*colour(after, by_lamp)) < 2
    assert np.hypot(*colour(after, by_window)) < 2


def test_a_lamp_stays_white_and_a_coloured_thing_coloured() -> None:
    after = balanced(room(light=LAMP))
    assert after[LAMPSHADE].mean(axis=(0, 1)).min() >= 252
    assert colour(after, CURTAIN) == pytest.approx(colour(room(), CURTAIN), abs=3)


def test_a_painted_wall_keeps_its_colour() -> None:
    by_day, in_lamplight = room(wall=(214, 200, 170)), room(wall=(214, 200, 170), light=LAMP)
    assert colour(balanced(in_lamplight), WALL) == pytest.approx(colour(by_day, WALL), abs=2)


@pytest.mark.parametrize(
    "light",
    [1.0, np.array([0.85, 0.95, 1.0]), np.array([0.86, 0.95, 0.85])],
    ids=["neutral", "blue", "green paint"],
)
def test_other_light_than_that_of_lamps_is_left(light: float | np.ndarray) -> None:
    before = room(light=light)
    assert np.abs(balanced(before).astype(int) - before).max() <= 2


def test_outdoors_nothing_changes() -> None:
    """A white facade in the evening sun keeps its colour, which it wouldn't without the sky over it."""
    picture, sky, _ = garden()
    facade = np.s_[:, 80:640]
    picture[facade] = np.where(sky[facade][..., None], picture[facade], 236 * LAMP)
    evening = clouded(picture, sky)
    evening[300:330, 200:240] = 255
    assert (balanced(evening) == evening).all()
    below = evening[250:]
    assert (
        np.hypot(*colour(balanced(below), np.s_[:, 100:600]))
        < 2
        < np.hypot(*colour(below, np.s_[:, 100:600]))
    )


def test_a_sky_that_one_exposure_shows_is_outdoors() -> None:
    """At night the stars and a town's glow hide it in the other exposures and in the merge."""
    merged = room(light=LAMP)
    assert (balanced(merged) != merged).any()
    picture, sky, _ = garden()
    shown = clouded(picture, sky)
    assert (balance.balance_white(merged, [shown, merged, merged], 1) == merged).all()


def test_paint_is_left_where_neither_lamp_nor_window_shines() -> None:
    facade = np.minimum(room(light=LAMP), 240)
    assert (balanced(facade) == facade).all()


def test_a_merge_is_balanced(tmp_path: Path) -> None:
    photos = []
    for number, stops in enumerate((-2, 0, 2)):
        photo = exposed(room(light=LAMP), stops)
        photo[LAMPSHADE] = 255
        photos.append(tmp_path / f"{number}.jpg")
        Image.fromarray(photo).save(photos[-1], quality=95)
    result = merged(photos, tmp_path / "merge.jpg", photographer_removal=False, long_edge=600)
    assert np.hypot(*colour(result, WALL)) < 2.5
