"""The contact sheet: one picture of photos and results."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from hotfolder.demo.captions import dark_to_bright, drawable_text, exposure_labels, wrap_text
from hotfolder.demo.contact_sheet import PAPER, REFUSED, SheetRow, contact_sheet
from hotfolder.errors import UnusablePhoto, UsageError

Pixels = NDArray[np.int16]
RED, GREEN, BLUE = (200, 30, 30), (30, 170, 40), (30, 60, 210)


def picture(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (600, 400)) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


def shot(path: Path, seconds: Fraction, *, iso: int = 100, turned: bool = False) -> Path:
    exif = Image.Exif()
    if turned:
        exif[ExifTags.Base.Orientation] = 6
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.ExposureTime] = IFDRational(seconds.numerator, seconds.denominator)
    details[ExifTags.Base.FNumber] = IFDRational(8, 1)
    details[ExifTags.Base.ISOSpeedRatings] = iso
    Image.new("RGB", (600, 400), RED).save(path, exif=exif)
    return path


def pixels_of(sheet: Path) -> Pixels:
    with Image.open(sheet) as opened:
        return np.asarray(opened.convert("RGB"), np.int16)


def near(pixels: Pixels, colour: tuple[int, int, int], within: int = 14) -> NDArray[np.bool_]:
    """Where the sheet has about that colour."""
    return np.asarray(np.abs(pixels - np.array(colour, np.int16)).max(axis=2) < within)


@pytest.mark.parametrize("photos", range(1, 8))
@pytest.mark.parametrize("results", [1, 2, 3])
def test_every_number_of_photos_and_results_fits(tmp_path: Path, photos: int, results: int) -> None:
    """The sheet has the width asked for, free margins, and every picture, results larger than photos. Photos
    begin at the left margin, the last result ends at the right one, all with the same bottom."""
    brackets = [picture(tmp_path / f"b{k}.png", RED) for k in range(photos)]
    colours = [BLUE, (120, 20, 130), GREEN][-results:]
    done = [(f"result {k}", picture(tmp_path / f"r{k}.png", c)) for k, c in enumerate(colours)]
    contact_sheet([SheetRow("12 Elm Road", brackets, done)], tmp_path / "sheet.png", width=900)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert (sheet.format, sheet.width) == ("PNG", 900)
    pixels = pixels_of(tmp_path / "sheet.png")
    assert (pixels[:, [0, 10, -11, -1]] == PAPER).all()
    red, *results_seen = (near(pixels, colour) for colour in (RED, *colours))
    assert red.mean() > 0.01
    assert all(seen.mean() > red.mean() / photos for seen in results_seen)
    left, right = np.nonzero(red), np.nonzero(results_seen[-1])
    assert (int(left[1].min()), int(right[1].max())) == (25, 874)
    assert abs(int(left[0].min()) - int(right[0].min())) <= 1
    if photos in (3, 4, 5):
        assert abs(int(left[0].max()) - int(right[0].max())) <= 3


def test_rows_follow_one_another(tmp_path: Path) -> None:
    """A sheet of two rooms is about twice as high as one of one room, the first above the second."""
    one = SheetRow("a", [picture(tmp_path / "a.png", RED)], [("merged", picture(tmp_path / "m.png", GREEN))])
    two = SheetRow("b", one.brackets, [("merged", picture(tmp_path / "n.png", BLUE))])
    contact_sheet([one], tmp_path / "one.png", width=900)
    contact_sheet([one, two], tmp_path / "two.png", width=900)
    first, both = pixels_of(tmp_path / "one.png"), pixels_of(tmp_path / "two.png")
    assert 1.7 < len(both) / len(first) < 2
    heights = [np.nonzero(near(both, colour).any(axis=1))[0].mean() for colour in (GREEN, BLUE)]
    assert heights[0] < heights[1]


def test_portraits_stay_upright(tmp_path: Path) -> None:
    """A photo that EXIF turns is shown upright, and a tall result isn't squashed."""
    done = picture(tmp_path / "tall.png", GREEN, (400, 600))
    row = SheetRow("hall", [shot(tmp_path / "a.jpg", Fraction(1, 30), turned=True)], [("merged", done)])
    contact_sheet([row], tmp_path / "sheet.png", width=900)
    for colour in (RED, GREEN):
        where = near(pixels_of(tmp_path / "sheet.png"), colour, within=24)
        tall, wide = where.any(axis=1).sum(), where.any(axis=0).sum()
        assert tall / wide == pytest.approx(1.5, abs=0.05)


