"""Developing: a JPEG of a picture that can't be sent as it is (TIFF, HEIC, RAW, other colours, not upright);
and thumbnails of any photo or picture.

libvips reads large pictures strip by strip, at full bit depth. A process that must stay small doesn't import
this: the decoding one does, and the demonstration for its sheet.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from hotfolder.display import visible
from hotfolder.metadata import exif, jpegfile
from hotfolder.metadata.blocks import Blocks, DamagedMetadata, profile_fits
from hotfolder.metadata.exif import TiffHead
from hotfolder.metadata.xmp import fit_packet
from hotfolder.pictures import heic, raw
from hotfolder.pictures.carryover import blocks_in
from hotfolder.pictures.colours import adobe_rgb_profile, is_valid_profile, srgb_profile
from hotfolder.pictures.exposure import exposure_in
from hotfolder.pictures.facts import Developed, NeverUsable, NotWhole, PictureLimits
from hotfolder.pictures.formats import COPY_HINT, kind_of, open_photo, pixel_limit
from hotfolder.pictures.rendering import upright, write_durably

# Read when the library is loaded: one thread, to save memory, and no warnings.
os.environ.setdefault("VIPS_CONCURRENCY", "1")
os.environ.setdefault("VIPS_WARNING", "0")

import pyvips

pyvips.cache_set_max(0)

JPEG_QUALITY = 95
THUMBNAIL_QUALITY = 82
SMALL_PIXELS = 256
TIFF_HINT = "Export the photo as TIFF with 8 or 16 bits in sRGB or another RGB profile, or as JPEG."
COLOURS_OF_MODE = {"L": 1, "1": 1, "I;16": 1, "LA": 1}
COLOURS_OF_PHOTOMETRIC = {0: 1, 1: 1, 2: 3, 3: 3, 6: 3}
WHOLE_NUMBERS = 1
RAW_PHOTOMETRICS = frozenset({32803, 34892})
TRANSPARENCY = {1: True, 2: False}
"""Values of `ExtraSamples` that stand for alpha, and whether the colours are premultiplied."""


@dataclass(frozen=True, slots=True)
class Channels:
    """The meaning of a file's channels. `colours` is 1 (gray) or 3 (RGB); with `alpha` the next one is
    transparency; `premultiplied`: colours are multiplied by it. Further channels are ignored. `profile`
    describes the colours; None stands for sRGB or its gray."""

    colours: int
    alpha: bool = False
    premultiplied: bool = False
    profile: bytes | None = None


def develop(source: Path, target: Path, *, limits: PictureLimits, roots: Sequence[str] = ()) -> Developed:
    """Write `target`: `source`, a picture that `inspect` found whole, as an upright sRGB JPEG with its
    metadata. The file appears atomically and is fsynced. No link is followed beneath the folders `roots`.

    Needs memory for the JPEG; for a picture that isn't stored upright, for its pixels too. Raises `NotWhole`,
    `NeverUsable`, and OSError where a file can't be read or written.
    """
    name = visible(source.name)
    with open_photo(source, roots) as file:
        kind, inode = kind_of(file, name), os.fstat(file.fileno()).st_ino
        picture, said = developed_jpeg(file, name, kind, limits)
    return write_durably(target, with_metadata(picture, said), inode)


def thumbnail(
    source: Path, target: Path, long_edge: int, *, limits: PictureLimits, roots: Sequence[str] = ()
) -> tuple[int, int]:
    """Write `target`: `source` as an upright sRGB JPEG without metadata, its longer side at most `long_edge`
    pixels. The file appears atomically. Returns width and height. No link is followed beneath the folders
    `roots`.

    Raises `NotWhole`, `NeverUsable`, and OSError where a file can't be read or written.
    """
    picture = load_for_display(source, long_edge, limits=limits, roots=roots)
    part = target.with_suffix(".part")
    picture.save(part, "JPEG", quality=THUMBNAIL_QUALITY, optimize=True)
    part.replace(target)
    return picture.size


def load_for_display(
    source: Path, long_edge: int | None, *, limits: PictureLimits, roots: Sequence[str] = ()
) -> Image.Image:
    """`source` upright in sRGB, its longer side at most `long_edge` pixels; of a RAW file its preview. Raises
    as `thumbnail` does."""
    name = visible(source.name)
    with open_photo(source, roots) as file:
        kind = kind_of(file, name)
        content: BinaryIO = file
        if kind == "RAW":
            content = io.BytesIO(raw.preview(file, name) or developed_jpeg(file, name, kind, limits)[0])
        elif kind in ("TIFF", "HEIC"):
            content = io.BytesIO(developed_jpeg(file, name, kind, limits)[0])
        return upright(content, long_edge, limits, name)


def developed_jpeg(file: BinaryIO, name: str, kind: str, limits: PictureLimits) -> tuple[bytes, Blocks]:
    """Develop an opened picture: an upright sRGB JPEG, and its photo's metadata. Raises as `develop` does."""
    if kind == "RAW":
        raw.refuse_without_developer(name)
        picture, said = raw.develop(file, name)
        return jpeg_of(picture), said
    if kind == "HEIC":
        picture, said = heic.develop(file, name, limits)
        return jpeg_of(picture), said
    return stored_picture(file, name, kind, limits)


