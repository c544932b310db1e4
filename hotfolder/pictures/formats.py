"""Picture files: which formats are accepted, by name and by first bytes, and how a file is opened safely."""

from __future__ import annotations

import errno
import io
import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hotfolder.display import visible
from hotfolder.newfiles import open_beneath
from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureLimits

EXPORT_HINT = (
    "Export JPEG (quality 90 or more) from Lightroom or your raw developer, and drop those files in place of"
    " these."
)
COPY_HINT = "Copy or export it once more."

DESKTOP_FILES = frozenset({".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", ".localized"})
"""Files that desktops create in folders, in lower case: never part of a set."""

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
ACCEPTED_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png"}) | TIFF_SUFFIXES | HEIC_SUFFIXES

_RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos",
    ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
})  # fmt: skip

REFUSED_SUFFIXES: dict[str, str] = {
    **dict.fromkeys((".psd", ".psb"), "a Photoshop file"),
    ".webp": "a WebP picture",
    ".avif": "an AVIF picture",
    ".jxl": "a JPEG XL picture",
    ".gif": "a GIF picture",
    ".bmp": "a BMP picture",
}

PHOTO_SUFFIXES = ACCEPTED_SUFFIXES | REFUSED_SUFFIXES.keys() | _RAW_SUFFIXES
"""Lower-case suffixes of files that start a set, including formats that are refused with a reason."""

JPEG_HEAD = b"\xff\xd8\xff"
PNG_HEAD = b"\x89PNG\r\n\x1a\n"
TIFF_HEADS = (b"II*\0", b"MM\0*")
HEAD_BYTES = 16


def suffix_of(name: str) -> str:
    """A file name's suffix in lower case, with its dot; empty where it has none."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122  (asked of every file in every scan)


def is_photo_name(name: str) -> bool:
    """Whether a file of this name is treated as a photo."""
    return suffix_of(name) in PHOTO_SUFFIXES


def is_raw_name(name: str) -> bool:
    """Whether a file of this name is a camera's RAW file."""
    return suffix_of(name) in _RAW_SUFFIXES


def is_tiff_name(name: str) -> bool:
    """Whether a file of this name is a TIFF."""
    return suffix_of(name) in TIFF_SUFFIXES


def is_heic_name(name: str) -> bool:
    """Whether a file of this name is a HEIC picture."""
    return suffix_of(name) in HEIC_SUFFIXES


def is_raw(head: bytes) -> bool:
    """Whether the first `HEAD_BYTES` of a file can only be a RAW file's. Most RAW formats look like a TIFF
    here."""
    return (
        (head[:4] in TIFF_HEADS and head[8:10] == b"CR")
        or head[:4] in (b"IIRO", b"IIRS", b"IIU\0")
        or head.startswith(b"FUJIFILMCCD-RAW")
        or head[4:12] == b"ftypcrx "
    )


def is_webp_head(head: bytes) -> bool:
    """Whether the first `HEAD_BYTES` of a file are a WebP picture's."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def foreign_format(head: bytes) -> str | None:
    """The format, with its article, that the first `HEAD_BYTES` of a file show if it isn't accepted; else
    None."""
    if head[:4] in (b"II+\0", b"MM\0+"):
        return "a BigTIFF"
    if head[4:12] in (b"ftypavif", b"ftypavis"):
        return "an AVIF picture"
    if is_webp_head(head):
        return "a WebP picture"
    for start, name in ((b"8BPS", "a Photoshop file"), (b"GIF8", "a GIF picture"), (b"BM", "a BMP picture")):
        if head.startswith(start):
            return name
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return "a JPEG XL picture"
    return None


_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"mif2", b"msf1"})


@contextmanager
def open_photo(path: Path, roots: Sequence[str] = ()) -> Iterator[io.FileIO]:
    """Open the file, unbuffered, without following a link at `path`; beneath one of the `roots`, no link on
    the way is followed either. Raises `NeverUsable` for what isn't a regular file, and OSError."""
    root = next((Path(one) for one in roots if path.is_relative_to(one)), None)
    # O_NONBLOCK: opening a FIFO would otherwise wait for a writer.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags) if root is None else open_beneath(root, path)
    with io.FileIO(descriptor) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NeverUsable(f"{visible(path.name)} is not a file.", hint="Drop the photo itself.")
        yield file


def kind_of(file: io.FileIO, name: str) -> str:
    """The kind by the first bytes: "JPEG", "PNG", "TIFF", "HEIC" or "RAW". The name decides only that a file
    which isn't JPEG or PNG is RAW. Raises `NotWhole`, and `NeverUsable` for a format not accepted."""
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
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return "HEIC"
    foreign = foreign_format(head)
    if foreign is not None:
        raise wrong_format_error(name, foreign)
    if not head:
        raise NotWhole(f"{name} is empty.", hint=COPY_HINT)
    raise NotWhole(f"{name} does not begin like a JPEG, PNG, TIFF or HEIC picture.", hint=COPY_HINT)


def refuse_by_name(name: str) -> None:
    """Raise `NeverUsable` where the suffix is that of a format which isn't accepted."""
    refused = REFUSED_SUFFIXES.get(suffix_of(name))
    if refused is not None:
        raise wrong_format_error(name, refused)


def wrong_format_error(name: str, what: str) -> NeverUsable:
    """The error for a picture of a format that is not accepted; `what` names it, with its article."""
    return NeverUsable(f"{name} is {what}, which is not accepted.", hint=EXPORT_HINT)


def too_large_error(name: str, limits: PictureLimits) -> NeverUsable:
    """The error for a file of too many bytes."""
    return NeverUsable(
        f"{name} is larger than {round(limits.size_bytes / 10**6, 1):g} MB, the most that is accepted.",
        hint="Export the photo as JPEG at its normal size.",
    )


def too_many_pixels_error(name: str, limits: PictureLimits) -> NeverUsable:
    """The error for a picture of too many pixels."""
    return NeverUsable(
        f"{name} has more than {limits.pixels // 1_000_000} megapixels, the most that is accepted.",
        hint="Export the photo as JPEG at its normal size.",
    )


def unreadable_error(name: str, error: OSError) -> NotWhole | NeverUsable:
    """The error for a file that can't be opened or read."""
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
    """Set Pillow's limit for decompression bombs and make its warning an error, process-wide in the block."""
    from PIL import Image  # late: the daemon imports this module, and only the decoding process needs Pillow

    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before
