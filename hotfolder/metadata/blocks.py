"""The metadata of one picture, whatever the format of its file, and how much of it is passed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
META = "adobe:ns:meta/"
DC = "http://purl.org/dc/elements/1.1/"
XMP_RIGHTS = "http://ns.adobe.com/xap/1.0/rights/"
PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
IPTC_CORE = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
PLUS = "http://ns.useplus.org/ldf/xmp/1.0/"
CREATIVE_COMMONS = "http://creativecommons.org/ns#"

IPTC_RESOURCE = 0x0404
OWNERSHIP_RESOURCES = frozenset({0x040A, 0x040B})
"""Whether the photo is under copyright, and the address of its owner."""
KEPT_RESOURCES = frozenset({IPTC_RESOURCE, 0x0425}) | OWNERSHIP_RESOURCES
"""IPTC's records and their checksum as well."""

RIGHTS_NAMESPACES = frozenset({XMP_RIGHTS, PLUS, CREATIVE_COMMONS})
RIGHTS_PROPERTIES = frozenset(
    {
        (DC, "creator"),
        (DC, "rights"),
        (PHOTOSHOP, "AuthorsPosition"),
        (PHOTOSHOP, "Credit"),
        (PHOTOSHOP, "Source"),
        (IPTC_CORE, "CreatorContactInfo"),
    }
)
# By-line, its title, credit, source, copyright notice, contact; and what says how they are written.
RIGHTS_RECORDS = frozenset({(1, 90), (2, 0), (2, 80), (2, 85), (2, 110), (2, 115), (2, 116), (2, 118)})
ARTIST, COPYRIGHT_NOTICE = 0x013B, 0x8298
RIGHTS_TAGS = (ARTIST, COPYRIGHT_NOTICE)

MOST_FOREIGN_BYTES = 4 << 20
"""Of XMP from elsewhere."""

Name = tuple[str, str]
"""Namespace and local name of a property of XMP."""


class DamagedMetadata(ValueError):
    """These bytes aren't the metadata that they are said to be."""


class TooMuch(DamagedMetadata):
    """More of it than any program writes: made to wear out who reads it. The message says of what."""


class Level(StrEnum):
    """How much of a photo's metadata its pictures get: all, who made it and whose it is, or nothing. Its
    colours and what was altered are always stated."""

    ALL = "all"
    COPYRIGHT = "copyright"
    NONE = "none"

    def keeps(self, name: Name) -> bool:
        """Whether a property of XMP, by namespace and local name, is kept."""
        if self is Level.COPYRIGHT:
            return name in RIGHTS_PROPERTIES or name[0] in RIGHTS_NAMESPACES
        return self is Level.ALL

    def keeps_record(self, record: int, dataset: int) -> bool:
        """Whether a record of IPTC's older form is kept."""
        if self is Level.COPYRIGHT:
            return (record, dataset) in RIGHTS_RECORDS
        return self is Level.ALL


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
