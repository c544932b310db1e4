"""Looking at a TIFF: which ones can be developed, and what they say of themselves."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from PIL import Image

from hotfolder.metadata import tifffile
from hotfolder.metadata.blocks import profile_fits
from hotfolder.metadata.exif import Damaged
from hotfolder.metadata.tifffile import TiffHead
from hotfolder.pictures.colours import readable
from hotfolder.pictures.exposure import Exposure, exposure_in
from hotfolder.pictures.facts import NeverUsable, NotWhole
from hotfolder.pictures.vips import Make, VipsError, small

HINT = "Export the photo as TIFF with 8 or 16 bits in sRGB or another RGB profile, or as JPEG."
COLOURS = {0: 1, 1: 1, 2: 3, 3: 3, 5: 4, 6: 3}
"""Channels of a picture by the way in which it stores colours (`PhotometricInterpretation`)."""
CMYK = 5
WHOLE_NUMBERS = 1
RAW_PHOTOMETRICS = frozenset({32803, 34892})
WIDTH, HEIGHT = 256, 257
TRANSPARENCY = {1: True, 2: False}
"""What `ExtraSamples` calls transparency, and whether the colours are darkened by it already."""


def head_of(file: BinaryIO, name: str) -> TiffHead:
    """The TIFF's tags. Raises `NotWhole`, and `NeverUsable` for a kind that can't be developed."""
    file.seek(0)
    try:
        head = tifffile.read_head(file)
    except Damaged:
        raise NotWhole(
            f"{name} is not complete: the TIFF's own list of contents isn't there.",
            hint="If it is still being copied, wait; otherwise copy or export it once more.",
        ) from None
    what = refusal(head)
    if what:
        raise NeverUsable(f"{name} is a TIFF {what}, which is not accepted.", hint=HINT)
    return head


def refusal(head: TiffHead) -> str:
    """Why such a TIFF isn't taken; "" when it is."""
    photometric = head.number(tifffile.PHOTOMETRIC, 1)
    if photometric in RAW_PHOTOMETRICS:
        return "with a camera's raw data"
    if photometric not in COLOURS:
        return "that stores its colours in an unusual way (neither gray, RGB nor CMYK)"
    if set(head.numbers(tifffile.SAMPLE_FORMAT)) - {WHOLE_NUMBERS}:
        return "with floating-point numbers"
    bits = set(head.numbers(tifffile.BITS)) or {1}
    if bits not in ({8}, {16}):
        return f"with {'/'.join(map(str, sorted(bits)))} bits a channel"
    if photometric == CMYK and make_of(head).profile is None:
        return "in CMYK without a colour profile, so that nobody can tell its colours"
    return ""


def make_of(head: TiffHead) -> Make:
    """How its channels are to be understood. Channels that Photoshop has added, such as saved selections,
    are no transparency."""
    colours = COLOURS[head.number(tifffile.PHOTOMETRIC, 1)]
    kind = next(iter(head.numbers(tifffile.EXTRA_CHANNELS)), 0)
    entry = head.main.get(tifffile.ICC)
    profile = entry.value if entry is not None else None
    usable = profile is not None and profile_fits(profile, colours) and readable(profile)
    return Make(colours, kind in TRANSPARENCY, TRANSPARENCY.get(kind, False), profile if usable else None)


def size_of(head: TiffHead) -> tuple[int, int]:
    return head.number(WIDTH, 0), head.number(HEIGHT, 0)


def look(file: BinaryIO, name: str, head: TiffHead) -> tuple[Image.Image, Exposure]:
    """A small copy, decoded from the whole picture, and its exposure. Raises `NotWhole`."""
    try:
        copy = small(file.fileno(), make_of(head).colours)
    except VipsError as error:
        refuse_unreadable(file)
        raise NotWhole(
            f"{name} is damaged or not complete, and can't be decoded.",
            hint="If it is still being copied, wait; otherwise copy or export it once more.",
        ) from error
    return copy, exposure_in(tifffile.exif_block(head), head.orientation)


def refuse_unreadable(file: BinaryIO) -> None:
    """Raise OSError where it was the disk, and not the picture, that failed."""
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    while os.read(file.fileno(), io.DEFAULT_BUFFER_SIZE * 128):
        pass
