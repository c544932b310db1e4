"""Metadata are copied onto the result, and its pixels stay the same."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from hotfolder.metadata import exif, jpegfile, pngfile
from hotfolder.metadata.blocks import DamagedMetadata, Level
from hotfolder.pictures.carryover import picture_with_metadata
from hotfolder.pictures.facts import Carrying
from tests.support.everykind import outcomes

IPTC = b"\x1c\x02\x05\x00\x05Title\x1c\x02\x50\x00\x04Jane"
MAKER_NOTE = b"Maker\0" + bytes(range(200))
MERGED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeCapture"
ALTERED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
FOREIGN_XMP = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="uuid:1" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"
  xmlns:lr="http://ns.adobe.com/lightroom/1.0/" lr:private="kept" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
  xmp:CreatorTool="Camera" xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:creator><rdf:Seq><rdf:li>Jane &amp; Co \xc3\xa9</rdf:li></rdf:Seq></dc:creator>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""
needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")


def camera_exif(orientation: int = 6) -> bytes:
    block = Image.Exif()
    block[exif.ORIENTATION] = orientation
    block[0x010F], block[0x8298] = "Camera maker", "(c) Jane"
    block[exif.IMAGE_WIDTH], block[exif.IMAGE_LENGTH] = 6000, 4000
    block.get_ifd(0x8769).update(
        {0x9003: "2026:01:02 03:04:05", 0xA002: 6000, 0xA003: 4000, 0x927C: MAKER_NOTE, 0x829D: 8.0}
    )
    block.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 15.5), 3: "E", 4: (13.0, 24.0, 0.0)})
    return block.tobytes()[len(jpegfile.EXIF) :]


def with_thumbnail(block: bytes) -> bytes:
    """`block` with a second TIFF folder and a thumbnail at its end, as cameras write them."""
    order = "<" if block[:2] == b"II" else ">"
    first = struct.unpack_from(order + "I", block, 4)[0]
    pointer = first + 2 + 12 * struct.unpack_from(order + "H", block, first)[0]
    thumbnail = io.BytesIO()
    Image.new("RGB", (160, 120), "red").save(thumbnail, "JPEG")
    data = bytearray(block + b"\0" * (len(block) % 2))
    struct.pack_into(order + "I", data, pointer, len(data))
    start = len(data) + 2 + 24 + 4
    data += struct.pack(
        order + "HHHIIHHIII", 2, 0x201, 4, 1, start, 0x202, 4, 1, len(thumbnail.getvalue()), 0
    )
    return bytes(data) + thumbnail.getvalue()


def noise(size: tuple[int, int] = (96, 64), mode: str = "RGB") -> Image.Image:
    return Image.effect_noise(size, 60).convert(mode)


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """A photo by a camera and an editor: turned, with thumbnail, GPS, XMP, IPTC, profile."""
    plain = io.BytesIO()
    noise().save(
        plain, "JPEG", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    )
    plain.seek(0)
    segments = jpegfile.read_head(plain)
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC + b"\0" * (len(IPTC) % 2)
    new = [
        jpegfile.Segment(jpegfile.APP1, jpegfile.EXIF + with_thumbnail(camera_exif())),
        jpegfile.Segment(jpegfile.APP1, jpegfile.XMP + FOREIGN_XMP),
        jpegfile.Segment(jpegfile.APP13, jpegfile.PHOTOSHOP + b"8BIM\x03\xed\0\0\0\0\0\0" + resource),
    ]
    head = b"".join(segment.encoded() for segment in [segments[0], *new, *segments[1:]])
    path = tmp_path / "original.jpg"
    path.write_bytes(b"\xff\xd8" + head + plain.read())
    return path


@pytest.fixture(params=["JPEG", "progressive", "PNG"])
def result(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A result without metadata, as an API returns it."""
    path = tmp_path / ("result.png" if request.param == "PNG" else "result.jpg")
    noise((200, 120)).save(path, quality=90, progressive=request.param == "progressive")
    return path


def carried(
    original: Path,
    result: Path,
    altered: tuple[str, ...] = ("sky",),
    *,
    level: Level = Level.ALL,
    name: str = "target",
) -> Path:
    target = result.with_stem(name)
    wanted = Carrying(str(original), None, level, altered, "hotfolder 0.1.0")
    target.write_bytes(b"".join(picture_with_metadata(result, wanted, [])))
    return target


