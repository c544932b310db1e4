"""Inspecting a picture: opened safely, read once, hashed, parsed to its end and decoded."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from PIL import Image

from hotfolder.display import visible
from hotfolder.metadata.jpegfile import BARE, EOI, FRAMES, MOST_MARKERS, SOI, SOS
from hotfolder.metadata.pngfile import MOST_CHUNKS
from hotfolder.pictures.colours import why_developed
from hotfolder.pictures.exposure import Exposure, exposure_in, read_exposure
from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureFacts, PictureLimits
from hotfolder.pictures.formats import (
    COPY_HINT,
    is_heic_name,
    is_raw_name,
    kind_of,
    open_photo,
    pixel_limit,
    refuse_by_name,
    too_large_error,
    too_many_pixels_error,
    unreadable_error,
)
from hotfolder.pictures.signature import read_brightness, read_signature

SENT_KINDS = frozenset({"JPEG", "PNG"})
"""The formats that the API accepts; others are developed first."""
_READ_BYTES = 1024 * 1024
DECODED_PIXELS = (200, 200)
"""The size to which the decoder may scale a JPEG down, at most to an eighth: every byte is still decoded, and
brightness and signature need no more."""
GLANCE_BYTES = 16384
GLANCE_LINES = 64
"""The most bytes and lines of a JPEG's image data that are decoded where brightness and signature aren't
needed: enough to find that its tables fit its data."""
COMMON_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive JPEG with Huffman codes; others are lossless or arithmetic coded."""
_METADATA = frozenset({"exif", "xmp", "photoshop"})

# In a scan's data, FF 00 is a stuffed byte, FF D0-D7 restarts, FF FF is fill: anything else ends the scan.
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def inspect(path: Path, *, limits: PictureLimits, closely: bool = True) -> PictureFacts:
    """Read and decode the picture at `path`; facts, hash and decoding are of the same bytes.

    With `closely` it is decoded to its end. Else only the beginning of a JPEG of one scan is, after its
    markers were followed to the end, which is a tenth of the work: of damage to the picture's data a decoder
    tells nothing either. Brightness and signature are unknown then. A photo with metadata and without an
    exposure in them is decoded to its end in any case, since its brightness may be needed to order the set.

    Raises `NotWhole` when it can't be read to its end now, `NeverUsable` when waiting won't help; both are
    `UnusablePhoto`s with a sentence for a photographer; and OSError when this process may open no more files.
    Needs memory for the file and its pixels: a process that must stay small calls it through `Decoder`.
    """
    name = visible(path.name)
    refuse_by_name(name)
    if is_raw_name(name):
        # Late, here and below: these load large libraries, and most photos are JPEGs.
        from hotfolder.pictures.raw import refuse_without_developer

        refuse_without_developer(name)
    if is_heic_name(name):
        from hotfolder.pictures.heic import refuse_without_decoder

        refuse_without_decoder(name)
    try:
        with open_photo(path) as file:
            found = os.fstat(file.fileno())
            if found.st_size > limits.size_bytes:
                raise too_large_error(name, limits)
            kind = kind_of(file, name)
            if kind not in SENT_KINDS:
                facts = _inspect_large(file, name, kind, limits, closely)
                return replace(facts, inode=found.st_ino)
            content = _content(file, name, found.st_size, limits)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise  # says nothing of the photo
        raise unreadable_error(name, error) from error
    try:
        whole = jpeg_reaches_its_end(content) if kind == "JPEG" else png_reaches_its_end(content)
    except OverflowError as error:
        raise NeverUsable(
            f"{name} is no usual {kind}: {error}.", hint="Export the photo once more."
        ) from error
    if not whole:
        raise NotWhole(
            f"{name} is not complete: the file breaks off before the picture's end.", hint=COPY_HINT
        )
    if kind == "JPEG" and is_rare_jpeg(content):
        raise NeverUsable(
            f"{name} is a JPEG that few programs can read (lossless, arithmetic coded or with 12 bits),"
            " which is not accepted.",
            hint="Export the photo once more.",
        )
    return replace(_decode(name, kind, content, limits, closely), inode=found.st_ino)


def _content(file: io.FileIO, name: str, size_bytes: int, limits: PictureLimits) -> bytes:
    """The content, in one read where the file isn't growing. Raises `NeverUsable` when it is too large."""
    content = file.read(size_bytes + 1)
    while len(content) <= limits.size_bytes and (piece := file.read(_READ_BYTES)):
        content += piece
    if len(content) > limits.size_bytes:
        raise too_large_error(name, limits)
    return content


