"""Is a picture all there? Pillow alone accepts a JPEG with a zero-filled tail and a PNG without its end."""

from __future__ import annotations

import re

_START_OF_IMAGE = 0xD8
_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA
_TEMPORARY = 0x01
_RESTARTS = range(0xD0, 0xD8)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

# In a scan's data, FF 00 is a stuffed byte, FF D0-D7 restarts, FF FF is fill: anything else ends the scan.
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

PNG_END = b"\0\0\0\0IEND\xaeB`\x82"


def jpeg_reaches_its_end(content: bytes) -> bool:
    """Whether the markers lead, through at least one scan, to an end-of-image marker.

    What follows that marker is not looked at: cameras and phones append previews and notes of their own.
    """
    if content[:2] != b"\xff\xd8":
        return False
    position = 2
    scans = 0
    while True:
        if position + 2 > len(content) or content[position] != 0xFF:
            return False
        marker = content[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker == _END_OF_IMAGE:
            return scans > 0
        elif marker in _RESTARTS or marker == _TEMPORARY:
            position += 2
        elif marker in (0x00, _START_OF_IMAGE):
            return False
        else:
            position += 2 + _segment_bytes(content, position + 2)
            if marker == _START_OF_SCAN:
                scans += 1
                found = _SCAN_END.search(content, position)
                if found is None:
                    return False
                position = found.start()


def jpeg_beginning(content: bytes, scan_bytes: int, most_lines: int) -> bytes:
    """A JPEG of the first `scan_bytes` of a JPEG's picture data, behind all that comes before them. It says
    that it is no higher than `most_lines`, since a decoder fills up what is missing."""
    position = 2
    height = 0
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == _TEMPORARY or marker in _RESTARTS:
            position += 2
            continue
        if marker in _FRAMES:
            height = position + 5
        position += 2 + _segment_bytes(content, position + 2)
        if marker == _START_OF_SCAN:
            break
    beginning = bytearray(content[: position + scan_bytes])
    stated = beginning[height : height + 2]
    if height and len(stated) == 2 and int.from_bytes(stated, "big") > most_lines:
        beginning[height : height + 2] = most_lines.to_bytes(2, "big")
    return bytes(beginning) + b"\xff\xd9"


def png_reaches_its_end(content: bytes) -> bool:
    """Whether the closing chunk is there. Its content and checksums are the decoder's to judge."""
    return PNG_END in content


def _segment_bytes(content: bytes, position: int) -> int:
    """The length that a segment states, itself included; past the end of a file that is cut short."""
    stated = int.from_bytes(content[position : position + 2], "big")
    return stated if stated >= 2 else len(content)
