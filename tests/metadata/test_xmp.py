"""XMP from elsewhere: kept as far as it fits, and never trusted."""

from __future__ import annotations

import pytest

from hotfolder.metadata import jpegfile, xmp

SOURCE_TYPE = xmp.source_type(altered=True).encode()
PACKET = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="uuid:1" xmlns:lr="http://ns.adobe.com/lightroom/1.0/" lr:private="kept"
  xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator><rdf:Seq><rdf:li>Jane</rdf:li></rdf:Seq></dc:creator>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def test_too_much_xmp_is_cut_to_fit_a_jpeg() -> None:
    """The largest properties go first, the small ones and ours stay, and it is quick about it."""
    head, tail = PACKET.split(b"<dc:creator>")
    many = b"".join(b"<lr:p%d>%s</lr:p%d>" % (n, b"v" * (n % 50), n) for n in range(5000))
    huge = head + b"<lr:huge>" + b"h" * 70_000 + b"</lr:huge>" + many + b"<dc:creator>" + tail
    packet = xmp.packet(huge, altered=True, software="x", most_bytes=jpegfile.MOST_XMP_BYTES)
    assert 60_000 < len(packet) <= jpegfile.MOST_XMP_BYTES
    assert b"lr:huge" not in packet
    assert SOURCE_TYPE in packet
    assert b'private="kept"' in packet
    attributes = PACKET.replace(b'"kept"', b'"' + b"k" * 70_000 + b'"')
    packet = xmp.packet(attributes, altered=True, software="x", most_bytes=jpegfile.MOST_XMP_BYTES)
    assert len(packet) < 2000
    assert SOURCE_TYPE in packet


@pytest.mark.parametrize(
    "foreign",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + PACKET.replace(b"Jane", b"&b;"),
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + PACKET,
        PACKET.replace(b"Jane", b"<a>" * 100 + b"</a>" * 100),
        PACKET.replace(b"Jane", b"J" * xmp.MOST_FOREIGN_BYTES),
        PACKET[:-10],
        b"",
    ],
    ids=["entities", "external", "deep", "huge", "cut", "empty"],
)
def test_a_packet_that_can_not_be_trusted_is_left_out_whole(foreign: bytes) -> None:
    """Nothing in it is expanded, fetched or half kept; what we say ourselves is said."""
    packet = xmp.packet(foreign, altered=True, software="x", most_bytes=jpegfile.MOST_XMP_BYTES)
    assert SOURCE_TYPE in packet
    assert b"kept" not in packet
    assert b"DOCTYPE" not in packet
