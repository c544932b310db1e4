"""JPEG files as a list of segments, so that metadata changes and the compressed picture does not."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from hotfolder.metadata import exif as exif_block
from hotfolder.metadata.blocks import Blocks, Shape
from hotfolder.metadata.exif import Damaged

MAGIC = b"\xff\xd8\xff"
SOI, SOS, EOI = 0xD8, 0xDA, 0xD9
APP0, APP1, APP2, APP13 = 0xE0, 0xE1, 0xE2, 0xED
BARE = frozenset({0x01, *range(0xD0, 0xD9)})
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
MOST_SEGMENT_BYTES = 65533

XMP = b"http://ns.adobe.com/xap/1.0/\0"
XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
ICC = b"ICC_PROFILE\0"
PHOTOSHOP = b"Photoshop 3.0\0"
IPTC_RESOURCE = 0x0404
MOST_XMP_BYTES = 65502 - len(XMP)


@dataclass(frozen=True, slots=True)
class Segment:
    """One marker and what belongs to it."""

    marker: int
    payload: bytes

    def encoded(self) -> bytes:
        if self.marker in BARE:
            return bytes((0xFF, self.marker))
        return struct.pack(">BBH", 0xFF, self.marker, len(self.payload) + 2) + self.payload


def read_head(stream: BinaryIO) -> list[Segment]:
    """The segments before the first scan; `stream` is left where that scan begins. Raises `Damaged`."""
    if stream.read(2) != MAGIC[:2]:
        raise Damaged("not a JPEG")
    segments: list[Segment] = []
    while True:
        start = stream.tell()
        marker = read_marker(stream)
        if marker == SOS:
            stream.seek(start)
            return segments
        if marker == EOI:
            raise Damaged("no picture in this JPEG")
        payload = b"" if marker in BARE else read_payload(stream)
        segments.append(Segment(marker, payload))


def read_marker(stream: BinaryIO) -> int:
    if stream.read(1) != b"\xff":
        raise Damaged("a JPEG marker is missing")
    byte = b"\xff"
    while byte == b"\xff":
        byte = stream.read(1)
    if byte in (b"", b"\0"):
        raise Damaged("a JPEG marker is missing")
    return byte[0]


def read_payload(stream: BinaryIO) -> bytes:
    size = stream.read(2)
    if len(size) < 2 or (length := int.from_bytes(size, "big")) < 2:
        raise Damaged("a JPEG segment without a length")
    payload = stream.read(length - 2)
    if len(payload) < length - 2:
        raise Damaged("a JPEG segment ends early")
    return payload


def shape(segments: list[Segment]) -> Shape:
    """From the frame header. Raises `Damaged` where there is none."""
    for segment in segments:
        if segment.marker in FRAMES and len(segment.payload) >= 6:
            _, height, width, channels = struct.unpack_from(">BHHB", segment.payload)
            return Shape(width, height, channels)
    raise Damaged("a JPEG without a frame")


def read_blocks(segments: list[Segment]) -> Blocks:
    """What the segments say about the picture; damaged blocks are None."""
    found: dict[str, bytes] = {}
    for segment in segments:
        name = kind(segment)
        if name == "exif":
            found.setdefault(name, segment.payload[len(exif_block.HEADER) :])
        elif name == "xmp":
            found.setdefault(name, segment.payload[len(XMP) :])
        elif name == "iptc":
            for number, data in resources(segment.payload[len(PHOTOSHOP) :]):
                if number == IPTC_RESOURCE:
                    found["iptc"] = found.get("iptc", b"") + data
    icc = profile(segments)
    return Blocks(found.get("exif"), found.get("xmp"), found.get("iptc"), icc, icc is not None)


def kind(segment: Segment) -> str:
    """Which metadata a segment holds: `exif`, `xmp`, `iptc`, `icc`, or empty for anything else."""
    prefixes = (
        (APP1, exif_block.HEADER, "exif"),
        (APP1, XMP, "xmp"),
        (APP1, XMP_EXTENSION, "xmp-extension"),
        (APP2, ICC, "icc"),
        (APP13, PHOTOSHOP, "iptc"),
    )
    for marker, prefix, name in prefixes:
        if segment.marker == marker and segment.payload.startswith(prefix):
            return name
    return ""


def resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Photoshop's resources (number, bytes), as far as they can be read."""
    position = 0
    while data[position : position + 4] == b"8BIM" and position + 8 <= len(data):
        number = int.from_bytes(data[position + 4 : position + 6], "big")
        name_bytes = 1 + data[position + 6]
        start = position + 6 + name_bytes + name_bytes % 2
        size = int.from_bytes(data[start : start + 4], "big")
        content = data[start + 4 : start + 4 + size]
        if len(content) < size:
            return
        yield number, content
        position = start + 4 + size + size % 2


def profile(segments: list[Segment]) -> bytes | None:
    """The colour profile, put together from its numbered pieces; None where one is missing."""
    pieces = {s.payload[12]: s.payload[14:] for s in segments if kind(s) == "icc" and len(s.payload) > 14}
    totals = {s.payload[13] for s in segments if kind(s) == "icc" and len(s.payload) > 14}
    if len(totals) != 1 or sorted(pieces) != list(range(1, totals.pop() + 1)):
        return None
    return b"".join(pieces[number] for number in sorted(pieces))


def encode_blocks(blocks: Blocks) -> dict[str, list[Segment]]:
    """Segments for each block that there is, by `kind`; what is too large for a JPEG is left out."""
    made: dict[str, list[Segment]] = {}
    if blocks.exif is not None:
        made["exif"] = [Segment(APP1, exif_block.HEADER + blocks.exif)]
    if blocks.xmp is not None:
        made["xmp"] = [Segment(APP1, XMP + blocks.xmp)]
    if blocks.iptc is not None:
        size = len(blocks.iptc)
        header = b"8BIM" + struct.pack(">HHI", IPTC_RESOURCE, 0, size)
        made["iptc"] = [Segment(APP13, PHOTOSHOP + header + blocks.iptc + b"\0" * (size % 2))]
    if blocks.icc is not None:
        room = MOST_SEGMENT_BYTES - len(ICC) - 2
        pieces = [blocks.icc[start : start + room] for start in range(0, len(blocks.icc), room)]
        if len(pieces) < 256:
            made["icc"] = [
                Segment(APP2, ICC + bytes((number, len(pieces))) + piece)
                for number, piece in enumerate(pieces, start=1)
            ]
    return {
        name: segments
        for name, segments in made.items()
        if all(len(segment.payload) <= MOST_SEGMENT_BYTES for segment in segments)
    }


def with_blocks(segments: list[Segment], blocks: Blocks) -> bytes:
    """The head of the file (all before the first scan) with `blocks` in place of their like."""
    made = encode_blocks(blocks)
    replaced = made.keys() | ({"xmp-extension"} if "xmp" in made else set())
    kept = [segment for segment in segments if kind(segment) not in replaced]
    # JFIF must come first, where it is there.
    jfif = 1 if kept and kept[0].marker == APP0 else 0
    new = [segment for name in ("exif", "xmp", "iptc", "icc") for segment in made.get(name, [])]
    ordered = [*kept[:jfif], *new, *kept[jfif:]]
    return MAGIC[:2] + b"".join(segment.encoded() for segment in ordered)