def pixels(path: Path) -> bytes:
    """The compressed picture data: from the first scan on, or the IDAT chunks."""
    with path.open("rb") as stream:
        if path.suffix == ".jpg":
            jpegfile.read_head(stream)
            return stream.read()
        data = b""
        for chunk in pngfile.read_chunks(stream):
            if chunk.kind == b"IDAT":
                stream.seek(chunk.start)
                data += stream.read(chunk.end - chunk.start)
        return data


def packet_of(path: Path) -> bytes:
    with path.open("rb") as stream:
        if path.suffix == ".jpg":
            found = jpegfile.read_blocks(jpegfile.read_head(stream)).xmp
        else:
            found = pngfile.read_blocks(pngfile.read_chunks(stream)).xmp
    assert found is not None
    return found


def test_everything_is_carried_and_no_pixel_touched(original: Path, result: Path) -> None:
    """Camera, time, place and maker note are there; size and orientation are the result's."""
    target = carried(original, result)
    assert pixels(target) == pixels(result)
    with Image.open(target) as image:
        image.load()
        block = image.getexif()
        shot = block.get_ifd(0x8769)
        assert (block[0x010F], block[exif.ORIENTATION]) == ("Camera maker", 1)
        assert (block[exif.IMAGE_WIDTH], block[exif.IMAGE_LENGTH]) == (200, 120)
        assert (shot[0xA002], shot[0xA003]) == (200, 120)
        assert (shot[0x9003], shot[0x927C]) == ("2026:01:02 03:04:05", MAKER_NOTE)
        assert block.get_ifd(0x8825)[2] == (52.0, 30.0, 15.5)
        assert block.get_ifd(1) == {}
        assert image.info["icc_profile"]


def test_the_thumbnail_s_bytes_are_gone_too(original: Path, result: Path) -> None:
    assert original.read_bytes().count(b"\xff\xd8\xff") == 2
    assert carried(original, result).read_bytes().count(b"\xff\xd8\xff") == (
        1 if result.suffix == ".jpg" else 0
    )


@pytest.mark.parametrize(("altered", "source_type"), [((), MERGED), (("sky", "lawn"), ALTERED)])
def test_xmp_says_where_the_picture_comes_from(
    original: Path, result: Path, altered: tuple[str, ...], source_type: str
) -> None:
    """There is one source type, ours; the photographer's properties stay, and those true of the original
    alone go."""
    packet = packet_of(carried(original, result, altered)).decode()
    assert packet.count("DigitalSourceType=") == 1
    assert f'DigitalSourceType="{source_type}"' in packet
    assert 'lr:private="kept"' in packet
    assert "Jane &amp; Co é" in packet
    assert "Orientation" not in packet
    assert packet.count("CreatorTool") == 1
    assert 'CreatorTool="hotfolder 0.1.0"' in packet


def test_the_same_input_gives_the_same_bytes(original: Path, result: Path) -> None:
    """A picture that is made again after a crash is recognised by its bytes."""
    first = carried(original, result).read_bytes()
    carried(result, result, (), name="other")
    assert carried(original, result).read_bytes() == first


def test_carrying_twice_changes_nothing(original: Path, result: Path) -> None:
    """Our own metadata are replaced, not added again."""
    target = carried(original, result)
    again = carried(original, target, name="again")
    assert again.read_bytes() == target.read_bytes()


def test_the_result_s_own_profile_wins(original: Path, tmp_path: Path) -> None:
    """A profile describes pixels, and those are the result's."""
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for name in ("result.jpg", "result.png"):
        noise().save(tmp_path / name, icc_profile=own)
        with Image.open(carried(original, tmp_path / name)) as image:
            assert image.info["icc_profile"] == own


def test_a_profile_for_colours_is_not_put_on_gray(original: Path, tmp_path: Path) -> None:
    """Viewers would refuse or tint it."""
    for name in ("result.jpg", "result.png"):
        noise(mode="L").save(tmp_path / name)
        with Image.open(carried(original, tmp_path / name)) as image:
            assert "icc_profile" not in image.info


