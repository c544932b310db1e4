"""EXIF blocks, and TIFF and RAW files, which have the same structure: folders (IFDs) of tags, without pixels.

A block is changed in place: all other bytes keep their offsets, so maker notes stay valid.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

from hotfolder.metadata.blocks import IPTC_RESOURCE, Blocks, DamagedMetadata
from hotfolder.metadata.iptc import kept_resources

BLOCK_HEADS = (b"II*\0", b"MM\0*")
ORDERS = {b"II": "<", b"MM": ">"}
MAGICS = frozenset({42, 0x4F52, 0x5352, 0x55})
"""Those of TIFF, Olympus and Panasonic."""
MOST_TAGS = 4096
MOST_VALUE_BYTES = 16 << 20
MOST_FOLDER_BYTES = 64 << 20
"""A limit of its own, since many tags may refer to the same bytes."""

IMAGE_WIDTH, IMAGE_LENGTH, ORIENTATION = 256, 257, 274
BITS, PHOTOMETRIC, CHANNELS, EXTRA_CHANNELS, SAMPLE_FORMAT = 258, 262, 277, 338, 339
THUMBNAIL_OFFSET, THUMBNAIL_BYTES = 0x0201, 0x0202
XMP, IPTC, RESOURCES, ICC = 700, 33723, 34377, 34675
EXIF_FOLDER, GPS_FOLDER, INTEROPERABILITY_FOLDER, MAKER_NOTE = 0x8769, 0x8825, 0xA005, 0x927C
COLOR_SPACE, PIXEL_WIDTH, PIXEL_HEIGHT = 0xA001, 0xA002, 0xA003
INDEX, RELATED_WIDTH, RELATED_HEIGHT = 0x0001, 0x1001, 0x1002
SRGB, SRGB_RULES = 1, b"R98"
TEXT, SHORT, LONG = 2, 3, 4
ENTRY_BYTES = 12
PADDING_BYTES = 8
MOST_TEXT_BYTES = 16_000

UNIT_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}

CARRIED_TAGS = frozenset({269, 270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 316, 18246, 18249, 33432})
CARRIED_TAGS |= frozenset(range(40091, 40096))
"""The tags of the main folder that describe the photo and not how its pixels are stored."""


@dataclass(frozen=True, slots=True)
class TiffEntry:
    """One tag: its type, the number of values, their bytes in the file's byte order, and their offset."""

    kind: int
    count: int
    value: bytes
    position: int = field(default=0, compare=False)


Folder = Mapping[int, TiffEntry]


