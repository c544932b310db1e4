"""The XMP of a delivered picture: what its photo says and is true of the picture too, and what we say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from xml.dom import minidom

from hotfolder.metadata.exif import Damaged
from hotfolder.metadata.level import IPTC_EXT, Level
from hotfolder.metadata.xmp import (
    RDF,
    XMLNS,
    Name,
    Property,
    copy_into,
    new_description,
    parsed,
    properties,
    serialized,
)

XMP = "http://ns.adobe.com/xap/1.0/"
XMP_MM = "http://ns.adobe.com/xap/1.0/mm/"
XMP_NOTE = "http://ns.adobe.com/xmp/note/"
TIFF = "http://ns.adobe.com/tiff/1.0/"
EXIF = "http://ns.adobe.com/exif/1.0/"
CAMERA_RAW = "http://ns.adobe.com/camera-raw-settings/1.0/"
HOTFOLDER = "urn:hotfolder:picture:1.0:"

NOTE_BYTES = 1024
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"

# Ours to say, or true only of the file that it was written for.
REPLACED = frozenset(
    {
        (IPTC_EXT, "DigitalSourceType"),
        (XMP, "CreatorTool"),
        (XMP, "Thumbnails"),
        (XMP_MM, "InstanceID"),
        (XMP_NOTE, "HasExtendedXMP"),
        (TIFF, "Orientation"),
        (TIFF, "ImageWidth"),
        (TIFF, "ImageLength"),
        (EXIF, "PixelXDimension"),
        (EXIF, "PixelYDimension"),
        (EXIF, "ColorSpace"),
    }
)
# Depth maps, gain maps and moving pictures that lie in the photo's file behind its picture.
REPLACED_NAMESPACES = frozenset(
    {
        HOTFOLDER,
        "http://ns.adobe.com/hdr-gain-map/1.0/",
        "http://ns.google.com/photos/1.0/camera/",
        "http://ns.google.com/photos/1.0/container/",
        "http://ns.google.com/photos/1.0/depthmap/",
        "http://ns.google.com/photos/1.0/image/",
        "http://ns.google.com/photos/dd/1.0/container/",
        "http://ns.google.com/photos/dd/1.0/device/",
    }
)


@dataclass(frozen=True, slots=True)
class Statement:
    """What we say of a picture: the kinds of alteration, none for a merge, and with what it was made."""

    altered: tuple[str, ...]
    software: str

    @property
    def source_type(self) -> str:
        """IPTC's word for where it comes from: a merge of exposures, or one that a model changed."""
        kind = "compositeWithTrainedAlgorithmicMedia" if self.altered else "compositeCapture"
        return SOURCE_TYPES + kind


@dataclass(frozen=True, slots=True)
class Foreign:
    """The XMP that comes with a photo: its packet, what that had no room for, and packets from elsewhere that
    count only where these say nothing, the first of them first."""

    packet: bytes | None = None
    extension: bytes | None = None
    others: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Packet:
    """XMP as a file takes it: the packet, and what of it has to lie apart."""

    main: bytes
    extension: bytes | None = None


def packet_for(foreign: Foreign, statement: Statement, level: Level, *, most_bytes: int | None) -> Packet:
    """What `foreign` says and `level` lets through, and our statement. What can't be read is left out.

    What doesn't fit into `most_bytes` goes into the extension, the largest properties first and never ours.
    The same input gives the same bytes.
    """
    document = gathered(foreign, level)
    try:
        for one in properties(document):
            if stale(one.name):
                one.remove()
        drop_open_settings(document)
        add_statement(document, statement)
        main = serialized(document)
        if most_bytes is None or len(main) <= most_bytes:
            return Packet(main)
        return in_two(document, statement, most_bytes)
    finally:
        document.unlink()


def fitting(packet: bytes, most_bytes: int) -> Packet | None:
    """The packet as it is, or in two where it is larger than that; None for one that can't be read then."""
    if len(packet) <= most_bytes:
        return Packet(packet)
    try:
        document = parsed(packet)
    except Damaged:
        return None
    try:
        return in_two(document, Statement((), "hotfolder"), most_bytes)
    finally:
        document.unlink()


