"""The demo's rooms look like a photographer's brackets: to the eye of statistics, at least."""

from fractions import Fraction
from itertools import pairwise
from math import log2
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

from hotfolder.demo.scenes import SCENES, DroppedScene, take

Dropped = dict[str, DroppedScene]
ROOM, FRONT, GARDEN = "living-room", "front__sky-twilight", "garden__lawn-medium__sky-blue"


def pixels(path: Path) -> NDArray[np.float64]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.float64) / 255


def lab(picture: NDArray[np.float64]) -> NDArray[np.float32]:
    return cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_RGB2LAB)


def details(path: Path) -> dict[int, object]:
    with Image.open(path) as picture:
        return dict(picture.getexif().get_ifd(ExifTags.IFD.Exif))


def test_folders_lie_as_a_photographer_drops_them(dropped: Dropped, staged: Path, heard: list[str]) -> None:
    """project/folder/IMG_….jpg, dark to bright, each title announced."""
    assert list(dropped) == [ROOM, FRONT, GARDEN]
    assert [len(d.photos) for d in dropped.values()] == [5, 3, 3]
    for scene in dropped.values():
        assert scene.folder == staged / "12 Elm Road" / scene.scene.folder
        assert sorted(scene.folder.iterdir()) == list(scene.photos)
        assert all(p.name.startswith("IMG_") and p.suffix == ".jpg" for p in scene.photos)
    assert heard == [s.title for s in SCENES]


@pytest.mark.parametrize("folder", [ROOM, FRONT, GARDEN])
def test_frames_have_one_size_and_three_to_two(dropped: Dropped, folder: str) -> None:
    """A quarter of 1620 by 1080."""
    for photo in dropped[folder].photos:
        with Image.open(photo) as picture:
            assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (405, 270))


@pytest.mark.parametrize("number", range(len(SCENES)))
def test_rendering_is_repeatable(number: int, tmp_path: Path) -> None:
    """The same bytes on the second rendering, so that a picture can be compared with yesterday's."""
    first, second = (take(SCENES[number], tmp_path / name, 0.12) for name in ("a", "b"))
    assert [p.read_bytes() for p in first.photos] == [p.read_bytes() for p in second.photos]


@pytest.mark.parametrize("folder", [ROOM, FRONT, GARDEN])
def test_each_frame_is_clearly_brighter_than_the_last(dropped: Dropped, folder: str) -> None:
    """Brackets bracket."""
    means = [pixels(p).mean() for p in dropped[folder].photos]
    assert all(after > before + 0.06 for before, after in pairwise(means))


def test_the_darkest_frame_holds_the_window_and_the_brightest_the_corners(dropped: Dropped) -> None:
    """What only a merge shows at once: the garden unclipped, the shadows lifted, the middle short of both."""
    frames = [pixels(p) for p in dropped[ROOM].photos]
    clipped = [(f.min(axis=2) > 0.985).mean() for f in frames]
    sunk = [(f.max(axis=2) < 0.20).mean() for f in frames]
    assert clipped[0] < 0.002
    assert clipped[2] > 0.02
    assert sunk[0] > 0.4
    assert sunk[4] < 0.02
    window = np.s_[110:150, 150:215]
    assert frames[0][window].std() > 0.08
    assert frames[4][window].mean() > 0.98


def test_the_garden_is_seen_green_below_a_blue_sky(dropped: Dropped) -> None:
    """The darkest frame's window shows leaves, and its left one the sky above them."""
    darkest = pixels(dropped[ROOM].photos[0])
    leaves = darkest[120:155, 145:225].reshape(-1, 3).mean(axis=0)
    assert leaves[1] > leaves[0] > leaves[2]
    sky = darkest[70:100, 2:20].reshape(-1, 3).mean(axis=0)
    assert sky[2] > sky[0] + 0.05


@pytest.mark.parametrize("folder", [FRONT, GARDEN])
def test_the_sky_is_pale_and_calm(dropped: Dropped, folder: str) -> None:
    """A sky worth replacing: bright, colourless and without clouds, even in the darkest frame."""
    sky = lab(pixels(dropped[folder].photos[0])[2:40, 120:280]).reshape(-1, 3)
    assert sky[:, 0].mean() > 80
    assert np.abs(sky[:, 1:].mean(axis=0)).max() < 4
    assert sky[:, 0].std() < 2.5


@pytest.mark.parametrize("folder", [FRONT, GARDEN])
def test_the_lawn_is_tired(dropped: Dropped, folder: str) -> None:
    """Straw and green side by side: yellow all over, with green in some places and not in others."""
    grass = cv2.blur(lab(pixels(dropped[folder].photos[1])[212:268, 4:250]), (7, 7)).reshape(-1, 3)
    assert grass[:, 2].mean() > 18
    greenness = np.percentile(grass[:, 1], [10, 90])
    assert greenness[0] < -9
    assert greenness[1] - greenness[0] > 7


def test_exif_is_a_bracketing_bodys(dropped: Dropped) -> None:
    """Manual mode, no compensation, a lens that no one corrects, and the demo's name on it."""
    for scene in dropped.values():
        for photo in scene.photos:
            with Image.open(photo) as picture:
                exif = picture.getexif()
            assert exif[ExifTags.Base.Make] == "Canon"
            assert exif[ExifTags.Base.Model] == "Canon EOS 6D"
            assert exif[ExifTags.Base.Copyright] == "hotfolder demo"
            shot = details(photo)
            assert shot[ExifTags.Base.LensModel] == "hotfolder demo rectilinear"
            assert shot[ExifTags.Base.ExposureBiasValue] == 0
            assert shot[ExifTags.Base.ExposureMode] == 1
            assert (shot[ExifTags.Base.FNumber], shot[ExifTags.Base.ISOSpeedRatings]) == (8, 100)


@pytest.mark.parametrize("folder", [ROOM, FRONT, GARDEN])
def test_shutter_times_are_two_stops_apart(dropped: Dropped, folder: str) -> None:
    """As the pixels are: within what a shutter dial's round numbers allow."""
    times = [float(Fraction(str(details(p)[ExifTags.Base.ExposureTime]))) for p in dropped[folder].photos]
    steps = [log2(after / before) for before, after in pairwise(times)]
    assert all(abs(step - 2) < 0.12 for step in steps)


def test_frames_follow_one_another_within_seconds(dropped: Dropped) -> None:
    """In the order of their numbers, by date and hundredths."""
    stamps = [
        f"{details(p)[ExifTags.Base.DateTimeOriginal]}.{details(p)[ExifTags.Base.SubsecTimeOriginal]}"
        for scene in dropped.values()
        for p in scene.photos
    ]
    assert stamps == sorted(stamps)
    assert len(set(stamps)) == len(stamps)
    assert stamps[0] == "2026:05:12 10:31:07.34"
