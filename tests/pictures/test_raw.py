"""RAW files: developed as shot with the extra `raw`, and refused with advice without it."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from hotfolder.pictures import raw
from hotfolder.pictures.developing import develop
from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureLimits
from hotfolder.pictures.inspect import inspect
from tests.support.colours import srgb_linear
from tests.support.rawfile import dng

Write = Callable[[str, bytes], Path]
LIMITS = PictureLimits()
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