def jpeg_of(picture: Image.Image) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    return encoded.getvalue()


def stored_picture(file: BinaryIO, name: str, kind: str, limits: PictureLimits) -> tuple[bytes, Blocks]:
    said = Blocks()
    if kind == "TIFF":
        head = tiff_head(file, name)
        channels = tiff_channels(head)
        with suppress(DamagedMetadata):
            said = exif.read_blocks(head)
    else:
        with suppress(DamagedMetadata):
            said = blocks_in(file)
        channels = channels_of(file, said, limits)
        said = replace(said, exif=exif.exif_for_srgb(said.exif))
    try:
        return srgb_jpeg(file.fileno(), channels), said
    except pyvips.Error as error:
        refuse_unreadable(file)
        raise NotWhole(
            f"{name} is damaged and can't be developed.", hint="Copy or export it once more."
        ) from error


def channels_of(file: BinaryIO, said: Blocks, limits: PictureLimits) -> Channels:
    """The channels of a JPEG or PNG."""
    file.seek(0)
    with pixel_limit(limits.pixels), Image.open(file, formats=("JPEG", "PNG")) as image:
        colours = COLOURS_OF_MODE.get(image.mode, 3)
        alpha = image.mode in ("LA", "RGBA") or (image.mode == "P" and "transparency" in image.info)
    profile = usable_profile(said.icc, colours)
    if profile is None and exposure_in(said.exif, 1).adobe_rgb and not said.described:
        profile = adobe_rgb_profile()
    return Channels(colours, alpha, profile=profile)


def usable_profile(profile: bytes | None, colours: int) -> bytes | None:
    return profile if profile and profile_fits(profile, colours) and is_valid_profile(profile) else None


def with_metadata(picture: bytes, said: Blocks) -> bytes:
    stream = io.BytesIO(picture)
    segments = jpegfile.read_head(stream)
    shape = jpegfile.shape(segments)
    block = said.exif
    with suppress(DamagedMetadata):
        if block is not None:
            block = exif.exif_for_picture(block, width=shape.width, height=shape.height, orientation=1)
    described = replace(said, exif=block, icc=srgb_profile())
    if said.xmp is not None and said.xmp_extension is None:
        # A TIFF's or a PNG's packet may be of any size.
        packet = fit_packet(said.xmp, jpegfile.MOST_XMP_BYTES)
        described = replace(
            described,
            xmp=packet.main if packet is not None else None,
            xmp_extension=packet.extension if packet is not None else None,
        )
    return jpegfile.with_blocks(segments, described, bare=True) + stream.read()


def tiff_head(file: BinaryIO, name: str) -> TiffHead:
    """The TIFF's tags. Raises `NotWhole`, and `NeverUsable` for a kind that can't be developed."""
    file.seek(0)
    try:
        head = exif.read_head(file)
    except DamagedMetadata:
        raise NotWhole(
            f"{name} is not complete: the TIFF's own list of contents isn't there.", hint=COPY_HINT
        ) from None
    what = tiff_refusal(head)
    if what:
        raise NeverUsable(f"{name} is a TIFF {what}, which is not accepted.", hint=TIFF_HINT)
    return head


