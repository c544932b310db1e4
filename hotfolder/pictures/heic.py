"""HEIC and HEIF files, through libheif and its HEVC decoder. Only the decoding process imports this."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import BinaryIO

from PIL import Image

from hotfolder.errors import to_install
from hotfolder.metadata import exif
from hotfolder.metadata.blocks import Blocks, DamagedMetadata
from hotfolder.pictures.colours import to_srgb
from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureLimits
from hotfolder.pictures.formats import COPY_HINT, EXPORT_HINT, pixel_limit, too_many_pixels_error
from hotfolder.pictures.rendering import PLAIN_MODES, plain

HDR_TRANSFERS = frozenset({16, 18})
"""The transfer characteristics PQ and HLG, whose values stand for far more light than sRGB's."""
PRIMARIES = frozenset({1, 2, 5, 6, 7})
"""Colour primaries that look like sRGB's, where there is no profile; 2 stands for unspecified."""
ZERO_BYTES = 1024
"""This many zero bytes at the end show that a copy has allocated the file and not yet written it."""


def refuse_without_decoder(name: str) -> None:
    """Raise `NeverUsable` where pi_heif isn't installed."""
    if find_spec("pi_heif") is None:
        raise NeverUsable(
            f"{name} is a HEIC picture, and this hotfolder is installed without what decodes them.",
            hint="Export JPEG (quality 90 or more), and drop those files; or have whoever runs hotfolder"
            f" install it, {to_install('heic')}",
        )


@contextmanager
def heif_image(file: BinaryIO, name: str, limits: PictureLimits) -> Iterator[Image.Image]:
    """The main picture, not decoded yet, upright whatever EXIF says: libheif applies the container's
    rotation. Raises `NotWhole`, `NeverUsable` and OSError, also for errors in the block."""
    refuse_without_decoder(name)
    import pi_heif

    pi_heif.options.DECODE_THREADS = 1  # each thread would reserve address space
    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    pi_heif.register_heif_opener()
    try:
        if ends_in_zeros(file):
            raise ValueError("nothing but zeros at its end")
        file.seek(0)
        with pixel_limit(limits.pixels), Image.open(file, formats=("HEIF",)) as image:
            if image.width * image.height > limits.pixels:
                raise too_many_pixels_error(name, limits)
            refuse_unknown_colours(image, name)
            yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise too_many_pixels_error(name, limits) from error
    except MemoryError as error:
        raise NeverUsable(f"{name} needs more memory to open than is allowed.", hint=EXPORT_HINT) from error
    except (OSError, SyntaxError, ValueError, RuntimeError, EOFError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise NotWhole(f"{name} is damaged or not complete, and can't be decoded.", hint=COPY_HINT) from error


def ends_in_zeros(file: BinaryIO) -> bool:
    """Whether the end isn't written yet: the decoder would invent a picture there."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - ZERO_BYTES))
    return not any(file.read(ZERO_BYTES))


def refuse_unknown_colours(image: Image.Image, name: str) -> None:
    """Raise `NeverUsable` where the colours can't be taken for sRGB and there is no profile."""
    said = image.info.get("nclx_profile") or {}
    if image.info.get("icc_profile"):
        return
    if said.get("transfer_characteristics") in HDR_TRANSFERS:
        raise NeverUsable(
            f"{name} is a HEIC picture for HDR screens (PQ or HLG), which is not accepted.",
            hint="Switch HDR off in the camera, or export JPEG in sRGB, and drop those files.",
        )
    if said.get("color_primaries", 2) not in PRIMARIES:
        raise NeverUsable(
            f"{name} is a HEIC picture whose colours no profile describes, which is not accepted.",
            hint=EXPORT_HINT,
        )


def exif_of(image: Image.Image) -> bytes | None:
    """The EXIF of a HEIC picture, corrected for an upright picture of its size; None where it is missing or
    damaged."""
    block = image.info.get("exif")
    if not block:
        return None
    with suppress(DamagedMetadata):
        return exif.exif_for_picture(
            block.removeprefix(b"Exif\0\0"), width=image.width, height=image.height, orientation=1
        )
    return None


def develop(file: BinaryIO, name: str, limits: PictureLimits) -> tuple[Image.Image, Blocks]:
    """The picture in 8-bit sRGB, upright, and its metadata. Raises as `heif_image` does."""
    with heif_image(file, name, limits) as image:
        image.load()
        block = exif.exif_for_srgb(exif_of(image))
        flat = image if image.mode in PLAIN_MODES else plain(image)
        profile = image.info.get("icc_profile")
        return to_srgb(flat, profile), Blocks(exif=block, xmp=image.info.get("xmp"))
