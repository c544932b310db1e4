"""How much of a photo's metadata its picture gets, block by block."""

from __future__ import annotations

from enum import StrEnum

DC = "http://purl.org/dc/elements/1.1/"
XMP_RIGHTS = "http://ns.adobe.com/xap/1.0/rights/"
PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
IPTC_CORE = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
PLUS = "http://ns.useplus.org/ldf/xmp/1.0/"
CREATIVE_COMMONS = "http://creativecommons.org/ns#"

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


class Level(StrEnum):
    """All of it, who made it and whose it is, or nothing. Colours and what was altered are told always."""

    ALL = "all"
    COPYRIGHT = "copyright"
    NONE = "none"

    def keeps(self, name: tuple[str, str]) -> bool:
        """Whether a property of XMP, by namespace and local name, is kept."""
        if self is Level.COPYRIGHT:
            return name in RIGHTS_PROPERTIES or name[0] in RIGHTS_NAMESPACES
        return self is Level.ALL

    def keeps_record(self, record: int, dataset: int) -> bool:
        """Whether a record of IPTC's older form is kept."""
        if self is Level.COPYRIGHT:
            return (record, dataset) in RIGHTS_RECORDS
        return self is Level.ALL
