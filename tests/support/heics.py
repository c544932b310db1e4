"""HEIC pictures, encoded by a library that hotfolder itself doesn't use."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("pi_heif", reason="the extra `heic` is not installed")
pillow_heif = pytest.importorskip("pillow_heif", reason="HEIC pictures can't be made without pillow-heif")

RED, BLUE = (200, 30, 30), (30, 30, 200)


def halves(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """A picture with a red upper half and a blue lower one."""
    picture = Image.new("RGB", size, BLUE)
    picture.paste(RED, (0, 0, size[0], size[1] // 2))
    return picture


def shot(*, orientation: int = 1, seconds: tuple[int, int] = (1, 60), second: int = 0) -> bytes:
    """EXIF of a photo."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0110] = orientation, "Maker", "Model One"
    exif[0x013B] = "The studio"
    taken = f"2026:05:04 17:08:{second:02}"
    exif[0x8769] = {0x829A: seconds[0] / seconds[1], 0x829D: 8.0, 0x8827: 100, 0x9003: taken}
    return exif.tobytes()


def heic(picture: Image.Image | None = None, **options: Any) -> bytes:
    """A HEIC picture; EXIF's orientation becomes the file's own, as cameras do it."""
    encoded = io.BytesIO()
    made = pillow_heif.from_pillow(picture if picture is not None else halves())
    made.save(encoded, **{"quality": 90, "exif": shot(), **options})
    return encoded.getvalue()
