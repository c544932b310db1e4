"""The sandbox as it is shipped, with its own imaging, from upload to download."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from hotfolder.sandbox.settings import IMAGING_ENGINE

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller, Start

SIZE = (960, 640)


@pytest.fixture
def caller(start: Start) -> Iterator[Caller]:
    with start(engine=IMAGING_ENGINE, long_edge=1200) as running:
        yield running


def scene() -> Image.Image:
    """A house between a pale sky and a lawn."""
    width, height = SIZE
    rows = np.linspace(0, 1, height)[:, None, None]
    sky = np.array([205, 215, 228]) + rows * np.array([35, 28, 18]) + np.zeros((height, width, 3))
    grain = np.random.default_rng(1).normal(0, 14, (height, width, 3))
    lawn = np.array([112, 128, 62]) + grain
    picture = Image.fromarray(np.clip(np.where(rows < 0.62, sky, lawn), 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((260, 230, 700, 430), fill=(168, 120, 98))
    draw.polygon([(230, 235), (480, 110), (730, 235)], fill=(88, 66, 60))
    for left in (300, 420, 560):
        draw.rectangle((left, 280, left + 70, 360), fill=(58, 66, 80), outline=(235, 235, 230), width=5)
    return picture.filter(ImageFilter.GaussianBlur(0.7))


def encoded(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95)
    return file.getvalue()


def download(caller: Caller, url: str) -> np.ndarray:
    content = caller.storage.get(url).raise_for_status().content
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(float)


def merge(caller: Caller, *photos: bytes) -> np.ndarray:
    project = caller.project()
    group = caller.group(project)
    caller.upload(project, group, *photos)
    caller.enhance(project, group).raise_for_status()
    answer = caller.wait(group, 60)
    assert answer["status"] == "completed", answer
    return download(caller, answer["imageUrl"])


def test_three_exposures_become_one_that_shows_all(caller: Caller) -> None:
    """Neither the roof nor the sky is lost, though each photo loses one of them."""
    light = np.asarray(scene()).astype(float)
    photos = [Image.fromarray(np.clip(light * gain, 0, 255).astype(np.uint8)) for gain in (0.3, 1, 2.6)]
    merged = merge(caller, *map(encoded, photos))
    assert merged.shape == (SIZE[1], SIZE[0], 3)
    assert merged.max() <= 255 and np.mean(merged > 252) < 0.02
    assert merged[150:200, 470:490].mean() > 40


def test_the_sky_is_another_and_the_house_still_stands(caller: Caller) -> None:
    """Blue sky is bluer than the pale one was, and the wall's place keeps its wall."""
    body = {"skyType": "blue", "skySubType": "dramatic", "resolution": "high"}
    image = caller.image(encoded(scene()))
    data = caller.post(f"/api/images/{image}/sky-replace", body).raise_for_status().json()["data"][0]
    before, after = np.asarray(scene()).astype(float), download(caller, data["imageUrl"])
    assert (data["width"], data["height"]) == SIZE
    sky = (slice(10, 60), slice(50, 900))
    blueness = [picture[sky][..., 2].mean() - picture[sky][..., 0].mean() for picture in (before, after)]
    assert blueness[1] > blueness[0] + 20
    wall = (slice(380, 420), slice(280, 680))
    assert abs(before[wall].mean() - after[wall].mean()) < 40


def test_the_lawn_is_greener(caller: Caller) -> None:
    """The strong lawn is greener than the tired one."""
    image = caller.image(encoded(scene()))
    body = {"lawnType": "strong", "resolution": "high"}
    data = caller.post(f"/api/images/{image}/lawn-replace", body).raise_for_status().json()["data"][0]
    lawn = (slice(520, 630), slice(50, 900))
    greenness = [
        picture[lawn][..., 1].mean() - picture[lawn][..., 0].mean()
        for picture in (np.asarray(scene()).astype(float), download(caller, data["imageUrl"]))
    ]
    assert greenness[1] > greenness[0] + 5


def test_staging_says_that_it_is_none(caller: Caller) -> None:
    """The picture that comes back differs: it carries the band."""
    image = caller.image(encoded(scene()))
    body = {"roomType": "BEDROOM", "roomStyle": "japandi", "actionType": "autoStaging"}
    body |= {"resolution": "high", "removeFurniture": True, "colorTypes": ["beige"]}
    data = caller.post(f"/api/images/{image}/stage", body).raise_for_status().json()["data"][0]
    difference = np.abs(np.asarray(scene()).astype(float) - download(caller, data["imageUrl"]))
    assert np.mean(difference.max(axis=2) > 30) > 0.01


def test_real_brackets_are_merged(caller: Caller) -> None:
    """Real photos of a house, from the folder named by HOTFOLDER_BRACKETS."""
    folder = os.environ.get("HOTFOLDER_BRACKETS")
    if not folder:
        pytest.skip("HOTFOLDER_BRACKETS isn't set: no real brackets here")
    photos = [path.read_bytes() for path in sorted(Path(folder, "mertens-house").glob("*.jpg"))]
    merged = merge(caller, *photos)
    assert 60 < merged.mean() < 190