def _decode(name: str, kind: str, content: bytes, limits: PictureLimits, closely: bool) -> PictureFacts:
    digest = hashlib.sha256(content).hexdigest()
    try:
        with pixel_limit(limits.pixels):
            if kind == "PNG":
                with Image.open(io.BytesIO(content), formats=(kind,)) as image:
                    image.verify()
            with Image.open(io.BytesIO(content), formats=(kind,)) as image:
                if image.width * image.height > limits.pixels:
                    raise too_many_pixels_error(name, limits)
                size, exposure = image.size, read_exposure(image)
                develop = why_developed(image, exposure)
                if image.mode == "CMYK":
                    raise NeverUsable(
                        f"{name} is in CMYK, which is not accepted.", hint="Export the photo as sRGB."
                    )
                one_scan = kind == "JPEG" and jpeg_has_one_scan(content)
                glance = one_scan and not closely and _needs_no_brightness(image, exposure)
                if glance:
                    _load_beginning(content)
                else:
                    _load(image)
                shown = None if glance else image
                return _facts(kind, size, digest, len(content), exposure, develop, shown)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise too_many_pixels_error(name, limits) from error
    except MemoryError as error:
        raise NeverUsable(
            f"{name} needs more memory to open than is allowed.",
            hint="Export the photo as JPEG at its normal size.",
        ) from error
    except (OSError, SyntaxError, ValueError, IndexError, KeyError, EOFError) as error:
        raise NotWhole(f"{name} is damaged and can't be decoded.", hint=COPY_HINT) from error


def _load(image: Image.Image, pixels: tuple[int, int] = DECODED_PIXELS) -> None:
    if image.format in ("JPEG", "MPO"):  # MPO: a JPEG with a second picture behind it, as most cameras write
        image.draft(image.mode, pixels)
    image.load()


def _load_beginning(content: bytes) -> None:
    beginning = jpeg_beginning(content, GLANCE_BYTES, GLANCE_LINES)
    with Image.open(io.BytesIO(beginning), formats=("JPEG",)) as image:
        _load(image, (1, 1))


def _needs_no_brightness(image: Image.Image, exposure: Exposure) -> bool:
    """Whether its brightness isn't needed: its exposure is known, or it has no metadata to carry over."""
    known = exposure.capture is not None and exposure.capture.exposure_value is not None
    return known or not _METADATA & image.info.keys()


def _inspect_large(
    file: io.FileIO, name: str, kind: str, limits: PictureLimits, closely: bool
) -> PictureFacts:
    """Inspect a TIFF, HEIC or RAW file, which may be too large for memory: it is hashed, then decoded to its
    end, in two passes. Both are of the same bytes only if the caller finds the file unchanged afterwards."""
    from hotfolder.metadata import exif
    from hotfolder.pictures import developing, heic, raw

    size_bytes, digest = _hashed(file, name, limits)
    if kind == "RAW":
        raw.refuse_without_developer(name)
        found = raw.inspect_raw(file, name, limits, closely=closely)
        exposure = exposure_in(found.exif, found.orientation)
        size = (found.width, found.height)
        return _facts(kind, size, digest, size_bytes, exposure, "it is a RAW file", found.small, turn=1)
    if kind == "HEIC":
        with heic.heif_image(file, name, limits) as image:
            image.load()
            exposure = exposure_in(heic.exif_of(image), 1)
            return _facts(kind, image.size, digest, size_bytes, exposure, "it is a HEIC picture", image)
    head = developing.tiff_head(file, name)
    size = head.number(exif.IMAGE_WIDTH, 0), head.number(exif.IMAGE_LENGTH, 0)
    if size[0] * size[1] > limits.pixels:
        raise too_many_pixels_error(name, limits)
    small = developing.small_tiff(file, name, head)
    exposure = exposure_in(exif.exif_block(head), head.orientation)
    return _facts(kind, size, digest, size_bytes, exposure, "it is a TIFF", small)


