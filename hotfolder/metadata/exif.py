"""EXIF, changed in place: every byte that needn't change stays where it is, so maker notes survive."""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

HEADER = b"Exif\0\0"
IMAGE_WIDTH, IMAGE_LENGTH, ORIENTATION = 0x0100, 0x0101, 0x0112
COLOR_SPACE, INTEROPERABILITY_FOLDER = 0xA001, 0xA005
INDEX, RELATED_WIDTH, RELATED_HEIGHT = 0x0001, 0x1001, 0x1002
SRGB, SRGB_RULES, ADOBE_RGB_RULES = 1, b"R98", b"R03"
THUMBNAIL_OFFSET, THUMBNAIL_BYTES, EXIF_FOLDER = 0x0201, 0x0202, 0x8769
PIXEL_WIDTH, PIXEL_HEIGHT = 0xA002, 0xA003
TEXT, SHORT, LONG = 2, 3, 4
ENTRY_BYTES = 12
PADDING_BYTES = 8
MOST_TEXT_BYTES = 16_000


class Damaged(ValueError):
    """These bytes aren't the metadata that they are said to be."""


class TooMuch(Damaged):
    """More of it than any program writes: made to wear out who reads it. The message says of what."""


@dataclass(frozen=True)
class Number:
    """A single SHORT or LONG of a folder of tags, and where its value lies."""

    code: str
    position: int
    value: int


class Tags:
    """One block of EXIF (without the `Exif\\0\\0` in front of it). Raises `Damaged` where it isn't one."""

    def __init__(self, block: bytes) -> None:
        orders = {b"II*\0": "<", b"MM\0*": ">"}
        if block[:4] not in orders:
            raise Damaged("no TIFF header")
        self.data = bytearray(block)
        self.order = orders[block[:4]]
        self.first = self.unpack("I", 4)
        self.numbers(self.first)

    def unpack(self, code: str, position: int) -> int:
        try:
            (value,) = struct.unpack_from(self.order + code, self.data, position)
        except struct.error as error:
            raise Damaged(f"ends before byte {position}") from error
        return int(value)

    def numbers(self, folder: int) -> dict[int, Number]:
        """The single SHORTs and LONGs of the folder at byte `folder`, by tag."""
        found = {}
        for index in range(self.unpack("H", folder)):
            entry = folder + 2 + ENTRY_BYTES * index
            tag, kind, count = (
                self.unpack("H", entry),
                self.unpack("H", entry + 2),
                self.unpack("I", entry + 4),
            )
            code = {SHORT: "H", LONG: "I"}.get(kind)
            value = self.unpack(code or "I", entry + 8)
            if code is not None and count == 1:
                found[tag] = Number(code, entry + 8, value)
        return found

    def set(self, number: Number | None, value: int) -> None:
        """Change a value that is there, if the new one fits into its kind."""
        if number is not None and value < (1 << 16 if number.code == "H" else 1 << 32):
            struct.pack_into(self.order + number.code, self.data, number.position, value)

    def orientation(self) -> int:
        """1 to 8; 1 where it isn't said."""
        number = self.numbers(self.first).get(ORIENTATION)
        return number.value if number is not None and 1 <= number.value <= 8 else 1

    def describe(self, *, width: int, height: int, orientation: int) -> None:
        """Make size and orientation true of the picture that the block will be put into."""
        main = self.numbers(self.first)
        self.set(main.get(ORIENTATION), orientation)
        self.set(main.get(IMAGE_WIDTH), width)
        self.set(main.get(IMAGE_LENGTH), height)
        exif = self.numbers_below(main.get(EXIF_FOLDER))
        self.set(exif.get(PIXEL_WIDTH), width)
        self.set(exif.get(PIXEL_HEIGHT), height)
        related = self.numbers_below(exif.get(INTEROPERABILITY_FOLDER))
        self.set(related.get(RELATED_WIDTH), width)
        self.set(related.get(RELATED_HEIGHT), height)

    def numbers_below(self, pointer: Number | None) -> dict[int, Number]:
        """Those of the folder that a value points to; none where there isn't one."""
        try:
            return self.numbers(pointer.value) if pointer is not None else {}
        except Damaged:
            return {}

    def index(self) -> int | None:
        """Where the three letters lie that say by which rules, R98 (sRGB) or R03 (Adobe RGB), a camera has
        written the file; None where they aren't there."""
        exif = self.numbers_below(self.numbers(self.first).get(EXIF_FOLDER))
        pointer = exif.get(INTEROPERABILITY_FOLDER)
        if pointer is None:
            return None
        for number in range(self.unpack("H", pointer.value)):
            entry = pointer.value + 2 + ENTRY_BYTES * number
            if self.unpack("H", entry) == INDEX and self.unpack("H", entry + 2) == TEXT:
                return entry + 8
        return None

    def claim_srgb(self) -> None:
        """Say that the colours are sRGB's, wherever the block says that they are others."""
        exif = self.numbers_below(self.numbers(self.first).get(EXIF_FOLDER))
        self.set(exif.get(COLOR_SPACE), SRGB)
        index = self.index()
        if index is not None:
            self.data[index : index + 3] = SRGB_RULES

    def texts(self, wanted: Collection[int]) -> dict[int, bytes]:
        """The texts with these tags in the main folder, as they are written, with the zero at the end."""
        found = {}
        for index in range(self.unpack("H", self.first)):
            entry = self.first + 2 + ENTRY_BYTES * index
            tag, kind, size = (
                self.unpack("H", entry),
                self.unpack("H", entry + 2),
                self.unpack("I", entry + 4),
            )
            if tag not in wanted or kind != TEXT or not 0 < size <= MOST_TEXT_BYTES:
                continue
            start = entry + 8 if size <= 4 else self.unpack("I", entry + 8)
            value = bytes(self.data[start : start + size])
            if len(value) == size:
                found[tag] = value
        return found

    def drop_thumbnail(self) -> None:
        """Unhook the second picture; where its bytes are the last of the block, cut them off too."""
        pointer = self.first + 2 + ENTRY_BYTES * self.unpack("H", self.first)
        # Some cameras leave the pointer out where there is no second picture.
        second = self.unpack("I", pointer) if pointer + 4 <= len(self.data) else 0
        if second == 0:
            return
        struct.pack_into(self.order + "I", self.data, pointer, 0)
        try:
            numbers = self.numbers(second)
        except Damaged:
            return
        if THUMBNAIL_OFFSET not in numbers or THUMBNAIL_BYTES not in numbers:
            return
        start = numbers[THUMBNAIL_OFFSET].value
        end = start + numbers[THUMBNAIL_BYTES].value
        if max(second, pointer + 4) < start < end <= len(self.data) <= end + PADDING_BYTES:
            del self.data[start:]


