"""JPEG files as a list of segments, so that metadata changes and the compressed image data doesn't."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from hotfolder.metadata import iptc
from hotfolder.metadata.blocks import MOST_FOREIGN_BYTES, Blocks, DamagedMetadata, MetadataTooLarge, Shape

MAGIC = b"\xff\xd8\xff"
SOI, SOS, EOI = 0xD8, 0xDA, 0xD9
APP0, APP1, APP2, APP13, APP14, COMMENT = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
BARE = frozenset({0x01, *range(0xD0, 0xD9)})
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
MOST_SEGMENT_BYTES = 65533
MOST_MARKERS = 10_000
"""Before the image data. A large colour profile and a large XMP packet take some hundreds."""
MOST_HEAD_BYTES = 64 << 20

EXIF = b"Exif\0\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
ICC = b"ICC_PROFILE\0"
PHOTOSHOP = b"Photoshop 3.0\0"
MOST_XMP_BYTES = 65502 - len(XMP)
EXTENSION_PIECE_BYTES = 65400
NAME_BYTES = 32


# Marker and prefix of each kind of metadata, in the order in which they are written.
PREFIXES: Mapping[str, tuple[int, bytes]] = {
    "exif": (APP1, EXIF),
    "xmp": (APP1, XMP),
    "xmp-extension": (APP1, XMP_EXTENSION),
    "resources": (APP13, PHOTOSHOP),
    "icc": (APP2, ICC),
    "comment": (COMMENT, b""),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One marker and its payload."""

    marker: int
    payload: bytes

    def encoded(self) -> bytes:
        if self.marker in BARE:
            return bytes((0xFF, self.marker))
        return struct.pack(">BBH", 0xFF, self.marker, len(self.payload) + 2) + self.payload


def read_head(stream: BinaryIO) -> list[Segment]:
    """The segments before the first scan; `stream` is left there. Raises `DamagedMetadata` and
    `MetadataTooLarge`."""
    if stream.read(2) != MAGIC[:2]:
        raise DamagedMetadata("not a JPEG")
    segments: list[Segment] = []
    for _ in range(MOST_MARKERS):
        start = stream.tell()
        if start > MOST_HEAD_BYTES:
            raise MetadataTooLarge(f"more than {MOST_HEAD_BYTES >> 20} MB before the picture")
        marker = next_marker(stream)
        if marker == SOS:
            stream.seek(start)
            return segments
        if marker == EOI:
            raise DamagedMetadata("no picture in this JPEG")
        payload = b"" if marker in BARE else read_payload(stream)
        segments.append(Segment(marker, payload))
    raise MetadataTooLarge(f"more than {MOST_MARKERS:,} JPEG markers before the picture")


def next_marker(stream: BinaryIO) -> int:
    if stream.read(1) != b"\xff":
        raise DamagedMetadata("a JPEG marker is missing")
    byte = b"\xff"
    for _ in range(MOST_MARKERS):
        if byte != b"\xff":
            break
        byte = stream.read(1)
    if byte in (b"", b"\0", b"\xff"):
        raise DamagedMetadata("a JPEG marker is missing")
    return byte[0]


def read_payload(stream: BinaryIO) -> bytes:
    size = stream.read(2)
    if len(size) < 2 or (length := int.from_bytes(size, "big")) < 2:
        raise DamagedMetadata("a JPEG segment without a length")
    payload = stream.read(length - 2)
    if len(payload) < length - 2:
        raise DamagedMetadata("a JPEG segment ends early")
    return payload


def shape(segments: list[Segment]) -> Shape:
    """The shape in the frame header. Raises `DamagedMetadata` where there is none."""
    for segment in segments:
        if segment.marker in FRAMES and len(segment.payload) >= 6:
            _, height, width, channels = struct.unpack_from(">BHHB", segment.payload)
            return Shape(width, height, channels)
    raise DamagedMetadata("a JPEG without a frame")


def read_blocks(segments: list[Segment]) -> Blocks:
    """The blocks in the segments; damaged ones are None. Raises `MetadataTooLarge`."""
    found: dict[str, bytes] = {}
    wrapped = b""
    for segment in segments:
        name = kind(segment)
        if name == "resources":
            wrapped += segment.payload[len(PHOTOSHOP) :]
        elif name in PREFIXES:
            found.setdefault(name, segment.payload[len(PREFIXES[name][1]) :])
    icc = profile(segments)
    return Blocks(
        exif=found.get("exif"),
        xmp=found.get("xmp"),
        xmp_extension=extension(segments, found.get("xmp", b"")),
        resources=iptc.kept_resources(wrapped),
        icc=icc,
        comment=found.get("comment"),
        described=icc is not None,
    )