def tiff_refusal(head: TiffHead) -> str:
    """Why such a TIFF isn't accepted; "" when it is."""
    photometric = head.number(exif.PHOTOMETRIC, 1)
    if photometric in RAW_PHOTOMETRICS:
        return "with a camera's raw data"
    if photometric not in COLOURS_OF_PHOTOMETRIC:
        return "that stores its colours in an unusual way (neither gray nor RGB)"
    if set(head.numbers(exif.SAMPLE_FORMAT)) - {WHOLE_NUMBERS}:
        return "with floating-point numbers"
    bits = set(head.numbers(exif.BITS)) or {1}
    if bits not in ({8}, {16}):
        return f"with {'/'.join(map(str, sorted(bits)))} bits a channel"
    return ""


def tiff_channels(head: TiffHead) -> Channels:
    """A TIFF's channels. Extra channels by Photoshop, such as saved selections, don't count as alpha."""
    colours = COLOURS_OF_PHOTOMETRIC[head.number(exif.PHOTOMETRIC, 1)]
    kind = next(iter(head.numbers(exif.EXTRA_CHANNELS)), 0)
    profile = usable_profile(exif.value_of(head, exif.ICC), colours)
    return Channels(colours, kind in TRANSPARENCY, TRANSPARENCY.get(kind, False), profile)


def small_tiff(file: BinaryIO, name: str, head: TiffHead) -> Image.Image:
    """A reduced copy in 8-bit gray or RGB, not rotated, for brightness and signature. Every strip is decoded
    to its end. Raises `NotWhole`, and OSError where the disk failed."""
    colours = tiff_channels(head).colours
    try:
        picture = first_bands(vips_image(file.fileno()), colours)
        shrink = max(1, min(picture.width, picture.height) // SMALL_PIXELS)
        plain = picture.shrink(shrink, shrink).colourspace("srgb" if colours > 1 else "b-w").cast("uchar")
        pixels = plain.write_to_memory()
    except pyvips.Error as error:
        refuse_unreadable(file)
        raise NotWhole(f"{name} is damaged or not complete, and can't be decoded.", hint=COPY_HINT) from error
    return Image.frombytes("RGB" if plain.bands == 3 else "L", (plain.width, plain.height), pixels)


def refuse_unreadable(file: BinaryIO) -> None:
    """Read the file again: raises OSError where the disk, not the picture, was the cause of a failure."""
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    while os.read(file.fileno(), io.DEFAULT_BUFFER_SIZE * 128):
        pass


def srgb_jpeg(descriptor: int, channels: Channels) -> bytes:
    """The picture as an upright sRGB JPEG without metadata. Raises pyvips.Error."""
    picture = first_bands(vips_image(descriptor), channels.colours + channels.alpha)
    if channels.alpha:
        picture = flatten_onto_white(picture, channels)
    if channels.profile is not None:
        described = picture.copy()
        described.set_type(pyvips.GValue.blob_type, "icc-profile-data", channels.profile)
        picture = described.icc_transform(
            "srgb", embedded=True, intent="relative", black_point_compensation=True, depth=8
        )
    else:
        picture = picture.colourspace("srgb")
    if "orientation" in picture.get_fields() and picture.get("orientation") > 1:
        picture = picture.copy_memory().autorot()
    # Optimized Huffman tables would need all coefficients in memory at once.
    saved: bytes = picture.jpegsave_buffer(Q=JPEG_QUALITY, subsample_mode="off", keep="none")
    return saved


def vips_image(descriptor: int) -> Any:
    # By descriptor: the path may lead to another file by now.
    return pyvips.Image.new_from_file(f"/dev/fd/{descriptor}", access="sequential", fail_on="error")


def first_bands(picture: Any, number: int) -> Any:
    return picture.extract_band(0, n=number) if picture.bands > number else picture


def flatten_onto_white(picture: Any, channels: Channels) -> Any:
    most = 65535 if picture.format == "ushort" else 255
    if channels.premultiplied:
        picture = picture.unpremultiply(max_alpha=most).cast(picture.format)
    return picture.flatten(background=[most] * channels.colours, max_alpha=most)
