"""Capture metadata of an original, put into a result without touching its pixels."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from hotfolder.metadata import exif, jpegfile, pngfile, xmp
from hotfolder.metadata.blocks import Blocks, Shape, profile_fits
from hotfolder.metadata.exif import Damaged
from hotfolder.outbox import linking
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.sharing import Sharing
from hotfolder.outbox.temporary import PIECE_BYTES, temporary_file

MOST_PNG_XMP_BYTES = 1 << 20


def carry_over(original: Path, result: Path, target: Path, *, altered: Sequence[str], software: str) -> None:
    """Write `target`: the picture of `result`, bit for bit, with the capture metadata of `original`.

    EXIF with GPS and maker notes, XMP and IPTC come from `original` where it has them, else from `result`;
    a colour profile only where `result` doesn't describe its colours. Size and orientation are made true of
    `result`, thumbnails go. XMP names `software` and says whether the picture is `altered` (kinds of
    alteration; empty for a merge). Metadata that can't be read is left out, as is all of it where
    `original` is gone. A result that is neither JPEG
    nor PNG is copied as it is.

    The same input gives the same bytes. `target` is a working file: one of an earlier call is replaced.
    Raises `LocalTrouble`, and `FileNotFoundError` where `result` isn't there.
    """
    with local_trouble(target), result.open("rb") as stream:
        given = original_blocks(original)

        def write(out: BinaryIO) -> None:
            write_result(stream, out, given, bool(altered), software)

        with temporary_file(target.parent, write, Sharing()) as temporary:
            os.replace(temporary, target)  # noqa: PTH105


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


def write_result(stream: BinaryIO, out: BinaryIO, given: Blocks, altered: bool, software: str) -> None:
    magic = stream.read(8)
    stream.seek(0)
    writers: dict[bool, Callable[[BinaryIO, BinaryIO, Blocks, bool, str], None]] = {
        magic.startswith(jpegfile.MAGIC): write_jpeg,
        magic == pngfile.MAGIC: write_png,
    }
    try:
        if True in writers:
            writers[True](stream, out, given, altered, software)
            return
    except Damaged:
        out.seek(0)
        out.truncate()
    stream.seek(0)
    shutil.copyfileobj(stream, out, PIECE_BYTES)


def write_jpeg(stream: BinaryIO, out: BinaryIO, given: Blocks, altered: bool, software: str) -> None:
    segments = jpegfile.read_head(stream)
    own = jpegfile.read_blocks(segments)
    packet = xmp.packet(
        given.xmp or own.xmp, altered=altered, software=software, most_bytes=jpegfile.MOST_XMP_BYTES
    )
    out.write(jpegfile.with_blocks(segments, merged(given, own, jpegfile.shape(segments), packet)))
    shutil.copyfileobj(stream, out, PIECE_BYTES)


def write_png(stream: BinaryIO, out: BinaryIO, given: Blocks, altered: bool, software: str) -> None:
    chunks = pngfile.read_chunks(stream)
    own = pngfile.read_blocks(chunks)
    packet = xmp.packet(
        given.xmp or own.xmp, altered=altered, software=software, most_bytes=MOST_PNG_XMP_BYTES
    )
    blocks = merged(given, own, pngfile.shape(chunks), packet)
    out.write(pngfile.MAGIC)
    for chunk in chunks:
        if not pngfile.is_replaced(chunk, blocks):
            copy_range(stream, out, chunk.start, chunk.end)
        if chunk.kind == b"IHDR":
            out.write(pngfile.new_chunks(blocks))
    stream.seek(chunks[-1].end)
    shutil.copyfileobj(stream, out, PIECE_BYTES)


def merged(given: Blocks, own: Blocks, shape: Shape, packet: bytes) -> Blocks:
    """What the target gets in place of what `own` has; None leaves that as it is."""
    icc = given.icc
    if own.described or icc is None or not profile_fits(icc, shape.channels):
        icc = None
    return Blocks(exif=exif_for(given, own, shape), xmp=packet, iptc=given.iptc, icc=icc)


def exif_for(given: Blocks, own: Blocks, shape: Shape) -> bytes | None:
    # A result's pixels are upright unless the result itself says otherwise; the original's orientation
    # was used up when its pixels were.
    orientation = exif.orientation_of(own.exif)
    for block in (given.exif, own.exif):
        if block is not None:
            try:
                return exif.corrected(block, width=shape.width, height=shape.height, orientation=orientation)
            except Damaged:
                continue
    return None


def copy_range(stream: BinaryIO, out: BinaryIO, start: int, end: int) -> None:
    stream.seek(start)
    left = end - start
    while left > 0:
        piece = stream.read(min(left, PIECE_BYTES))
        if not piece:
            raise Damaged("a PNG chunk ends early")
        out.write(piece)
        left -= len(piece)
