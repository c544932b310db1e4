"""HEIC pictures: decoded completely, developed upright in sRGB, or refused."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from hotfolder.pictures import heic as module
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.developing import develop, thumbnail
from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureLimits
from hotfolder.pictures.inspect import inspect
from tests.support.colours import swapped_profile
from tests.support.heics import BLUE, RED, halves, heic, pillow_heif, shot

Write = Callable[[str, bytes], Path]
LIMITS = PictureLimits()


def near(pixel: object, colour: tuple[int, ...], by: int = 12) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(one - other) <= by for one, other in zip(pixel, colour, strict=True))


@pytest.mark.parametrize("name", ["a.HEIC", "a.heif", "a.hif", "a.jpg"])
def test_a_heic_picture_is_read_with_its_exposure(write: Write, name: str) -> None:
    """The file's name may say otherwise."""
    facts = inspect(write(name, heic()), limits=LIMITS)
    assert (facts.format, facts.width, facts.height, facts.orientation) == ("HEIC", 96, 64, 1)
    assert facts.develop == "it is a HEIC picture"
    assert facts.capture is not None and facts.capture.model == "Model One"
    assert facts.capture.exposure_value == pytest.approx(11.907, abs=0.01)
    assert facts.brightness == pytest.approx(0.2, abs=0.1) and facts.signature


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_comes_out_upright_once(write: Write, tmp_path: Path, orientation: int) -> None:
    """The file and its EXIF both say that it is turned: turned by both it would lie on its side again."""
    sideways = orientation > 4
    stored = halves().rotate(0)
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    if orientation in turns:
        stored = stored.transpose(turns[orientation])
    assert (stored.width < stored.height) == sideways
    path = write("a.heic", heic(stored, exif=shot(orientation=orientation)))
    facts = inspect(path, limits=LIMITS)
    assert (facts.width, facts.height, facts.orientation) == (96, 64, 1)
    develop(path, tmp_path / "a.jpg", limits=LIMITS)
    thumbnail(path, tmp_path / "small.jpg", 48, limits=LIMITS)
    for made, size in (("a.jpg", (96, 64)), ("small.jpg", (48, 32))):
        with Image.open(tmp_path / made) as seen:
            assert seen.size == size and seen.getexif().get(0x0112, 1) == 1
            assert near(seen.getpixel((size[0] // 2, size[1] // 4)), RED)
            assert near(seen.getpixel((size[0] // 2, size[1] * 3 // 4)), BLUE)


def test_its_metadata_come_along(write: Write, tmp_path: Path) -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>'
    )
    develop(write("a.heic", heic(xmp=packet)), tmp_path / "a.jpg", limits=LIMITS)
    with Image.open(tmp_path / "a.jpg") as made:
        exif = made.getexif()
        assert exif[0x013B] == "The studio"
        assert exif.get_ifd(0x8769)[0x829A] == pytest.approx(1 / 60)
        assert b'Rating="4"' in made.info["xmp"] and made.info["icc_profile"]


def test_colours_of_a_profile_become_srgb(write: Write, tmp_path: Path) -> None:
    """Phones use Display P3."""
    coded = heic(halves(), exif=None, icc_profile=swapped_profile())
    develop(write("a.heic", coded), tmp_path / "a.jpg", limits=LIMITS)
    with Image.open(tmp_path / "a.jpg") as made:
        assert near(made.getpixel((48, 16)), BLUE, 25) and near(made.getpixel((48, 48)), RED, 25)


def test_ten_bits_and_gray_and_transparency_are_taken(write: Write, tmp_path: Path) -> None:
    deep = pillow_heif.from_bytes("RGB;16", (64, 64), b"\x00\x80" * 64 * 64 * 3)
    deep.save(tmp_path / "deep.heic", quality=90)
    seen = {"deep.heic": (128, 128, 128), "gray.heic": (90, 90, 90), "clear.heic": (255, 255, 255)}
    write("gray.heic", heic(Image.new("L", (64, 64), 90)))
    write("clear.heic", heic(Image.new("RGBA", (64, 64), (0, 0, 0, 0)), quality=-1))
    for name, colour in seen.items():
        assert inspect(tmp_path / name, limits=LIMITS).format == "HEIC"
        develop(tmp_path / name, tmp_path / "made.jpg", limits=LIMITS)
        with Image.open(tmp_path / "made.jpg") as made:
            assert near(made.convert("RGB").getpixel((30, 30)), colour), name


@pytest.mark.parametrize("part", [0.0, 0.001, 0.1, 0.5, 0.9, 0.9999])
def test_one_that_breaks_off_is_not_whole(write: Write, part: float) -> None:
    whole = heic(Image.effect_noise((256, 256), 60).convert("RGB"))
    kept = int(len(whole) * part)
    with pytest.raises(NotWhole):
        inspect(write("a.heic", whole[:kept]), limits=LIMITS)
    with pytest.raises(NotWhole):
        inspect(write("a.heic", whole[:kept] + bytes(max(4096, len(whole) - kept))), limits=LIMITS)


def test_more_pixels_than_are_taken_are_refused_before_they_are_decoded(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("a.heic", heic())
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(NeverUsable, match="megapixels"):
        inspect(path, limits=PictureLimits(pixels=6000))
    with pytest.raises(NeverUsable, match="larger than"):
        inspect(path, limits=PictureLimits(size_bytes=100))


@pytest.mark.parametrize("transfer", [16, 18])
def test_a_picture_for_hdr_screens_is_refused(write: Write, transfer: int) -> None:
    """Its values, read as sRGB, would be far too dark."""
    described = re.sub(rb"(nclx..)..", rb"\g<1>" + transfer.to_bytes(2, "big"), heic(), flags=re.DOTALL)
    with pytest.raises(NeverUsable, match="HDR screens"):
        inspect(write("a.heic", described), limits=LIMITS)


def test_an_avif_picture_is_none(write: Write) -> None:
    with pytest.raises(NeverUsable, match="is an AVIF picture"):
        inspect(write("a.heic", b"\0\0\0\x18ftypavif" + bytes(500)), limits=LIMITS)


def test_without_its_decoder_the_remedy_is_told(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(NeverUsable, match="without what decodes them") as refused:
        inspect(write("a.heic", heic()), limits=LIMITS)
    assert "install '.[heic]'" in refused.value.hint


async def test_hostile_bytes_end_in_a_refusal_of_the_bounded_process(write: Write, decoder: Decoder) -> None:
    """The next picture is decoded, whatever happened to this one."""
    whole = heic(Image.effect_noise((128, 128), 60).convert("RGB"))
    refused = 0
    for place in range(12, len(whole), max(1, len(whole) // 60)):
        flipped = bytes(value ^ 0xFF for value in whole[place : place + 9])
        try:
            await decoder.inspect(write("a.heic", whole[:place] + flipped + whole[place + 9 :]), LIMITS)
        except (NotWhole, NeverUsable):
            refused += 1
    assert (await decoder.inspect(write("b.heic", whole), LIMITS)).format == "HEIC"
    assert refused


def test_what_holds_gpl_code_is_needed_by_tests_alone() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = [
        *project["dependencies"],
        *(one for name, all_ in extras.items() if name != "dev" for one in all_),
    ]
    assert not [one for one in needed if one.startswith("pillow-heif")]
