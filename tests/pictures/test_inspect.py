"""Facts of a picture, messages for pictures without, and whether its markers lead to its end."""

from __future__ import annotations

import hashlib
import io
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from hotfolder.errors import UnusablePhoto
from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureLimits
from hotfolder.pictures.formats import is_photo_name
from hotfolder.pictures.inspect import inspect, jpeg_beginning, jpeg_reaches_its_end, png_reaches_its_end
from tests.support.pictures import needs_brackets, real_brackets

Encode = Callable[..., bytes]
Write = Callable[[str, bytes], Path]
LIMITS = PictureLimits()


def exif_bytes(aperture: float, seconds: float, iso: int, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x8769] = {0x829D: aperture, 0x829A: seconds, 0x8827: iso, 0x9003: "2026:05:04 17:20:31"}
    return exif.tobytes()


def test_the_facts_of_a_jpeg_with_exif(encode: Encode, write: Write) -> None:
    content = encode("JPEG", size=(120, 80), exif=exif_bytes(8.0, 1 / 60, 200, orientation=6))
    facts = inspect(write("a.jpg", content), limits=LIMITS)
    assert (facts.format, facts.width, facts.height, facts.orientation) == ("JPEG", 120, 80, 6)
    assert facts.sha256 == hashlib.sha256(content).hexdigest()
    assert facts.size_bytes == len(content)
    assert facts.capture is not None
    assert facts.capture.exposure_value == pytest.approx(math.log2(64 * 60) - 1, abs=0.01)


def test_a_png_without_exif(encode: Encode, write: Write) -> None:
    facts = inspect(write("a.png", encode("PNG")), limits=LIMITS)
    assert (facts.format, facts.orientation, facts.capture) == ("PNG", 1, None)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", exif_bytes(0, 0, 0)])
def test_broken_exif_is_no_reason_to_refuse(encode: Encode, write: Write, exif: bytes) -> None:
    capture = inspect(write("a.jpg", encode("JPEG", exif=exif)), limits=LIMITS).capture
    assert capture is None or capture.exposure_value is None


@pytest.mark.parametrize(
    ("mode", "colour", "brightness"),
    [
        ("RGB", (0, 0, 0), 0.0),
        ("RGB", (255, 255, 255), 1.0),
        ("L", 128, 128 / 255),
        ("RGBA", (255, 255, 255, 255), 1.0),
        ("P", 0, 0.0),
        ("1", 1, 1.0),
        ("I;16", 65535, 1.0),
    ],
)
def test_brightness_runs_from_black_to_white(
    tmp_path: Path, mode: str, colour: int | tuple[int, ...], brightness: float
) -> None:
    path = tmp_path / "a.png"
    Image.new(mode, (300, 200), colour).save(path)
    facts = inspect(path, limits=LIMITS)
    assert facts.brightness == pytest.approx(brightness, abs=0.01)
    assert facts.signature == "0-0", "of one colour, nothing can be compared"


@pytest.mark.parametrize("closely", [True, False])
def test_a_cut_jpeg_is_not_whole_and_is_named(encode: Encode, write: Write, closely: bool) -> None:
    content = encode("JPEG")
    with pytest.raises(NotWhole, match=r"^kitchen-2\.jpg is not complete"):
        inspect(write("kitchen-2.jpg", content[:-9]), limits=LIMITS, closely=closely)


@pytest.mark.parametrize("closely", [True, False])
@pytest.mark.parametrize("frame", [b"\xff\xc3\0\x11\x08", b"\xff\xc9\0\x11\x08", b"\xff\xc1\0\x11\x0c"])
def test_a_jpeg_of_a_kind_that_few_programs_read_is_refused(
    encode: Encode, write: Write, frame: bytes, closely: bool
) -> None:
    """Lossless, arithmetic coded, 12 bits. At a glance, some were found whole, and bought."""
    content = encode("JPEG").replace(b"\xff\xc0\0\x11\x08", frame)
    with pytest.raises(NeverUsable, match="is a JPEG that few programs can read"):
        inspect(write("a.jpg", content), limits=LIMITS, closely=closely)


def test_a_jpeg_that_cannot_be_decoded_is_not_whole_at_a_glance_either(encode: Encode, write: Write) -> None:
    """Its markers lead to its end, but its first scan names a missing table."""
    content = bytearray(encode("JPEG"))
    content[content.index(b"\xff\xda") + 6] = 0x33
    for closely in (True, False):
        with pytest.raises(NotWhole):
            inspect(write("a.jpg", bytes(content)), limits=LIMITS, closely=closely)


