"""libvips: large pictures strip by strip, in all of their bits, and into sRGB by their profiles.

Only here, and only in the process that decodes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from PIL import Image

# Read when the library is loaded: one thread, since the memory of more is the point, and no remarks.
os.environ.setdefault("VIPS_CONCURRENCY", "1")
os.environ.setdefault("VIPS_WARNING", "0")

import pyvips

pyvips.cache_set_max(0)

VipsError = pyvips.Error
JPEG_QUALITY = 95
SMALL_PIXELS = 256


@dataclass(frozen=True, slots=True)
class Make:
    """How a file's channels are to be understood. `colours` are 1 (gray), 3 (RGB) or 4 (CMYK); with `alpha`
    the next one is its transparency, which `premultiplied` colours are darkened by already. Further channels
    are no part of the picture. `profile` describes the colours; None: they are sRGB's, or its gray."""

    colours: int
    alpha: bool = False
    premultiplied: bool = False
    profile: bytes | None = None


def small(descriptor: int, colours: int) -> Image.Image:
    """A copy for looking at, in 8 bits of gray or RGB, not turned. Every strip is decoded to its end."""
    picture = first_bands(opened(descriptor), colours)
    shrink = max(1, min(picture.width, picture.height) // SMALL_PIXELS)
    plain = picture.shrink(shrink, shrink).colourspace("srgb" if colours > 1 else "b-w").cast("uchar")
    mode = "RGB" if plain.bands == 3 else "L"
    return Image.frombytes(mode, (plain.width, plain.height), plain.write_to_memory())


def jpeg(descriptor: int, make: Make) -> bytes:
    """The picture as a JPEG in sRGB, upright, without a word about it."""
    picture = first_bands(opened(descriptor), make.colours + make.alpha)
    if make.alpha:
        picture = on_white(picture, make)
    if make.profile is not None:
        described = picture.copy()
        described.set_type(pyvips.GValue.blob_type, "icc-profile-data", make.profile)
        picture = described.icc_transform(
            "srgb", embedded=True, intent="relative", black_point_compensation=True, depth=8
        )
    else:
        picture = picture.colourspace("srgb")
    if "orientation" in picture.get_fields() and picture.get("orientation") > 1:
        picture = picture.copy_memory().autorot()
    # Better Huffman tables would need all coefficients in memory at once.
    saved: bytes = picture.jpegsave_buffer(Q=JPEG_QUALITY, subsample_mode="off", keep="none")
    return saved


def opened(descriptor: int) -> Any:
    # Through the descriptor, so that it is the file that was looked at, whatever its name leads to by now.
    return pyvips.Image.new_from_file(f"/dev/fd/{descriptor}", access="sequential", fail_on="error")


def first_bands(picture: Any, number: int) -> Any:
    return picture.extract_band(0, n=number) if picture.bands > number else picture


def on_white(picture: Any, make: Make) -> Any:
    most = 65535 if picture.format == "ushort" else 255
    if make.premultiplied:
        picture = picture.unpremultiply(max_alpha=most).cast(picture.format)
    paper = [0] * 4 if make.colours == 4 else [most] * make.colours
    return picture.flatten(background=paper, max_alpha=most)
