"""Which files are pictures, and what to say about the ones that aren't taken."""

from __future__ import annotations

import os

from hotfolder.display import visible

EXPORT_HINT = (
    "Export JPEG (quality 90 or more) from Lightroom or your raw developer, and drop those files in place of"
    " these."
)

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
TAKEN_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png"}) | TIFF_SUFFIXES

_RAW_SUFFIXES = frozenset(
    {
        ".3fr",
        ".arw",
        ".cr2",
        ".cr3",
        ".crw",
        ".dcr",
        ".dng",
        ".erf",
        ".fff",
        ".iiq",
        ".kdc",
        ".mef",
        ".mos",
        ".mrw",
        ".nef",
        ".nrw",
        ".orf",
        ".pef",
        ".raf",
        ".raw",
        ".rw2",
        ".rwl",
        ".sr2",
        ".srf",
        ".srw",
        ".x3f",
    }
)

REFUSED_SUFFIXES: dict[str, str] = {
    **dict.fromkeys((".heic", ".heif", ".hif"), "HEIC picture"),
    **dict.fromkeys((".psd", ".psb"), "Photoshop file"),
    ".webp": "WebP picture",
    ".avif": "AVIF picture",
    ".jxl": "JPEG XL picture",
    ".gif": "GIF picture",
    ".bmp": "BMP picture",
}

PHOTO_SUFFIXES = TAKEN_SUFFIXES | REFUSED_SUFFIXES.keys() | _RAW_SUFFIXES
"""Lower-case suffixes of files that start a set, if only to be refused with a reason."""

JPEG_HEAD = b"\xff\xd8\xff"
PNG_HEAD = b"\x89PNG\r\n\x1a\n"
TIFF_HEADS = (b"II*\0", b"MM\0*")
HEAD_BYTES = 16


def printable_name(name: str) -> str:
    """`name` for a message: whatever is not UTF-8, or can't be printed, is escaped."""
    return visible(name)


def suffix_of(name: str) -> str:
    """A file name's suffix in lower case, with its dot; empty where it has none."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122  (asked of every file in every scan)


def is_photo_name(name: str) -> bool:
    """Whether a file of this name is looked at as a photo."""
    return suffix_of(name) in PHOTO_SUFFIXES


def is_raw_name(name: str) -> bool:
    """Whether a file of this name is a camera's RAW file."""
    return suffix_of(name) in _RAW_SUFFIXES


def is_tiff_name(name: str) -> bool:
    """Whether a file of this name is a TIFF."""
    return suffix_of(name) in TIFF_SUFFIXES


def is_raw(head: bytes) -> bool:
    """Whether the first `HEAD_BYTES` of a file can only be a RAW file's. Many begin like a TIFF."""
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
    """What the first `HEAD_BYTES` of a file say it is, when that is a picture format which isn't taken."""
    if head[:4] in (b"II+\0", b"MM\0+"):
        return "BigTIFF"
    if head[4:8] == b"ftyp":
        return _ISO_BRANDS.get(head[8:12])
    if is_webp_head(head):
        return "WebP picture"
    for start, name in ((b"8BPS", "Photoshop file"), (b"GIF8", "GIF picture"), (b"BM", "BMP picture")):
        if head.startswith(start):
            return name
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return "JPEG XL picture"
    return None


_ISO_BRANDS = {
    b"avif": "AVIF picture",
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis"), "HEIC picture"),
}
