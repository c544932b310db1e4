"""Colours and orientation, from the inbox to every delivered file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from hotfolder.sandbox.settings import IMAGING_ENGINE
from tests.support.colours import chart, profile, worst_difference
from tests.support.studio import ELM, MakeStudio, Shop
from tests.support.tiffs import tiff

pytestmark = pytest.mark.long

SPACES = ("sRGB", "Adobe RGB", "ProPhoto", "Display P3")
NEARLY = 2.5
"""ΔE after up to three JPEGs in a row, which store colour more coarsely than brightness."""


def photo(kind: str, space: str, number: int) -> bytes:
    """A colour chart in that space; each number gives a different file."""
    if kind == "TIFF":
        return tiff(depth=16, profile=profile(space)) + bytes(number)
    file = io.BytesIO()
    options: dict[str, Any] = (
        {"quality": 95 + number, "subsampling": 0} if kind == "JPEG" else {"compress_level": 1 + number}
    )
    Image.frombytes("RGB", *chart()).save(file, kind, icc_profile=profile(space), **options)
    return file.getvalue()


def as_seen(path: Path) -> Image.Image:
    """The file as a colour-managed viewer shows it, with sRGB where there is no profile."""
    with Image.open(path) as opened:
        opened.load()
        own = opened.info.get("icc_profile")
        if own is None:
            return opened.convert("RGB")
        source = ImageCms.ImageCmsProfile(io.BytesIO(own))
        shown = ImageCms.profileToProfile(
            opened.convert("RGB"), source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    assert shown is not None
    return shown


async def test_no_space_arrives_in_wrong_colours(make_studio: MakeStudio) -> None:
    """In the merge, in the PNG of an operation, and in the renditions of both."""
    studio = make_studio(deliver={"renditions": {"web": {"quality": 95}}})
    rooms = {f"{kind} {space}": (kind, space) for kind in ("JPEG", "PNG", "TIFF") for space in SPACES}
    for room, (kind, space) in rooms.items():
        suffix = {"JPEG": "jpg", "PNG": "png", "TIFF": "tif"}[kind]
        files = {f"{number}.{suffix}": photo(kind, space, number) for number in range(2)}
        studio.drop(ELM, f"{room}__sky-blue", files)
    outcome = await studio.until_idle()
    assert outcome.finished == len(rooms)
    folder = studio.done / ELM
    for room, (_, space) in rooms.items():
        for name in (f"{room}.jpg", f"{room}__sky-blue.png", f"web/{room}.jpg", f"web/{room}__sky-blue.jpg"):
            assert worst_difference(as_seen(folder / name), space) < NEARLY, name


CORNERS = {(0, 0): (200, 40, 40), (1, 0): (40, 180, 40), (0, 1): (40, 40, 200), (1, 1): (210, 210, 210)}
WIDTH, HEIGHT = 320, 240
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright picture is stored for each orientation; the inverse of how it is turned for display."""


def scene(kind: str, orientation: int, light: float) -> bytes:
    """Four colours in the four quarters, stored with that orientation."""
    upright = Image.new("RGB", (WIDTH, HEIGHT))
    for (x, y), colour in CORNERS.items():
        area = (x * WIDTH // 2, y * HEIGHT // 2)
        upright.paste(tuple(round(value * light) for value in colour), (*area, area[0] + 160, area[1] + 120))
    turn = STORED[orientation]
    stored = upright.transpose(turn) if turn is not None else upright
    if kind == "tif":
        return tiff(pixels=stored.tobytes(), size=stored.size, orientation=orientation)
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    stored.save(file, {"jpg": "JPEG", "png": "PNG"}[kind], exif=exif)
    return file.getvalue()


@pytest.fixture(scope="module")
def real_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The sandbox with its real imaging, which applies orientation."""
    with Shop(tmp_path_factory.mktemp("shop"), engine=IMAGING_ENGINE) as shop:
        shop.mark()
        yield shop


async def test_every_orientation_of_every_format_is_delivered_upright(
    make_studio: MakeStudio, real_shop: Shop
) -> None:
    """The frames of a set are stored alike in three formats; each is turned, so that they align."""
    studio = make_studio(hdr={"lensCorrection": False, "perspectiveCorrection": False})
    for orientation in STORED:
        files = {
            f"{number}.{kind}": scene(kind, orientation, light)
            for number, (kind, light) in enumerate((("jpg", 0.7), ("tif", 1.0), ("png", 1.2)))
        }
        studio.drop(ELM, f"room {orientation}", files)
    outcome = await studio.until_idle(real_shop.access())
    assert outcome.finished == len(STORED)
    for orientation in STORED:
        with Image.open(studio.done / ELM / f"room {orientation}.jpg") as picture:
            assert picture.size == (WIDTH, HEIGHT), orientation
            assert picture.getexif().get(0x0112, 1) == 1
            for (x, y), colour in CORNERS.items():
                pixel = picture.getpixel((WIDTH * (1 + 2 * x) // 4, HEIGHT * (1 + 2 * y) // 4))
                assert isinstance(pixel, tuple)
                strongest = max(range(3), key=lambda channel: colour[channel])
                if len(set(colour)) == 1:
                    assert max(pixel) - min(pixel) < 30, (orientation, pixel)
                else:
                    assert pixel[strongest] == max(pixel) > min(pixel) + 60, (orientation, pixel)
