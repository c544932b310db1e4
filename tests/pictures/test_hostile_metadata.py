"""Metadata that are made to exhaust their reader: the picture is delivered soon, with a note."""

from __future__ import annotations

import resource
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from hotfolder.metadata import jpegfile, pngfile
from hotfolder.metadata.blocks import Level
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import Carrying, NeverUsable, PictureLimits
from tests.support.pictures import jpeg

REPOSITORY = Path(__file__).parents[2]
XMP = b"http://ns.adobe.com/xap/1.0/\0"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def packet(inner: str, declared: str = "") -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/" {declared}><r:RDF xmlns:r="{RDF}">{inner}</r:RDF></x:xmpmeta>'
    ).encode()


DECLARED = " ".join(f'xmlns:a{number}="u"' for number in range(2000))
NAMESPACES = packet("<r:Description/>" * 2000, DECLARED)
"""62 kB; each of 2,000 descriptions would repeat 2,000 namespaces."""
ELEMENTS = packet("<r:Description>" + '<d:a xmlns:d="u"/>' * 180_000 + "</r:Description>")


def segment(marker: int, payload: bytes) -> bytes:
    return jpegfile.Segment(marker, payload).encoded()


def in_jpeg(*segments: bytes) -> bytes:
    plain = jpeg(1)
    return plain[:2] + b"".join(segments) + plain[2:]


def xmp(data: bytes) -> bytes:
    return in_jpeg(segment(0xE1, XMP + data))


