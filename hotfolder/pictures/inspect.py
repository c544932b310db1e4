"""Looking at one picture: opened safely, read once, hashed, walked to its end and decoded."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import replace
from pathlib import Path

from PIL import Image

from hotfolder.pictures.colours import why_developed
from hotfolder.pictures.exposure import Exposure, read_exposure
from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureFacts, PictureLimits
from hotfolder.pictures.formats import is_raw_name, printable_name
from hotfolder.pictures.opening import (
    COPY_HINT,
    kind_of,
    opened,
    pixel_limit,
    refuse_by_name,
    too_large,
    too_many_pixels,
    unreadable,
)
from hotfolder.pictures.signature import read_brightness, read_signature
from hotfolder.pictures.whole import jpeg_beginning, jpeg_reaches_its_end, png_reaches_its_end

SENT_KINDS = frozenset({"JPEG", "PNG"})
"""What the API takes; anything else is developed first."""
_READ_BYTES = 1024 * 1024
DECODED_PIXELS = (200, 200)
"""What the decoder may shrink a JPEG to, to an eighth at the least: every byte is still read to the end, and
brightness and signature look no closer."""
GLANCE_BYTES = 16384
GLANCE_LINES = 64
"""How much of a JPEG's picture data is decoded, at the most, where nobody needs to know what it shows: enough
to find that its tables fit its data."""
_METADATA = frozenset({"exif", "xmp", "photoshop"})


def inspect(path: Path, *, limits: PictureLimits, closely: bool = True) -> PictureFacts:
    """Read and decode the picture at `path`; the facts, the hash and the decode are of the same bytes.

    With `closely` it is decoded to its end. Else only the beginning of a JPEG is, after the same walk to its
    end: of files cut, overwritten or zero-filled on purpose, decoding finds none that the walk doesn't.
    Brightness and signature are unknown then. A photo of which somebody may need the brightness, since its
    metadata don't tell its exposure, is looked at closely in any case.

    Raises `NotWhole` when it can't be read to its end now, `NeverUsable` when waiting won't help; both are
    `UnusablePhoto`s with a sentence for a photographer. Needs memory for the file and its pixels: call it
    through `Decoder` in a process that is to stay small.
    """
    name = printable_name(path.name)
    refuse_by_name(name)
    if is_raw_name(name):
        # Late, here and below, since what it loads is large, and most photos are JPEGs.
        from hotfolder.pictures.raw import refuse_without_developer

        refuse_without_developer(name)
    try:
        with opened(path) as file:
            found = os.fstat(file.fileno())
            if found.st_size > limits.size_bytes:
                raise too_large(name, limits)
            kind = kind_of(file, name)
            if kind not in SENT_KINDS:
                from hotfolder.pictures.large import inspect_large

                facts = inspect_large(file, name, kind, limits, closely=closely)
                return replace(facts, inode=found.st_ino)
            content = _content(file, os.fstat(file.fileno()).st_size, limits)
    except OSError as error:
        raise unreadable(name, error) from error
    if content is None:
        raise too_large(name, limits)
    whole = jpeg_reaches_its_end(content) if kind == "JPEG" else png_reaches_its_end(content)
    if not whole:
        raise NotWhole(
            f"{name} is not complete: the file breaks off before the picture's end.", hint=COPY_HINT
        )
    facts = _decode(name, kind, content, hashlib.sha256(content).hexdigest(), limits, closely)
    return replace(facts, inode=found.st_ino)


def _content(file: io.FileIO, size_bytes: int, limits: PictureLimits) -> bytes | None:
    """All of it, in one piece where it isn't growing; None when it is too large."""
    if size_bytes > limits.size_bytes:
        return None
    content = file.read(size_bytes + 1)
    while piece := file.read(_READ_BYTES):
        content += piece
        if len(content) > limits.size_bytes:
            return None
    return content if len(content) <= limits.size_bytes else None


def _decode(
    name: str, kind: str, content: bytes, digest: str, limits: PictureLimits, closely: bool
) -> PictureFacts:
    try:
        with pixel_limit(limits.pixels):
            if kind == "PNG":
                with Image.open(io.BytesIO(content), formats=(kind,)) as image:
                    image.verify()
            with Image.open(io.BytesIO(content), formats=(kind,)) as image:
                if image.width * image.height > limits.pixels:
                    raise too_many_pixels(name, limits)
                width, height = image.size
                exposure = read_exposure(image)
                develop = why_developed(image, exposure)
                glance = kind == "JPEG" and not closely and _tells_its_place(image, exposure)
                if glance:
                    _load_beginning(content)
                else:
                    _load(image)
                return PictureFacts(
                    format=kind,
                    width=width,
                    height=height,
                    orientation=exposure.orientation,
                    sha256=digest,
                    size_bytes=len(content),
                    brightness=None if glance else read_brightness(image),
                    exposure_value=exposure.exposure_value,
                    taken_at=exposure.taken_at,
                    capture=exposure.capture,
                    signature="" if glance else read_signature(image, exposure.orientation),
                    develop=develop,
                )
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise too_many_pixels(name, limits) from error
    except MemoryError as error:
        raise NeverUsable(
            f"{name} needs more memory to open than is allowed.",
            hint="Export the photo as JPEG at its normal size.",
        ) from error
    except (OSError, SyntaxError, ValueError, IndexError, KeyError, EOFError) as error:
        raise NotWhole(f"{name} is damaged and can't be decoded.", hint=COPY_HINT) from error


def _load(image: Image.Image, pixels: tuple[int, int] = DECODED_PIXELS) -> None:
    if image.format == "JPEG":
        image.draft(image.mode, pixels)
    image.load()


def _load_beginning(content: bytes) -> None:
    beginning = jpeg_beginning(content, GLANCE_BYTES, GLANCE_LINES)
    with Image.open(io.BytesIO(beginning), formats=("JPEG",)) as image:
        _load(image, (1, 1))


def _tells_its_place(image: Image.Image, exposure: Exposure) -> bool:
    """Whether its place among a set's exposures is known, or of no use: it has no metadata to carry over."""
    return exposure.exposure_value is not None or not _METADATA & image.info.keys()
