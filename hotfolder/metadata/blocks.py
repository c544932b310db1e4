"""The metadata of one picture, whatever the format of its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

IPTC_RESOURCE = 0x0404
OWNERSHIP_RESOURCES = frozenset({0x040A, 0x040B})
"""Whether the photo is under copyright, and the address of its owner."""
KEPT_RESOURCES = frozenset({IPTC_RESOURCE, 0x0425}) | OWNERSHIP_RESOURCES
"""IPTC's records and their checksum as well."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Each block as its own bytes, without what its file format wraps around it; None where there is none.

    `exif` begins with the TIFF header; `xmp` is the packet and `xmp_extension` what that had no room for;
    `resources` are those of Photoshop's that are worth keeping, by number, IPTC's records among them; `icc`
    is the profile. `described` says whether the file tells by any means what its colours are.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    xmp_extension: bytes | None = None
    resources: Mapping[int, bytes] = field(default_factory=dict)
    icc: bytes | None = None
    comment: bytes | None = None
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
