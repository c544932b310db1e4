"""The metadata of one picture, whatever the format of its file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blocks:
    """Each block as its own bytes, without what its file format wraps around it; None where there is none.

    `exif` begins with the TIFF header; `xmp` is the packet; `iptc` is the sequence of IIM records;
    `icc` is the profile. `described` says whether the file tells by any means what its colours are.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    icc: bytes | None = None
    described: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file says about its pixels; `channels` is 1 (gray), 3 (RGB) or 4 (CMYK in JPEG)."""

    width: int
    height: int
    channels: int


def profile_fits(icc: bytes, channels: int) -> bool:
    """Whether the profile is for a picture with as many channels."""
    return icc[16:20] == {1: b"GRAY", 3: b"RGB ", 4: b"CMYK"}.get(channels)