def corrected(block: bytes, *, width: int, height: int, orientation: int) -> bytes:
    """`block` for a picture of that size and orientation, without its thumbnail. Raises `Damaged`."""
    tags = Tags(block)
    tags.describe(width=width, height=height, orientation=orientation)
    tags.drop_thumbnail()
    return bytes(tags.data)


def says_adobe_rgb(block: bytes | None) -> bool:
    """Whether a camera says that its colours are Adobe RGB's, which it does instead of adding a profile."""
    try:
        tags = Tags(block or b"")
        index = tags.index()
    except Damaged:
        return False
    return index is not None and tags.data[index : index + 3] == ADOBE_RGB_RULES


def in_srgb(block: bytes) -> bytes:
    """`block` for the same picture, once its colours are sRGB's. Raises `Damaged`."""
    tags = Tags(block)
    tags.claim_srgb()
    return bytes(tags.data)


def orientation_of(block: bytes | None) -> int:
    """What the block says, 1 where it says nothing or is damaged."""
    if block is None:
        return 1
    try:
        return Tags(block).orientation()
    except Damaged:
        return 1


def only_texts(block: bytes | None, wanted: Collection[int], *, orientation: int) -> bytes | None:
    """A small block with these texts of `block`, and an orientation other than 1; None where it says none."""
    texts: dict[int, bytes] = {}
    with suppress(Damaged):
        texts = Tags(block).texts(wanted) if block is not None else {}
    entries = {tag: (TEXT, len(text), text) for tag, text in texts.items()}
    if orientation != 1:
        entries[ORIENTATION] = (SHORT, 1, struct.pack(">H", orientation))
    return folder_of(entries) if entries else None


def folder_of(entries: Mapping[int, tuple[int, int, bytes]]) -> bytes:
    """A block with these entries (kind, count, value) in its only folder."""
    start = 8 + 2 + ENTRY_BYTES * len(entries) + 4
    folder, values = struct.pack(">H", len(entries)), b""
    for tag, (kind, count, value) in sorted(entries.items()):
        folder += struct.pack(">HHI", tag, kind, count)
        if len(value) <= 4:
            folder += value.ljust(4, b"\0")
        else:
            folder += struct.pack(">I", start + len(values))
            values += value + b"\0" * (len(value) % 2)
    return b"MM\0*" + struct.pack(">I", 8) + folder + b"\0\0\0\0" + values