@pytest.mark.parametrize("level", [Level.ALL, Level.NONE])
def test_a_result_that_says_it_is_turned_stays_turned(original: Path, tmp_path: Path, level: Level) -> None:
    """The original's orientation was applied, the result's own was not. It is needed for display, so it isn't
    left out as metadata."""
    block = Image.Exif()
    block[exif.ORIENTATION] = 8
    noise().save(tmp_path / "result.jpg", exif=block)
    with Image.open(carried(original, tmp_path / "result.jpg", level=level)) as image:
        assert image.getexif()[exif.ORIENTATION] == 8
        assert level is Level.ALL or dict(image.getexif()) == {exif.ORIENTATION: 8}


def test_from_png_to_jpeg_and_back(original: Path, tmp_path: Path) -> None:
    """eXIf, XMP (compressed or not) and profile of a PNG original are in the JPEG."""
    noise().save(tmp_path / "bare.png")
    first = carried(original, tmp_path / "bare.png")
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", FOREIGN_XMP.decode(), zip=True)
    with Image.open(first) as image:
        image.save(
            tmp_path / "packed.png", exif=image.getexif(), icc_profile=image.info["icc_profile"], pnginfo=info
        )
    noise((50, 40)).save(tmp_path / "result.jpg")
    with Image.open(carried(tmp_path / "packed.png", tmp_path / "result.jpg")) as image:
        assert image.getexif()[0x010F] == "Camera maker"
        assert image.getexif().get_ifd(0x8769)[0xA002] == 50
        assert image.info["icc_profile"]
    assert "Jane &amp; Co é" in packet_of(tmp_path / "target.jpg").decode()


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + FOREIGN_XMP.replace(b"Jane", b"&b;")


@pytest.mark.parametrize(
    ("block", "packet"),
    [
        (b"II*\0", b"<x"),
        (b"MM\0*\xff\xff\xff\xff", BOMB),
        (b"II*\0\x08\0\0\0\xff\xff", b"<a>" * 5000),
        (b"garbage", b"\xff\xfe\0\0"),
        (b"", b""),
    ],
)
def test_damaged_metadata_is_left_out(tmp_path: Path, result: Path, block: bytes, packet: bytes) -> None:
    """A photo with broken metadata still becomes a picture, with our own metadata."""
    stream = io.BytesIO()
    noise().save(stream, "JPEG")
    damaged = [
        jpegfile.Segment(jpegfile.APP1, jpegfile.EXIF + block),
        jpegfile.Segment(jpegfile.APP1, jpegfile.XMP + packet),
        jpegfile.Segment(jpegfile.APP2, jpegfile.ICC + b"\x02\x05junk"),
        jpegfile.Segment(jpegfile.APP13, jpegfile.PHOTOSHOP + b"8BIM\x04\x04\0\0\xff\xff\xff\xff"),
    ]
    data = stream.getvalue()
    original = tmp_path / "damaged.jpg"
    original.write_bytes(data[:2] + b"".join(segment.encoded() for segment in damaged) + data[2:])
    target = carried(original, result)
    assert pixels(target) == pixels(result)
    assert ALTERED in packet_of(target).decode()
    with Image.open(target) as image:
        assert not image.getexif()
        assert "icc_profile" not in image.info


@given(st.binary(max_size=300), st.data())
@settings(max_examples=150)
def test_no_damage_to_a_block_makes_it_fail_otherwise(noise_bytes: bytes, data: st.DataObject) -> None:
    """Flipped and cut bytes give a corrected block or are reported as damaged, without other errors or a
    longer block."""
    whole = with_thumbnail(camera_exif())
    at = data.draw(st.integers(4, len(whole)))
    for block in (
        whole[:at],
        whole[:at] + noise_bytes + whole[at + len(noise_bytes) :],
        whole[:8] + noise_bytes,
    ):
        try:
            assert len(exif.exif_for_picture(block, width=10, height=10, orientation=1)) <= len(block)
        except DamagedMetadata:
            continue


