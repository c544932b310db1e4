"""A JPEG is whole when its markers lead to its end, even where Pillow accepts less."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from hotfolder.pictures.inspect import jpeg_beginning, jpeg_reaches_its_end, png_reaches_its_end

Encode = Callable[..., bytes]

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
