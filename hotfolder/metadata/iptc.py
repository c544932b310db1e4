"""IPTC IIM records: read, filtered and converted to XMP; and the Photoshop resources that contain them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from html import escape  # xml.sax.saxutils would import an HTTP client

from hotfolder.metadata.blocks import (
    DC,
    IPTC_CORE,
    KEPT_RESOURCES,
    META,
    PHOTOSHOP,
    RDF,
    Level,
    Name,
    TooMuch,
)

RESOURCE_MARK = b"8BIM"
MOST_RESOURCES = 10_000
MARK = 0x1C
CHARSET, UTF8 = (1, 90), b"\x1b%G"
MOST_BYTES = 1 << 20

PLAIN: dict[int, Name] = {
    15: (PHOTOSHOP, "Category"),
    40: (PHOTOSHOP, "Instructions"),
    85: (PHOTOSHOP, "AuthorsPosition"),
    90: (PHOTOSHOP, "City"),
    92: (IPTC_CORE, "Location"),
    95: (PHOTOSHOP, "State"),
    100: (IPTC_CORE, "CountryCode"),
    101: (PHOTOSHOP, "Country"),
    103: (PHOTOSHOP, "TransmissionReference"),
    105: (PHOTOSHOP, "Headline"),
    110: (PHOTOSHOP, "Credit"),
    115: (PHOTOSHOP, "Source"),
    122: (PHOTOSHOP, "CaptionWriter"),
}
LISTS: dict[int, tuple[Name, str]] = {
    5: ((DC, "title"), "Alt"),
    20: ((PHOTOSHOP, "SupplementalCategories"), "Bag"),
    25: ((DC, "subject"), "Bag"),
    80: ((DC, "creator"), "Seq"),
    116: ((DC, "rights"), "Alt"),
    120: ((DC, "description"), "Alt"),
}


def resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    """All Photoshop resources (number, bytes) up to the first damaged one. Raises `TooMuch`."""
    position = count = 0
    while data[position : position + 4] == RESOURCE_MARK and position + 8 <= len(data):
        number = int.from_bytes(data[position + 4 : position + 6], "big")
        name_bytes = 1 + data[position + 6]
        start = position + 6 + name_bytes + name_bytes % 2
        size = int.from_bytes(data[start : start + 4], "big")
        content = data[start + 4 : start + 4 + size]
        if len(content) < size:
            return
        count += 1
        if count > MOST_RESOURCES:
            raise TooMuch(f"more than {MOST_RESOURCES:,} Photoshop resources")
        yield number, content
        position = start + 4 + size + size % 2


def kept_resources(data: bytes) -> dict[int, bytes]:
    """The resources in KEPT_RESOURCES, by number; parts of one resource are joined. Raises `TooMuch`."""
    found: dict[int, bytes] = {}
    for number, content in resources(data):
        if number in KEPT_RESOURCES:
            found[number] = found.get(number, b"") + content
    return found


def encode_resources(chosen: Mapping[int, bytes]) -> bytes:
    return b"".join(
        RESOURCE_MARK + struct.pack(">HHI", number, 0, len(content)) + content + b"\0" * (len(content) % 2)
        for number, content in sorted(chosen.items())
    )


def records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Record, dataset and value, up to the first damaged one."""
    position = 0
    while position + 5 <= len(data) and data[position] == MARK:
        record, dataset, size = struct.unpack_from(">BBH", data, position + 1)
        position += 5
        if size & 0x8000:
            digits = size & 0x7FFF
            size = int.from_bytes(data[position : position + digits], "big")
            position += digits
        value = data[position : position + size]
        if len(value) < size:
            return
        yield record, dataset, value
        position += size


def limited(data: bytes, level: Level) -> bytes:
    """The records that `level` keeps; unless all are kept, those of 32 KiB or more are left out."""
    if level is Level.ALL:
        return data
    return b"".join(
        struct.pack(">BBBH", MARK, record, dataset, len(value)) + value
        for record, dataset, value in records(data)
        if level.keeps_record(record, dataset) and len(value) < 0x8000
    )


def as_packet(data: bytes) -> bytes | None:
    """The records as XMP, for programs that read only that; None for none, or more than MOST_BYTES."""
    if len(data) > MOST_BYTES:
        return None
    found = list(records(data))
    utf8 = any((record, dataset) == CHARSET and value == UTF8 for record, dataset, value in found)
    values: dict[int, list[str]] = {}
    for record, dataset, value in found:
        if record == 2 and (dataset in PLAIN or dataset in LISTS):
            values.setdefault(dataset, []).append(text(value, utf8))
    if not values:
        return None
    body = "".join(element(dataset, several) for dataset, several in sorted(values.items()))
    return (
        f'<x:xmpmeta xmlns:x="{META}"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about=""'
        f' xmlns:dc="{DC}" xmlns:photoshop="{PHOTOSHOP}" xmlns:Iptc4xmpCore="{IPTC_CORE}">{body}'
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def text(value: bytes, utf8: bool) -> str:
    """The value as text: UTF-8 where it is valid or declared (many programs don't declare it), else
    cp1252."""
    try:
        found = value.decode("utf-8")
    except UnicodeDecodeError:
        found = value.decode("utf-8" if utf8 else "cp1252", "replace")
    return "".join(sign if sign.isprintable() or sign in "\n\t" else " " for sign in found.strip("\0 "))


def element(dataset: int, values: list[str]) -> str:
    prefixes = {DC: "dc", PHOTOSHOP: "photoshop", IPTC_CORE: "Iptc4xmpCore"}
    if dataset in PLAIN:
        namespace, name = PLAIN[dataset]
        tag = f"{prefixes[namespace]}:{name}"
        return f"<{tag}>{escape(values[0], quote=False)}</{tag}>"
    (namespace, name), kind = LISTS[dataset]
    tag = f"{prefixes[namespace]}:{name}"
    language = ' xml:lang="x-default"' if kind == "Alt" else ""
    shown = values[:1] if kind == "Alt" else values
    items = "".join(f"<rdf:li{language}>{escape(value, quote=False)}</rdf:li>" for value in shown)
    return f"<{tag}><rdf:{kind}>{items}</rdf:{kind}></{tag}>"
