"""From Lightroom through the daemon and back: each finished picture is imported once, into the right
place."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from hotfolder.setup.lightroom.write import PLUGIN
from tests.support.lightroom import Lightroom, installed
from tests.support.pictures import jpeg
from tests.support.studio import ELM, MakeStudio, Studio

pytestmark = pytest.mark.long


def exposure(seconds: float) -> bytes:
    """A photo with an exposure time of its own."""
    file, exif = io.BytesIO(), Image.Exif()
    shot = exif.get_ifd(ExifTags.IFD.Exif)
    shot[ExifTags.Base.ExposureTime], shot[ExifTags.Base.FNumber] = seconds, 8.0
    shot[ExifTags.Base.ISOSpeedRatings] = 100
    Image.open(io.BytesIO(jpeg())).save(file, "JPEG", exif=exif)
    return file.getvalue()


def bracketed(lightroom: Lightroom, name: str, **facts: Any) -> list[int]:
    """Three exposures in a stack, the middle one first by name."""
    originals = lightroom.folder / "originals"
    originals.mkdir(exist_ok=True)
    numbers = []
    for number, seconds in enumerate((1 / 15, 1 / 60, 1 / 4)):
        path = originals / f"{name}_{number}.jpg"
        path.write_bytes(exposure(seconds))
        usual = {"dateTimeOriginal": 7e8 + number, "shutterSpeed": seconds, "stack": name}
        numbers.append(lightroom.photo(path, **{**usual, "title": name, "collections": [ELM], **facts}))
    return numbers


@pytest.fixture
def studio(make_studio: MakeStudio) -> Studio:
    return make_studio(deliver={"renditions": ["web-1280"]})


@pytest.fixture
def lightroom(studio: Studio) -> Lightroom:
    assert studio.say("lightroom", "--write", str(studio.root / "out")).exit_code == 0
    made = Lightroom(studio.root, studio.root / "out" / PLUGIN)
    studio.inbox.mkdir()
    made.answers.folder = str(studio.done)
    return made


async def exported(lightroom: Lightroom, studio: Studio, numbers: list[int], **settings: Any) -> None:
    lightroom.export(numbers, lightroom.settings(studio.inbox, **settings))
    await studio.until_idle()
    assert studio.states() == ["done"]


def pictures(lightroom: Lightroom) -> dict[str, Any]:
    """The imported pictures, by file name."""
    return {Path(one.path).name: one for one in lightroom.photos() if one.properties["picture"]}


async def test_what_the_plug_in_drops_is_finished_and_comes_home_above_its_brackets(
    lightroom: Lightroom, studio: Studio
) -> None:
    """Each altered picture and the merge are imported once, however often it is run; renditions are not."""
    numbers = bracketed(lightroom, "front")
    await exported(lightroom, studio, numbers, hotfolder_tag_1_sky="sky-blue")
    assert lightroom.bring_home().startswith("Pictures brought home: 2\n")
    home = pictures(lightroom)
    assert set(home) == {"front.jpg", "front__sky-blue.png"}
    for name, one in home.items():
        assert Path(one.path).read_bytes() == (studio.done / ELM / name).read_bytes()
        assert (Path(one.path).parent, one.raw.stack, one.above) == (studio.root / "originals", "front", True)
    assert lightroom.bring_home().startswith("Pictures brought home: 0\n")
    assert pictures(lightroom).keys() == home.keys()
    assert not list((studio.root / "originals").glob("*.part"))


async def test_a_picture_that_came_home_is_not_exported_again(lightroom: Lightroom, studio: Studio) -> None:
    numbers = bracketed(lightroom, "front", collapsed=True)
    await exported(lightroom, studio, numbers)
    lightroom.bring_home()
    everything = [one.id for one in lightroom.photos()]
    lightroom.export(everything, lightroom.settings(studio.inbox))
    assert len(list(studio.inbox.rglob("*.jpg"))) == 3


async def test_a_bringing_home_that_broke_off_is_taken_up_again(lightroom: Lightroom, studio: Studio) -> None:
    """The file was copied, and the catalogue doesn't have it yet."""
    await exported(lightroom, studio, bracketed(lightroom, "front"))
    left = studio.root / "originals" / "front.jpg"
    left.write_bytes((studio.done / ELM / "front.jpg").read_bytes())
    lightroom.bring_home()
    assert [Path(one.path) for one in pictures(lightroom).values()] == [left]


async def test_a_photo_of_the_same_name_is_not_replaced(lightroom: Lightroom, studio: Studio) -> None:
    await exported(lightroom, studio, bracketed(lightroom, "front"))
    mine = studio.root / "originals" / "front.jpg"
    mine.write_bytes(b"mine")
    lightroom.bring_home()
    assert mine.read_bytes() == b"mine"
    assert set(pictures(lightroom)) == {"front-2.jpg"}


