"""The metadata of one picture, independent of its file format, and how much of it is passed on."""

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
"""The Photoshop resources for the copyright flag and the owner's URL."""
KEPT_RESOURCES = frozenset({IPTC_RESOURCE, 0x0425}) | OWNERSHIP_RESOURCES
"""Also IPTC records and their checksum."""

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
# By-line, its title, credit, source, copyright notice, contact; and the character set and version.
RIGHTS_RECORDS = frozenset({(1, 90), (2, 0), (2, 80), (2, 85), (2, 110), (2, 115), (2, 116), (2, 118)})
ARTIST, COPYRIGHT_NOTICE = 0x013B, 0x8298
RIGHTS_TAGS = (ARTIST, COPYRIGHT_NOTICE)

MOST_FOREIGN_BYTES = 4 << 20
"""The most XMP that is read from a photo or sidecar."""

Name = tuple[str, str]
"""Namespace and local name of an XMP property."""


class DamagedMetadata(ValueError):
    """The bytes aren't valid metadata of their kind."""


class MetadataTooLarge(DamagedMetadata):
    """Metadata beyond what any program writes, made to exhaust its reader. The message names the bound."""


class Level(StrEnum):
    """How much of a photo's metadata its pictures get: all, creator and copyright only, or nothing. Colour
    information and our statement on alterations are always written."""

    ALL = "all"
    COPYRIGHT = "copyright"
    NONE = "none"

    def keeps(self, name: Name) -> bool:
        """Whether an XMP property, by namespace and local name, is kept."""
        if self is Level.COPYRIGHT:
            return name in RIGHTS_PROPERTIES or name[0] in RIGHTS_NAMESPACES
        return self is Level.ALL

    def keeps_record(self, record: int, dataset: int) -> bool:
        """Whether an IPTC IIM record is kept."""
        if self is Level.COPYRIGHT:
            return (record, dataset) in RIGHTS_RECORDS
        return self is Level.ALL


@dataclass(frozen=True, slots=True)
class Blocks:
    """The bytes of each block without the wrapping of its file format; None where it is missing.

    `exif` begins with the TIFF header; `xmp` is the packet and `xmp_extension` its extension; `resources` are
    the Photoshop resources in KEPT_RESOURCES by number, IPTC records among them; `icc` is the profile.
    `described` says whether the file describes its colours by any means.
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
    """The size of a file's pixels; `channels` is 1 (gray), 3 (RGB) or 4 (CMYK in JPEG)."""

    width: int
    height: int
    channels: int


def profile_fits(icc: bytes, channels: int) -> bool:
    """Whether the profile is for pictures with this number of channels."""
    return icc[16:20] == {1: b"GRAY", 3: b"RGB ", 4: b"CMYK"}.get(channels)
