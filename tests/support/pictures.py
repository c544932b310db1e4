"""Small real photos, each with content of its own."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from PIL import Image

from hotfolder.pictures.formats import is_photo_name

SEEDS: Iterator[int] = count(1)


def jpeg(seed: int | None = None, size: tuple[int, int] = (160, 120)) -> bytes:
    """A JPEG of noise; every call gives another one unless there is a `seed`."""
    generator = random.Random(next(SEEDS) if seed is None else f"certain {seed}")
    file = io.BytesIO()
    Image.frombytes("L", size, generator.randbytes(size[0] * size[1])).convert("RGB").save(
        file, "JPEG", quality=60
    )
    return file.getvalue()


def bracket(number: int = 3) -> dict[str, bytes]:
    """Names and contents of a set with that number of photos."""
    return {f"DSC{position:04}.jpg": jpeg() for position in range(1, number + 1)}


needs_brackets = pytest.mark.skipif(
    "HOTFOLDER_BRACKETS" not in os.environ, reason="HOTFOLDER_BRACKETS names no folder of photos"
)


def real_brackets() -> dict[str, list[Path]]:
    """The photos of each real bracket, by its folder's name."""
    folders = [folder for folder in Path(os.environ["HOTFOLDER_BRACKETS"]).iterdir() if folder.is_dir()]
    return {one.name: [path for path in sorted(one.iterdir()) if is_photo_name(path.name)] for one in folders}
