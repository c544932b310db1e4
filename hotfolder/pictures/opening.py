"""Opening a picture file: never through a link, never for ever, and knowing what it is by its first bytes."""

from __future__ import annotations

import errno
import io
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from PIL import Image

from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureLimits
from hotfolder.pictures.formats import (
    EXPORT_HINT,
    HEAD_BYTES,
    JPEG_HEAD,
    PNG_HEAD,
    REFUSED_SUFFIXES,
    TIFF_HEADS,
    foreign_format,
    is_raw,
    is_raw_name,
    printable_name,
)

COPY_HINT = "If it is still being copied, wait; otherwise copy or export it once more."


@contextmanager
def opened(path: Path) -> Iterator[io.FileIO]:
    """The file, unbuffered. Raises `NeverUsable` for what isn't one, and OSError."""
    # O_NONBLOCK, because opening a FIFO would otherwise wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with io.FileIO(descriptor) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NeverUsable(f"{printable_name(path.name)} is not a file.", hint="Drop the photo itself.")
        yield file


def kind_of(file: io.FileIO, name: str) -> str:
    """JPEG, PNG, TIFF or RAW, as the file begins; its name decides only whether what looks like a TIFF is a
    RAW file. Raises `NotWhole`, and `NeverUsable` for a format that isn't taken."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if head.startswith(JPEG_HEAD):
        return "JPEG"
    if head.startswith(PNG_HEAD):
        return "PNG"
    if is_raw(head) or is_raw_name(name):
        return "RAW"
    if head[:4] in TIFF_HEADS:
        return "TIFF"
    foreign = foreign_format(head)
    if foreign is not None:
        raise wrong_format(name, foreign)
    if not head:
        raise NotWhole(f"{name} is empty.", hint=COPY_HINT)
    raise NotWhole(f"{name} does not begin like a JPEG, PNG or TIFF picture.", hint=COPY_HINT)


def refuse_by_name(name: str) -> None:
    """Raise `NeverUsable` where the suffix is that of a format which isn't taken."""
    refused = REFUSED_SUFFIXES.get(PurePath(name).suffix.lower())
    if refused is not None:
        raise wrong_format(name, refused)


def wrong_format(name: str, what: str) -> NeverUsable:
    article = "an" if what[0] in "AEIO" else "a"
    return NeverUsable(f"{name} is {article} {what}, which is not accepted.", hint=EXPORT_HINT)


def too_large(name: str, limits: PictureLimits) -> NeverUsable:
    return NeverUsable(
        f"{name} is larger than {limits.size_bytes // (1024 * 1024)} MB, the most that is accepted.",
        hint="Export the photo as JPEG at its normal size.",
    )


def too_many_pixels(name: str, limits: PictureLimits) -> NeverUsable:
    return NeverUsable(
        f"{name} has more than {limits.pixels // 1_000_000} megapixels, the most that is accepted.",
        hint="Export the photo as JPEG at its normal size.",
    )


def unreadable(name: str, error: OSError) -> NotWhole | NeverUsable:
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