@pytest.mark.parametrize("closely", [True, False])
def test_a_progressive_jpeg_with_a_damaged_later_scan_is_not_whole(
    encode: Encode, write: Write, closely: bool
) -> None:
    """Its first scan fits its tables; no program opens it."""
    content = bytearray(encode("JPEG", size=(640, 480), progressive=True))
    table = content.rindex(b"\xff\xc4")
    content[table + 5 : table + 21] = b"\xff" * 16
    with pytest.raises(NotWhole):
        inspect(write("a.jpg", bytes(content)), limits=LIMITS, closely=closely)


def test_a_glance_tells_all_but_what_the_picture_shows(encode: Encode, write: Write) -> None:
    path = write("a.jpg", encode("JPEG", size=(640, 480)))
    glance = inspect(path, limits=LIMITS, closely=False)
    assert (glance.brightness, glance.signature) == (None, "")
    close = inspect(path, limits=LIMITS)
    assert replace(glance, brightness=close.brightness, signature=close.signature) == close


def test_a_jpeg_with_a_preview_behind_it_is_scaled_down_as_it_is_decoded(
    encode: Encode, write: Write, tmp_path: Path
) -> None:
    """As most cameras write it; decoded at its full size it takes ten times as long."""
    plain = write("a.jpg", encode("JPEG", size=(1601, 1201)))
    with Image.open(plain) as picture:
        picture.save(tmp_path / "b.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))])
        picture.save(plain)
    alone, followed = inspect(plain, limits=LIMITS), inspect(tmp_path / "b.jpg", limits=LIMITS)
    assert (followed.brightness, followed.signature) == (alone.brightness, alone.signature)


def test_a_photo_with_metadata_but_no_exposure_is_looked_at_closely(encode: Encode, write: Write) -> None:
    """Its brightness decides which photo is the middle one, whose metadata are copied."""
    exif = Image.Exif()
    exif[0x010E] = "a room"
    facts = inspect(write("a.jpg", encode("JPEG", exif=exif)), limits=LIMITS, closely=False)
    assert facts.brightness is not None and facts.signature


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_a_png_with_a_damaged_middle_is_not_whole(encode: Encode, write: Write, kept: float) -> None:
    content = bytearray(encode("PNG"))
    content[int(len(content) * kept)] ^= 0xFF
    with pytest.raises(NotWhole):
        inspect(write("a.png", bytes(content)), limits=LIMITS)


@pytest.mark.parametrize("content", [b"", bytes(5000), b"not a picture"])
def test_a_preallocated_file_may_still_become_a_picture(write: Write, content: bytes) -> None:
    with pytest.raises(NotWhole):
        inspect(write("a.jpg", content), limits=LIMITS)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("kitchen.webp", "kitchen.webp is a WebP picture"),
        ("kitchen.avif", "kitchen.avif is an AVIF picture"),
        ("kitchen.psd", "kitchen.psd is a Photoshop file"),
    ],
)
def test_a_format_that_is_not_taken_is_told_by_its_suffix(write: Write, name: str, what: str) -> None:
    with pytest.raises(NeverUsable, match=what) as refused:
        inspect(write(name, b""), limits=LIMITS)
    assert "Export JPEG (quality 90 or more)" in refused.value.hint


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP"])
def test_a_format_that_is_not_taken_is_told_by_its_content(encode: Encode, write: Write, kind: str) -> None:
    with pytest.raises(NeverUsable, match="which is not accepted"):
        inspect(write("a.jpg", encode(kind)), limits=LIMITS)


def test_a_png_named_jpg_is_taken_as_what_it_is(encode: Encode, write: Write) -> None:
    assert inspect(write("a.jpg", encode("PNG")), limits=LIMITS).format == "PNG"


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".jpe", ".jfif"])
def test_a_jpeg_is_a_photo_under_each_of_its_suffixes(encode: Encode, write: Write, suffix: str) -> None:
    """Windows names those that a browser saves .jfif."""
    photo = write(f"a{suffix}", encode("JPEG"))
    assert is_photo_name(photo.name)
    assert inspect(photo, limits=LIMITS).format == "JPEG"


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("1", (4000, 3000)).save(path)
    with pytest.raises(NeverUsable, match="more than 10 megapixels"):
        inspect(path, limits=PictureLimits(pixels=10_000_000))
    with pytest.raises(NeverUsable, match="more than 1 megapixels"):
        inspect(path, limits=PictureLimits(pixels=1_000_000))


