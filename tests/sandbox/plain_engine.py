"""A second imaging engine in a few lines of Pillow: quick, and proof that engines are exchangeable."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw


class Unsuitable(Exception):
    pass


def merge(photos: Sequence[Path], target: Path, *, long_edge: int, **options: bool) -> None:
    """The mean of the photos. A nearly black photo kills the process, as running out of memory would."""
    pictures = [Image.open(photo).convert("RGB") for photo in photos]
    if pictures[0].getextrema()[0] == (1, 1):
        os.kill(os.getpid(), signal.SIGKILL)
    mean = pictures[0]
    for number, picture in enumerate(pictures[1:], start=2):
        mean = Image.blend(mean, picture.resize(mean.size), 1 / number)
    mean.thumbnail((long_edge, long_edge))
    mean.save(target, quality=90)


def altered(source: Path, target: Path, **options: Any) -> None:
    """The picture with the options written on it. A picture that is all red is unsuitable."""
    picture = Image.open(source).convert("RGB")
    if picture.getextrema() == ((254, 254), (0, 0), (0, 0)):
        raise Unsuitable("there is no sky in this picture")
    ImageDraw.Draw(picture).text((2, 2), repr(options))
    picture.save(target)


replace_sky = replace_lawn = stage = altered
