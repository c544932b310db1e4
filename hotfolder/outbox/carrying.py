"""Capture metadata of an original, put into a result without touching its pixels."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hotfolder.metadata import exif, iptc, jpegfile, pngfile
from hotfolder.metadata.blocks import IPTC_RESOURCE, OWNERSHIP_RESOURCES, Blocks, Shape, profile_fits
from hotfolder.metadata.exif import Damaged
from hotfolder.metadata.level import RIGHTS_TAGS, Level
from hotfolder.metadata.packets import Foreign, Statement, packet_for
from hotfolder.outbox import linking
from hotfolder.outbox.content import PIECE_BYTES

MOST_SIDECAR_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Carried:
    """What a delivered picture gets: the metadata of its photo and of the XMP file beside that, as far as
    `level` goes, and what we say of it."""

    photo: Blocks
    sidecar: bytes | None
    level: Level
    statement: Statement


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes that are taken from the result as they are."""

    start: int
    end: int


def carried_over(
    original: Path, result: Path, *, statement: Statement, level: Level, sidecar: Path | None
) -> Iterator[bytes]:
    """The file `result`, its picture bit for bit, with the capture metadata of `original`; piece by piece.

    At level `all`, EXIF with GPS and maker notes, XMP and IPTC come from `original` where it has them, else
    from `result`, and from the XMP file `sidecar` what that XMP and IPTC don't say. Lower levels let less of
    all of them through. A colour profile comes only where `result` doesn't describe its colours. Size and
    orientation are made true of `result`, thumbnails go. XMP makes the `statement` at every level. Metadata
    that can't be read is left out, as is all of it where `original` is gone. A result that is neither JPEG
    nor PNG is copied as it is.

    The same input gives the same bytes. Raises `OSError`, `FileNotFoundError` where `result` isn't there.
    """
    with result.open("rb") as stream:
        blocks = original_blocks(original)
        yield from result_pieces(stream, Carried(blocks, sidecar_packet(sidecar), level, statement))


def sidecar_packet(sidecar: Path | None) -> bytes | None:
    found = linking.status(sidecar) if sidecar is not None else None
    if sidecar is None or found is None or not stat.S_ISREG(found.st_mode):
        return None
    return sidecar.read_bytes() if found.st_size <= MOST_SIDECAR_BYTES else None


def original_blocks(original: Path) -> Blocks:
    found = linking.status(original)
    # Opening a pipe would wait for ever; and what was paid for is delivered even if its photo is gone.
    if found is None or not stat.S_ISREG(found.st_mode):
        return Blocks()
    with original.open("rb") as stream:
        magic = stream.read(8)
        stream.seek(0)
        try:
            if magic.startswith(jpegfile.MAGIC):
                return jpegfile.read_blocks(jpegfile.read_head(stream))
            if magic == pngfile.MAGIC:
                return pngfile.read_blocks(pngfile.read_chunks(stream))
        except Damaged:
            pass
    return Blocks()


def result_pieces(stream: BinaryIO, carried: Carried) -> Iterator[bytes]:
    magic = stream.read(8)
    size_bytes = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    plan: list[bytes | Range] = []
    with suppress(Damaged):
        if magic.startswith(jpegfile.MAGIC):
            plan = jpeg_plan(stream, size_bytes, carried)
        elif magic == pngfile.MAGIC:
            plan = png_plan(stream, size_bytes, carried)
    for part in plan or [Range(0, size_bytes)]:
        if isinstance(part, Range):
            yield from pieces_in(stream, part)
        else:
            yield part


def jpeg_plan(stream: BinaryIO, size_bytes: int, carried: Carried) -> list[bytes | Range]:
    segments = jpegfile.read_head(stream)
    own, shape = jpegfile.read_blocks(segments), jpegfile.shape(segments)
    blocks = merged(carried, own, shape, most_xmp_bytes=jpegfile.MOST_XMP_BYTES)
    head = jpegfile.with_blocks(segments, blocks, bare=carried.level is not Level.ALL)
    return [head, Range(stream.tell(), size_bytes)]


def png_plan(stream: BinaryIO, size_bytes: int, carried: Carried) -> list[bytes | Range]:
    chunks = pngfile.read_chunks(stream)
    if chunks[-1].end > size_bytes:
        raise Damaged("a PNG chunk ends early")
    blocks = merged(carried, pngfile.read_blocks(chunks), pngfile.shape(chunks), most_xmp_bytes=None)
    plan: list[bytes | Range] = [pngfile.MAGIC]
    for chunk in chunks:
        if not pngfile.is_replaced(chunk, blocks, bare=carried.level is not Level.ALL):
            plan.append(Range(chunk.start, chunk.end))
        if chunk.kind == b"IHDR":
            plan.append(pngfile.new_chunks(blocks))
    return [*plan, Range(chunks[-1].end, size_bytes)]


def merged(carried: Carried, own: Blocks, shape: Shape, *, most_xmp_bytes: int | None) -> Blocks:
    """What the target gets in place of what `own` has; what is None or empty leaves that as it is."""
    photo, level = carried.photo, carried.level
    packet = packet_for(foreign(carried, own), carried.statement, level, most_bytes=most_xmp_bytes)
    icc = photo.icc
    if own.described or icc is None or not profile_fits(icc, shape.channels):
        icc = None
    return Blocks(
        exif=exif_for(carried, own, shape),
        xmp=packet.main,
        xmp_extension=packet.extension,
        resources=resources_for(photo.resources, level),
        icc=icc,
        comment=photo.comment if level is Level.ALL else None,
    )


def foreign(carried: Carried, own: Blocks) -> Foreign:
    """All the XMP that there is for a picture, the photo's first; IPTC's older records before a sidecar."""
    source = carried.photo if carried.photo.xmp is not None else own
    records = carried.photo.resources.get(IPTC_RESOURCE)
    others = (iptc.as_packet(records) if records is not None else None, carried.sidecar)
    return Foreign(source.xmp, source.xmp_extension, tuple(one for one in others if one is not None))


def resources_for(resources: Mapping[int, bytes], level: Level) -> Mapping[int, bytes]:
    if level is Level.ALL:
        return resources
    chosen = {number: data for number, data in resources.items() if number in OWNERSHIP_RESOURCES}
    records = iptc.limited(resources.get(IPTC_RESOURCE, b""), level)
    if level is Level.NONE:
        return {}
    return {**chosen, IPTC_RESOURCE: records} if records else chosen


def exif_for(carried: Carried, own: Blocks, shape: Shape) -> bytes | None:
    # A result's pixels are upright unless the result itself says otherwise; the original's orientation
    # was used up when its pixels were.
    orientation = exif.orientation_of(own.exif)
    if carried.level is not Level.ALL:
        wanted = RIGHTS_TAGS if carried.level is Level.COPYRIGHT else ()
        return exif.only_texts(carried.photo.exif or own.exif, wanted, orientation=orientation)
    for block in (carried.photo.exif, own.exif):
        if block is not None:
            try:
                return exif.corrected(block, width=shape.width, height=shape.height, orientation=orientation)
            except Damaged:
                continue
    return None


def pieces_in(stream: BinaryIO, part: Range) -> Iterator[bytes]:
    stream.seek(part.start)
    left = part.end - part.start
    while left > 0:
        piece = stream.read(min(left, PIECE_BYTES))
        if not piece:
            raise OSError(errno.EIO, "a picture became shorter while it was read")
        yield piece
        left -= len(piece)
