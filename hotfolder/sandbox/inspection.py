"""Is this a picture, and how large? Decodes to the end, so that a cut-off file is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

ORIENTATION = 0x0112
QUARTER_TURNS = (5, 6, 7, 8)

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png"}


class NotAPicture(Exception):
    """The message says why, for the caller."""


@dataclass(frozen=True)
class Facts:
    """Width and height in pixels as seen, that is after EXIF orientation."""

    suffix: str
    width: int
    height: int


def seen_size(picture: Image.Image) -> tuple[int, int]:
    """Width and height after EXIF orientation, from the header alone."""
    turned = picture.getexif().get(ORIENTATION, 1) in QUARTER_TURNS
    return (picture.height, picture.width) if turned else picture.size


def inspect(source: Path | BinaryIO, pixel_limit: int) -> Facts:
    """Decode `source` whole. Raises NotAPicture unless it is a sound JPEG or PNG of at most `pixel_limit`."""
    try:
        with Image.open(source, formats=tuple(SUFFIXES)) as picture:
            if picture.width * picture.height > pixel_limit:
                raise NotAPicture(
                    f"the picture has {picture.width} x {picture.height} pixels; at most {pixel_limit} in all"
                )
            suffix = SUFFIXES[str(picture.format)]
            picture.load()
            width, height = seen_size(picture)
    except UnidentifiedImageError:
        raise NotAPicture("it is neither a JPEG nor a PNG") from None
    except (OSError, ValueError, SyntaxError, ArithmeticError, Image.DecompressionBombError) as error:
        raise NotAPicture(f"it can't be read to its end ({str(error)[:100]})") from None
    return Facts(suffix, width, height)
