"""The sandbox as it is shipped, with its own imaging, from upload to download."""

from __future__ import annotations

import io
from collections.abc import Iterator
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


def test_the_sky_is_another_the_lawn_is_greener_and_staging_says_that_it_is_none(caller: Caller) -> None:
    """Each answers the picture that it says; the wall's place keeps its wall."""
    image, before = caller.image(encoded(scene())), np.asarray(scene()).astype(float)

    def altered(call: str, body: dict[str, object]) -> np.ndarray:
        answer = caller.post(f"/api/images/{image}/{call}", body | {"resolution": "high"}).raise_for_status()
        (data,) = answer.json()["data"]
        assert (data["width"], data["height"]) == SIZE
        return download(caller, data["imageUrl"])

    def excess(picture: np.ndarray, place: tuple[slice, slice], channel: int) -> float:
        """Of a colour over red."""
        return float(picture[place][..., channel].mean() - picture[place][..., 0].mean())

    after = altered("sky-replace", {"skyType": "blue", "skySubType": "dramatic"})
    sky, wall = (slice(10, 60), slice(50, 900)), (slice(380, 420), slice(280, 680))
    assert excess(after, sky, 2) > excess(before, sky, 2) + 20
    assert abs(before[wall].mean() - after[wall].mean()) < 40
    lawn = (slice(520, 630), slice(50, 900))
    assert excess(altered("lawn-replace", {"lawnType": "strong"}), lawn, 1) > excess(before, lawn, 1) + 5
    stage = {"roomType": "BEDROOM", "roomStyle": "japandi", "actionType": "autoStaging"}
    staged = altered("stage", stage | {"removeFurniture": True, "colorTypes": ["beige"]})
    assert np.mean(np.abs(before - staged).max(axis=2) > 30) > 0.01
