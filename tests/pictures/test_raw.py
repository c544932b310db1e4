"""RAW files: developed as shot with the extra `raw`, and refused with advice without it."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hotfolder.metadata import jpegfile
from hotfolder.pictures import raw
from hotfolder.pictures.developing import develop
from hotfolder.pictures.exposure import exposure_in
from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureLimits
from hotfolder.pictures.inspect import inspect
from tests.support.colours import srgb_linear
from tests.support.rawfile import byte, cr3, dng, ratio, short, text

Write = Callable[[str, bytes], Path]
LIMITS = PictureLimits()
EXIF_TAGS = (33434, 33437, 34855, 36867, 37386)
needs_rawpy = pytest.mark.skipif(find_spec("rawpy") is None, reason="the extra `raw` is not installed")


@needs_rawpy
def test_a_raw_file_is_read_with_its_exposure(write: Write) -> None:
    facts = inspect(write("a.DNG", dng(orientation=6)), limits=LIMITS)
    assert (facts.format, facts.width, facts.height, facts.orientation) == ("RAW", 96, 64, 6)
    assert facts.develop == "it is a RAW file"
    assert facts.capture is not None and facts.capture.model == "Model One"
    assert facts.capture.exposure_value == pytest.approx(11.907, abs=0.01)
    assert facts.brightness is not None


@needs_rawpy
def test_a_raw_file_is_developed_as_shot_and_upright(write: Write, tmp_path: Path) -> None:
    linear = (8000, 16000, 4000)
    develop(write("a.dng", dng(linear, orientation=6)), tmp_path / "a.jpg", limits=LIMITS)
    with Image.open(tmp_path / "a.jpg") as made:
        assert made.size == (64, 96)
        assert made.getexif().get(0x0112) == 1
        assert made.getexif()[0x013B] == "Ann Example"
        assert made.getexif().get_ifd(0x8769)[0x829A] == pytest.approx(1 / 60)
        pixel = made.getpixel((30, 40))
    assert isinstance(pixel, tuple)
    for value, of in zip(pixel, linear, strict=True):
        assert srgb_linear(value / 255) * 65535 == pytest.approx(of, rel=0.05)


@needs_rawpy
def test_a_monochrome_cameras_raw_file_is_developed_in_grey(write: Write, tmp_path: Path) -> None:
    photo = write("a.dng", dng(more={262: short(34892)}, without=(33421, 33422, 50721, 50728)))
    assert inspect(photo, limits=LIMITS).brightness is not None
    develop(photo, tmp_path / "a.jpg", limits=LIMITS)
    with Image.open(tmp_path / "a.jpg") as made:
        assert made.mode == "RGB"
        red, *others = (channel.tobytes() for channel in made.split())
    assert others == [red, red]


@needs_rawpy
def test_frames_of_a_bracket_keep_their_distance_in_brightness(write: Write, tmp_path: Path) -> None:
    """Automatic brightness, a developer's default, would make them all alike."""
    shown = []
    for stops in range(3):
        light = 2**stops
        develop(write("a.dng", dng((3000 * light,) * 3)), tmp_path / "a.jpg", limits=LIMITS)
        with Image.open(tmp_path / "a.jpg") as made:
            pixel = made.getpixel((30, 30))
        assert isinstance(pixel, tuple)
        shown.append(srgb_linear(pixel[1] / 255))
    assert shown[1] / shown[0] == pytest.approx(2, rel=0.08)
    assert shown[2] / shown[1] == pytest.approx(2, rel=0.08)


@needs_rawpy
@pytest.mark.parametrize("kept", [0, 8, 300, 6000])
def test_a_raw_file_that_breaks_off_is_not_whole(write: Write, kept: int) -> None:
    with pytest.raises(NotWhole) as refused:
        inspect(write("a.dng", dng()[:kept]), limits=LIMITS)
    assert refused.value.hint.startswith("Copy it from the camera's card once more; if it comes back")


@needs_rawpy
def test_the_exif_of_the_preview_is_taken_where_the_file_itself_has_none() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x8769] = {0x829A: 1 / 60}
    preview = io.BytesIO()
    Image.new("RGB", (16, 16)).save(preview, "JPEG", exif=exif)

    class Preview:
        data = preview.getvalue()

        @property
        def format(self) -> object:
            import rawpy

            return rawpy.ThumbFormat.JPEG

    class Raw:
        def extract_thumb(self) -> Preview:
            return Preview()

    block = raw.exif_of_preview(Raw())
    assert block is not None and b"Maker" in block