def gathered(foreign: Foreign, level: Level) -> minidom.Document:
    """One document of all of them, as far as `level` lets it through."""
    try:
        document = parsed(foreign.packet)
    except Damaged:
        document = parsed(None)
    if foreign.extension is not None:
        absorb(document, foreign.extension)
    for other in foreign.others:
        # What a raw developer is to do with the photo was not done to the picture.
        absorb(document, other, without=CAMERA_RAW)
    if level is Level.ALL:
        return document
    limited = parsed(None)
    copy_into(limited, [one for one in properties(document) if level.keeps(one.name)])
    document.unlink()
    return limited


def absorb(document: minidom.Document, other: bytes, *, without: str = "") -> None:
    """Copy what another packet says and this one doesn't."""
    try:
        source = parsed(other)
    except Damaged:
        return
    known = {one.name for one in properties(document)}
    copy_into(
        document, [one for one in properties(source) if one.name not in known and one.name[0] != without]
    )
    source.unlink()


def stale(name: Name) -> bool:
    return name in REPLACED or name[0] in REPLACED_NAMESPACES


def drop_open_settings(document: minidom.Document) -> None:
    """Remove a raw developer's settings unless they are in the pixels already: a program would apply them."""
    settings = [one for one in properties(document) if one.name[0] == CAMERA_RAW]
    if not any(one.name[1] == "AlreadyApplied" and one.text.strip().lower() == "true" for one in settings):
        for one in settings:
            one.remove()


def add_statement(document: minidom.Document, statement: Statement) -> None:
    """One more description, with prefixes of its own, so that none of the foreign ones matter."""
    ours = new_description(document)
    for prefix, namespace in (("xmp", XMP), ("Iptc4xmpExt", IPTC_EXT), ("hotfolder", HOTFOLDER)):
        ours.setAttributeNS(XMLNS, f"xmlns:{prefix}", namespace)
    ours.setAttributeNS(XMP, "xmp:CreatorTool", statement.software)
    ours.setAttributeNS(IPTC_EXT, "Iptc4xmpExt:DigitalSourceType", statement.source_type)
    if statement.altered:
        altered = document.createElementNS(HOTFOLDER, "hotfolder:altered")
        bag = document.createElementNS(RDF, "rdf:Bag")
        for kind in statement.altered:
            item = document.createElementNS(RDF, "rdf:li")
            item.appendChild(document.createTextNode(kind))
            bag.appendChild(item)
        altered.appendChild(bag)
        ours.appendChild(altered)


def in_two(document: minidom.Document, statement: Statement, most_bytes: int) -> Packet:
    """The packet, with its largest properties in an extension that it names."""
    movable = [one for one in properties(document) if not is_ours(one)]
    movable.sort(key=lambda one: (one.size_bytes, one.name))
    moved: list[Property] = []
    room = most_bytes - NOTE_BYTES
    while (excess := len(serialized(document)) - room) > 0 and movable:
        while excess > 0 and movable:
            moved.append(movable.pop())
            excess -= moved[-1].size_bytes
            moved[-1].remove()
    rest = parsed(None)
    copy_into(rest, moved)
    extension = serialized(rest, wrapped=False)
    rest.unlink()
    if excess <= 0:
        return Packet(with_note(document, extension), extension)
    bare = parsed(None)  # nothing but names of namespaces can be so long
    add_statement(bare, statement)
    return Packet(with_note(bare, extension), extension)


def with_note(document: minidom.Document, extension: bytes) -> bytes:
    note = new_description(document)
    note.setAttributeNS(XMLNS, "xmlns:xmpNote", XMP_NOTE)
    note.setAttributeNS(XMP_NOTE, "xmpNote:HasExtendedXMP", name_of(extension))
    return serialized(document)


def is_ours(one: Property) -> bool:
    return one.name[0] == HOTFOLDER or one.name in REPLACED


def name_of(extension: bytes) -> str:
    """What XMP calls an extension by."""
    return hashlib.md5(extension, usedforsecurity=False).hexdigest().upper()
