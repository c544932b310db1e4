"""Rendering: smaller or plainer JPEGs, and PNGs of WebP pictures, in the process that decodes."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageDraw, ImageFont, ImageOps

from hotfolder.display import visible
from hotfolder.errors import to_install
from hotfolder.pictures.colours import in_srgb, srgb_profile
from hotfolder.pictures.facts import Developed, NeverUsable, PictureLimits, Rendered, Rendering
from hotfolder.pictures.formats import pixel_limit

QUALITY_STEP = 5
DAMAGED = (ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning)
PLAIN_MODES = ("RGB", "L", "CMYK")
LABEL_HEIGHT = 0.022
"""Of a label's letters, as a part of the picture's longer side: legible where that is 10 cm."""
LABEL_MARGIN = 0.7
LABEL_DARKNESS = 168
CAPITAL_HEIGHT = 0.73
"""Of Inter's capitals, as a part of its size."""
LEAST_LETTERS = 4.0


def render(source: Path, target: Path, rendering: Rendering, *, limits: PictureLimits) -> Rendered | None:
    """Write `source` to `target` as an upright sRGB JPEG; None, and no file, where no quality that is allowed
    makes it small enough. The same input gives the same bytes. Raises `NeverUsable`, and OSError where a file
    can't be read or written. Needs memory for all pixels; a JPEG that is made smaller, for fewer.
    """
    picture = upright(source, rendering.long_edge, limits)
    if rendering.label:
        picture = labelled(picture, rendering.label)
    profile = srgb_profile()
    for quality in range(rendering.quality, rendering.least_quality - 1, -QUALITY_STEP):
        encoded = io.BytesIO()
        picture.save(encoded, "JPEG", quality=quality, optimize=True, icc_profile=profile)
        if rendering.max_bytes is None or encoded.tell() <= rendering.max_bytes:
            target.write_bytes(encoded.getbuffer())
            return Rendered(picture.width, picture.height, encoded.tell())
    return None


def png_of_webp(source: Path, target: Path, *, limits: PictureLimits) -> Developed:
    """Write `target`: the WebP picture `source`, pixel for pixel, as a PNG with its colours and its EXIF.

    Raises `NeverUsable` where it can't be decoded to its end, and OSError where a file can't be read or
    written.
    """
    encoded = io.BytesIO()
    with decoding(source, ("WEBP",), "decoded", limits) as picture:
        kept = {name: picture.info[name] for name in ("icc_profile", "exif") if picture.info.get(name)}
        picture.save(encoded, "PNG", compress_level=4, **kept)
    return write_durably(target, encoded.getvalue())


def write_durably(target: Path, content: bytes, inode: int = 0) -> Developed:
    """Write a file that appears at once and whole, and is on the disk then."""
    part = target.with_suffix(".part")
    with part.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return Developed(len(content), hashlib.sha256(content).hexdigest(), inode)


def upright(
    source: Path | BinaryIO, long_edge: int | None, limits: PictureLimits, name: str = ""
) -> Image.Image:
    """The picture as it is to be seen, in sRGB and not larger than asked. A stream comes with its `name`."""
    with decoding(source, ("JPEG", "PNG"), "rendered", limits, name) as opened:
        profile = opened.info.get("icc_profile")
        picture = opened if opened.mode in PLAIN_MODES else plain(opened)
        if long_edge is not None:
            # Of a JPEG no more is decoded than this needs.
            picture.thumbnail((long_edge, long_edge), Image.Resampling.LANCZOS)
        picture.load()
        ImageOps.exif_transpose(picture, in_place=True)
        return in_srgb(picture, profile)


def labelled(picture: Image.Image, text: str) -> Image.Image:
    """The picture with the text in its lower left corner, white on a dark plate; in colour, and smaller where
    the text would be wider than the picture. Raises `NeverUsable` without the package of the letters."""
    picture = picture.convert("RGB")
    size = max(picture.size) * LABEL_HEIGHT
    room = picture.width - 4 * size * LABEL_MARGIN
    size = max(LEAST_LETTERS, size * min(1.0, room / max(1.0, letters(size).getlength(text))))
    font, margin = letters(size), round(size * LABEL_MARGIN)
    left, _, right, _ = font.getbbox(text, anchor="ls")
    # One height for all texts, whether or not they have letters that reach below the line.
    plate_height = round(size * 1.2 + margin)
    plate_width = round(right - left + 2 * margin)
    corner = (margin, picture.height - margin - plate_height)
    layer = Image.new("L", picture.size)
    box = (*corner, corner[0] + plate_width, corner[1] + plate_height)
    ImageDraw.Draw(layer).rounded_rectangle(box, radius=round(size / 4), fill=LABEL_DARKNESS)
    picture.paste((0, 0, 0), mask=layer)
    baseline = (corner[0] + margin - left, corner[1] + plate_height / 2 + size * CAPITAL_HEIGHT / 2)
    ImageDraw.Draw(picture).text(baseline, text, fill="white", font=font, anchor="ls")
    return picture


def letters(size: float, weight: int = 600) -> ImageFont.FreeTypeFont:
    """Inter, in which Latin, Greek and Cyrillic letters are drawn the same on every machine."""
    try:
        from fontpkg import path
    except ImportError:
        raise NeverUsable(
            "A label can't be drawn: the package fontpkg-inter is not installed.",
            hint=f"Install it, {to_install('page')}",
        ) from None
    font = ImageFont.truetype(path("inter"), size, layout_engine=ImageFont.Layout.BASIC)
    font.set_variation_by_axes([32, weight])
    return font


@contextmanager
def decoding(
    source: Path | BinaryIO, formats: tuple[str, ...], done: str, limits: PictureLimits, name: str = ""
) -> Iterator[Image.Image]:
    """The opened picture. Raises `NeverUsable` for what is damaged or too large, "can't be `done`"."""
    try:
        with pixel_limit(limits.pixels), Image.open(source, formats=formats) as picture:
            yield picture
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise NeverUsable(f"{name or visible(source.name)} can't be {done}: {error}.", hint="") from None


def plain(picture: Image.Image) -> Image.Image:
    """In 8 bits, without transparency, which becomes white."""
    if picture.mode.startswith("I"):
        return picture.point(lambda value: value * (1 / 256)).convert("L")
    layered = picture.convert("RGBA")
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(layered, mask=layered.getchannel("A"))
    flat.info = dict(picture.info)
    return flat
