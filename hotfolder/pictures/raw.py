"""RAW files, through LibRaw (rawpy), where it is installed."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from io import BytesIO
from typing import Any, BinaryIO

from PIL import Image

from hotfolder.errors import to_install
from hotfolder.metadata import exif, jpegfile
from hotfolder.metadata.blocks import Blocks, DamagedMetadata
from hotfolder.metadata.exif import TiffEntry, TiffHead
from hotfolder.pictures.exposure import exposure_in
from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureLimits

ORIENTATIONS = {0: 1, 3: 3, 5: 8, 6: 6}
"""EXIF's orientation by LibRaw's."""
HINT = "Export it as JPEG or TIFF from your raw developer, and drop that."
DNG_VERSION = 50706
"""The tag that makes a TIFF a DNG."""
CANON_BOX_ID = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
"""Begins the box of a CR3 with its metadata."""
CANON_HEAD_BYTES = 1 << 20
"""More than is ahead of the pictures in a CR3, a thumbnail included."""


@dataclass(frozen=True, slots=True)
class RawFacts:
    """`exif` is a block for another file; `small` is a reduced upright copy, None where none was requested.
    Width and height are as stored."""

    width: int
    height: int
    orientation: int
    exif: bytes | None
    small: Image.Image | None


def refuse_without_developer(name: str) -> None:
    """Raise `NeverUsable` where rawpy isn't installed."""
    if find_spec("rawpy") is None:
        raise NeverUsable(
            f"{name} is a RAW file, and this hotfolder is installed without what develops them.",
            hint="Export JPEG (quality 90 or more) or TIFF from Lightroom or your raw developer, and drop"
            f" those files; or have whoever runs hotfolder install it, {to_install('raw')}",
        )