def test_a_refusal_is_shown_in_words(tmp_path: Path) -> None:
    """The refusal's text takes the missing picture's place, beside another result or alone."""
    brackets = [picture(tmp_path / f"b{k}.png", RED) for k in range(3)]
    merged = [("merged", picture(tmp_path / "m.png", GREEN))]
    for results in (merged, []):
        row = SheetRow("12 Elm Road", brackets, results, "Not made: no lawn was found in this picture.")
        contact_sheet([row], tmp_path / "sheet.png")
        pixels = pixels_of(tmp_path / "sheet.png")
        assert near(pixels, REFUSED).mean() > 0.0002
        assert (near(pixels, GREEN).mean() > 0.01) == bool(results)


def test_titles_stay_inside_and_can_be_read(tmp_path: Path) -> None:
    """A title longer than the sheet is cut; pictographs are left out."""
    title = "Große Straße – " * 40
    row = SheetRow(title, [picture(tmp_path / "a.png", RED)], [(title, picture(tmp_path / "m.png", GREEN))])
    contact_sheet([row], tmp_path / "sheet.png", width=700)
    assert (pixels_of(tmp_path / "sheet.png")[:, -12:] == PAPER).all()
    assert wrap_text("Küche 🏠", 20, 500)[0] == ["Küche"]


def test_photos_go_from_dark_to_bright(tmp_path: Path) -> None:
    """Names don't matter, except without EXIF."""
    bright = shot(tmp_path / "a.jpg", Fraction(1, 15))
    dark = shot(tmp_path / "b.jpg", Fraction(1, 250))
    assert dark_to_bright([bright, dark]) == [dark, bright]
    unknown = picture(tmp_path / "c.png", RED)
    assert dark_to_bright([unknown, dark, bright]) == [bright, dark, unknown]


def test_labels_count_from_the_middle_exposure(tmp_path: Path) -> None:
    """Labels are relative exposures by shutter and ISO, whatever the order; with a photo without EXIF they
    are plain numbers."""
    dark = shot(tmp_path / "a.jpg", Fraction(1, 250))
    middle = shot(tmp_path / "b.jpg", Fraction(1, 60))
    bright = shot(tmp_path / "c.jpg", Fraction(1, 60), iso=400)
    assert exposure_labels([bright, dark, middle]) == ["+2 EV · 1/60 s", "−2 EV · 1/250 s", "0 EV · 1/60 s"]
    assert exposure_labels([dark, picture(tmp_path / "d.png", RED)]) == ["photo 1", "photo 2"]
    assert exposure_labels([shot(tmp_path / "e.jpg", Fraction(5, 2))]) == ["0 EV · 2.5 s"]


def test_missing_and_broken_pictures_are_named(tmp_path: Path) -> None:
    """The message names the file, and nothing is written."""
    good = picture(tmp_path / "a.png", RED)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    for bad in (tmp_path / "gone.jpg", broken):
        with pytest.raises(UnusablePhoto, match=bad.name):
            contact_sheet([SheetRow("x", [good], [("merged", bad)])], tmp_path / "sheet.png")
        with pytest.raises(UnusablePhoto, match=bad.name):
            contact_sheet([SheetRow("x", [bad], [("merged", good)])], tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()


def test_a_sheet_of_nothing_is_refused(tmp_path: Path) -> None:
    """This is an error without rooms, photos or results."""
    good = picture(tmp_path / "a.png", RED)
    for rows in ([], [SheetRow("x", [], [("merged", good)])], [SheetRow("x", [good], [])]):
        with pytest.raises(UsageError):
            contact_sheet(rows, tmp_path / "sheet.png")


def test_letters_that_the_font_lacks_are_left_out_and_no_name_is_a_row_of_boxes() -> None:
    assert drawable_text("Küche · −2 EV Кухня Κουζίνα ấ") == "Küche · −2 EV Кухня Κουζίνα ấ"
    assert drawable_text("Loft 客厅 🛋", otherwise="room 2") == "Loft"
    assert {drawable_text(name, otherwise="room 2") for name in ("客厅", "غرفة", "🛋")} == {"room 2"}
