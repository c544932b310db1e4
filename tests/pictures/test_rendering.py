"""Renditions: size, colours, and determinism."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import NeverUsable, PictureLimits, Rendering
from hotfolder.pictures.rendering import render
from tests.support.colours import swapped_profile

LIMITS = PictureLimits()
NOISE = Image.effect_noise((600, 400), 90).convert("RGB")


def saved(path: Path, picture: Image.Image, **options: Any) -> Path:
    picture.save(path, **options)
    return path


def made(source: Path, long_edge: int | None = None, max_bytes: int | None = None) -> bytes:
    target = source.with_name("made.jpg")
    found = render(source, target, Rendering(90, 30, long_edge, max_bytes), limits=LIMITS)
    assert found is not None
    content = target.read_bytes()
    picture = opened(content)
    assert (picture.width, picture.height, len(content)) == (found.width, found.height, found.size_bytes)
    return content


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_it_is_as_small_as_asked_and_never_larger_than_the_picture(tmp_path: Path) -> None:
    """The long edge counts; nothing is enlarged."""
    source = saved(tmp_path / "a.png", NOISE)
    assert opened(made(source, long_edge=150)).size == (150, 100)
    assert opened(made(source, long_edge=5000)).size == (600, 400)


def test_quality_falls_until_the_file_is_small_enough_or_none_is_made(tmp_path: Path) -> None:
    """The size limit is never exceeded; a rendition that can't meet it is not made."""
    source = saved(tmp_path / "a.jpg", NOISE, quality=95)
    free = len(made(source))
    assert len(made(source, max_bytes=free // 2)) <= free // 2
    (tmp_path / "made.jpg").unlink()
    assert render(source, tmp_path / "made.jpg", Rendering(90, 30, None, 1000), limits=LIMITS) is None
    assert not (tmp_path / "made.jpg").exists()


def test_the_same_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    """A crash must not leave two files, so it holds no time of day."""
    source = saved(tmp_path / "a.png", NOISE)
    first = made(source, long_edge=300)
    assert made(source, long_edge=300) == first
    assert opened(first).info["icc_profile"][24:28] == b"\x07\xd0\0\1"


def test_other_colours_become_srgb_and_transparency_white(tmp_path: Path) -> None:
    """Portals ignore profiles: the numbers themselves must be right."""
    flat = Image.new("RGB", (32, 32), (40, 40, 200))
    content = made(saved(tmp_path / "a.png", flat, icc_profile=swapped_profile()))
    red, _, blue = opened(content).getpixel((5, 5))  # type: ignore[misc]
    assert red > 150 > 100 > blue
    clear = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    assert opened(made(saved(tmp_path / "b.png", clear))).getpixel((5, 5)) == (255, 255, 255)
    deep = Image.new("I;16", (32, 32), 128 * 256)
    assert opened(made(saved(tmp_path / "c.png", deep))).getpixel((5, 5)) == (128, 128, 128)


def test_it_is_turned_upright(tmp_path: Path) -> None:
    """A viewer that ignores the orientation shows it right as well."""
    exif = Image.Exif()
    exif[0x0112] = 6
    assert opened(made(saved(tmp_path / "a.jpg", NOISE, exif=exif))).size == (400, 600)


async def test_it_is_made_in_the_worker(tmp_path: Path, decoder: Decoder) -> None:
    """The daemon's process never holds the pixels."""
    source = saved(tmp_path / "a.png", NOISE)
    found = await decoder.render(source, tmp_path / "b.jpg", Rendering(80, 30, 64), LIMITS)
    assert found is not None and found.width == opened((tmp_path / "b.jpg").read_bytes()).width == 64
    assert await decoder.render(source, tmp_path / "c.jpg", Rendering(80, 80, None, 10), LIMITS) is None


async def test_a_webp_result_becomes_the_same_picture_as_png(tmp_path: Path, decoder: Decoder) -> None:
    profile = swapped_profile()
    source = saved(tmp_path / "result.part", NOISE, format="WEBP", quality=80, icc_profile=profile)
    made = await decoder.png_of_webp(source, tmp_path / "made.png", LIMITS)
    facts = await decoder.inspect(tmp_path / "made.png", LIMITS)
    assert (facts.sha256, facts.size_bytes, facts.format) == (made.sha256, made.size_bytes, "PNG")
    with Image.open(source) as there, Image.open(tmp_path / "made.png") as here:
        assert here.tobytes() == there.convert("RGB").tobytes()
        assert here.info["icc_profile"] == profile
    source.write_bytes(source.read_bytes()[:-5000])
    for limits in (LIMITS, PictureLimits(pixels=1000)):
        with pytest.raises(NeverUsable):
            await decoder.png_of_webp(source, tmp_path / "other.png", limits)


def test_a_label_is_drawn_into_the_lower_left_corner_and_nowhere_else(tmp_path: Path) -> None:
    """The label has letters that only some fonts have; one wider than the picture is written smaller."""
    plain = saved(tmp_path / "plain.png", Image.new("RGB", (600, 400), (120, 140, 160)))
    for text in ("Virtuell möbliert", "Κουζίνα Кухня", "W" * 80):
        target = tmp_path / "made.jpg"
        assert render(plain, target, Rendering(95, 30, label=text), limits=LIMITS) is not None
        with Image.open(target) as picture:
            changed = ImageChops.difference(picture.convert("RGB"), Image.open(plain)).convert("L")
            box = changed.point(lambda value: 255 * (value > 40)).getbbox()
            assert box is not None
            left, top, right, bottom = box
            assert left < 20 and bottom > 380 and top > 340 and right < 600
            assert sum(picture.crop(box).convert("L").histogram()[236:]) > 0