@pytest.mark.parametrize("foreign", [b"junk", b"\xff\xd8\xff\xe1", pngfile.MAGIC + b"\0\0\0\x0dIHDR", b""])
def test_what_is_no_picture_is_copied_as_it_is(original: Path, tmp_path: Path, foreign: bytes) -> None:
    """Judging results happens elsewhere; here no bytes are lost. As an original it has no metadata."""
    (tmp_path / "result.jpg").write_bytes(foreign)
    assert carried(original, tmp_path / "result.jpg").read_bytes() == foreign
    (tmp_path / "strange").write_bytes(foreign)
    noise().save(tmp_path / "picture.jpg")
    assert pixels(carried(tmp_path / "strange", tmp_path / "picture.jpg")) == pixels(tmp_path / "picture.jpg")


@pytest.mark.parametrize("kind", ["gone", "pipe", "folder"])
def test_an_original_that_is_no_file_any_more_costs_no_picture(
    tmp_path: Path, result: Path, kind: str
) -> None:
    """What was paid for is delivered, and reading doesn't block on a pipe without a writer."""
    original = tmp_path / "original.jpg"
    if kind == "pipe":
        os.mkfifo(original)
    elif kind == "folder":
        original.mkdir()
    target = carried(original, result)
    assert pixels(target) == pixels(result)
    assert ALTERED in packet_of(target).decode()


def test_packed_xmp_can_not_grow_without_end(tmp_path: Path, result: Path) -> None:
    """A few kilobytes of a PNG that unpack to gigabytes are left out."""
    noise().save(tmp_path / "plain.png")
    data = (tmp_path / "plain.png").read_bytes()
    bomb = pngfile.XMP + b"\0\1\0\0\0" + zlib.compress(b" " * (pngfile.MOST_BLOCK_BYTES + 1))
    (tmp_path / "bomb.png").write_bytes(data[:33] + pngfile.encoded(b"iTXt", bomb) + data[33:])
    assert ALTERED in packet_of(carried(tmp_path / "bomb.png", result)).decode()


@needs_exiftool
def test_another_program_reads_the_same(original: Path, result: Path) -> None:
    """exiftool finds everything and has no warnings."""
    target = carried(original, result)
    done = subprocess.run(
        ["exiftool", "-j", "-G1", "-n", "-validate", "-warning", "-a", str(target)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Error" not in done.stdout
    tags: dict[str, Any] = json.loads(
        subprocess.run(["exiftool", "-j", "-n", str(target)], capture_output=True, check=True).stdout
    )[0]
    assert (tags["Make"], tags["Orientation"]) == ("Camera maker", 1)
    assert (tags["ExifImageWidth"], tags["ExifImageHeight"]) == (200, 120)
    assert round(tags["GPSLatitude"], 4) == 52.5043
    assert tags["DigitalSourceType"] == ALTERED
    assert tags["CreatorTool"] == "hotfolder 0.1.0"
    assert "ThumbnailImage" not in tags
    if result.suffix == ".jpg":
        assert tags["ObjectName"] == "Title"


@pytest.mark.parametrize("level", [Level.COPYRIGHT, Level.NONE])
def test_a_level_lets_no_more_through(original: Path, result: Path, level: Level) -> None:
    """Camera, place and title are left out, the author only at `none`; alterations are always named."""
    target = carried(original, carried(original, result), level=level, name="limited")
    assert pixels(target) == pixels(result)
    content = target.read_bytes()
    for word in (b"Camera maker", MAKER_NOTE, b"private", b"Title", b"Camera\0"):
        assert word not in content
    packet = packet_of(target).decode()
    assert f'DigitalSourceType="{ALTERED}"' in packet and "<rdf:li>sky</rdf:li>" in packet
    assert ("Jane &amp; Co é" in packet) == (level is Level.COPYRIGHT)
    with Image.open(target) as image:
        image.load()
        assert image.info["icc_profile"]
        assert image.getexif().get(0x8298) == ("(c) Jane" if level is Level.COPYRIGHT else None)
        assert not image.getexif().get_ifd(0x8825)


@needs_exiftool
def test_every_tag_is_carried_or_changed_for_a_reason(tmp_path: Path) -> None:
    """This is the table in docs/metadata.md, whose last column is empty."""
    for kind, groups in outcomes(tmp_path):
        assert {name: seen.lost for name, seen in groups.items() if seen.lost} == {}, kind
        assert sum(len(seen.carried) for seen in groups.values()) >= 140, kind
        assert {"IFD0", "ExifIFD", "GPS", "IPTC", "Photoshop", "XMP-dc", "ICC_Profile"} <= groups.keys()
