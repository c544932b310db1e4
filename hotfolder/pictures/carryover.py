"""Metadata carry-over: puts a photo's metadata into a result without changing its pixels; in the child
process.

The bytes are untrusted: CPU time and memory for them are bounded, and what exceeds the bounds is left out.
"""

from __future__ import annotations

import errno
import math
import os
import resource
import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO
from xml.parsers.expat import ExpatError

from hotfolder.metadata import exif, iptc, jpegfile, pngfile
from hotfolder.metadata.blocks import (
    IPTC_RESOURCE,
    MOST_FOREIGN_BYTES,
    OWNERSHIP_RESOURCES,
    RIGHTS_TAGS,
    Blocks,
    DamagedMetadata,
    Level,
    MetadataTooLarge,
    Shape,
    profile_fits,
)
from hotfolder.metadata.xmp import ForeignXmp, Statement, check_packet, packet_for
from hotfolder.pictures.facts import Carrying, NeverUsable
from hotfolder.pictures.formats import open_photo

PIECE_BYTES = 1 << 20
MOST_CPU_SECONDS = 20.0
"""CPU time: waiting for a slow share doesn't count."""
MOST_MEMORY_BYTES = 512 << 20
WHOLE_METADATA = "The metadata of the photo and of the picture are left out"


class CpuTimeExceeded(Exception):
    """Reading the metadata took too much CPU time. Not a ValueError, since those stand for damaged bytes."""


@dataclass(frozen=True, slots=True)
class WantedMetadata:
    """The metadata that a delivered picture gets: those of its photo and of the XMP sidecar, limited by
    `level`, and our `statement`."""

    photo: Blocks | None
    sidecar: bytes | None
    level: Level
    statement: Statement
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Range:
    """A byte range of the result that is copied unchanged."""

    start: int
    end: int


def carry(result: Path, target: Path, carrying: Carrying) -> list[str]:
    """Write `target`: the picture in `result`, its image data bit for bit, with the wanted metadata. Returns
    sentences on what was left out as too much. Raises OSError where a file can't be read or written."""
    for one in () if carrying.plain else (carrying, replace(carrying, photo="", sidecar=None)):
        notes = [] if one.photo else [f"{WHOLE_METADATA}: they take too much time or memory to read."]
        try:
            with resource_limits():
                write(target, picture_with_metadata(result, one, notes))
            return notes
        except (CpuTimeExceeded, MemoryError):
            continue
    with result.open("rb") as stream:
        write(target, read_range(stream, Range(0, os.fstat(stream.fileno()).st_size)))
    return [f"{WHOLE_METADATA}, and what is said of how it was made: they can't be read."]


def write(target: Path, content: Iterable[bytes]) -> None:
    with target.open("wb") as out:
        out.writelines(content)