@dataclass(frozen=True, slots=True)
class TiffHead:
    """A TIFF's folders of tags. `order` is its byte order, for `struct`."""

    order: str
    main: Folder
    exif: Folder = field(default_factory=dict)
    gps: Folder = field(default_factory=dict)

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The integers of a tag of the main folder; () where it is missing or has another type."""
        entry = self.main.get(tag)
        code = {1: "B", 3: "H", 4: "I"}.get(entry.kind) if entry is not None else None
        if entry is None or code is None:
            return ()
        return struct.unpack(f"{self.order}{entry.count}{code}", entry.value)

    def number(self, tag: int, default: int) -> int:
        return next(iter(self.numbers(tag)), default)

    @property
    def orientation(self) -> int:
        """1 to 8; 1 where it is missing or invalid."""
        said = self.number(ORIENTATION, 1)
        return said if said in range(1, 9) else 1


def read_head(stream: BinaryIO) -> TiffHead:
    """The tags of the first picture and of its EXIF and GPS folders. Raises `DamagedMetadata`."""
    start = stream.read(8)
    order = ORDERS.get(start[:2])
    if order is None or len(start) < 8 or struct.unpack(f"{order}H", start[2:4])[0] not in MAGICS:
        raise DamagedMetadata("no TIFF header")
    main = read_folder(stream, order, struct.unpack(f"{order}I", start[4:])[0])
    below = {tag: read_subfolder(stream, order, main.get(tag)) for tag in (EXIF_FOLDER, GPS_FOLDER)}
    return TiffHead(order, main, below[EXIF_FOLDER], below[GPS_FOLDER])


def read_subfolder(stream: BinaryIO, order: str, pointer: TiffEntry | None) -> Folder:
    if pointer is None or len(pointer.value) != 4:
        return {}
    try:
        return read_folder(stream, order, struct.unpack(f"{order}I", pointer.value)[0])
    except DamagedMetadata:
        return {}


def read_folder(stream: BinaryIO, order: str, position: int) -> Folder:
    """All tags whose values can be read. Raises `DamagedMetadata` where there is no folder."""
    stream.seek(position)
    head = stream.read(2)
    count = struct.unpack(f"{order}H", head)[0] if len(head) == 2 else 0
    body = stream.read(ENTRY_BYTES * count)
    if not 0 < count <= MOST_TAGS or len(body) < ENTRY_BYTES * count:
        raise DamagedMetadata("no folder of tags")
    found: dict[int, TiffEntry] = {}
    left = MOST_FOLDER_BYTES
    for index in range(count):
        tag, kind, number, inline = struct.unpack_from(f"{order}HHI4s", body, ENTRY_BYTES * index)
        size = UNIT_BYTES.get(kind, 0) * number
        if not 0 < size <= min(MOST_VALUE_BYTES, left):
            continue
        left -= size
        value, start = inline[:size], position + 2 + ENTRY_BYTES * index + 8
        if size > 4:
            start = struct.unpack(f"{order}I", inline)[0]
            stream.seek(start)
            value = stream.read(size)
        if len(value) == size:
            found.setdefault(tag, TiffEntry(kind, number, value, start))
    return found


def read_blocks(head: TiffHead) -> Blocks:
    """The blocks in the tags. Maker notes are left out, since their offsets are valid only at their place in
    the file. Raises `MetadataTooLarge`."""
    wrapped = kept_resources(value_of(head, RESOURCES) or b"")
    records = value_of(head, IPTC)
    if records:
        wrapped[IPTC_RESOURCE] = records.rstrip(b"\0") if head.main[IPTC].kind == 4 else records
    icc = value_of(head, ICC)
    return Blocks(
        exif=exif_block(head),
        xmp=value_of(head, XMP),
        resources=wrapped,
        icc=icc,
        described=icc is not None,
    )


def value_of(head: TiffHead, tag: int) -> bytes | None:
    entry = head.main.get(tag)
    return entry.value if entry is not None else None


def exif_block(head: TiffHead) -> bytes | None:
    """The tags about the photo, as a block for another file, whose pixels are upright and sRGB; None where
    there are none."""
    main = {tag: entry for tag, entry in head.main.items() if tag in CARRIED_TAGS}
    shot = {
        tag: entry for tag, entry in head.exif.items() if tag not in (MAKER_NOTE, INTEROPERABILITY_FOLDER)
    }
    if not (main or shot or head.gps):
        return None
    main[ORIENTATION] = short_entry(head.order, 1)
    if shot:
        shot[COLOR_SPACE] = short_entry(head.order, SRGB)
    folders = {EXIF_FOLDER: shot, GPS_FOLDER: dict(head.gps)}
    return encode_folders(head.order, main, folders)


def short_entry(order: str, value: int) -> TiffEntry:
    return TiffEntry(SHORT, 1, struct.pack(f"{order}H", value))


def encode_folders(order: str, main: Folder, below: Mapping[int, Folder]) -> bytes:
    """A block with a main folder and the folders that it points to."""
    below = {tag: folder for tag, folder in below.items() if folder}
    # Offsets don't change the length of a folder, so a first pass with zeros gives it.
    pointers = {tag: TiffEntry(LONG, 1, bytes(4)) for tag in below}
    position = 8 + len(folder_bytes(order, {**main, **pointers}, 8))
    written = b""
    for tag, folder in below.items():
        pointers[tag] = TiffEntry(LONG, 1, struct.pack(f"{order}I", position + len(written)))
        written += folder_bytes(order, folder, position + len(written))
    head = struct.pack(f"{order}HI", 42, 8)
    name = next(name for name, value in ORDERS.items() if value == order)
    return name + head + folder_bytes(order, {**main, **pointers}, 8) + written


def folder_bytes(order: str, folder: Folder, position: int) -> bytes:
    """A folder at offset `position` of its block, followed by the values that don't fit into its entries."""
    after = position + 2 + ENTRY_BYTES * len(folder) + 4
    entries, values = struct.pack(f"{order}H", len(folder)), b""
    for tag, entry in sorted(folder.items()):
        entries += struct.pack(f"{order}HHI", tag, entry.kind, entry.count)
        if len(entry.value) <= 4:
            entries += entry.value.ljust(4, b"\0")
        else:
            entries += struct.pack(f"{order}I", after + len(values))
            values += entry.value + b"\0" * (len(entry.value) % 2)
    return entries + bytes(4) + values


