"""XMP from photos: kept where it is true of the picture, and never trusted."""

from __future__ import annotations

import pytest

from hotfolder.metadata import jpegfile, xmp
from hotfolder.metadata.blocks import MOST_FOREIGN_BYTES, Level, Name
from hotfolder.metadata.xmp import ForeignXmp, Packet, Statement, packet_for

SKY = Statement(("sky",), "x")
SOURCE_TYPE = SKY.source_type.encode()
PACKET = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
  xmlns:outer="urn:outer:"><rdf:Description rdf:about="uuid:1" xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
  lr:private="kept" outer:far="away" xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:creator><rdf:Seq><rdf:li>Jane</rdf:li></rdf:Seq></dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>"""
CRS = b'xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:Exposure2012="+1.00"'


def made(
    packet: bytes | None,
    sidecar: bytes | None = None,
    extension: bytes | None = None,
    level: Level = Level.ALL,
) -> Packet:
    foreign = ForeignXmp(packet, extension, sidecar)
    return packet_for(foreign, SKY, level, most_bytes=jpegfile.MOST_XMP_BYTES)


def told(packet: bytes) -> dict[Name, str]:
    """Properties with their plain values; each is in exactly one of the packet's parts."""
    found = [(one.name, one.text) for one in xmp.properties(xmp.parse_packet(packet))]
    assert len(found) == len(dict(found))
    return dict(found)


def test_what_does_not_fit_a_jpeg_goes_into_its_extension() -> None:
    """The largest properties go there, small ones and ours stay, and nothing is lost."""
    head, tail = PACKET.split(b"<dc:creator>")
    many = b"".join(b"<lr:p%d>%s</lr:p%d>" % (n, b"v" * (n % 50), n) for n in range(5000))
    huge = head + b"<lr:huge>" + b"h" * 70_000 + b"</lr:huge>" + many + b"<dc:creator>" + tail
    packet = made(huge)
    assert packet.extension is not None
    assert 60_000 < len(packet.main) <= jpegfile.MOST_XMP_BYTES
    assert b"lr:huge" not in packet.main
    assert SOURCE_TYPE in packet.main and SOURCE_TYPE not in packet.extension
    assert b'private="kept"' in packet.main
    both = {**told(packet.main), **told(packet.extension)}
    assert told(huge).items() <= both.items()
    again = made(packet.main, extension=packet.extension)
    assert told(again.main).keys() | told(again.extension or b"").keys() == both.keys()


def test_a_long_attribute_goes_there_too_and_long_names_do_no_harm() -> None:
    """However long the values are, there is a packet of ours."""
    packet = made(PACKET.replace(b'"kept"', b'"' + b"k" * 70_000 + b'"'))
    assert packet.extension is not None and b"k" * 70_000 in packet.extension
    assert told(packet.main)["urn:outer:", "far"] == "away"
    packet = made(PACKET.replace(b"urn:outer:", b"urn:" + b"o" * 70_000))
    assert len(packet.main) <= jpegfile.MOST_XMP_BYTES
    assert SOURCE_TYPE in packet.main


def test_a_sidecar_only_tells_what_the_photo_does_not() -> None:
    """The photo's own property wins; a raw developer's settings are left out."""
    sidecar = PACKET.replace(b'lr:private="kept"', b'lr:private="other" lr:one="1" ' + CRS)
    packet = made(PACKET, sidecar).main
    found = {name[1]: value for name, value in told(packet).items()}
    assert (found["private"], found["one"]) == ("kept", "1")
    assert b"Exposure2012" not in packet
    assert packet.count(b"Jane") == 1


def test_what_kind_of_file_the_photo_was_is_not_said_of_the_picture() -> None:
    """Of a PNG, and of a JPEG made of TIFF or RAW files, it isn't true."""
    raw = b'xmlns:ps="http://ns.adobe.com/photoshop/1.0/" ps:SidecarForExtension="CR3"'
    sidecar = PACKET.replace(b'lr:private="kept"', raw + b' dc:format="image/x-canon-cr3"')
    assert not {"format", "SidecarForExtension"} & {name[1] for name in told(made(None, sidecar).main)}


def test_settings_that_wait_to_be_applied_are_dropped() -> None:
    """Lightroom would brighten the picture once more."""
    waiting = PACKET.replace(b'lr:private="kept"', CRS)
    assert b"Exposure2012" not in made(waiting).main
    applied = PACKET.replace(b'lr:private="kept"', CRS + b' crs:AlreadyApplied="True"')
    assert b"Exposure2012" in made(applied).main


def test_what_lay_behind_the_photo_is_not_promised() -> None:
    """A reader would look for a gain map or a video that isn't there."""
    motion = PACKET.replace(b"http://ns.adobe.com/lightroom/1.0/", b"http://ns.google.com/photos/1.0/camera/")
    assert b"private" not in made(motion).main


@pytest.mark.parametrize(
    "foreign",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + PACKET.replace(b"Jane", b"&b;"),
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + PACKET,
        PACKET.replace(b"Jane", b"<a>" * 100 + b"</a>" * 100),
        PACKET.replace(b"Jane", b"J" * MOST_FOREIGN_BYTES),
        PACKET[:-10],
        b"",
    ],
    ids=["entities", "external", "deep", "huge", "cut", "empty"],
)
@pytest.mark.parametrize("place", ["packet", "extension", "sidecar"])
def test_a_packet_that_can_not_be_trusted_is_left_out_whole(foreign: bytes, place: str) -> None:
    """Nothing in it is expanded, fetched or partly kept; our own properties are written."""
    packet = {
        "packet": lambda: made(foreign),
        "extension": lambda: made(None, extension=foreign),
        "sidecar": lambda: made(None, foreign),
    }[place]()
    assert SOURCE_TYPE in packet.main
    assert b"kept" not in packet.main
    assert b"DOCTYPE" not in packet.main
    assert packet.extension is None
