"""Photoshop's resources, the wrapping in which IPTC's older records travel."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from hotfolder.metadata.blocks import KEPT_RESOURCES
from hotfolder.metadata.exif import TooMuch

MARK = b"8BIM"
MOST_RESOURCES = 10_000


def resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    """All of them (number, bytes), as far as they can be read. Raises `TooMuch`."""
    position = count = 0
    while data[position : position + 4] == MARK and position + 8 <= len(data):
        number = int.from_bytes(data[position + 4 : position + 6], "big")
        name_bytes = 1 + data[position + 6]
        start = position + 6 + name_bytes + name_bytes % 2
        size = int.from_bytes(data[start : start + 4], "big")
        content = data[start + 4 : start + 4 + size]
        if len(content) < size:
            return
        count += 1
        if count > MOST_RESOURCES:
            raise TooMuch(f"more than {MOST_RESOURCES:,} Photoshop resources")
        yield number, content
        position = start + 4 + size + size % 2


def kept(data: bytes) -> dict[int, bytes]:
    """Those worth keeping, by number; one that comes in pieces is put together. Raises `TooMuch`."""
    found: dict[int, bytes] = {}
    for number, content in resources(data):
        if number in KEPT_RESOURCES:
            found[number] = found.get(number, b"") + content
    return found


def encoded(chosen: Mapping[int, bytes]) -> bytes:
    return b"".join(
        MARK + struct.pack(">HHI", number, 0, len(content)) + content + b"\0" * (len(content) % 2)
        for number, content in sorted(chosen.items())
    )
