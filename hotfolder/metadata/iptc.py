"""IPTC IIM records, read and filtered, and the Photoshop resources that contain them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from hotfolder.metadata.blocks import KEPT_RESOURCES, Level, MetadataTooLarge

RESOURCE_MARK = b"8BIM"
MOST_RESOURCES = 10_000
MARK = 0x1C


def resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    """All Photoshop resources (number, bytes) up to the first damaged one. Raises `MetadataTooLarge`."""
    position = count = 0
    while data[position : position + 4] == RESOURCE_MARK and position + 8 <= len(data):
        number = int.from_bytes(data[position + 4 : position + 6], "big")
        name_bytes = 1 + data[position + 6]
        start = position + 6 + name_bytes + name_bytes % 2
        size = int.from_bytes(data[start : start + 4], "big")
        content = data[start + 4 : start + 4 + size]
        if len(content) < size:
            return
        count += 1
        if count > MOST_RESOURCES:
            raise MetadataTooLarge(f"more than {MOST_RESOURCES:,} Photoshop resources")
        yield number, content
        position = start + 4 + size + size % 2


def kept_resources(data: bytes) -> dict[int, bytes]:
    """The resources in KEPT_RESOURCES, by number; parts of one resource are joined. Raises
    `MetadataTooLarge`."""
    found: dict[int, bytes] = {}
    for number, content in resources(data):
        if number in KEPT_RESOURCES:
            found[number] = found.get(number, b"") + content
    return found


def encode_resources(chosen: Mapping[int, bytes]) -> bytes:
    return b"".join(
        RESOURCE_MARK + struct.pack(">HHI", number, 0, len(content)) + content + b"\0" * (len(content) % 2)
        for number, content in sorted(chosen.items())
    )


def records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Record, dataset and value, up to the first damaged one."""
    position = 0
    while position + 5 <= len(data) and data[position] == MARK:
        record, dataset, size = struct.unpack_from(">BBH", data, position + 1)
        position += 5
        if size & 0x8000:
            digits = size & 0x7FFF
            size = int.from_bytes(data[position : position + digits], "big")
            position += digits
        value = data[position : position + size]
        if len(value) < size:
            return
        yield record, dataset, value
        position += size


def limit_records(data: bytes, level: Level) -> bytes:
    """The records that `level` keeps; unless all are kept, those of 32 KiB or more are left out."""
    if level is Level.ALL:
        return data
    return b"".join(
        struct.pack(">BBBH", MARK, record, dataset, len(value)) + value
        for record, dataset, value in records(data)
        if level.keeps_record(record, dataset) and len(value) < 0x8000
    )
