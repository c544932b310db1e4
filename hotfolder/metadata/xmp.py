"""XMP packets: foreign ones are read with suspicion, changed as little as possible, and kept small."""

from __future__ import annotations

from xml.dom import minidom
from xml.parsers import expat

from hotfolder.metadata.exif import Damaged

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
META = "adobe:ns:meta/"
XMP = "http://ns.adobe.com/xap/1.0/"
XMP_MM = "http://ns.adobe.com/xap/1.0/mm/"
XMP_NOTE = "http://ns.adobe.com/xmp/note/"
TIFF = "http://ns.adobe.com/tiff/1.0/"
EXIF = "http://ns.adobe.com/exif/1.0/"
IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
XMLNS = "http://www.w3.org/2000/xmlns/"

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
MOST_FOREIGN_BYTES = 4 << 20
MOST_DEPTH = 60

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
    }
)
EMPTY = (
    f'<x:xmpmeta xmlns:x="{META}"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about=""/>'
    "</rdf:RDF></x:xmpmeta>"
).encode()
BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'.encode()
END = b'\n<?xpacket end="w"?>'


def source_type(*, altered: bool) -> str:
    """IPTC's word for where such a picture comes from: a merge of exposures, or one that a model changed."""
    return SOURCE_TYPES + ("compositeWithTrainedAlgorithmicMedia" if altered else "compositeCapture")


def packet(foreign: bytes | None, *, altered: bool, software: str, most_bytes: int) -> bytes:
    """A packet with what `foreign` says, as far as it can be read and fits, and what we have to say."""
    try:
        document = parsed(foreign if foreign is not None else EMPTY)
    except Damaged:
        document = parsed(EMPTY)
    try:
        remove_replaced(document)
        add_ours(document, altered=altered, software=software)
        return fitting(document, most_bytes)
    finally:
        document.unlink()


def parsed(data: bytes) -> minidom.Document:
    """The packet as a tree with an `rdf:RDF` in it. Raises `Damaged`, for a document type too."""
    if len(data) > MOST_FOREIGN_BYTES:
        raise Damaged("too large for XMP")
    data = data.strip(b"\0 \t\r\n")
    try:
        look_through(data)
        document = minidom.parseString(data)
    except (expat.ExpatError, ValueError, LookupError, RecursionError) as error:
        raise Damaged("not XML") from error
    if not document.getElementsByTagNameNS(RDF, "Description"):
        raise Damaged("no description in this XMP")
    return document


def look_through(data: bytes) -> None:
    """Refuse what could expand or nest without end, before a tree is made of it."""
    depth = 0

    def refuse(*_: object) -> None:
        raise Damaged("a document type in XMP")

    def deeper(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth > MOST_DEPTH:
            raise Damaged("nested too deeply")

    def higher(*_: object) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = deeper
    parser.EndElementHandler = higher
    parser.Parse(data, True)


def descriptions(document: minidom.Document) -> list[minidom.Element]:
    """The top-level descriptions, those that hold properties of the picture itself."""
    return [
        element
        for element in document.getElementsByTagNameNS(RDF, "Description")
        if element.parentNode is not None and element.parentNode.localName == "RDF"
    ]


def properties(description: minidom.Element) -> list[minidom.Element]:
    return [child for child in description.childNodes if isinstance(child, minidom.Element)]


def remove_replaced(document: minidom.Document) -> None:
    for description in descriptions(document):
        for attribute in list(description.attributes.values()):
            if (attribute.namespaceURI, attribute.localName) in REPLACED:
                description.removeAttributeNode(attribute)
        for child in properties(description):
            if (child.namespaceURI, child.localName) in REPLACED:
                description.removeChild(child)


def add_ours(document: minidom.Document, *, altered: bool, software: str) -> None:
    """One more description, with prefixes of its own, so that none of the foreign ones matter."""
    present = document.getElementsByTagNameNS(RDF, "Description")[0]
    about = present.getAttributeNS(RDF, "about")
    ours = document.createElementNS(RDF, "rdf:Description")
    for prefix, namespace in (("rdf", RDF), ("xmp", XMP), ("Iptc4xmpExt", IPTC_EXT)):
        ours.setAttributeNS(XMLNS, f"xmlns:{prefix}", namespace)
    ours.setAttributeNS(RDF, "rdf:about", about)
    ours.setAttributeNS(XMP, "xmp:CreatorTool", software)
    ours.setAttributeNS(IPTC_EXT, "Iptc4xmpExt:DigitalSourceType", source_type(altered=altered))
    parent = present.parentNode
    if parent is not None:
        parent.appendChild(ours)


def fitting(document: minidom.Document, most_bytes: int) -> bytes:
    """The packet as bytes. What is too long loses its largest properties first, never ours."""
    data = serialized(document)
    foreign = descriptions(document)[:-1]
    children = [(child, description) for description in foreign for child in properties(description)]
    children.sort(key=lambda pair: len(pair[0].toxml()))
    while len(data) > most_bytes and children:
        excess = len(data) - most_bytes
        while excess > 0 and children:
            child, description = children.pop()
            excess -= len(child.toxml().encode("utf-8", "replace"))
            description.removeChild(child)
        data = serialized(document)
    if len(data) <= most_bytes:
        return data
    bare = parsed(EMPTY)
    root, ours = bare.documentElement, descriptions(document)[-1]
    if root is not None and root.firstChild is not None:
        root.firstChild.appendChild(bare.importNode(ours, True))
    return serialized(bare)


def serialized(document: minidom.Document) -> bytes:
    root = document.documentElement
    return BEGIN + (root.toxml() if root is not None else "").encode("utf-8", "replace") + END