def preview(**options: Any) -> bytes:
    """A JPEG without JFIF, as cameras write it."""
    encoded = io.BytesIO()
    Image.new("RGB", (64, 48)).save(encoded, "JPEG", **options)
    segments = jpegfile.read_head(io.BytesIO(encoded.getvalue()))
    return jpegfile.MAGIC[:2] + encoded.getvalue()[2 + len(segments[0].encoded()) :]


@needs_rawpy
def test_the_exif_of_the_preview_is_taken_where_that_of_the_file_lacks_the_exposure(write: Write) -> None:
    """A Panasonic's RW2 keeps its ISO elsewhere."""
    exif = Image.Exif()
    exif[0x8769] = {0x829A: 1 / 60, 0x829D: 8.0, 0x8827: 400, 0x9003: "2026:05:04 17:20:31"}
    facts = inspect(write("a.dng", dng(without=[34855], preview=preview(exif=exif))), limits=LIMITS)
    assert facts.capture is not None and facts.capture.iso == 400


@needs_rawpy
def test_what_libraw_writes_into_a_preview_without_exif_is_not_taken_for_the_cameras(
    write: Write, tmp_path: Path
) -> None:
    photo = write("a.dng", dng(without=EXIF_TAGS, preview=preview()))
    assert inspect(photo, limits=LIMITS).capture is None
    develop(photo, tmp_path / "a.jpg", limits=LIMITS)
    with Image.open(tmp_path / "a.jpg") as made:
        assert 0x0131 not in made.getexif()


def test_a_cr3_tells_its_exif_in_boxes_of_its_own() -> None:
    shot = {
        33434: ratio((1, 60)),
        33437: ratio((8, 1)),
        34855: short(100),
        36867: text("2026:05:04 17:20:31"),
        37521: text("21"),
    }
    gps = {1: text("N"), 2: ratio((52, 1), (30, 1), (0, 1))}
    said = raw.blocks_in(io.BytesIO(cr3({271: text("Canon")}, shot, gps)))
    capture = exposure_in(said.exif, 1).capture
    assert capture is not None and capture.make == "Canon"
    assert capture.started_seconds is not None and capture.started_seconds % 1 == pytest.approx(0.21)
    assert capture.exposure_value is not None
    exif = Image.Exif()
    exif.load(said.exif or b"")
    assert exif.get_ifd(0x8825)[2] == (52, 30, 0)


@needs_rawpy
def test_a_raw_file_keeps_its_xmp_and_iptc(write: Write, tmp_path: Path) -> None:
    """As Lightroom writes them into a DNG."""
    packet, records = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", b"\x1c\x02\x50\0\x04Jane"
    more = {700: byte(*packet), 33723: byte(*records)}
    develop(write("a.dng", dng(more=more)), tmp_path / "a.jpg", limits=LIMITS)
    with (tmp_path / "a.jpg").open("rb") as made:
        said = jpegfile.read_blocks(jpegfile.read_head(made))
    assert said.xmp == packet
    assert said.resources == {0x0404: records}


def test_a_cameras_xmp_does_not_outrank_a_sidecar() -> None:
    more = {700: byte(*b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")}
    assert raw.blocks_in(io.BytesIO(dng(more=more))).xmp is not None
    assert raw.blocks_in(io.BytesIO(dng(more=more, without=[50706]))).xmp is None


def test_ratios_say_what_they_are_made_of() -> None:
    for value in (1 / 8000, 1 / 60, 0.3, 1.3, 8.0, 600.0):
        number, of = struct.unpack(">II", raw.ratio(value).value)
        assert number / of == pytest.approx(value, rel=0.01)


@pytest.mark.parametrize("name", ["kitchen.CR2", "kitchen.NEF", "kitchen.dng"])
def test_without_the_extra_a_raw_file_is_refused_with_what_to_do(
    write: Write, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(raw, "find_spec", lambda _: None)
    with pytest.raises(NeverUsable, match=f"{name} is a RAW file") as refused:
        inspect(write(name, b""), limits=LIMITS)
    assert f"{sys.prefix}/bin/pip install '.[raw]'" in refused.value.hint
    assert "Export JPEG (quality 90 or more)" in refused.value.hint


def test_a_raw_file_under_another_name_is_known_by_its_content(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw, "find_spec", lambda _: None)
    for head in (b"II*\0\x10\0\0\0CR\x02\0", b"IIRO\x08\0\0\0", b"FUJIFILMCCD-RAW ", b"\0\0\0\x18ftypcrx "):
        with pytest.raises(NeverUsable, match=r"a\.jpg is a RAW file"):
            inspect(write("a.jpg", head + bytes(50)), limits=LIMITS)