def test_too_many_bytes_are_refused(write: Write) -> None:
    with pytest.raises(NeverUsable, match="larger than 1 MB"):
        inspect(write("a.jpg", bytes(2 * 1024 * 1024)), limits=PictureLimits(size_bytes=1024 * 1024))


def test_a_fifo_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(NeverUsable, match="is not a file"):
        inspect(tmp_path / "a.jpg", limits=LIMITS)


def test_a_link_is_not_followed(tmp_path: Path, encode: Encode, write: Write) -> None:
    (tmp_path / "b.jpg").symlink_to(write("a.jpg", encode("JPEG")))
    with pytest.raises(NeverUsable, match="is a link"):
        inspect(tmp_path / "b.jpg", limits=LIMITS)


def test_a_file_that_is_gone_is_an_unusable_photo_and_no_crash(tmp_path: Path) -> None:
    with pytest.raises(UnusablePhoto, match="no longer there"):
        inspect(tmp_path / "a.jpg", limits=LIMITS)


def test_the_pixel_limit_is_left_as_it_was(encode: Encode, write: Write) -> None:
    before = Image.MAX_IMAGE_PIXELS
    inspect(write("a.jpg", encode("JPEG")), limits=LIMITS)
    assert before == Image.MAX_IMAGE_PIXELS


@needs_brackets
def test_real_brackets_are_whole_and_differ_in_brightness() -> None:
    """Cameras write what no encoder here does: previews, maker notes, appended pictures."""
    assert real_brackets()
    for paths in real_brackets().values():
        found = [inspect(path, limits=LIMITS) for path in paths]
        values = [facts.brightness for facts in found if facts.brightness is not None]
        assert len(values) == len(found) >= 3
        assert max(values) - min(values) > 0.1


KINDS: list[dict[str, object]] = [
    {},
    {"progressive": True},
    {"restart_marker_blocks": 2},
    {"optimize": True, "quality": 100},
]


@pytest.mark.parametrize("options", KINDS)
def test_a_complete_jpeg_alone_reaches_its_end(encode: Encode, options: dict[str, object]) -> None:
    """None that is cut anywhere does, nor one whose tail is filled with zeros."""
    content = encode("JPEG", **options)
    assert jpeg_reaches_its_end(content)
    assert not any(jpeg_reaches_its_end(content[:cut]) for cut in range(len(content)))
    for cut in range(0, len(content), 7):
        assert not jpeg_reaches_its_end(content[:cut] + bytes(len(content) - cut))


def test_what_cameras_append_after_the_end_is_tolerated(encode: Encode) -> None:
    content = encode("JPEG")
    assert jpeg_reaches_its_end(content + content[: len(content) // 2])
    assert jpeg_reaches_its_end(content + b"\0" * 40 + b"SEFT")


def test_the_end_of_an_embedded_thumbnail_is_not_the_end_of_the_picture(encode: Encode) -> None:
    thumbnail = encode("JPEG", size=(32, 32))
    content = encode("JPEG", exif=b"Exif\0\0" + thumbnail)
    assert jpeg_reaches_its_end(content)
    assert not jpeg_reaches_its_end(content[: content.index(thumbnail) + len(thumbnail)])
    assert not jpeg_reaches_its_end(content[:-2])


@given(st.binary(max_size=400))
def test_no_bytes_break_the_walk(content: bytes) -> None:
    jpeg_reaches_its_end(content)
    jpeg_reaches_its_end(b"\xff\xd8\xff" + content)


def test_a_png_without_its_closing_chunk_is_not_whole(encode: Encode) -> None:
    content = encode("PNG")
    assert png_reaches_its_end(content)
    assert not png_reaches_its_end(content[:-1])


@pytest.mark.parametrize("options", KINDS)
def test_a_jpegs_beginning_is_a_low_jpeg(encode: Encode, options: dict[str, object]) -> None:
    content = encode("JPEG", size=(640, 480), **options)
    with Image.open(io.BytesIO(jpeg_beginning(content, 1000, 64))) as image:
        image.load()
        assert image.size == (640, 64)
    with Image.open(io.BytesIO(jpeg_beginning(content, len(content), 500))) as image:
        assert image.size == (640, 480)


@given(st.binary(max_size=400))
@example(b"\xc0\x00\x00")
def test_no_bytes_break_what_takes_the_beginning(content: bytes) -> None:
    assert jpeg_beginning(b"\xff\xd8\xff" + content, 100, 64).endswith(b"\xff\xd9")
