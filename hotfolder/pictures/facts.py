"""Facts, limits and errors of pictures, and the requests and answers of the decoding process."""

from __future__ import annotations

from dataclasses import dataclass

from hotfolder.capture import Capture
from hotfolder.errors import UnusablePhoto


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """The most that is decoded. The defaults admit a 150-megapixel camera's largest JPEG."""

    size_bytes: int = 256 * 1024 * 1024
    pixels: int = 160_000_000


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """Facts of a picture that is whole.

    `format` is "JPEG", "PNG", "TIFF", "HEIC" or "RAW". `width` and `height` are as stored; `orientation` is
    EXIF's (1 to 8, 1 without) and says how to turn them for display. `sha256` and `size_bytes` are of the
    file. `brightness` is the mean luma, 0 (black) to 1 (white), None where it wasn't computed. `capture` is
    EXIF's data on the shot, None where it has neither time nor exposure time. `signature` identifies the
    scene independently of exposure; empty where it wasn't computed. `develop` says why the picture can't be
    sent as it is, such as "it is a TIFF"; empty where it can. `inode` is that of the file that was opened,
    whatever its path led to before and after.
    """

    format: str
    width: int
    height: int
    orientation: int
    sha256: str
    size_bytes: int
    brightness: float | None
    capture: Capture | None = None
    signature: str = ""
    develop: str = ""
    inode: int = 0


@dataclass(frozen=True, slots=True)
class Rendering:
    """A requested rendition: the longer side in pixels (None: unchanged; never enlarged), and the most bytes
    that the file may have. `quality` is tried first, then lower ones down to `least_quality`. `label` is
    drawn into the lower left corner."""

    quality: int
    least_quality: int
    long_edge: int | None = None
    max_bytes: int | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The size of a rendition that was made."""

    width: int
    height: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Carrying:
    """The metadata that a picture gets: those of `photo` and of the XMP sidecar (paths as text), limited by
    `level` (a value of `metadata.blocks.Level`), and our statement (`altered`, `software`). `plain`: none. No
    link is followed beneath the folders `roots`."""

    photo: str
    sidecar: str | None
    level: str
    altered: tuple[str, ...]
    software: str
    plain: bool = False
    roots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Developed:
    """The file that was made of a picture, and the inode of the file that was read."""

    size_bytes: int
    sha256: str
    inode: int = 0


class NotWhole(UnusablePhoto):
    """The picture can't be read now, but may become readable: a copy in progress, a missing permission."""


class NeverUsable(UnusablePhoto):
    """The picture won't become usable by waiting: a format that isn't accepted, or beyond the limits."""