def png(chunks: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    written = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    first, *rest = (pngfile.encoded(kind, data) for kind, data in written)
    return pngfile.MAGIC + first + chunks + b"".join(rest)


def resources(count: int) -> bytes:
    piece = b"8BIM\x04\x04\0\0\0\0\0\0"
    room = 65_000 // len(piece)
    return b"".join(segment(0xED, b"Photoshop 3.0\0" + piece * room) for _ in range(count // room))


def texts() -> bytes:
    """An EXIF block with 65,000 tags that all point to the same sixteen million bytes."""
    entry = struct.pack(">HHII", 0x9286, 2, 16_000_000, 8)
    block = b"MM\0*\0\0\0\x08" + struct.pack(">H", 65_000) + entry * 65_000 + bytes(16_000_000 - 780_000)
    return pngfile.encoded(b"eXIf", block)


EMPTY_CHUNK = pngfile.encoded(b"tEXt", b"")
PHOTOS: dict[str, Callable[[], bytes]] = {
    "namespaces": lambda: xmp(NAMESPACES),
    "markers": lambda: in_jpeg(b"\xff\x01" * 20_000_000),
    "fill": lambda: in_jpeg(b"\xff" * 20_000_000),
    "resources": lambda: in_jpeg(resources(800_000)),
    "chunks": lambda: png(EMPTY_CHUNK * 4_000_000),
}


def used_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def carried(decoder: Decoder, photo: Path, result: Path, level: Level = Level.ALL) -> tuple[str, ...]:
    """Copy the metadata of `photo` onto `result`; the notes. It takes less than ten seconds of CPU time."""
    before, target = used_seconds(), result.with_name("target" + result.suffix)
    wanted = Carrying(str(photo), None, level, ("sky",), "hotfolder")
    notes = await decoder.carry(result, target, wanted)
    await decoder.close()  # after this the system counts its CPU time
    assert used_seconds() - before < 10
    with Image.open(target) as made, Image.open(result) as plain:
        assert made.tobytes() == plain.tobytes()
    return notes


@pytest.mark.parametrize("kind", PHOTOS)
async def test_a_hostile_photo_costs_little_and_what_was_left_out_is_said(
    kind: str, decoder: Decoder, tmp_path: Path
) -> None:
    photo, result = tmp_path / "photo", tmp_path / "result.jpg"
    photo.write_bytes(PHOTOS[kind]())
    result.write_bytes(jpeg(2))
    notes = await carried(decoder, photo, result)
    assert kind == "fill" or "left out" in notes[0], notes
    assert b"compositeWithTrained" in (tmp_path / "target.jpg").read_bytes()


@pytest.mark.parametrize("kind", ["markers", "fill", "chunks"])
async def test_a_photo_of_millions_of_empty_pieces_is_refused_before_it_is_decoded(
    kind: str, decoder: Decoder, tmp_path: Path
) -> None:
    """Pillow takes minutes for such photos, and those of other rooms would wait."""
    photo = tmp_path / "photo"
    photo.write_bytes(PHOTOS[kind]())
    before = used_seconds()
    with pytest.raises(NeverUsable, match="is no usual"):
        await decoder.inspect(photo, PictureLimits())
    await decoder.close()
    assert used_seconds() - before < 5


async def test_a_hostile_result_is_delivered_with_our_statement(decoder: Decoder, tmp_path: Path) -> None:
    photo, result = tmp_path / "photo.jpg", tmp_path / "result.jpg"
    photo.write_bytes(jpeg(1))
    result.write_bytes(xmp(NAMESPACES))
    (note,) = await carried(decoder, photo, result)
    assert "The metadata in the picture (XMP) are left out: too many namespaces" in note
    made = (tmp_path / "target.jpg").read_bytes()
    assert b"compositeWithTrained" in made and b"xmlns:a1999" not in made


async def test_the_texts_of_exif_are_not_copied_one_by_one(decoder: Decoder, tmp_path: Path) -> None:
    photo, result = tmp_path / "photo.png", tmp_path / "result.jpg"
    photo.write_bytes(png(texts()))
    result.write_bytes(jpeg(2))
    assert await carried(decoder, photo, result, Level.COPYRIGHT) == ()


async def test_an_xmp_file_of_too_many_elements_is_left_out(decoder: Decoder, tmp_path: Path) -> None:
    photo, sidecar, result = (tmp_path / name for name in ("photo.jpg", "photo.xmp", "result.jpg"))
    photo.write_bytes(jpeg(1))
    sidecar.write_bytes(ELEMENTS)
    result.write_bytes(jpeg(2))
    wanted = Carrying(str(photo), str(sidecar), Level.ALL, (), "hotfolder")
    (note,) = await decoder.carry(result, tmp_path / "target.jpg", wanted)
    assert "the XMP file beside the photo are left out: more than 100,000 elements" in note


BEYOND = """
import sys
from pathlib import Path
from hotfolder.metadata.blocks import Level
from hotfolder.pictures import carryover
from hotfolder.pictures.facts import Carrying
folder = Path(sys.argv[1])
carryover.MOST_CPU_SECONDS, carryover.MOST_MEMORY_BYTES = float(sys.argv[2]), int(sys.argv[3])
wanted = Carrying(str(folder / "photo.jpg"), str(folder / "photo.xmp"), Level.ALL, ("sky",), "hotfolder")
print(*carryover.carry(folder / "result.jpg", folder / "target.jpg", wanted), sep="\\n")
"""


@pytest.mark.parametrize(("cpu_seconds", "memory_bytes"), [(0.05, 512 << 20), (2.0, 4 << 20)])
def test_beyond_time_or_memory_the_statement_alone_is_made(
    cpu_seconds: float, memory_bytes: int, tmp_path: Path
) -> None:
    """The numbers of elements are within bounds, and it is still too much. In a process of its own, since one
    that had more memory before would have enough. Without memory to say so in, CPython 3.13 spins until it is
    killed; the decoder then copies the picture without metadata."""
    (tmp_path / "photo.xmp").write_bytes(ELEMENTS.replace(b'<d:a xmlns:d="u"/>' * 140_000, b""))
    (tmp_path / "photo.jpg").write_bytes(jpeg(1))
    (tmp_path / "result.jpg").write_bytes(jpeg(2))
    command = [sys.executable, "-c", BEYOND, str(tmp_path), str(cpu_seconds), str(memory_bytes)]
    made = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=60)
    if sys.version_info >= (3, 13) and made.returncode == -signal.SIGXCPU:
        assert cpu_seconds == 2.0
        return
    made.check_returncode()
    (note,) = made.stdout.splitlines()
    assert "too much time or memory" in note
    assert b"compositeWithTrained" in (tmp_path / "target.jpg").read_bytes()