def _hashed(file: io.FileIO, name: str, limits: PictureLimits) -> tuple[int, str]:
    """The file's size and SHA-256. Raises `NeverUsable` when it is too large."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    if file.tell() > limits.size_bytes:
        raise too_large_error(name, limits)
    return file.tell(), digest


def _facts(
    kind: str,
    size: tuple[int, int],
    digest: str,
    size_bytes: int,
    exposure: Exposure,
    develop: str,
    shown: Image.Image | None,
    *,
    turn: int | None = None,
) -> PictureFacts:
    """Build the facts. `shown` is the decoded copy, None where there is none; `turn` is its orientation,
    where that differs from the picture's."""
    return PictureFacts(
        format=kind,
        width=size[0],
        height=size[1],
        orientation=exposure.orientation,
        sha256=digest,
        size_bytes=size_bytes,
        brightness=read_brightness(shown) if shown is not None else None,
        capture=exposure.capture,
        signature=read_signature(shown, turn or exposure.orientation) if shown is not None else "",
        develop=develop,
    )


def jpeg_reaches_its_end(content: bytes) -> bool:
    """Whether the markers lead, through at least one scan, to an end-of-image marker. Pillow alone accepts a
    zero-filled tail. Raises OverflowError for more than MOST_MARKERS empty markers, which take minutes to
    follow.

    What follows the end marker is ignored: cameras and phones append previews and notes.
    """
    seen = {marker for marker, _, _ in _markers(content)}
    return {SOS, EOI} <= seen


def jpeg_has_one_scan(content: bytes) -> bool:
    """Whether nothing but the end follows the first scan. Of others, such as progressive JPEGs, each scan has
    tables of its own, which only decoding checks."""
    markers = [marker for marker, _, _ in _markers(content)]
    return markers.count(SOS) == 1 and markers[-2:] == [SOS, EOI]


def is_rare_jpeg(content: bytes) -> bool:
    """Whether a JPEG that is whole is of a kind that Pillow and most programs can't decode."""
    for marker, start, _ in _markers(content):
        if marker in FRAMES:
            return marker not in COMMON_FRAMES or content[start + 2] != 8
    return False


def jpeg_beginning(content: bytes, scan_bytes: int, most_lines: int) -> bytes:
    """A valid JPEG of everything before the image data and its first `scan_bytes`. Its height is reduced to
    at most `most_lines`, since a decoder would fill in the missing lines."""
    height = data = 0
    for marker, start, end in _markers(content):
        if marker in FRAMES:
            height = start + 3
        if marker == SOS:
            data = end
            break
    beginning = bytearray(content[: data + scan_bytes])
    stated = beginning[height : height + 2]
    if height and len(stated) == 2 and int.from_bytes(stated, "big") > most_lines:
        beginning[height : height + 2] = most_lines.to_bytes(2, "big")
    return bytes(beginning) + b"\xff\xd9"


def png_reaches_its_end(content: bytes) -> bool:
    """Whether the chunks lead to IEND; contents and checksums are left to the decoder. Raises OverflowError
    for more than MOST_CHUNKS chunks that aren't image data, for which a decoder takes minutes."""
    position, others = 8, 0
    while position + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        if kind == b"IEND":
            return True
        others += kind != b"IDAT"
        if others > MOST_CHUNKS:
            raise OverflowError(f"more than {MOST_CHUNKS:,} of its chunks are no picture data")
        position += 12 + length
    return False


def _markers(content: bytes) -> Iterator[tuple[int, int, int]]:
    """The JPEG's markers that have a segment, with its start and end, and EOI; as far as they can be
    followed. Raises OverflowError for more than MOST_MARKERS without a segment."""
    position = 2 if content[:2] == b"\xff\xd8" else len(content)
    empty = 0
    while position + 2 <= len(content) and content[position] == 0xFF:
        marker, start = content[position + 1], position + 2
        empty += marker == 0xFF or marker in BARE
        if empty > MOST_MARKERS:
            raise OverflowError(f"more than {MOST_MARKERS:,} of its markers stand for nothing")
        if marker == 0xFF:
            position += 1
        elif marker in (0x00, SOI):
            return
        elif marker == EOI:
            yield marker, start, start
            return
        elif marker in BARE:
            position = start
        else:
            stated = int.from_bytes(content[start : start + 2], "big")
            # An invalid length leads past the end, as in a truncated file.
            position = start + (stated if stated >= 2 else len(content))
            yield marker, start, position
            if marker == SOS:
                found = _SCAN_END.search(content, position)
                if found is None:
                    return
                position = found.start()
