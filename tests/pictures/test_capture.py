"""Capture data read from real JPEG files; and signatures of pictures, independent of exposure."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from hotfolder.capture import Capture
from hotfolder.pictures.facts import PictureLimits
from hotfolder.pictures.inspect import inspect
from tests.support.pictures import needs_brackets, real_brackets

TAG = ExifTags.Base
LIMITS = PictureLimits()
Tags = dict[int, object]
Write = Callable[[str, bytes], Path]


def written(tags: Tags, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[TAG.Make], exif[TAG.Model], exif[TAG.Orientation] = "Canon", "Canon EOS 6D", orientation
    exif.get_ifd(ExifTags.IFD.Exif).update(tags)
    file = io.BytesIO()
    Image.new("RGB", (48, 32), (90, 90, 90)).save(file, "JPEG", exif=exif)
    return file.getvalue()


CANON: Tags = {
    TAG.DateTimeOriginal: "2026:05:04 17:20:31",
    TAG.SubsecTimeOriginal: "07",
    TAG.OffsetTimeOriginal: "-05:30",
    TAG.ExposureTime: IFDRational(1, 60),
    TAG.FNumber: IFDRational(80, 10),
    TAG.ISOSpeedRatings: 200,
    TAG.ExposureBiasValue: IFDRational(-4, 3),
    TAG.ExposureMode: 1,
    TAG.Flash: 16,
    TAG.BodySerialNumber: "032021001234",
    TAG.LensModel: "EF16-35mm f/4L IS USM",
    TAG.FocalLength: IFDRational(17, 1),
}


def capture_of(write: Write, tags: Tags) -> Capture:
    capture = inspect(write("a.jpg", written(tags)), limits=LIMITS).capture
    assert capture is not None
    return capture


def test_everything_that_a_body_writes_is_read(write: Write) -> None:
    capture = capture_of(write, CANON)
    assert capture.started_seconds == pytest.approx(1777915231.07, abs=1e-6)
    assert (capture.clock_step_seconds, capture.offset_seconds) == (0.01, -(5 * 3600 + 1800))
    assert capture.exposure_seconds == pytest.approx(1 / 60)
    assert (capture.aperture, capture.iso, capture.exposure_mode) == (8.0, 200.0, 1)
    assert capture.bias_ev == pytest.approx(-4 / 3)
    assert (capture.make, capture.model, capture.body_serial) == ("Canon", "Canon EOS 6D", "032021001234")
    assert (capture.lens, capture.focal_mm) == ("EF16-35mm f/4L IS USM", 17.0)


@pytest.mark.parametrize(
    ("flash", "fired"), [(0, False), (16, False), (24, False), (1, True), (9, True), (31, True)]
)
def test_only_the_lowest_bit_of_flash_says_that_it_fired(write: Write, flash: int, fired: bool) -> None:
    assert capture_of(write, {**CANON, TAG.Flash: flash}).flash_fired is fired


@pytest.mark.parametrize("digits", ["", "   ", "\0\0", "x1"])
def test_a_body_without_sub_seconds_says_so_by_its_step(write: Write, digits: str) -> None:
    capture = capture_of(write, {**CANON, TAG.SubsecTimeOriginal: digits})
    assert (capture.started_seconds, capture.clock_step_seconds) == (1777915231.0, 1.0)


def test_the_hour_of_the_export_is_never_taken_for_the_capture(write: Write) -> None:
    exif = Image.Exif()
    exif[TAG.DateTime] = "2026:06:01 09:00:00"
    file = io.BytesIO()
    Image.new("RGB", (48, 32)).save(file, "JPEG", exif=exif)
    assert inspect(write("a.jpg", file.getvalue()), limits=LIMITS).capture is None


@pytest.mark.parametrize(
    "broken",
    [{TAG.ExposureTime: IFDRational(0, 0)}, {TAG.FNumber: IFDRational(0, 1)}, {TAG.ISOSpeedRatings: 0}],
)
def test_an_unwritten_value_leaves_the_rest_readable(write: Write, broken: Tags) -> None:
    capture = capture_of(write, {**CANON, **broken})
    assert capture.exposure_value is None
    assert capture.started_seconds is not None


@pytest.mark.parametrize(
    "text", ["0000:00:00 00:00:00", "    :  :     :  :  ", "yesterday", "9999:12:31 23:59:59"]
)
def test_a_clock_that_was_never_set_gives_no_time(write: Write, text: str) -> None:
    assert capture_of(write, {**CANON, TAG.DateTimeOriginal: text}).started_seconds is None


@pytest.mark.parametrize("text", ["+99:99", "+15:00", "+02:60", "02:00", "   :  "])
def test_an_offset_that_no_place_has_is_none(write: Write, text: str) -> None:
    assert capture_of(write, {**CANON, TAG.OffsetTimeOriginal: text}).offset_seconds is None


def differing(one: str, other: str) -> float:
    (a, known_a), (b, known_b) = ([int(part, 16) for part in text.split("-")] for text in (one, other))
    return ((a ^ b) & known_a & known_b).bit_count() / max(1, (known_a & known_b).bit_count())


def room(seed: int) -> list[list[float]]:
    generator = random.Random(seed)
    return [[2 ** generator.uniform(3, 8) for _ in range(13)] for _ in range(13)]


def photographed(scene: list[list[float]], gain: float) -> Image.Image:
    image = Image.new("L", (13, 13))
    image.putdata([min(255, int(cell * gain)) for row in scene for cell in row])
    return image.resize((13 * 12, 13 * 12), Image.Resampling.NEAREST).convert("RGB")


def signature(tmp_path: Path, image: Image.Image, **options: Any) -> str:
    path = tmp_path / "a.jpg"
    image.save(path, quality=92, **options)
    return inspect(path, limits=LIMITS).signature


def test_a_signature_outlives_exposure_and_turning_and_tells_rooms_apart(tmp_path: Path) -> None:
    one = photographed(room(1), 0.5)
    middle = signature(tmp_path, one)
    assert differing(middle, signature(tmp_path, photographed(room(1), 0.125))) < 0.02
    assert differing(middle, signature(tmp_path, photographed(room(1), 2.0))) < 0.02
    assert differing(middle, signature(tmp_path, photographed(room(2), 0.5))) > 0.35
    turned = Image.Exif()
    turned[TAG.Orientation] = 6
    sideways = signature(tmp_path, one.transpose(Image.Transpose.ROTATE_90), exif=turned)
    assert differing(middle, sideways) < 0.02


@needs_brackets
def test_frames_of_a_real_bracket_resemble_each_other_more_than_another_scene() -> None:
    """Neighbours in brightness, though hand-held, are nearer than any two scenes."""
    scenes = {}
    for name, paths in real_brackets().items():
        if "flash" not in name:
            found = [inspect(path, limits=LIMITS) for path in paths]
            ordered = sorted(
                (each.brightness, each.signature) for each in found if each.brightness is not None
            )
            assert len(ordered) == len(found)
            scenes[name] = [signature for _, signature in ordered]
    assert len(scenes) >= 2
    within = [differing(*pair) for scene in scenes.values() for pair in pairwise(scene)]
    across = [differing(a, b) for one, two in combinations(scenes.values(), 2) for a in one for b in two]
    assert sorted(within)[len(within) // 2] < 0.15 and max(within) < min(across)
