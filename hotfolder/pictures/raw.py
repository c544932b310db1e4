"""RAW files, through LibRaw (rawpy), where it is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from typing import Any, BinaryIO

from PIL import Image

from hotfolder.errors import to_install
from hotfolder.metadata import exif, jpegfile
from hotfolder.metadata.blocks import DamagedMetadata
from hotfolder.metadata.exif import TiffEntry
from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureLimits

ORIENTATIONS = {0: 1, 3: 3, 5: 8, 6: 6}
"""EXIF's orientation by LibRaw's."""
HINT = "Export it as JPEG or TIFF from your raw developer, and drop that."


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


def look(file: BinaryIO, name: str, limits: PictureLimits, *, closely: bool) -> RawFacts:
    """Unpack the file to its end and return its facts. Raises `NotWhole` and `NeverUsable`."""
    block = exif_of_tags(file)
    with raw_photo(file, name) as raw:
        sizes = raw.sizes
        if sizes.width * sizes.height > limits.pixels:
            raise NeverUsable(
                f"{name} has more than {limits.pixels // 1_000_000} megapixels, the most that is accepted.",
                hint=HINT,
            )
        _ = raw.raw_image_visible  # unpacks
        block = block or exif_of_preview(raw) or exif_of_shot(raw)
        # Without an exposure, the set is ordered by brightness.
        copy = developed(raw, half_size=True) if closely or block is None else None
        if copy is not None:
            copy = copy.reduce(max(1, min(copy.size) // 256))
        return RawFacts(sizes.width, sizes.height, ORIENTATIONS.get(sizes.flip, 1), block, copy)


def develop(file: BinaryIO, name: str) -> tuple[Image.Image, bytes | None]:
    """The picture as shot, upright in sRGB, and its EXIF. Raises `NotWhole` and `NeverUsable`."""
    block = exif_of_tags(file)
    with raw_photo(file, name) as raw:
        return developed(raw), block or exif_of_preview(raw) or exif_of_shot(raw)


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


def developed(raw: Any, *, half_size: bool = False) -> Image.Image:
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
    return Image.fromarray(pixels)


def exif_of_tags(file: BinaryIO) -> bytes | None:
    """The EXIF of a TIFF-based RAW file, as most makers' are; None for other files."""
    file.seek(0)
    try:
        head = exif.read_head(file)
    except DamagedMetadata:
        return None
    return exif.exif_block(head) if head.exif else None


def exif_of_preview(raw: Any) -> bytes | None:
    """The EXIF of the embedded JPEG preview, for RAW files that aren't TIFFs; None where it has none."""
    content = preview_of(raw)
    if content is None:
        return None
    try:
        block = jpegfile.read_blocks(jpegfile.read_head(BytesIO(content))).exif
        return exif.corrected(block, width=0, height=0, orientation=1) if block is not None else None
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
        shot[34855] = exif.short(">", min(65535, round(other.iso_speed)))
    if other.timestamp is not None:
        text = other.timestamp.strftime("%Y:%m:%d %H:%M:%S").encode() + b"\0"
        shot[36867] = TiffEntry(exif.TEXT, len(text), text)
    if not shot:
        return None
    main = {exif.ORIENTATION: exif.short(">", 1)}
    return exif.write_folders(">", main, {exif.EXIF_FOLDER: shot})


def ratio(value: float) -> TiffEntry:
    number, of = (1, round(1 / value)) if value < 0.3 else (round(value * 1000), 1000)
    return TiffEntry(5, 1, number.to_bytes(4, "big") + of.to_bytes(4, "big"))
