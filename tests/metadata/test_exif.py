"""EXIF blocks in any byte order, and damaged ones."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotfolder.metadata import exif
from hotfolder.metadata.blocks import DamagedMetadata
from hotfolder.metadata.exif import TiffEntry

ARTIST = TiffEntry(exif.TEXT, 4, b"Ann\0")
LONG_TEXT = TiffEntry(exif.TEXT, 12, b"Ann Example\0")


def block(order: str) -> bytes:
    """A TIFF without pixels: author, exposure and place."""
    shot = {
        0x829A: TiffEntry(5, 1, struct.pack(f"{order}II", 1, 60)),
        exif.MAKER_NOTE: TiffEntry(7, 6, b"Canon\0"),
        0x9286: TiffEntry(7, 12, b"ASCII\0\0\0note"),
    }
    main = {315: LONG_TEXT, 270: ARTIST, 274: exif.short_entry(order, 6), 256: exif.short_entry(order, 4000)}
    below = {exif.EXIF_FOLDER: shot, exif.GPS_FOLDER: {1: TiffEntry(2, 2, b"N\0")}}
    return exif.encode_folders(order, main, below)


@pytest.mark.parametrize("order", ["<", ">"])
def test_what_is_said_of_the_photo_is_carried_and_what_is_said_of_its_file_is_not(order: str) -> None:
    head = exif.read_head(io.BytesIO(block(order)))
    assert (head.order, head.orientation, head.number(256, 0)) == (order, 6, 4000)
    carried = exif.read_head(io.BytesIO(exif.exif_block(head) or b""))
    assert carried.main[315] == LONG_TEXT and carried.main[270] == ARTIST
    assert carried.orientation == 1 and 256 not in carried.main
    assert set(carried.exif) == {0x829A, 0x9286, exif.COLOR_SPACE}
    assert carried.gps[1].value == b"N\0"


def test_tags_that_claim_the_same_bytes_again_and_again_do_not_fill_the_memory() -> None:
    size = 1 << 20
    entries = b"".join(struct.pack("<HHII", tag, 7, size, 0) for tag in range(1000, 1400))
    file = b"II*\0" + struct.pack("<IH", 8, 400) + entries + bytes(4)
    head = exif.read_head(io.BytesIO(file.ljust(size, b"\0")))
    assert sum(len(entry.value) for entry in head.main.values()) <= exif.MOST_FOLDER_BYTES


@settings(max_examples=150)
@given(st.sampled_from("<>"), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=12))
def test_a_damaged_file_is_damaged_or_says_something(order: str, changes: list[tuple[int, int]]) -> None:
    content = bytearray(block(order))
    for position, value in changes:
        content[position % len(content)] = value
    try:
        head = exif.read_head(io.BytesIO(bytes(content)))
    except DamagedMetadata:
        return
    assert head.orientation in range(1, 9)
    exif.exif_block(head)
    exif.read_blocks(head)
