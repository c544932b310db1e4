"""XMP: untrusted packets of photos, parsed to a tree of properties, and the packet of a delivered picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.dom import minidom
from xml.parsers import expat

from hotfolder.metadata.blocks import (
    DC,
    IPTC_EXT,
    META,
    MOST_FOREIGN_BYTES,
    PHOTOSHOP,
    RDF,
    DamagedMetadata,
    Level,
    MetadataTooLarge,
    Name,
)
from hotfolder.metadata.jpegfile import extension_name

XMLNS = "http://www.w3.org/2000/xmlns/"

MOST_DEPTH = 60
MOST_NODES = 100_000
"""Elements and attributes. A raw developer's brush strokes take some ten thousand."""
MOST_DECLARED = 50_000
"""Top-level descriptions times namespaces: `declare_all` may copy each to each."""
EMPTY = (
    f'<x:xmpmeta xmlns:x="{META}"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about=""/>'
    "</rdf:RDF></x:xmpmeta>"
).encode()
BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'.encode()
END = b'\n<?xpacket end="w"?>'

XMP = "http://ns.adobe.com/xap/1.0/"
XMP_MM = "http://ns.adobe.com/xap/1.0/mm/"
XMP_NOTE = "http://ns.adobe.com/xmp/note/"
TIFF = "http://ns.adobe.com/tiff/1.0/"
EXIF = "http://ns.adobe.com/exif/1.0/"
CAMERA_RAW = "http://ns.adobe.com/camera-raw-settings/1.0/"
HOTFOLDER = "urn:hotfolder:picture:1.0:"

NOTE_BYTES = 1024
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"

