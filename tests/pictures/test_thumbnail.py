"""Small copies of whatever photo there is, in the child process."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import NeverUsable, PictureLimits
from tests.support.rawfile import dng

LIMITS = PictureLimits()


async def small(source: Path, *, edge: int = 100, roots: tuple[str, ...] = ()) -> Image.Image:
    target = source.with_name("small.jpg")
    decoder = Decoder()
    try:
        await decoder.thumbnail(source, target, edge, LIMITS, roots)
    finally:
        await decoder.close()
    return Image.open(io.BytesIO(target.read_bytes()))


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
async def test_every_format_that_is_taken_has_one(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"photo.{suffix}"
    Image.new("RGB", (300, 200), (180, 40, 40)).save(source)
    made = await small(source)
    assert (made.format, made.size) == ("JPEG", (100, 67))
    red, _, blue = made.getpixel((50, 30))  # type: ignore[misc]
    assert red > 150 and blue < 70


async def test_a_raw_file_has_one(tmp_path: Path) -> None:
    source = tmp_path / "photo.dng"
    source.write_bytes(dng())
    assert max((await small(source)).size) <= 100


async def test_it_is_upright(tmp_path: Path) -> None:
    source = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (300, 200)).save(source, exif=exif)
    assert (await small(source)).size == (67, 100)


async def test_no_link_is_followed_beneath_a_root(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "elsewhere" / "photo.jpg")
    (tmp_path / "root" / "way").symlink_to("../elsewhere")
    source = tmp_path / "root" / "way" / "photo.jpg"
    assert (await small(source)).size == (30, 20)
    with pytest.raises(Exception, match="can't be rendered"):
        await small(source, roots=(str(tmp_path / "root"),))


async def test_what_is_damaged_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "photo.jpg"
    source.write_bytes(b"\xff\xd8\xff nothing of a picture")
    with pytest.raises(NeverUsable):
        await small(source)
