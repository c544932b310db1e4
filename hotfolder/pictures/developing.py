"""Developing: a JPEG of a picture that can't be sent as it is, in the process that decodes."""

from __future__ import annotations

import hashlib
import io
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from hotfolder.metadata import exif, jpegfile, pngfile, tifffile
from hotfolder.metadata.blocks import Blocks, profile_fits
from hotfolder.metadata.exif import Damaged
from hotfolder.metadata.packets import fitting
from hotfolder.pictures import raw, tiff, vips
from hotfolder.pictures.colours import adobe_rgb_profile, readable
from hotfolder.pictures.facts import Developed, NeverUsable, NotWhole, PictureLimits
from hotfolder.pictures.formats import printable_name
from hotfolder.pictures.opening import kind_of, opened, pixel_limit
from hotfolder.pictures.rendering import srgb_profile
from hotfolder.pictures.vips import JPEG_QUALITY, Make

CHANNELS = {"L": 1, "1": 1, "I;16": 1, "LA": 1, "CMYK": 4}
CMYK_CHANNELS = 4


def develop(source: Path, target: Path, *, limits: PictureLimits) -> Developed:
    """Write `target`: `source`, a picture that was found whole, as an upright sRGB JPEG that says what
    `source` says of the photo. It appears at once and whole, and is durable then.

    Needs memory for the file that it makes; for a picture that isn't stored upright, for its pixels too.
    Raises `NotWhole`, `NeverUsable`, and OSError where a file can't be read or written.
    """
    name = printable_name(source.name)
    with opened(source) as file:
        kind, inode = kind_of(file, name), os.fstat(file.fileno()).st_ino
        picture, said = raw_picture(file, name) if kind == "RAW" else picture_of(file, name, kind, limits)
    content = with_metadata(picture, said)
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


def picture_of(file: BinaryIO, name: str, kind: str, limits: PictureLimits) -> tuple[bytes, Blocks]:
    if kind == "TIFF":
        head = tiff.head_of(file, name)
        make, said = tiff.make_of(head), Blocks()
        with suppress(Damaged):
            said = tifffile.read_blocks(head)
    else:
        said = said_in(file, kind)
        make = make_of(file, said, limits)
        if make.colours == CMYK_CHANNELS and make.profile is None:
            raise NeverUsable(
                f"{name} is in CMYK without a colour profile, so that nobody can tell its colours.",
                hint="Export the photo as sRGB.",
            )
        said = replace(said, exif=upright_srgb(said.exif))
    try:
        return vips.jpeg(file.fileno(), make), said
    except vips.VipsError as error:
        tiff.refuse_unreadable(file)
        raise NotWhole(
            f"{name} is damaged and can't be developed.", hint="Copy or export it once more."
        ) from error


def raw_picture(file: BinaryIO, name: str) -> tuple[bytes, Blocks]:
    raw.refuse_without_developer(name)
    picture, block = raw.develop(file, name)
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    return encoded.getvalue(), Blocks(exif=block)


def said_in(file: BinaryIO, kind: str) -> Blocks:
    file.seek(0)
    with suppress(Damaged):
        if kind == "JPEG":
            return jpegfile.read_blocks(jpegfile.read_head(file))
        return pngfile.read_blocks(pngfile.read_chunks(file))
    return Blocks()


def make_of(file: BinaryIO, said: Blocks, limits: PictureLimits) -> Make:
    file.seek(0)
    with pixel_limit(limits.pixels), Image.open(file, formats=("JPEG", "PNG")) as image:
        colours = CHANNELS.get(image.mode, 3)
        alpha = image.mode in ("LA", "RGBA") or (image.mode == "P" and "transparency" in image.info)
    profile = said.icc if said.icc and profile_fits(said.icc, colours) and readable(said.icc) else None
    if profile is None and exif.says_adobe_rgb(said.exif) and not said.described:
        profile = adobe_rgb_profile()
    return Make(colours, alpha, profile=profile)


def upright_srgb(block: bytes | None) -> bytes | None:
    """EXIF for the developed picture; its size is entered where that is known."""
    try:
        return exif.in_srgb(block) if block is not None else None
    except Damaged:
        return None


def with_metadata(picture: bytes, said: Blocks) -> bytes:
    stream = io.BytesIO(picture)
    segments = jpegfile.read_head(stream)
    shape = jpegfile.shape(segments)
    block = said.exif
    with suppress(Damaged):
        if block is not None:
            block = exif.corrected(block, width=shape.width, height=shape.height, orientation=1)
    described = replace(said, exif=block, icc=srgb_profile())
    if said.xmp is not None and said.xmp_extension is None:
        # A TIFF's or a PNG's packet may be of any size.
        packet = fitting(said.xmp, jpegfile.MOST_XMP_BYTES)
        described = replace(
            described,
            xmp=packet.main if packet is not None else None,
            xmp_extension=packet.extension if packet is not None else None,
        )
    return jpegfile.with_blocks(segments, described, bare=True) + stream.read()
