"""A fast imaging engine for the sandbox, for tests that are not about pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw


class Unsuitable(Exception):
    pass


def merge(photos: Sequence[Path], target: Path, **options: Any) -> None:
    """The mean of all photos, independent of their order. Photos of an odd width can't be merged."""
    photos = sorted(photos, key=Path.read_bytes)
    mean = Image.open(photos[0]).convert("RGB")
    if mean.width % 2:
        raise ValueError("odd")
    for number, photo in enumerate(photos[1:], start=2):
        mean = Image.blend(mean, Image.open(photo).convert("RGB").resize(mean.size), 1 / number)
    mean.save(target, quality=80)


def altered(source: Path, target: Path, **options: Any) -> None:
    picture = Image.open(source).convert("RGB")
    ImageDraw.Draw(picture).text((2, 2), repr(sorted(options.items())))
    picture.save(target)


def replace_lawn(source: Path, target: Path, **options: Any) -> None:
    raise Unsuitable("there is no lawn in this picture")


replace_sky = stage = altered
