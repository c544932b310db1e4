"""PNG files as a list of chunks, so that metadata changes and the compressed image data doesn't."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from hotfolder.metadata import iptc
from hotfolder.metadata.blocks import Blocks, DamagedMetadata, MetadataTooLarge, Shape

MAGIC = b"\x89PNG\r\n\x1a\n"
XMP = b"XML:com.adobe.xmp"
RESOURCES = b"Raw profile type iptc"
COMMENT = b"Comment"
PICTURE = frozenset({b"IDAT", b"fdAT"})
COLOURS = frozenset({b"iCCP", b"sRGB", b"cICP", b"gAMA", b"cHRM"})
CHANNELS = {0: 1, 2: 3, 3: 3, 4: 1, 6: 3}
MOST_BLOCK_BYTES = 16 << 20
MOST_CHUNKS = 100_000
"""Including image data: some programs split it into chunks of 8 KiB."""
MOST_BYTES = 64 << 20
METADATA_CHUNKS = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"})


@dataclass(frozen=True, slots=True)
class Chunk:
    """The start and end of a chunk in its file; `data` is empty for image data and very large chunks."""

    kind: bytes
    start: int
    end: int
    data: bytes = b""


def read_chunks(stream: BinaryIO) -> list[Chunk]:
    """All chunks up to IEND. Raises `DamagedMetadata` for no PNG or one that ends early, and
    `MetadataTooLarge`."""
    if stream.read(8) != MAGIC:
        raise DamagedMetadata("not a PNG")
    chunks: list[Chunk] = []
    left = MOST_BYTES
    while not chunks or chunks[-1].kind != b"IEND":
        start = stream.tell()
        head = stream.read(8)
        if len(head) < 8:
            raise DamagedMetadata("a PNG without an end")
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        end = start + 12 + length
        wanted = kind not in PICTURE and length <= MOST_BLOCK_BYTES
        data = stream.read(length) if wanted else b""
        if wanted and len(data) < length:
            raise DamagedMetadata("a PNG chunk ends early")
        left -= len(data)
        if left < 0 or len(chunks) == MOST_CHUNKS:
            raise MetadataTooLarge(
                f"more than {MOST_CHUNKS:,} PNG chunks, or more than {MOST_BYTES >> 20} MB in them"
            )
        stream.seek(end)
        chunks.append(Chunk(kind, start, end, data))
    return chunks


def shape(chunks: list[Chunk]) -> Shape:
    """The shape in the header. Raises `DamagedMetadata` where there is none."""
    header = chunks[0]
    if header.kind != b"IHDR" or len(header.data) != 13:
        raise DamagedMetadata("a PNG without a header")
    width, height, _, colour = struct.unpack_from(">IIBB", header.data)
    return Shape(width, height, CHANNELS.get(colour, 3))


def read_blocks(chunks: list[Chunk]) -> Blocks:
    """The blocks in the chunks; damaged ones are None. Raises `MetadataTooLarge`."""
    exif = next((chunk.data for chunk in chunks if chunk.kind == b"eXIf"), None)
    xmp = next((packet(chunk) for chunk in chunks if holds_xmp(chunk)), None)
    icc = next((profile(chunk.data) for chunk in chunks if chunk.kind == b"iCCP"), None)
    described = any(chunk.kind in COLOURS for chunk in chunks)
    return Blocks(exif=exif, xmp=xmp, icc=icc, described=described)


def holds_xmp(chunk: Chunk) -> bool:
    return chunk.kind == b"iTXt" and chunk.data.startswith(XMP + b"\0")


def holds_resources(chunk: Chunk) -> bool:
    return chunk.kind == b"zTXt" and chunk.data.startswith(RESOURCES + b"\0")


def resource_chunk(resources: Mapping[int, bytes]) -> bytes:
    data = iptc.encode_resources(resources)
    digits = data.hex().encode()
    lines = [digits[start : start + 72] for start in range(0, len(digits), 72)]
    text = b"\niptc\n%8d\n" % len(data) + b"\n".join(lines) + b"\n"
    return encoded(b"zTXt", RESOURCES + b"\0\0" + zlib.compress(text, 9))


def packet(chunk: Chunk) -> bytes | None:
    flags, rest = chunk.data[len(XMP) + 1 : len(XMP) + 3], chunk.data[len(XMP) + 3 :]
    parts = rest.split(b"\0", 2)
    if len(flags) < 2 or len(parts) < 3:
        return None
    return inflate(parts[2]) if flags[0] else parts[2]


def profile(data: bytes) -> bytes | None:
    _, found, rest = data.partition(b"\0")
    return inflate(rest[1:]) if found else None


def inflate(data: bytes) -> bytes | None:
    """The decompressed data; None where it is damaged or larger than MOST_BLOCK_BYTES."""
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(data, MOST_BLOCK_BYTES)
    except zlib.error:
        return None
    return unpacked if unpacker.eof else None


def encoded(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def new_chunks(blocks: Blocks) -> bytes:
    """The chunks for `blocks`, in an order that is valid right after the header."""
    made = []
    if blocks.exif is not None:
        made.append(encoded(b"eXIf", blocks.exif))
    if blocks.xmp is not None:
        made.append(encoded(b"iTXt", XMP + b"\0\0\0\0\0" + blocks.xmp))
    if blocks.resources:
        made.append(resource_chunk(blocks.resources))
    if blocks.comment is not None:
        made.append(encoded(b"iTXt", COMMENT + b"\0\0\0\0\0" + utf8(blocks.comment)))
    if blocks.icc is not None:
        made.append(encoded(b"iCCP", b"ICC profile\0\0" + zlib.compress(blocks.icc, 9)))
    return b"".join(made)


def utf8(comment: bytes) -> bytes:
    return comment.decode("utf-8", "replace").replace("\0", "").encode()


def is_replaced(chunk: Chunk, blocks: Blocks, *, bare: bool) -> bool:
    """Whether one of `blocks` replaces this chunk; with `bare` also whether it is metadata."""
    return (
        (bare and chunk.kind in METADATA_CHUNKS)
        or (chunk.kind == b"eXIf" and blocks.exif is not None)
        or (chunk.kind == b"iCCP" and blocks.icc is not None)
        or (chunk.data.startswith(COMMENT + b"\0") and blocks.comment is not None)
        or (holds_xmp(chunk) and blocks.xmp is not None)
        or (holds_resources(chunk) and bool(blocks.resources))
    )