def inspect_raw(file: BinaryIO, name: str, limits: PictureLimits, *, closely: bool) -> RawFacts:
    """Unpack the file to its end and return its facts. Raises `NotWhole` and `NeverUsable`."""
    with raw_photo(file, name) as raw:
        sizes = raw.sizes
        if sizes.width * sizes.height > limits.pixels:
            raise NeverUsable(
                f"{name} has more than {limits.pixels // 1_000_000} megapixels, the most that is accepted.",
                hint=HINT,
            )
        _ = raw.raw_image_visible  # unpacks
        block = exif_of(blocks_in(file).exif, raw)
        # Without an exposure, the set is ordered by brightness.
        copy = developed_picture(raw, half_size=True) if closely or block is None else None
        if copy is not None:
            copy = copy.reduce(max(1, min(copy.size) // 256))
        return RawFacts(sizes.width, sizes.height, ORIENTATIONS.get(sizes.flip, 1), block, copy)


def develop(file: BinaryIO, name: str) -> tuple[Image.Image, Blocks]:
    """The picture as shot, upright in sRGB, and its metadata. Raises `NotWhole` and `NeverUsable`."""
    said = blocks_in(file)
    with raw_photo(file, name) as raw:
        return developed_picture(raw), replace(said, exif=exif_of(said.exif, raw))


def preview(file: BinaryIO, name: str) -> bytes | None:
    """The camera's embedded JPEG preview, None where there is none. Raises `NotWhole` and `NeverUsable`."""
    with raw_photo(file, name) as raw:
        return preview_of(raw)


@contextmanager
def raw_photo(file: BinaryIO, name: str) -> Iterator[Any]:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each thread would reserve address space
    import rawpy

    try:
        with rawpy.RawPy() as raw:
            raw.open_file(f"/dev/fd/{file.fileno()}")
            yield raw
    except (rawpy.LibRawTooBigError, rawpy.LibRawUnsufficientMemoryError, MemoryError) as error:
        raise NeverUsable(f"{name} needs more memory to develop than is allowed.", hint=HINT) from error
    except rawpy.LibRawError as error:
        raise NotWhole(
            f"{name} can't be read as a RAW file: it is not complete, is damaged, or comes from a camera that"
            " isn't known yet.",
            hint="Copy it from the camera's card once more; if it comes back again, export it as JPEG or TIFF"
            " from your raw developer, and drop that.",
        ) from error


def developed_picture(raw: Any, *, half_size: bool = False) -> Image.Image:
    """The picture as shot: with the camera's white balance, and without automatic brightness, which would
    make all exposures of a bracket alike."""
    import rawpy

    pixels = raw.postprocess(
        half_size=half_size,
        use_camera_wb=True,
        no_auto_bright=True,
        output_color=rawpy.ColorSpace.sRGB,
        output_bps=8,
        gamma=(2.4, 12.92),
    )
    return Image.fromarray(pixels.squeeze()).convert("RGB")  # a monochrome camera's has one channel


def blocks_in(file: BinaryIO) -> Blocks:
    """The metadata of a RAW file that is built like a TIFF, as most makers' are, or a CR3; empty for others.
    `exif` is None where nothing is said of the shot. XMP is read of a DNG alone, into which people's programs
    write: a camera's says little more than a rating of 0, which would outrank that of a sidecar."""
    file.seek(0)
    head: TiffHead | None = None
    with suppress(DamagedMetadata):
        head = exif.read_head(file)
    head = head or canon_head(file)
    with suppress(DamagedMetadata):
        if head is not None:
            said = exif.read_blocks(head)
            xmp = said.xmp if DNG_VERSION in head.main else None
            return replace(said, exif=said.exif if head.exif else None, xmp=xmp)
    return Blocks()


def canon_head(file: BinaryIO) -> TiffHead | None:
    """The tags of a CR3, each folder of which is a TIFF in a box of its own; None for other files."""
    file.seek(0)
    movie = dict(boxes(file.read(CANON_HEAD_BYTES))).get(b"moov", b"")
    for kind, content in boxes(movie):
        if kind == b"uuid" and content.startswith(CANON_BOX_ID):
            found = dict(boxes(content[len(CANON_BOX_ID) :]))
            parts = [BytesIO(found.get(name, b"")) for name in (b"CMT1", b"CMT2", b"CMT4")]
            with suppress(DamagedMetadata):
                main, shot, gps = map(exif.read_head, parts)
                return TiffHead(main.order, main.main, shot.main, gps.main)
    return None


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes (ISO 14496-12) up to the first that isn't there as a whole; kind and content of each."""
    position = 0
    while position + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, position)
        if not 8 <= size <= len(content) - position:
            return
        yield kind, content[position + 8 : position + size]
        position += size


def exif_of(own: bytes | None, raw: Any) -> bytes | None:
    """The EXIF that says when and how the photo was taken: the file's `own`, else that of its preview (of a
    RAF, and of an RW2, whose own lacks the ISO), else what LibRaw has read."""
    if shooting_data_rank(own) == 2:
        return own
    said = max(own, exif_of_preview(raw), key=shooting_data_rank)
    # To a preview without EXIF LibRaw adds some of its own, which doesn't say when.
    return said if shooting_data_rank(said) else own or exif_of_shot(raw)


def shooting_data_rank(block: bytes | None) -> int:
    """How complete an EXIF block is: 2 with the time and the exposure, 1 with the time only, 0 without."""
    shot = exposure_in(block, 1).capture
    if shot is None or shot.started_seconds is None:
        return 0
    return 2 if shot.exposure_value is not None else 1


def exif_of_preview(raw: Any) -> bytes | None:
    """The EXIF of the embedded JPEG preview, for RAW files that aren't TIFFs; None where it has none."""
    content = preview_of(raw)
    if content is None:
        return None
    try:
        block = jpegfile.read_blocks(jpegfile.read_head(BytesIO(content))).exif
        if block is None:
            return None
        return exif.exif_for_srgb(exif.exif_for_picture(block, width=0, height=0, orientation=1))
    except DamagedMetadata:
        return None


def preview_of(raw: Any) -> bytes | None:
    import rawpy

    try:
        found = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    return bytes(found.data) if found.format == rawpy.ThumbFormat.JPEG else None


def exif_of_shot(raw: Any) -> bytes | None:
    """An EXIF block of the shooting data that LibRaw has read; None where it has none."""
    other = raw.other
    ratios = {33434: other.shutter_speed, 33437: other.aperture, 37386: other.focal_length}
    shot = {tag: ratio(value) for tag, value in ratios.items() if value and value > 0}
    if other.iso_speed and other.iso_speed >= 1:
        shot[34855] = exif.short_entry(">", min(65535, round(other.iso_speed)))
    if other.timestamp is not None and other.timestamp.timestamp() > 0:  # LibRaw's 0 stands for unknown
        text = other.timestamp.strftime("%Y:%m:%d %H:%M:%S").encode() + b"\0"
        shot[36867] = TiffEntry(exif.TEXT, len(text), text)
    if not shot:
        return None
    main = {exif.ORIENTATION: exif.short_entry(">", 1)}
    return exif.encode_folders(">", main, {exif.EXIF_FOLDER: shot})


def ratio(value: float) -> TiffEntry:
    number, of = (1, round(1 / value)) if value < 0.3 else (round(value * 1000), 1000)
    return TiffEntry(5, 1, number.to_bytes(4, "big") + of.to_bytes(4, "big"))
