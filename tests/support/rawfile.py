"""RAW files: uncompressed DNGs that any raw developer can read."""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping

Entry = tuple[int, int, bytes]
"""Type, count and bytes of a tag's values."""


def short(*values: int) -> Entry:
    return 3, len(values), struct.pack(f"<{len(values)}H", *values)


def long(*values: int) -> Entry:
    return 4, len(values), struct.pack(f"<{len(values)}I", *values)


def text(value: str) -> Entry:
    content = value.encode() + b"\0"
    return 2, len(content), content


def byte(*values: int) -> Entry:
    return 1, len(values), bytes(values)


def ratio(*values: tuple[int, int], signed: bool = False) -> Entry:
    numbers = [number for pair in values for number in pair]
    return 10 if signed else 5, len(values), struct.pack(f"<{len(numbers)}{'i' if signed else 'I'}", *numbers)


XYZ_TO_SRGB = ((32406, 10000), (-15372, 10000), (-4986, 10000), (-9689, 10000), (18758, 10000), (415, 10000),
               (557, 10000), (-2040, 10000), (10570, 10000))  # fmt: skip
"""A camera whose colours are linear sRGB's, so that results can be calculated."""


def dng(
    colour: tuple[int, int, int] = (8000, 16000, 4000),
    size: tuple[int, int] = (96, 64),
    *,
    orientation: int = 1,
    seconds: tuple[int, int] = (1, 60),
    taken_at: str = "2026:05:04 17:20:31",
    seed: int = 0,
    without: Collection[int] = (),
    more: Mapping[int, Entry] | None = None,
    preview: bytes = b"",
) -> bytes:
    """A RAW file of one colour (linear, 0 to 65535, before the white balance, which is neutral), `without`
    these tags, and with `more` and a JPEG as its preview."""
    width, height = size
    red, green, blue = (min(65535, value + seed) for value in colour)
    rows = [struct.pack("<2H", red, green) * (width // 2), struct.pack("<2H", green, blue) * (width // 2)]
    pixels = b"".join(rows) * (height // 2)
    shot = {
        33434: ratio(seconds),
        33437: ratio((8, 1)),
        34855: short(100),
        36867: text(taken_at),
        37386: ratio((17, 1)),
    }
    shot = {tag: entry for tag, entry in shot.items() if tag not in without}
    main = {
        254: long(0),
        256: long(width),
        257: long(height),
        258: short(16),
        259: short(1),
        262: short(32803),
        271: text("Maker"),
        272: text("Model One"),
        273: long(0),
        274: short(orientation),
        277: short(1),
        278: long(height),
        279: long(len(pixels)),
        284: short(1),
        315: text("Ann Example"),
        33421: short(2, 2),
        33422: byte(0, 1, 1, 2),
        34665: long(0),
        50706: byte(1, 4, 0, 0),
        50708: text("Maker Model One"),
        50714: short(0),
        50717: short(65535),
        50721: ratio(*XYZ_TO_SRGB, signed=True),
        50728: ratio((1, 1), (1, 1), (1, 1)),
        50778: short(21),
        **(more or {}),
    }
    if not shot:
        del main[34665]
    main = {tag: entry for tag, entry in main.items() if tag not in without}
    folders = 8 + len(folder(main, 8))
    below = folder(shot, folders) if shot else b""
    if shot:
        main[34665] = long(folders)
    main[273] = long(folders + len(below))
    head = bytearray(folder(main, 8))
    behind = folders + len(below) + len(pixels)
    if preview:
        struct.pack_into("<I", head, 2 + 12 * len(main), behind)
        small = {513: long(0), 514: long(len(preview))}
        small[513] = long(behind + len(folder(small, behind)))
        preview = folder(small, behind) + preview
    return b"II*\0" + struct.pack("<I", 8) + bytes(head) + below + pixels + preview


def cr3(main: Mapping[int, Entry], shot: Mapping[int, Entry], gps: Mapping[int, Entry]) -> bytes:
    """The beginning of a Canon CR3: its metadata, without a picture."""
    folders = zip((b"CMT1", b"CMT2", b"CMT4"), (main, shot, gps), strict=True)
    blocks = [(name, b"II*\0" + struct.pack("<I", 8) + folder(entries, 8)) for name, entries in folders]
    canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48") + b"".join(box(*one) for one in blocks)
    return box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", box(b"uuid", canon)) + box(b"mdat", b"")


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def folder(entries: Mapping[int, Entry], position: int) -> bytes:
    """A TIFF folder at byte `position`, followed by values that don't fit in it."""
    after = position + 2 + 12 * len(entries) + 4
    written, values = struct.pack("<H", len(entries)), b""
    for tag, (kind, count, value) in sorted(entries.items()):
        written += struct.pack("<HHI", tag, kind, count)
        if len(value) <= 4:
            written += value.ljust(4, b"\0")
        else:
            written += struct.pack("<I", after + len(values))
            values += value + bytes(len(value) % 2)
    return written + bytes(4) + values