# Set by us, or true only of the file that it was written for.
NOT_CARRIED = frozenset(
    {
        (IPTC_EXT, "DigitalSourceType"),
        (XMP, "CreatorTool"),
        (XMP, "Thumbnails"),
        (DC, "format"),
        (PHOTOSHOP, "SidecarForExtension"),
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
# Depth maps, gain maps and videos appended to the photo's file.
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
    """Our statement about a picture: the kinds of alteration (none for a plain merge) and the software."""

    altered: tuple[str, ...]
    software: str

    @property
    def source_type(self) -> str:
        """IPTC's digital source type: a merge of exposures, or one that a model changed."""
        kind = "compositeWithTrainedAlgorithmicMedia" if self.altered else "compositeCapture"
        return SOURCE_TYPES + kind


@dataclass(frozen=True, slots=True)
class ForeignXmp:
    """The XMP of a photo: its packet and extension, and its sidecar's, used where those lack a property."""

    packet: bytes | None = None
    extension: bytes | None = None
    sidecar: bytes | None = None


@dataclass(frozen=True, slots=True)
class Packet:
    """XMP for a file: the packet, and its extension if it doesn't fit."""

    main: bytes
    extension: bytes | None = None


@dataclass(frozen=True, slots=True)
class Property:
    """One property of the picture: an attribute or child element of a description."""

    name: Name
    description: minidom.Element
    node: minidom.Attr | minidom.Element

    @property
    def size_bytes(self) -> int:
        text = self.node.toxml() if isinstance(self.node, minidom.Element) else self.node.value
        return len(text.encode("utf-8", "replace"))

    @property
    def text(self) -> str:
        """The value, if it is a simple one."""
        if isinstance(self.node, minidom.Attr):
            return str(self.node.value)
        return "".join(child.data for child in self.node.childNodes if isinstance(child, minidom.Text))

    def remove(self) -> None:
        if isinstance(self.node, minidom.Attr):
            self.description.removeAttributeNode(self.node)
        else:
            self.description.removeChild(self.node)


def packet_for(foreign: ForeignXmp, statement: Statement, level: Level, *, most_bytes: int | None) -> Packet:
    """A packet with the properties of `foreign` that `level` keeps, and our statement. What can't be parsed
    is left out.

    What doesn't fit into `most_bytes` is moved into the extension, the largest properties first, ours never.
    Deterministic.
    """
    document = gather_properties(foreign, level)
    try:
        for one in properties(document):
            if is_not_carried(one.name):
                one.remove()
        remove_unapplied_settings(document)
        add_statement(document, statement)
        main = serialize(document)
        if most_bytes is None or len(main) <= most_bytes:
            return Packet(main)
        return split_packet(document, statement, most_bytes)
    finally:
        document.unlink()


def fit_packet(packet: bytes, most_bytes: int) -> Packet | None:
    """The packet as it is, or in two where it exceeds `most_bytes`; None where it can't be parsed then."""
    if len(packet) <= most_bytes:
        return Packet(packet)
    try:
        document = parse_packet(packet)
    except DamagedMetadata:
        return None
    try:
        return split_packet(document, Statement((), "hotfolder"), most_bytes)
    finally:
        document.unlink()


def gather_properties(foreign: ForeignXmp, level: Level) -> minidom.Document:
    """One document with the properties of all packets that `level` keeps."""
    try:
        document = parse_packet(foreign.packet)
    except DamagedMetadata:
        document = parse_packet(None)
    if foreign.extension is not None:
        copy_missing_properties(document, foreign.extension)
    if foreign.sidecar is not None:
        # A raw developer's settings for the photo were not applied to this picture.
        copy_missing_properties(document, foreign.sidecar, without=CAMERA_RAW)
    if level is Level.ALL:
        return document
    limited = parse_packet(None)
    copy_into(limited, [one for one in properties(document) if level.keeps(one.name)])
    document.unlink()
    return limited


def copy_missing_properties(document: minidom.Document, other: bytes, *, without: str = "") -> None:
    """Copy the properties of another packet that this document lacks."""
    try:
        source = parse_packet(other)
    except DamagedMetadata:
        return
    known = {one.name for one in properties(document)}
    copy_into(
        document, [one for one in properties(source) if one.name not in known and one.name[0] != without]
    )
    source.unlink()


def is_not_carried(name: Name) -> bool:
    return name in NOT_CARRIED or name[0] in REPLACED_NAMESPACES


def remove_unapplied_settings(document: minidom.Document) -> None:
    """Remove a raw developer's settings unless they are in the pixels already: a program would apply them."""
    settings = [one for one in properties(document) if one.name[0] == CAMERA_RAW]
    if not any(one.name[1] == "AlreadyApplied" and one.text.strip().lower() == "true" for one in settings):
        for one in settings:
            one.remove()


def add_statement(document: minidom.Document, statement: Statement) -> None:
    """Add our statement as a description with its own namespace declarations, whatever the foreign ones
    are."""
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


def split_packet(document: minidom.Document, statement: Statement, most_bytes: int) -> Packet:
    """The packet, with its largest properties moved to an extension that it names."""
    movable = [one for one in properties(document) if not is_ours(one)]
    movable.sort(key=lambda one: (one.size_bytes, one.name))
    moved: list[Property] = []
    room = most_bytes - NOTE_BYTES
    while (excess := len(serialize(document)) - room) > 0 and movable:
        while excess > 0 and movable:
            moved.append(movable.pop())
            excess -= moved[-1].size_bytes
            moved[-1].remove()
    rest = parse_packet(None)
    copy_into(rest, moved)
    extension = serialize(rest, wrapped=False)
    rest.unlink()
    if excess <= 0:
        return Packet(with_extension_note(document, extension), extension)
    bare = parse_packet(None)  # only namespace declarations can be so long
    add_statement(bare, statement)
    return Packet(with_extension_note(bare, extension), extension)


def with_extension_note(document: minidom.Document, extension: bytes) -> bytes:
    note = new_description(document)
    note.setAttributeNS(XMLNS, "xmlns:xmpNote", XMP_NOTE)
    note.setAttributeNS(XMP_NOTE, "xmpNote:HasExtendedXMP", extension_name(extension))
    return serialize(document)


def is_ours(one: Property) -> bool:
    return one.name[0] == HOTFOLDER or one.name in NOT_CARRIED


def parse_packet(data: bytes | None) -> minidom.Document:
    """The packet as a tree with at least one description; an empty one for None. Every description declares
    all namespaces in its scope. Raises `DamagedMetadata`, also for a document type, and
    `MetadataTooLarge`."""
    if data is None:
        data = EMPTY
    data = data.strip(b"\0 \t\r\n")
    try:
        check_packet(data)
        document = minidom.parseString(data)
    except MetadataTooLarge:
        raise
    except (expat.ExpatError, ValueError, LookupError, RecursionError) as error:
        raise DamagedMetadata("not XML") from error
    if not descriptions(document):
        raise DamagedMetadata("no description in this XMP")
    for description in descriptions(document):
        declare_all(description)
    return document


def check_packet(data: bytes) -> None:
    """Check a packet before a tree is built: raises `DamagedMetadata` for a document type (entity expansion),
    `MetadataTooLarge` for too much nesting or too many nodes, and what expat raises."""
    if len(data) > MOST_FOREIGN_BYTES:
        raise MetadataTooLarge(f"more than {MOST_FOREIGN_BYTES >> 20} MB")
    nodes = described = declared = 0
    above: list[str] = []

    def refuse(*_: object) -> None:
        raise DamagedMetadata("a document type in XMP")

    def deeper(name: str, attributes: list[str]) -> None:
        nonlocal nodes, described, declared
        nodes += 1 + len(attributes) // 2
        described += name.endswith("Description") and bool(above) and above[-1].endswith("RDF")
        above.append(name)
        declared += sum(one.startswith("xmlns") for one in attributes[::2])
        if len(above) > MOST_DEPTH:
            raise MetadataTooLarge(f"elements nested more than {MOST_DEPTH} deep")
        if nodes > MOST_NODES:
            raise MetadataTooLarge(f"more than {MOST_NODES:,} elements and attributes")
        if described * declared > MOST_DECLARED:
            raise MetadataTooLarge("too many namespaces in too many descriptions")

    def higher(*_: object) -> None:
        above.pop()

    parser = expat.ParserCreate()
    parser.ordered_attributes = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = deeper
    parser.EndElementHandler = higher
    parser.Parse(data, True)


def declare_all(description: minidom.Element) -> None:
    above = description.parentNode
    while isinstance(above, minidom.Element):
        for declared in declarations(above):
            if not description.hasAttribute(declared.name):
                description.setAttributeNS(XMLNS, declared.name, declared.value)
        above = above.parentNode


def declarations(element: minidom.Element) -> list[minidom.Attr]:
    return [one for one in element.attributes.values() if one.namespaceURI == XMLNS]


def descriptions(document: minidom.Document) -> list[minidom.Element]:
    """The top-level descriptions, which hold the properties of the picture itself."""
    return [
        element
        for element in document.getElementsByTagNameNS(RDF, "Description")
        if element.parentNode is not None and element.parentNode.localName == "RDF"
    ]


def properties(document: minidom.Document) -> Iterator[Property]:
    """All properties; they may be removed during the iteration."""
    for description in descriptions(document):
        nodes = [*description.attributes.values(), *description.childNodes]
        for node in nodes:
            if isinstance(node, minidom.Attr | minidom.Element) and node.namespaceURI not in (
                XMLNS,
                RDF,
                None,
            ):
                yield Property((node.namespaceURI, node.localName or ""), description, node)


def new_description(document: minidom.Document, like: minidom.Element | None = None) -> minidom.Element:
    """Append a description of the same picture, with the namespace declarations of `like`."""
    present = descriptions(document)[0]
    made = document.createElementNS(RDF, "rdf:Description")
    for declared in declarations(like) if like is not None else ():
        made.setAttributeNS(XMLNS, declared.name, declared.value)
    made.setAttributeNS(XMLNS, "xmlns:rdf", RDF)
    made.setAttributeNS(RDF, "rdf:about", present.getAttributeNS(RDF, "about"))
    assert present.parentNode is not None
    present.parentNode.appendChild(made)
    return made


def copy_into(document: minidom.Document, chosen: list[Property]) -> None:
    """Copy properties of other documents into this one."""
    made: dict[int, minidom.Element] = {}
    for one in chosen:
        target = made.get(id(one.description))
        if target is None:
            target = made[id(one.description)] = new_description(document, one.description)
        if isinstance(one.node, minidom.Attr):
            target.setAttributeNS(one.name[0], one.node.name, one.node.value)
        else:
            target.appendChild(document.importNode(one.node, True))


def serialize(document: minidom.Document, *, wrapped: bool = True) -> bytes:
    """The document as bytes; `wrapped` in the markers by which a packet is found in any file."""
    root = document.documentElement
    body = (root.toxml() if root is not None else "").encode("utf-8", "replace")
    return BEGIN + body + END if wrapped else body
