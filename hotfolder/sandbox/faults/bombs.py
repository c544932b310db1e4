"""Small files that grow. Made when first wanted, in pieces, so that the sandbox itself doesn't burst."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

START = b"\xff\xd8"
GZIP = 16 + zlib.MAX_WBITS
ZEROS = bytes(1024**2)


def deflated(start: bytes, size_bytes: int, window: int) -> bytes:
    """`start` and then zeros, `size_bytes` in all, compressed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    pieces = [packer.compress(start)]
    left = size_bytes - len(start)
    while left > 0:
        pieces.append(packer.compress(ZEROS[:left]))
        left -= len(ZEROS)
    return b"".join([*pieces, packer.flush()])


@lru_cache(maxsize=4)
def gzip_bomb(size_bytes: int) -> bytes:
    """A gzip stream that becomes `size_bytes` bytes."""
    return deflated(START, size_bytes, GZIP)


@lru_cache(maxsize=4)
def pixel_bomb(side_pixels: int) -> bytes:
    """A PNG of so many pixels squared, black, one bit each."""
    header = struct.pack(">IIBBBBB", side_pixels, side_pixels, 1, 0, 0, 0, 0)
    row_bytes = 1 + (side_pixels + 7) // 8
    pixels = deflated(b"", row_bytes * side_pixels, zlib.MAX_WBITS)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
