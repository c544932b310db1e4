"""Developing: a JPEG with the same colours and metadata, upright."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps

from hotfolder.errors import LocalTrouble
from hotfolder.metadata import jpegfile
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.developing import develop, thumbnail
from hotfolder.pictures.exposure import exposure_in
from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureLimits
from hotfolder.pictures.inspect import inspect
from tests.support.colours import MODERATE, PATCH, chart, profile, worst_difference
from tests.support.everykind import compared, every_tag, tags_of
from tests.support.rawfile import dng
from tests.support.tiffs import tagged, tiff

Write = Callable[[str, bytes], Path]
LIMITS = PictureLimits()
NEARLY = 2.0
"""ΔE after two JPEGs in a row with 8 bits."""


@pytest.fixture
def developed(tmp_path: Path, write: Write) -> Callable[..., Image.Image]:
    def make(content: bytes, name: str = "a.tif") -> Image.Image:
        develop(write(name, content), tmp_path / "developed.jpg", limits=LIMITS)
        return Image.open(io.BytesIO((tmp_path / "developed.jpg").read_bytes()))

    return make


Developed = Callable[..., Image.Image]


@pytest.mark.parametrize("space", ["Adobe RGB", "ProPhoto", "Display P3"])
@pytest.mark.parametrize(("depth", "compression"), [(8, "none"), (16, "none"), (16, "lzw"), (16, "deflate")])
def test_a_tiff_of_any_space_and_depth_shows_the_same_colours_in_srgb(
    developed: Developed, write: Write, space: str, depth: int, compression: str
) -> None:
    content = tiff(depth=depth, compression=compression, profile=profile(space))
    made = developed(content)
    assert worst_difference(made, space) < NEARLY
    assert worst_difference(made, "sRGB") > 1.5 * NEARLY, "the chart would look right without its profile"
    facts = inspect(write("a.tif", content), limits=LIMITS)
    assert (facts.format, facts.width, facts.height) == ("TIFF", PATCH * len(MODERATE), PATCH)
    assert facts.develop == "it is a TIFF"


@pytest.mark.parametrize("depth", [8, 16])
def test_a_tiff_without_a_profile_is_taken_for_srgb(developed: Developed, depth: int) -> None:
    made = developed(tiff(depth=depth))
    assert worst_difference(made, "sRGB") < NEARLY
    profile = ImageCms.ImageCmsProfile(io.BytesIO(made.info["icc_profile"])).profile
    assert (profile.profile_description or "").startswith("sRGB")


@pytest.mark.parametrize("depth", [8, 16])
def test_gray_stays_gray(developed: Developed, depth: int) -> None:
    most, code = (255, "B") if depth == 8 else (65535, "H")
    pixels = struct.pack(f"<{40 * 40}{code}", *([most // 4] * 20 + [most // 2] * 20) * 40)
    made = developed(tiff(depth=depth, pixels=pixels, size=(40, 40), bands=1))
    assert made.mode == "RGB"
    for at, value in ((8, 64), (32, 127)):
        assert made.getpixel((at, 20)) == pytest.approx((value,) * 3, abs=2)


@pytest.mark.parametrize("depth", [8, 16])
def test_transparency_becomes_white_and_a_saved_selection_is_none(developed: Developed, depth: int) -> None:
    most, code = (255, "B") if depth == 8 else (65535, "H")
    half = [most // 2, 0, 0, most] * 20 + [most // 2, 0, 0, 0] * 20
    content = tiff(depth=depth, pixels=struct.pack(f"<{160 * 40}{code}", *half * 40), size=(40, 40), bands=4,
                   interpretation="srgb" if depth == 8 else "rgb16")  # fmt: skip
    made = developed(content)
    assert made.getpixel((8, 20)) == pytest.approx((127, 0, 0), abs=3)
    assert made.getpixel((32, 20)) == (255, 255, 255)
    selection = extra_samples(content, 0)
    made = developed(selection)
    assert made.getpixel((32, 20)) == pytest.approx((127, 0, 0), abs=3)


def extra_samples(content: bytes, value: int) -> bytes:
    """The TIFF with another meaning of its fourth channel."""
    at = content.index(struct.pack("<HHI", 338, 3, 1)) + 8
    return content[:at] + struct.pack("<H", value) + content[at + 2 :]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("depth", [8, 16])
def test_what_is_stored_turned_is_turned_upright(
    developed: Developed, write: Write, orientation: int, depth: int
) -> None:
    made = developed(tiff(depth=depth, orientation=orientation))
    plain = Image.frombytes("RGB", *chart())
    plain.getexif()[0x0112] = orientation
    upright = ImageOps.exif_transpose(plain)
    assert made.size == upright.size
    assert made.getexif().get(0x0112, 1) == 1
    for at in ((5, 5), (made.width - 6, 5), (5, made.height - 6), (made.width - 6, made.height - 6)):
        assert made.getpixel(at) == pytest.approx(upright.getpixel(at), abs=3)
    facts = inspect(write("a.tif", tiff(depth=depth, orientation=orientation)), limits=LIMITS)
    assert facts.orientation == orientation


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (tiff(pixels=bytes(4 * 40 * 40), size=(40, 40), bands=4), "neither gray nor RGB"),
        (tiff(compression="none", bigtiff=True), "is a BigTIFF"),
        (tiff(pixels=bytes(40 * 40), size=(40, 40), bands=1, bitdepth=1), "with 1 bits a channel"),
    ],
)
def test_what_can_t_be_developed_is_refused_with_advice(write: Write, content: bytes, sentence: str) -> None:
    with pytest.raises(NeverUsable, match=sentence) as refused:
        inspect(write("a.tif", content), limits=LIMITS)
    assert "Export" in refused.value.hint


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate", "jpeg"])
def test_a_tiff_that_breaks_off_is_not_whole(write: Write, compression: str) -> None:
    pixels = os.urandom(3 * 300 * 300)
    content = tiff(compression=compression, pixels=pixels, size=(300, 300))
    inspect(write("whole.tif", content), limits=LIMITS)
    for kept in (0, 3, 8, len(content) // 3, len(content) - 10):
        with pytest.raises(NotWhole):
            inspect(write("a.tif", content[:kept]), limits=LIMITS)


def test_a_tiff_whose_contents_come_first_is_not_whole_without_its_pixels(write: Write) -> None:
    """Pillow writes the TIFF's directory at the beginning, as some exports do."""
    file = io.BytesIO()
    Image.frombytes("RGB", (300, 300), os.urandom(3 * 300 * 300)).save(file, "TIFF")
    inspect(write("whole.tif", file.getvalue()), limits=LIMITS)
    with pytest.raises(NotWhole, match="damaged or not complete"):
        inspect(write("a.tif", file.getvalue()[:-500]), limits=LIMITS)