@contextmanager
def resource_limits() -> Iterator[None]:
    """Bound CPU time and added memory: raises WornOut and MemoryError in the block. For the main thread
    only. If Python can't even raise (3.13 loops when memory is gone), RLIMIT_CPU kills the process."""

    def stop(*_: object) -> None:
        raise CpuTimeExceeded

    before, (soft, hard) = signal.signal(signal.SIGPROF, stop), resource.getrlimit(resource.RLIMIT_AS)
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + MOST_MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most if soft < 0 else min(most, soft), hard))
    soft_cpu, hard_cpu = resource.getrlimit(resource.RLIMIT_CPU)
    last = math.ceil(time.process_time() + MOST_CPU_SECONDS) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (last if soft_cpu < 0 else min(last, soft_cpu), hard_cpu))
    signal.setitimer(signal.ITIMER_PROF, MOST_CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        resource.setrlimit(resource.RLIMIT_CPU, (soft_cpu, hard_cpu))


def picture_with_metadata(result: Path, wanted: Carrying, notes: list[str]) -> Iterator[bytes]:
    """The file `result` with its image data bit for bit and the capture metadata of its photo; in pieces.

    At level `all`, EXIF with GPS and maker notes, XMP and IPTC come from the photo where it has them, else
    from `result`; the sidecar adds the properties that those lack. Lower levels limit all of them. The
    photo's colour profile is used only where `result` doesn't describe its colours. Size and orientation are
    corrected for `result`, thumbnails removed. XMP has our statement at every level. Metadata that can't be
    read is left out, as is all of it where the photo is gone. A result that is neither JPEG nor PNG is copied
    unchanged. What exceeds a bound is left out, with a sentence in `notes`. Where no photo is named the XMP
    of `result` is left out too.

    Deterministic. Raises `OSError`, `FileNotFoundError` where `result` isn't there.
    """
    with result.open("rb") as stream:
        blocks = original_blocks(Path(wanted.photo), notes, wanted.roots) if wanted.photo else None
        packet = sidecar_packet(Path(wanted.sidecar), notes, wanted.roots) if wanted.sidecar else None
        statement = Statement(tuple(wanted.altered), wanted.software)
        yield from result_pieces(
            stream, WantedMetadata(blocks, packet, Level(wanted.level), statement, notes)
        )


def sidecar_packet(sidecar: Path, notes: list[str], roots: Sequence[str]) -> bytes | None:
    with plain_file(sidecar, roots) as stream:
        if stream is None:
            return None
        return packet_within_bounds(
            stream.read(MOST_FOREIGN_BYTES + 1), "the XMP file beside the photo", notes
        )


@contextmanager
def plain_file(path: Path, roots: Sequence[str]) -> Iterator[BinaryIO | None]:
    """The opened file; None where it is missing, a link or no regular file: opening a pipe would block for
    ever, and a paid picture is delivered even if its photo is gone. Raises OSError."""
    with ExitStack() as stack:
        stream = None
        try:
            stream = stack.enter_context(open_photo(path, roots))
        except (FileNotFoundError, NeverUsable):
            pass
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR, errno.EISDIR):  # a link, a folder
                raise
        yield stream


def packet_within_bounds(packet: bytes | None, whose: str, notes: list[str]) -> bytes | None:
    """The packet; None, with a note, where it exceeds a bound."""
    if packet is None:
        return None
    try:
        check_packet(packet.strip(b"\0 \t\r\n"))
    except MetadataTooLarge as error:
        notes.append(f"The metadata in {whose} are left out: {error}.")
        return None
    except (DamagedMetadata, ExpatError, ValueError, LookupError):
        pass  # its parser raises the same
    return packet


def original_blocks(original: Path, notes: list[str], roots: Sequence[str]) -> Blocks:
    with plain_file(original, roots) as stream, suppress(DamagedMetadata):
        try:
            return blocks_in(stream) if stream is not None else Blocks()
        except MetadataTooLarge as error:
            notes.append(f"The photo's metadata are left out: {error}.")
    return Blocks()


def blocks_in(stream: BinaryIO) -> Blocks:
    """The metadata of a JPEG or PNG, empty for other files. Raises `DamagedMetadata` and
    `MetadataTooLarge`."""
    stream.seek(0)
    magic = stream.read(8)
    stream.seek(0)
    if magic.startswith(jpegfile.MAGIC):
        return jpegfile.read_blocks(jpegfile.read_head(stream))
    return pngfile.read_blocks(pngfile.read_chunks(stream)) if magic == pngfile.MAGIC else Blocks()


def result_pieces(stream: BinaryIO, carried: WantedMetadata) -> Iterator[bytes]:
    magic = stream.read(8)
    size_bytes = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    plan: list[bytes | Range] = []
    try:
        if magic.startswith(jpegfile.MAGIC):
            plan = jpeg_plan(stream, size_bytes, carried)
        elif magic == pngfile.MAGIC:
            plan = png_plan(stream, size_bytes, carried)
    except MetadataTooLarge as error:
        carried.notes.append(f"The picture has no metadata of the photo, and keeps its own: {error}.")
    except DamagedMetadata:
        pass
    for part in plan or [Range(0, size_bytes)]:
        if isinstance(part, Range):
            yield from read_range(stream, part)
        else:
            yield part


