"""XMP as a tree of properties. Foreign packets are read with suspicion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.dom import minidom
from xml.parsers import expat

from hotfolder.metadata.exif import Damaged, TooMuch

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
META = "adobe:ns:meta/"
XMLNS = "http://www.w3.org/2000/xmlns/"

MOST_FOREIGN_BYTES = 4 << 20
MOST_DEPTH = 60
MOST_NODES = 100_000
"""Elements and attributes. A raw developer's brush strokes are some ten thousand."""
MOST_DECLARED = 50_000
"""Top-level descriptions, times namespaces: each may be told of each."""
EMPTY = (
    f'<x:xmpmeta xmlns:x="{META}"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about=""/>'
    "</rdf:RDF></x:xmpmeta>"
).encode()
BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'.encode()
END = b'\n<?xpacket end="w"?>'

Name = tuple[str, str]
"""Namespace and local name of a property."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property of the picture, an attribute of its description or a child."""

    name: Name
    description: minidom.Element
    node: minidom.Attr | minidom.Element

    @property
    def size_bytes(self) -> int:
        text = self.node.toxml() if isinstance(self.node, minidom.Element) else self.node.value
        return len(text.encode("utf-8", "replace"))

    @property
    def text(self) -> str:
        """The value, where it is a plain one."""
        if isinstance(self.node, minidom.Attr):
            return str(self.node.value)
        return "".join(child.data for child in self.node.childNodes if isinstance(child, minidom.Text))

    def remove(self) -> None:
        if isinstance(self.node, minidom.Attr):
            self.description.removeAttributeNode(self.node)
        else:
            self.description.removeChild(self.node)


def parsed(data: bytes | None) -> minidom.Document:
    """The packet as a tree with a description in it, an empty one for None. Every description declares all
    the namespaces that it is in the scope of. Raises `Damaged`, for a document type too."""
    if data is None:
        data = EMPTY
    data = data.strip(b"\0 \t\r\n")
    try:
        look_through(data)
        document = minidom.parseString(data)
    except TooMuch:
        raise
    except (expat.ExpatError, ValueError, LookupError, RecursionError) as error:
        raise Damaged("not XML") from error
    if not descriptions(document):
        raise Damaged("no description in this XMP")
    for description in descriptions(document):
        declare_all(description)
    return document


def look_through(data: bytes) -> None:
    """Refuse what could expand, nest or multiply without end, before a tree is made of it. Raises `Damaged`,
    `TooMuch`, and what expat raises."""
    if len(data) > MOST_FOREIGN_BYTES:
        raise TooMuch(f"more than {MOST_FOREIGN_BYTES >> 20} MB")
    nodes = described = declared = 0
    above: list[str] = []

    def refuse(*_: object) -> None:
        raise Damaged("a document type in XMP")

    def deeper(name: str, attributes: list[str]) -> None:
        nonlocal nodes, described, declared
        nodes += 1 + len(attributes) // 2
        described += name.endswith("Description") and bool(above) and above[-1].endswith("RDF")
        above.append(name)
        declared += sum(one.startswith("xmlns") for one in attributes[::2])
        if len(above) > MOST_DEPTH:
            raise TooMuch(f"elements nested more than {MOST_DEPTH} deep")
        if nodes > MOST_NODES:
            raise TooMuch(f"more than {MOST_NODES:,} elements and attributes")
        if described * declared > MOST_DECLARED:
            raise TooMuch("too many namespaces in too many descriptions")

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
    """The top-level descriptions, those that hold properties of the picture itself."""
    return [
        element
        for element in document.getElementsByTagNameNS(RDF, "Description")
        if element.parentNode is not None and element.parentNode.localName == "RDF"
    ]


def properties(document: minidom.Document) -> Iterator[Property]:
    """All of them; any may be removed meanwhile."""
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
    """One more description of the same picture, that declares the namespaces of another."""
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


def serialized(document: minidom.Document, *, wrapped: bool = True) -> bytes:
    """As bytes; `wrapped` in what lets a packet be found in any file."""
    root = document.documentElement
    body = (root.toxml() if root is not None else "").encode("utf-8", "replace")
    return BEGIN + body + END if wrapped else body
