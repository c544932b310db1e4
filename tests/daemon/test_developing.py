"""TIFF, RAW and HEIC files end to end: a JPEG is sent, the originals are filed unchanged."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.colours import profile, worst_difference
from tests.support.pictures import jpeg
from tests.support.rawfile import dng
from tests.support.studio import ELM, MERGE, Shop, Studio, files_below
from tests.support.tiffs import tagged, tiff

pytestmark = pytest.mark.long

WIDE = {"profile": profile("ProPhoto"), "depth": 16}


def exposed(folder: Path, number: int, **options: Any) -> bytes:
    """A TIFF with exposure data; each number gives a different file."""
    return tagged(
        tiff(**{**WIDE, **options}),
        folder,
        f"-ExposureTime=1/{2 ** (5 + number)}",
        "-FNumber=8",
        "-ISO=100",
        f"-DateTimeOriginal=2026:05:04 10:11:{10 + number}",
        f"-Artist=Ann Example {number}",
    )


def uploaded(shop: Shop) -> list[bytes]:
    """All files in the sandbox's storage."""
    found = [path.read_bytes() for path in shop.data.rglob("*") if path.is_file()]
    return [content for content in found if content.startswith((b"\xff\xd8", b"II", b"MM"))]


async def test_tiffs_go_up_as_srgb_jpegs_and_come_home_as_they_were(
    studio: Studio, shop: Shop, tmp_path: Path
) -> None:
    files = {f"IMG_{number}.tif": exposed(tmp_path, number) for number in range(3)}
    files["IMG_3.jpg"] = jpeg(size=(200, 40))
    outcome = await studio.drop_and_run(ELM, "kitchen", files)
    assert (outcome.finished, shop.bought(MERGE)) == (1, 1)
    assert studio.filed("kitchen") == files
    sent = uploaded(shop)
    assert files["IMG_3.jpg"] in sent
    assert not any(content.startswith((b"II", b"MM")) for content in sent)
    developed = [one for one in sent if b"Ann Example" in one[:4000] and one != files["IMG_3.jpg"]]
    assert len(developed) >= 3
    for content in developed:
        assert worst_difference(Image.open(io.BytesIO(content)), "ProPhoto") < 2
    assert list((studio.state / "developed").iterdir()) == []
    receipt = studio.receipt("kitchen")
    assert {one["name"]: one["developed"] for one in receipt["photos"]} == {
        **{name: "it is a TIFF" for name in files if name.endswith(".tif")},
        "IMG_3.jpg": "",
    }
    with Image.open(studio.done / ELM / "kitchen.jpg") as picture:
        assert picture.getexif()[0x013B].startswith("Ann Example")


async def test_the_same_tiffs_again_cost_nothing(studio: Studio, shop: Shop, tmp_path: Path) -> None:
    files = {f"IMG_{number}.tif": exposed(tmp_path, number) for number in range(2)}
    for folder in ("kitchen", "again"):
        await studio.drop_and_run(ELM, folder, files)
    assert shop.bought() == 1
    assert (studio.done / ELM / "again.jpg").exists()


async def test_a_single_tiff_is_edited_without_a_merge(studio: Studio, shop: Shop, tmp_path: Path) -> None:
    await studio.drop_and_run(ELM, "front__sky-blue", {"IMG_1.tif": exposed(tmp_path, 1)})
    assert (studio.states(), shop.bought(MERGE), shop.bought()) == (["done"], 0, 1)
    assert list((studio.state / "developed").iterdir()) == []


def raw(number: int) -> bytes:
    pytest.importorskip("rawpy", reason="the extra `raw` is not installed")
    return dng(seconds=(1, 2 ** (5 + number)), seed=number)


def heic(number: int) -> bytes:
    heics = pytest.importorskip("tests.support.heics")
    made: bytes = heics.heic(exif=heics.shot(orientation=6, seconds=(1, 2 ** (5 + number))))
    return made


@pytest.mark.parametrize(
    ("make", "suffix", "why"), [(raw, "dng", "a RAW file"), (heic, "HEIC", "a HEIC picture")]
)
async def test_such_files_are_developed_and_one_beside_its_jpeg_only_travels(
    studio: Studio, shop: Shop, make: Callable[[int], bytes], suffix: str, why: str
) -> None:
    photos = {f"DSC_{number}.{suffix}": make(number) for number in range(2)}
    studio.drop(ELM, "kitchen", photos)
    pairs = {"DSC_5.jpg": jpeg(), f"DSC_5.{suffix.lower()}": make(4), "DSC_6.jpg": jpeg()}
    outcome = await studio.drop_and_run(ELM, "hall", pairs)
    assert (outcome.finished, shop.bought()) == (2, 2)
    assert studio.filed("kitchen") == photos
    assert studio.filed("hall") == pairs
    developed = {one["name"]: one["developed"] for one in studio.receipt("kitchen")["photos"]}
    assert developed == dict.fromkeys(photos, f"it is {why}")
    assert sorted(one["name"] for one in studio.receipt("hall")["photos"]) == ["DSC_5.jpg", "DSC_6.jpg"]
    if suffix == "HEIC":
        with Image.open(studio.done / ELM / "kitchen.jpg") as made:
            assert made.width < made.height and made.getexif()[0x013B] == "The studio"


async def test_a_tiff_that_was_exported_twice_is_merged_once(
    studio: Studio, shop: Shop, tmp_path: Path
) -> None:
    """A `-2` copy with other bytes counts as the same capture, and the newer file is taken."""
    files = {f"IMG_{number}.tif": exposed(tmp_path, number) for number in range(3)}
    files["IMG_1-2.tif"] = tagged(files["IMG_1.tif"], tmp_path, "-Software=exported once more")
    folder = studio.drop(ELM, "", files)
    assert "developed into a JPEG here, since it is a TIFF" in studio.say("explain", str(folder)).stdout
    await studio.until_idle()
    assert (studio.states(), shop.bought()) == (["done"], 1)
    [receipt] = (studio.done / ELM / "receipts").iterdir()
    names = {one["name"] for one in json.loads(receipt.read_text())["photos"]}
    assert names == {"IMG_0.tif", "IMG_1-2.tif", "IMG_2.tif"}
    assert set(files_below(folder)) == {"IMG_1.tif"}


async def test_what_a_killed_daemon_left_in_the_darkroom_is_cleared_away(studio: Studio) -> None:
    left = studio.state / "developed"
    left.mkdir(parents=True)
    for name in ("half.part", f"{'0' * 64}.jpg"):
        (left / name).write_bytes(b"x")
    await studio.until_idle()
    assert list(left.iterdir()) == []