def test_too_many_pixels_and_bytes_are_refused_before_they_are_decoded(write: Write) -> None:
    path = write("a.tif", tiff())
    with pytest.raises(NeverUsable, match="megapixels"):
        inspect(path, limits=PictureLimits(pixels=1000))
    with pytest.raises(NeverUsable, match="larger than"):
        inspect(path, limits=PictureLimits(size_bytes=1000))


SAID = (
    "-Artist=Ann Example", "-Make=Canon", "-ExposureTime=1/60", "-FNumber=8", "-ISO=100",
    "-DateTimeOriginal=2026:05:04 10:11:12", "-SubSecTimeOriginal=25", "-GPSLatitude=48.1",
    "-GPSLatitudeRef=N", "-IPTC:Keywords=kitchen", "-IPTC:Caption-Abstract=The kitchen", "-XMP:Title=Kitchen",
    "-XMP:Rating=4",
)  # fmt: skip


def test_what_a_tiff_says_of_its_photo_is_kept(developed: Developed, write: Write, tmp_path: Path) -> None:
    content = tagged(tiff(depth=16, profile=profile("ProPhoto"), compression="lzw"), tmp_path, *SAID)
    facts = inspect(write("a.tif", content), limits=LIMITS)
    assert facts.capture is not None and facts.capture.make == "Canon"
    assert facts.capture.exposure_value == pytest.approx(11.907, abs=0.01)
    taken = datetime(2026, 5, 4, 10, 11, 12, 250_000, UTC).timestamp()
    assert (facts.capture.started_seconds, facts.capture.clock_step_seconds) == (taken, 0.01)
    made = developed(content)
    assert made.getexif()[0x013B] == "Ann Example"
    assert made.getexif().get_ifd(0x8769)[0x829A] == pytest.approx(1 / 60)
    assert made.getexif().get_ifd(0x8769)[0xA001] == 1, "the colours are sRGB's now"
    assert made.getexif().get_ifd(0x8825)[1] == "N"
    blocks = jpegfile.read_blocks(jpegfile.read_head(io.BytesIO((tmp_path / "developed.jpg").read_bytes())))
    assert b"<dc:title>" in (blocks.xmp or b"") and b"Rating" in (blocks.xmp or b"")
    assert b"The kitchen" in blocks.resources[0x0404] and b"kitchen" in blocks.resources[0x0404]


def test_a_jpeg_in_another_space_than_srgb_is_developed(developed: Developed, write: Write) -> None:
    for space in ("Adobe RGB", "ProPhoto", "Display P3", "sRGB"):
        content = encoded("JPEG", icc_profile=profile(space), quality=97, subsampling=0)
        facts = inspect(write("a.jpg", content), limits=LIMITS)
        assert bool(facts.develop) == (space != "sRGB"), space
        assert worst_difference(developed(content, "a.jpg"), space) < NEARLY


@pytest.mark.parametrize("space", ["Adobe RGB", "ProPhoto", "Display P3"])
def test_a_png_in_another_space_is_developed(developed: Developed, write: Write, space: str) -> None:
    content = encoded("PNG", icc_profile=profile(space))
    assert inspect(write("a.png", content), limits=LIMITS).develop
    assert worst_difference(developed(content, "a.png"), space) < NEARLY