@pytest.mark.parametrize(
    ("middle", "sentence", "brought"),
    [
        ({"offline": True}, f"{ELM}/front: the original of front_0 is offline; connect its disk", False),
        (
            {"virtual": True, "copyName": "Copy 1"},
            "its middle exposure is Copy 1, a virtual copy of front_0",
            True,
        ),
    ],
)
async def test_offline_originals_and_virtual_copies_are_named(
    lightroom: Lightroom, studio: Studio, middle: dict[str, Any], sentence: str, brought: bool
) -> None:
    numbers = bracketed(lightroom, "front")
    await exported(lightroom, studio, numbers)
    photo = lightroom.photos()[0]
    photo.offline = middle.get("offline", False)
    photo.raw.virtual, photo.formatted.copyName = middle.get("virtual"), middle.get("copyName")
    assert sentence in lightroom.bring_home()
    assert [one.raw.stack for one in pictures(lightroom).values()] == [None] * brought


async def test_of_two_photos_that_it_may_be_none_is_guessed(lightroom: Lightroom, studio: Studio) -> None:
    await exported(lightroom, studio, bracketed(lightroom, "front"))
    twin = lightroom.photo(studio.root / "originals" / "other.jpg")
    photos = {one.id: one for one in lightroom.photos()}
    photos[twin].properties["sent"] = lightroom.photos()[0].properties["sent"]
    assert (
        "2 photos of this catalogue may be its front_0.jpg, such as front_0 and other"
        in lightroom.bring_home()
    )
    assert not pictures(lightroom)


async def test_what_others_sent_is_counted_and_what_is_no_receipt_is_named(
    lightroom: Lightroom, studio: Studio
) -> None:
    await studio.drop_and_run("3 Oak Lane", "hall", {"a.jpg": jpeg(), "b.jpg": jpeg()})
    (studio.done / "3 Oak Lane" / "receipts" / "torn.json").write_text("{")
    told = lightroom.bring_home()
    assert "1 finished sets were not sent from this catalogue by this plug-in." in told
    assert "torn.json is no receipt: no JSON at byte 2." in told


def that_sent_a_photo(folder: Path) -> tuple[Lightroom, Path]:
    """A Lightroom, and the folder of receipts for its next "bring home"."""
    lightroom = Lightroom(folder, installed(folder))
    lightroom.photo(folder / "a.jpg")
    lightroom.photos()[0].properties["sent"] = "a.jpg\t3"
    lightroom.answers.folder = str(folder / "done")
    receipts = folder / "done" / "P" / "receipts"
    receipts.mkdir(parents=True)
    return lightroom, receipts


@pytest.mark.parametrize(
    "damage",
    [
        {"photos": "x"},
        {"photos": [None, 1]},
        {"photos": [{}]},
        {"photos": [{"name": "a.jpg", "size_bytes": "3"}]},
        {"photos": [{"name": "a.jpg", "size_bytes": 3.5}]},
        {"photos": [{"name": "a.jpg", "exposure_value": n} for n in ("x", 1)]},
        {"pictures": None},
        {"pictures": [{"file": "P/b.jpg"}]},
        {"pictures": [{"file": "P/b", "sha256": "2"}]},
    ],
    ids=str,
)
def test_a_damaged_receipt_is_named_and_the_others_come_home(tmp_path: Path, damage: dict[str, Any]) -> None:
    lightroom, receipts = that_sent_a_photo(tmp_path)
    for name in ("b.jpg", "b"):
        (receipts.parent / name).write_bytes(b"x")
    whole = {
        "project": "P",
        "room": "r",
        "photos": [{"name": "a.jpg", "size_bytes": 3}],
        "pictures": [{"file": "P/b.jpg", "sha256": "1"}],
    }
    for name, content in {"damaged": {**whole, **damage}, "whole": whole}.items():
        (receipts / f"{name}.json").write_text(json.dumps(content))
    told = lightroom.bring_home()
    assert told.startswith("Pictures brought home: 1\ndamaged.json is no receipt: "), told


def test_a_receipt_leads_to_nothing_outside_of_done(tmp_path: Path) -> None:
    lightroom, receipts = that_sent_a_photo(tmp_path)
    (tmp_path / "secret.jpg").write_bytes(b"x")
    for number, file in enumerate(
        ("../secret.jpg", "P/../../secret.jpg", str(tmp_path / "secret.jpg"), "C:\\x.jpg")
    ):
        told = {
            "photos": [{"name": "a.jpg", "size_bytes": 3}],
            "pictures": [{"file": file, "sha256": f"{number}"}],
        }
        (receipts / f"{number}.json").write_text(json.dumps({"project": "P", "room": "r", **told}))
    assert lightroom.bring_home().startswith("Pictures brought home: 0\n")
    assert len(lightroom.photos()) == 1