def kind(segment: Segment) -> str:
    """The kind of metadata in a segment, by its name in `PREFIXES`; "" for anything else."""
    for name, (marker, prefix) in PREFIXES.items():
        if segment.marker == marker and segment.payload.startswith(prefix):
            return name
    return ""


def extension(segments: list[Segment], packet: bytes) -> bytes | None:
    """The XMP extension that the packet names, joined; None where a part of it is missing."""
    pieces: dict[int, bytes] = {}
    size = 0
    for segment in segments:
        payload = segment.payload[len(XMP_EXTENSION) :]
        if kind(segment) != "xmp-extension" or len(payload) <= NAME_BYTES + 8:
            continue
        if payload[:NAME_BYTES] in packet:
            size, offset = struct.unpack_from(">II", payload, NAME_BYTES)
            pieces[offset] = payload[NAME_BYTES + 8 :]
    whole = b"".join(pieces[offset] for offset in sorted(pieces))
    return whole if 0 < len(whole) == size <= MOST_FOREIGN_BYTES else None


def profile(segments: list[Segment]) -> bytes | None:
    """The colour profile, joined from its numbered parts; None where one is missing."""
    pieces = {s.payload[12]: s.payload[14:] for s in segments if kind(s) == "icc" and len(s.payload) > 14}
    totals = {s.payload[13] for s in segments if kind(s) == "icc" and len(s.payload) > 14}
    if len(totals) != 1 or sorted(pieces) != list(range(1, totals.pop() + 1)):
        return None
    return b"".join(pieces[number] for number in sorted(pieces))


def encode_blocks(blocks: Blocks) -> dict[str, list[Segment]]:
    """The segments for each block that isn't None, by `kind`; what is too large for a JPEG is left out."""
    made: dict[str, list[Segment]] = {}
    if blocks.exif is not None:
        made["exif"] = [Segment(APP1, EXIF + blocks.exif)]
    if blocks.xmp is not None:
        made["xmp"] = [Segment(APP1, XMP + blocks.xmp)]
    if blocks.xmp_extension is not None:
        made["xmp-extension"] = extension_segments(blocks.xmp_extension)
    if blocks.resources:
        made["resources"] = resource_segments(iptc.encode_resources(blocks.resources))
    if blocks.icc is not None:
        made["icc"] = profile_segments(blocks.icc)
    if blocks.comment is not None:
        made["comment"] = [Segment(COMMENT, blocks.comment)]
    return {
        name: segments
        for name, segments in made.items()
        if segments and all(len(segment.payload) <= MOST_SEGMENT_BYTES for segment in segments)
    }


def extension_segments(data: bytes) -> list[Segment]:
    head, room = XMP_EXTENSION + extension_name(data).encode(), EXTENSION_PIECE_BYTES
    return [
        Segment(APP1, head + struct.pack(">II", len(data), start) + data[start : start + room])
        for start in range(0, len(data), room)
    ]


def extension_name(data: bytes) -> str:
    """The name of an extension in XMP: its MD5."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest().upper()


def resource_segments(data: bytes) -> list[Segment]:
    # A resource may continue in the next segment.
    room = MOST_SEGMENT_BYTES - len(PHOTOSHOP)
    return [Segment(APP13, PHOTOSHOP + data[start : start + room]) for start in range(0, len(data), room)]


def profile_segments(icc: bytes) -> list[Segment]:
    room = MOST_SEGMENT_BYTES - len(ICC) - 2
    pieces = [icc[start : start + room] for start in range(0, len(icc), room)]
    if len(pieces) > 255:
        return []
    return [
        Segment(APP2, ICC + bytes((number, len(pieces))) + piece)
        for number, piece in enumerate(pieces, start=1)
    ]


def is_bare(segment: Segment) -> bool:
    """Whether the segment is needed to show the picture: it holds no metadata other than colours."""
    if segment.marker in range(APP0, APP0 + 16):
        return segment.marker in (APP0, APP14) or kind(segment) == "icc"
    return segment.marker != COMMENT


def with_blocks(segments: list[Segment], blocks: Blocks, *, bare: bool) -> bytes:
    """The head of the file (all before the first scan) with `blocks` in place of those of the same kind, or,
    with `bare`, in place of all metadata."""
    made = encode_blocks(blocks)
    replaced = made.keys() | ({"xmp-extension"} if "xmp" in made else set())
    kept = [one for one in segments if kind(one) not in replaced and (is_bare(one) or not bare)]
    # JFIF must come first, where there is one.
    jfif = 1 if kept and kept[0].marker == APP0 else 0
    new = [segment for name in PREFIXES for segment in made.get(name, [])]
    ordered = [*kept[:jfif], *new, *kept[jfif:]]
    return MAGIC[:2] + b"".join(segment.encoded() for segment in ordered)