def test_a_cameras_adobe_rgb_is_known_by_its_rules_and_without_a_profile(
    developed: Developed, write: Write, tmp_path: Path
) -> None:
    content = encoded("JPEG", quality=97, subsampling=0)
    content = tagged(content, tmp_path, "-ColorSpace#=65535", "-InteropIndex=R03", name="camera.jpg")
    assert inspect(write("a.jpg", content), limits=LIMITS).develop == "its colours are Adobe RGB's"
    made = developed(content, "a.jpg")
    assert worst_difference(made, "Adobe RGB") < NEARLY
    assert not exposure_in(made.info["exif"][6:], 1).adobe_rgb
    assert made.getexif().get_ifd(0x8769)[0xA001] == 1


def test_a_damaged_profile_is_as_good_as_none(developed: Developed, write: Write) -> None:
    broken = profile("ProPhoto")[:140] + b"\xff" * 300
    assert inspect(write("a.jpg", encoded("JPEG", icc_profile=broken)), limits=LIMITS).develop == ""
    assert worst_difference(developed(tiff(profile=broken)), "sRGB") < NEARLY


def test_a_cmyk_jpeg_is_refused(write: Write) -> None:
    file = io.BytesIO()
    Image.new("CMYK", (40, 40), (10, 20, 30, 40)).save(file, "JPEG")
    with pytest.raises(NeverUsable, match="CMYK") as refused:
        inspect(write("a.jpg", file.getvalue()), limits=LIMITS)
    assert refused.value.hint == "Export the photo as sRGB."


def test_a_full_disk_leaves_nothing_that_looks_finished(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        develop(write("a.tif", tiff()), tmp_path / "a.jpg", limits=LIMITS)
    assert not (tmp_path / "a.jpg").exists()


def encoded(kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.frombytes("RGB", *chart()).save(file, kind, **options)
    return file.getvalue()


STORAGE = (
    "ImageWidth ImageHeight BitsPerSample Compression PhotometricInterpretation StripOffsets Orientation"
    " SamplesPerPixel RowsPerStrip StripByteCounts PlanarConfiguration SampleFormat"
)
TIFFS_OWN = {
    **{f"IFD0:{name}": "how the TIFF stores its pixels" for name in STORAGE.split()},
    "ExifIFD:ExifImageWidth": "the picture's own",
    "ExifIFD:ExifImageHeight": "the picture's own",
    "InteropIFD:*": "the colours are others",
    "ICC_Profile:*": "the colours are sRGB's",
}


def test_every_kind_of_metadata_of_a_tiff_is_on_what_is_developed_of_it(tmp_path: Path) -> None:
    path, made = tmp_path / "a.tif", tmp_path / "a.jpg"
    path.write_bytes(tiff(depth=16, profile=profile("ProPhoto")))
    every_tag(path, without=("IFD0:ImageWidth", "IFD0:ImageHeight", "IFD0:YCbCrPositioning"))
    before = tags_of(path)
    develop(path, made, limits=LIMITS)
    outcome = compared(before, tags_of(made), TIFFS_OWN)
    assert [name for seen in outcome.values() for name in seen.lost] == []
    assert sum(len(seen.carried) for seen in outcome.values()) > 140


def small(source: Path) -> Image.Image:
    target = source.with_name("small.jpg")
    thumbnail(source, target, 100, limits=LIMITS)
    return Image.open(io.BytesIO(target.read_bytes()))


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_every_format_that_is_taken_has_a_small_copy(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"photo.{suffix}"
    Image.new("RGB", (300, 200), (180, 40, 40)).save(source)
    made = small(source)
    assert (made.format, made.size) == ("JPEG", (100, 67))
    red, _, blue = made.getpixel((50, 30))  # type: ignore[misc]
    assert red > 150 and blue < 70


def test_a_raw_file_has_a_small_copy(tmp_path: Path) -> None:
    source = tmp_path / "photo.dng"
    source.write_bytes(dng())
    assert max(small(source).size) <= 100


def test_a_small_copy_is_upright(tmp_path: Path) -> None:
    source = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (300, 200)).save(source, exif=exif)
    assert small(source).size == (67, 100)


async def test_for_a_small_copy_no_link_is_followed_beneath_a_root(tmp_path: Path, decoder: Decoder) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "elsewhere" / "photo.jpg")
    (tmp_path / "root" / "way").symlink_to("../elsewhere")
    source = tmp_path / "root" / "way" / "photo.jpg"
    assert small(source).size == (30, 20)
    with pytest.raises(LocalTrouble, match="can't be rendered"):
        await decoder.thumbnail(source, tmp_path / "b.jpg", 100, LIMITS, (str(tmp_path / "root"),))


def test_what_is_damaged_has_no_small_copy(tmp_path: Path) -> None:
    source = tmp_path / "photo.jpg"
    source.write_bytes(b"\xff\xd8\xff nothing of a picture")
    with pytest.raises(NeverUsable):
        small(source)
