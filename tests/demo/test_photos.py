"""The demonstration's photographs resemble a photographer's brackets, and are part of the package."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import log2
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image
from typer.testing import CliRunner

from hotfolder.cli.app import app
from hotfolder.demo.captions import exposure_labels
from hotfolder.demo.workspace import EXAMPLE_BRACKETS, drop_examples
from tests.support.heics import heic

ROOM, FRONT, GARDEN = "living-room", "front__sky-twilight", "garden__lawn-medium__sky-blue"
FOLDERS = {ROOM: 5, FRONT: 3, GARDEN: 3}


def photos(folder: str) -> list[Path]:
    return sorted((EXAMPLE_BRACKETS / "12 Elm Road" / folder).iterdir())


def pixels(path: Path) -> NDArray[np.float64]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.float64) / 255


def details(path: Path) -> dict[int, object]:
    with Image.open(path) as picture:
        return dict(picture.getexif().get_ifd(ExifTags.IFD.Exif))


def test_they_are_small_in_total() -> None:
    there = {path for path in EXAMPLE_BRACKETS.rglob("*") if path.is_file()}
    assert len(there) == sum(FOLDERS.values())
    assert sum(path.stat().st_size for path in there) <= 3_000_000


def test_they_are_dropped_as_a_photographer_drops_them(tmp_path: Path) -> None:
    """As project/folder/IMG_….jpg, byte for byte, all at once."""
    assert drop_examples(tmp_path) == 3
    for folder, count in FOLDERS.items():
        dropped = sorted((tmp_path / "12 Elm Road" / folder).iterdir())
        assert [path.read_bytes() for path in dropped] == [path.read_bytes() for path in photos(folder)]
        assert len(dropped) == count


@pytest.mark.parametrize("folder", FOLDERS)
def test_brackets_bracket(folder: str) -> None:
    """They are intact JPEGs of one size and 3:2; shutters are two stops apart, pixels get brighter, and
    nothing else differs."""
    shots = photos(folder)
    sizes, means = set(), []
    for photo in shots:
        with Image.open(photo) as picture:
            assert (picture.format, picture.mode) == ("JPEG", "RGB")
            sizes.add(picture.size)
        means.append(pixels(photo).mean())
    ((width, height),) = sizes
    assert width >= 1500 and abs(width / height - 1.5) < 0.01
    assert all(after > before + 0.05 for before, after in pairwise(means))
    times = [float(Fraction(str(details(p)[ExifTags.Base.ExposureTime]))) for p in shots]
    assert all(abs(log2(after / before) - 2) < 0.12 for before, after in pairwise(times))


def test_exif_is_true() -> None:
    """EXIF has manual mode, no compensation, no existing camera or lens, and increasing times."""
    stamps = []
    for folder in FOLDERS:
        for photo in photos(folder):
            with Image.open(photo) as picture:
                exif = picture.getexif()
            assert exif[ExifTags.Base.Make] == "hotfolder"
            assert exif[ExifTags.Base.Copyright] == "hotfolder demo"
            shot = details(photo)
            assert shot[ExifTags.Base.ExposureBiasValue] == 0 and ExifTags.Base.LensModel not in shot
            assert (shot[ExifTags.Base.FNumber], shot[ExifTags.Base.ISOSpeedRatings]) == (8, 100)
            time = (shot[ExifTags.Base.DateTimeOriginal], shot[ExifTags.Base.SubsecTimeOriginal])
            stamps.append((folder != ROOM, folder != FRONT, *time))
    assert len(set(stamps)) == len(stamps)


def test_what_was_refused_is_on_the_sheet(tmp_path: Path) -> None:
    """For a picture without a lawn the merge is shown, the command ends with 1, and the sheet is made."""
    room = tmp_path / "Küche 🏠"
    room.mkdir()
    for number, photo in enumerate(photos(ROOM)):
        with Image.open(photo) as picture:
            # The crop shows wall and sofa, without a window and its grass.
            wall = picture.crop((picture.width * 4 // 5, 0, picture.width, picture.height * 2 // 5))
            wall.resize((300, 200)).save(room / f"{number}.jpg", exif=picture.getexif())
    target = tmp_path / "demo"
    ended = CliRunner().invoke(app, ["demo", str(target), "--photos", str(room), "--tag", "lawn-medium"])
    assert ended.exit_code == 1, ended.output
    assert (target / "done" / "my photos" / "Küche 🏠.jpg").is_file()
    with Image.open(target / "contact-sheet.png") as sheet:
        assert sheet.width == 1800


def test_photos_of_ones_own_may_have_every_format_that_is_taken(tmp_path: Path) -> None:
    """HEIC, as phones write it, is made and labelled on the sheet; what can't be read is told at once."""
    source, target = tmp_path / "photos", tmp_path / "demo"
    for room in ("hall", "kitchen"):
        (source / room).mkdir(parents=True)
        for number, photo in enumerate(photos(ROOM)):
            with Image.open(photo) as picture:
                encoded = heic(picture.resize((300, 200)), exif=picture.getexif().tobytes())
                (source / room / f"{number}.heic").write_bytes(encoded)
    (source / "kitchen" / "0.heic").write_bytes(b"")
    ended = CliRunner().invoke(app, ["demo", str(target), "--photos", str(source)])
    assert ended.exit_code == 1, ended.output
    assert "✗ my photos / kitchen: 0.heic is" in ended.output
    assert (target / "done" / "my photos" / "hall.jpg").is_file()
    with Image.open(target / "contact-sheet.png") as sheet:
        assert sheet.width == 1800
    assert exposure_labels(sorted((source / "hall").iterdir()))[0].endswith("EV · 1/250 s")