def jpeg_plan(stream: BinaryIO, size_bytes: int, carried: WantedMetadata) -> list[bytes | Range]:
    segments = jpegfile.read_head(stream)
    own, shape = jpegfile.read_blocks(segments), jpegfile.shape(segments)
    blocks = merged(carried, own, shape, most_xmp_bytes=jpegfile.MOST_XMP_BYTES)
    head = jpegfile.with_blocks(segments, blocks, bare=carried.level is not Level.ALL)
    return [head, Range(stream.tell(), size_bytes)]


def png_plan(stream: BinaryIO, size_bytes: int, carried: WantedMetadata) -> list[bytes | Range]:
    chunks = pngfile.read_chunks(stream)
    if chunks[-1].end > size_bytes:
        raise DamagedMetadata("a PNG chunk ends early")
    blocks = merged(carried, pngfile.read_blocks(chunks), pngfile.shape(chunks), most_xmp_bytes=None)
    plan: list[bytes | Range] = [pngfile.MAGIC]
    for chunk in chunks:
        if not pngfile.is_replaced(chunk, blocks, bare=carried.level is not Level.ALL):
            plan.append(Range(chunk.start, chunk.end))
        if chunk.kind == b"IHDR":
            plan.append(pngfile.new_chunks(blocks))
    return [*plan, Range(chunks[-1].end, size_bytes)]


def merged(carried: WantedMetadata, own: Blocks, shape: Shape, *, most_xmp_bytes: int | None) -> Blocks:
    """The blocks that replace those in `own`; where one is None or empty, `own`'s stays as it is."""
    photo, level = carried.photo or Blocks(), carried.level
    packet = packet_for(foreign_xmp(carried, own), carried.statement, level, most_bytes=most_xmp_bytes)
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


def foreign_xmp(carried: WantedMetadata, own: Blocks) -> ForeignXmp:
    """All XMP for a picture by priority: the photo's (else the picture's own), then the sidecar."""
    photo, notes = carried.photo, carried.notes
    if photo is None:
        return ForeignXmp()
    source, whose = (photo, "the photo") if photo.xmp is not None else (own, "the picture")
    return ForeignXmp(
        packet_within_bounds(source.xmp, f"{whose} (XMP)", notes),
        packet_within_bounds(source.xmp_extension, f"{whose} (extended XMP)", notes),
        carried.sidecar,
    )


def resources_for(resources: Mapping[int, bytes], level: Level) -> Mapping[int, bytes]:
    if level is Level.ALL:
        return resources
    chosen = {number: data for number, data in resources.items() if number in OWNERSHIP_RESOURCES}
    records = iptc.limit_records(resources.get(IPTC_RESOURCE, b""), level)
    if level is Level.NONE:
        return {}
    return {**chosen, IPTC_RESOURCE: records} if records else chosen


def exif_for(carried: WantedMetadata, own: Blocks, shape: Shape) -> bytes | None:
    # A result's pixels are upright unless the result itself says otherwise; the original's orientation
    # was applied when they were made.
    orientation = exif.orientation_of(own.exif)
    photo = carried.photo or Blocks()
    if carried.level is not Level.ALL:
        wanted = RIGHTS_TAGS if carried.level is Level.COPYRIGHT else ()
        return exif.texts_block(photo.exif or own.exif, wanted, orientation=orientation)
    for block in (photo.exif, own.exif):
        if block is not None:
            try:
                return exif.exif_for_picture(
                    block, width=shape.width, height=shape.height, orientation=orientation
                )
            except DamagedMetadata:
                continue
    return None


def read_range(stream: BinaryIO, part: Range) -> Iterator[bytes]:
    stream.seek(part.start)
    left = part.end - part.start
    while left > 0:
        piece = stream.read(min(left, PIECE_BYTES))
        if not piece:
            raise OSError(errno.EIO, "a picture became shorter while it was read")
        yield piece
        left -= len(piece)