class ExifBlock:
    """An EXIF block (without JPEG's `Exif` prefix) to be changed. Raises `DamagedMetadata` for anything
    else."""

    def __init__(self, block: bytes) -> None:
        if block[:4] not in BLOCK_HEADS:
            raise DamagedMetadata("no TIFF header")
        self.data = bytearray(block)
        self.head = read_head(BytesIO(block))
        pointer = self.head.exif.get(INTEROPERABILITY_FOLDER)
        self.interoperability = read_subfolder(BytesIO(block), self.head.order, pointer)

    def set(self, folder: Folder, tag: int, value: int) -> None:
        """Change an existing single number, if the new one fits into its type."""
        entry = folder.get(tag)
        code = {SHORT: "H", LONG: "I"}.get(entry.kind) if entry is not None and entry.count == 1 else None
        if entry is not None and code is not None and value < 1 << 8 * len(entry.value):
            struct.pack_into(self.head.order + code, self.data, entry.position, value)

    def set_size(self, *, width: int, height: int, orientation: int) -> None:
        """Set size and orientation to those of the picture that the block is for."""
        main, shot, related = self.head.main, self.head.exif, self.interoperability
        self.set(main, ORIENTATION, orientation)
        for folder, tag in ((main, IMAGE_WIDTH), (shot, PIXEL_WIDTH), (related, RELATED_WIDTH)):
            self.set(folder, tag, width)
        for folder, tag in ((main, IMAGE_LENGTH), (shot, PIXEL_HEIGHT), (related, RELATED_HEIGHT)):
            self.set(folder, tag, height)

    def set_srgb(self) -> None:
        """Set every existing tag for the colour space to sRGB; the interoperability index, by which a camera
        has written the file, may be R03 (Adobe RGB)."""
        self.set(self.head.exif, COLOR_SPACE, SRGB)
        rules = self.interoperability.get(INDEX)
        if rules is not None and rules.kind == TEXT and len(rules.value) >= 3:
            self.data[rules.position : rules.position + 3] = SRGB_RULES

    def drop_thumbnail(self) -> None:
        """Remove the link to the second folder; cut off its thumbnail if that is at the end of the block."""
        order = self.head.order
        (first,) = struct.unpack_from(f"{order}I", self.data, 4)
        (count,) = struct.unpack_from(f"{order}H", self.data, first)
        pointer = first + 2 + ENTRY_BYTES * count
        # Some cameras omit the pointer where there is no second folder.
        if pointer + 4 > len(self.data):
            return
        (second,) = struct.unpack_from(f"{order}I", self.data, pointer)
        struct.pack_into(f"{order}I", self.data, pointer, 0)
        folder: Folder = {}
        with suppress(DamagedMetadata):
            folder = read_folder(BytesIO(self.data), order, second) if second else {}
        numbers = TiffHead(order, folder)
        start = numbers.number(THUMBNAIL_OFFSET, 0)
        end = start + numbers.number(THUMBNAIL_BYTES, 0)
        if max(second, pointer + 4) < start < end <= len(self.data) <= end + PADDING_BYTES:
            del self.data[start:]


def exif_for_picture(block: bytes, *, width: int, height: int, orientation: int) -> bytes:
    """`block` for a picture of that size and orientation, without its thumbnail. Raises `DamagedMetadata`."""
    changed = ExifBlock(block)
    changed.set_size(width=width, height=height, orientation=orientation)
    changed.drop_thumbnail()
    return bytes(changed.data)


def exif_for_srgb(block: bytes | None) -> bytes | None:
    """`block` for the same picture converted to sRGB; None for None or a damaged block."""
    try:
        changed = ExifBlock(block or b"")
    except DamagedMetadata:
        return None
    changed.set_srgb()
    return bytes(changed.data)


def orientation_of(block: bytes | None) -> int:
    """The block's orientation; 1 where it has none or is damaged."""
    try:
        return ExifBlock(block or b"").head.orientation
    except DamagedMetadata:
        return 1


def texts_block(block: bytes | None, wanted: Collection[int], *, orientation: int) -> bytes | None:
    """A small block with these texts of `block`, and `orientation` unless it is 1; None if it would be
    empty."""
    found: Folder = {}
    with suppress(DamagedMetadata):
        found = ExifBlock(block or b"").head.main
    kept = {
        tag: entry
        for tag, entry in found.items()
        if tag in wanted and entry.kind == TEXT and entry.count <= MOST_TEXT_BYTES
    }
    if orientation != 1:
        kept[ORIENTATION] = short_entry(">", orientation)
    return encode_folders(">", kept, {}) if kept else None
