"""Rendering: smaller JPEGs with metadata removed, and PNGs of WebP pictures; in the decoding process."""

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
from hotfolder.pictures.colours import srgb_profile, to_srgb
from hotfolder.pictures.facts import Developed, NeverUsable, PictureLimits, Rendered, Rendering
from hotfolder.pictures.formats import pixel_limit

QUALITY_STEP = 5
DAMAGED = (ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning)
PLAIN_MODES = ("RGB", "L", "CMYK")
LABEL_HEIGHT = 0.022
"""The font size of a label, relative to the picture's longer side: legible where that is 10 cm."""
LABEL_MARGIN = 0.7
LABEL_DARKNESS = 168
CAPITAL_HEIGHT = 0.73
"""The height of Inter's capitals, relative to the font size."""
LEAST_LETTERS = 4.0


def render(source: Path, target: Path, rendering: Rendering, *, limits: PictureLimits) -> Rendered | None:
    """Write `source` to `target` as an upright sRGB JPEG; None, and no file, where no allowed quality makes
    it small enough. Deterministic. Raises `NeverUsable`, and OSError where a file can't be read or written.
    Needs memory for all pixels; for fewer where a JPEG is scaled down."""
    picture = upright(source, rendering.long_edge, limits)
    if rendering.label:
        picture = with_label(picture, rendering.label)
    profile = srgb_profile()
    for quality in range(rendering.quality, rendering.least_quality - 1, -QUALITY_STEP):
        encoded = io.BytesIO()
        picture.save(encoded, "JPEG", quality=quality, optimize=True, icc_profile=profile)
        if rendering.max_bytes is None or encoded.tell() <= rendering.max_bytes:
            target.write_bytes(encoded.getbuffer())
            return Rendered(picture.width, picture.height, encoded.tell())
    return None


def png_of_webp(source: Path, target: Path, *, limits: PictureLimits) -> Developed:
    """Write `target`: the WebP picture `source`, pixel for pixel, as a PNG with its colour profile and EXIF.
    The file appears atomically and is fsynced.

    Raises `NeverUsable` where it can't be decoded to its end, and OSError where a file can't be read or
    written.
    """
    encoded = io.BytesIO()
    with open_for_decoding(source, ("WEBP",), "decoded", limits) as picture:
        kept = {name: picture.info[name] for name in ("icc_profile", "exif") if picture.info.get(name)}
        picture.save(encoded, "PNG", compress_level=4, **kept)
    return write_durably(target, encoded.getvalue())


def write_durably(target: Path, content: bytes, inode: int = 0) -> Developed:
    """Write a file atomically, and fsync it and its folder. Raises OSError."""
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
    """The picture rotated for display, in sRGB, its longer side at most `long_edge`. A stream needs a
    `name`."""
    with open_for_decoding(source, ("JPEG", "PNG"), "rendered", limits, name) as opened:
        profile = opened.info.get("icc_profile")
        picture = opened if opened.mode in PLAIN_MODES else plain(opened)
        if long_edge is not None:
            # A JPEG is decoded at a reduced scale.
            picture.thumbnail((long_edge, long_edge), Image.Resampling.LANCZOS)
        picture.load()
        ImageOps.exif_transpose(picture, in_place=True)
        return to_srgb(picture, profile)


def with_label(picture: Image.Image, text: str) -> Image.Image:
    """The picture in RGB with the text in its lower left corner, white on a dark plate; smaller where the
    text would be wider than the picture. Raises `NeverUsable` where the font's package is missing."""
    picture = picture.convert("RGB")
    size = max(picture.size) * LABEL_HEIGHT
    room = picture.width - 4 * size * LABEL_MARGIN
    size = max(LEAST_LETTERS, size * min(1.0, room / max(1.0, label_font(size).getlength(text))))
    font, margin = label_font(size), round(size * LABEL_MARGIN)
    left, _, right, _ = font.getbbox(text, anchor="ls")
    # One height for all texts, with or without descenders.
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


def label_font(size: float, weight: int = 600) -> ImageFont.FreeTypeFont:
    """The font Inter: from a package, so that text looks the same on every machine. Raises `NeverUsable`."""
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
def open_for_decoding(
    source: Path | BinaryIO, formats: tuple[str, ...], done: str, limits: PictureLimits, name: str = ""
) -> Iterator[Image.Image]:
    """The opened picture. Raises `NeverUsable` for what is damaged or too large, and OSError."""
    try:
        with pixel_limit(limits.pixels), Image.open(source, formats=formats) as picture:
            yield picture
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise NeverUsable(f"{name or visible(source.name)} can't be {done}: {error}.", hint="") from None


def plain(picture: Image.Image) -> Image.Image:
    """The picture in 8 bits, gray or RGB; transparency becomes white."""
    if picture.mode.startswith("I"):
        return picture.point(lambda value: value * (1 / 256)).convert("L")
    layered = picture.convert("RGBA")
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(layered, mask=layered.getchannel("A"))
    flat.info = dict(picture.info)
    return flat
