"""Looking at one picture: opened safely, read once, hashed, walked to its end and decoded."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import warnings
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from PIL import Image, ImageStat

from hotfolder.pictures.exposure import Exposure, read_exposure
from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureFacts, PictureLimits
from hotfolder.pictures.formats import (
    EXPORT_HINT,
    HEAD_BYTES,
    JPEG_HEAD,
    PNG_HEAD,
    REFUSED_SUFFIXES,
    foreign_format,
    printable_name,
)
from hotfolder.pictures.signature import read_signature
from hotfolder.pictures.whole import jpeg_beginning, jpeg_reaches_its_end, png_reaches_its_end

_READ_BYTES = 1024 * 1024
DECODED_PIXELS = (200, 200)
"""What the decoder may shrink a JPEG to, to an eighth at the least: every byte is still read to the end, and
brightness and signature look no closer."""
GLANCE_BYTES = 65536
"""How much of a JPEG's picture data is decoded where nobody needs to know what it shows."""
_METADATA = frozenset({"exif", "xmp", "photoshop"})
_COPY_HINT = "If it is still being copied, wait; otherwise copy or export it once more."


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
    refused = REFUSED_SUFFIXES.get(PurePath(path.name).suffix.lower())
    if refused is not None:
        raise _wrong_format(name, refused)
    try:
        content, digest = _read(path, name, limits)
    except OSError as error:
        raise _unreadable(name, error) from error
    kind = _recognise(name, content)
    whole = jpeg_reaches_its_end(content) if kind == "JPEG" else png_reaches_its_end(content)
    if not whole:
        raise NotWhole(
            f"{name} is not complete: the file breaks off before the picture's end.", hint=_COPY_HINT
        )
    return _decode(name, kind, content, digest, limits, closely)


def _read(path: Path, name: str, limits: PictureLimits) -> tuple[bytes, str]:
    # O_NONBLOCK, because opening a FIFO would otherwise wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor has no path
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise NeverUsable(f"{name} is not a file.", hint="Drop the photo itself.")
        content = _content(file, facts.st_size, limits)
    if content is None:
        raise NeverUsable(
            f"{name} is larger than {limits.size_bytes // (1024 * 1024)} MB, the most that is taken.",
            hint="Export the photo as JPEG at its normal size.",
        )
    return content, hashlib.sha256(content).hexdigest()


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


def _recognise(name: str, content: bytes) -> str:
    if content.startswith(JPEG_HEAD):
        return "JPEG"
    if content.startswith(PNG_HEAD):
        return "PNG"
    foreign = foreign_format(content[:HEAD_BYTES])
    if foreign is not None:
        raise _wrong_format(name, foreign)
    if not content:
        raise NotWhole(f"{name} is empty.", hint=_COPY_HINT)
    raise NotWhole(f"{name} does not begin like a JPEG or PNG picture.", hint=_COPY_HINT)


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
                    raise _too_many_pixels(name, limits)
                width, height = image.size
                exposure = read_exposure(image)
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
                    brightness=None if glance else _brightness(image),
                    exposure_value=exposure.exposure_value,
                    taken_at=exposure.taken_at,
                    capture=exposure.capture,
                    signature="" if glance else read_signature(image, exposure.orientation),
                )
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(name, limits) from error
    except MemoryError as error:
        raise NeverUsable(
            f"{name} needs more memory to open than is allowed.",
            hint="Export the photo as JPEG at its normal size.",
        ) from error
    except (OSError, SyntaxError, ValueError, IndexError, KeyError, EOFError) as error:
        raise NotWhole(f"{name} is damaged and can't be decoded.", hint=_COPY_HINT) from error


def _load(image: Image.Image) -> None:
    if image.format == "JPEG":
        image.draft(image.mode, DECODED_PIXELS)
    image.load()


def _load_beginning(content: bytes) -> None:
    with Image.open(io.BytesIO(jpeg_beginning(content, GLANCE_BYTES)), formats=("JPEG",)) as image:
        _load(image)


def _tells_its_place(image: Image.Image, exposure: Exposure) -> bool:
    """Whether its place among a set's exposures is known, or of no use: it has no metadata to carry over."""
    return exposure.exposure_value is not None or not _METADATA & image.info.keys()


@contextmanager
def pixel_limit(pixels: int) -> Iterator[None]:
    """Pillow's own bomb check, at our limit; process-wide while it lasts, as Pillow has it."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _brightness(image: Image.Image) -> float:
    if image.mode.startswith("I"):
        deep = image.convert("I").reduce(_reduction(image))
        values = array("i", deep.tobytes())
        return min(1.0, max(0.0, sum(values) / len(values) / 65535))
    if image.mode in ("1", "P", "PA"):
        image = image.convert("RGB")
    small = image.reduce(_reduction(image))
    return float(ImageStat.Stat(small.convert("L")).mean[0]) / 255


def _reduction(image: Image.Image) -> int:
    return max(1, min(image.size) // 128)


def _wrong_format(name: str, what: str) -> NeverUsable:
    article = "an" if what[0] in "AEIO" else "a"
    return NeverUsable(f"{name} is {article} {what}, which is not taken.", hint=EXPORT_HINT)


def _too_many_pixels(name: str, limits: PictureLimits) -> NeverUsable:
    return NeverUsable(
        f"{name} has more than {limits.pixels // 1_000_000} megapixels, the most that is taken.",
        hint="Export the photo as JPEG at its normal size.",
    )


def _unreadable(name: str, error: OSError) -> NotWhole | NeverUsable:
    if error.errno == errno.ELOOP:
        return NeverUsable(f"{name} is a link, not a file.", hint="Drop the photo itself.")
    if error.errno == errno.ENOENT:
        return NotWhole(f"{name} is no longer there.", hint="Copy it once more, if it belongs to the set.")
    if isinstance(error, PermissionError):
        return NotWhole(
            f"{name} may not be read by hotfolder.", hint="Give the service's user read permission for it."
        )
    return NotWhole(
        f"{name} can't be read: {error.strerror or error}.", hint="Check the disk or share it lies on."
    )
