"""The API as this client understands it: every endpoint, over real HTTP, against whoever claims to be it.

By default that is the sandbox. With HOTFOLDER_CONTRACT_URL, HOTFOLDER_CONTRACT_KEY and, where it isn't
Google's, HOTFOLDER_CONTRACT_STORAGE_HOSTS (separated by commas) it is the real API, **which costs money**:
one merge and an operation of each kind.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from hotfolder.stager.addresses import SignedUrl
from hotfolder.stager.answers import parse_results
from hotfolder.stager.client import StagerClient
from hotfolder.stager.operations import OPERATIONS, HdrOptions, Lawn, Operation, Sky, Stage
from hotfolder.stager.storage import StorageClient

MOST_BYTES = 200 << 20
MERGE_SECONDS = 600
REAL_URL = os.environ.get("HOTFOLDER_CONTRACT_URL", "")


@dataclass(frozen=True)
class Side:
    """The server under test, its key, and its storage hosts."""

    base_url: str
    key: str
    storage_hosts: tuple[str, ...]


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    if REAL_URL:
        hosts = os.environ.get("HOTFOLDER_CONTRACT_STORAGE_HOSTS", "storage.googleapis.com").split(",")
        yield Side(REAL_URL, os.environ["HOTFOLDER_CONTRACT_KEY"], tuple(hosts))
        return
    pytest.importorskip("fastapi", reason="the sandbox is an extra")
    from hotfolder.sandbox.embedded import EmbeddedSandbox
    from hotfolder.sandbox.settings import SandboxSettings

    settings = SandboxSettings(
        data=tmp_path_factory.mktemp("sandbox"),
        port=0,
        storage_port=0,
        required_key="sandbox-key",
        long_edge=320,
    )
    sandbox = EmbeddedSandbox(settings)
    base_url, storage_host = sandbox.start()
    yield Side(base_url, "sandbox-key", (storage_host,))
    sandbox.stop()


@pytest.fixture
async def client(side: Side) -> AsyncIterator[StagerClient]:
    made = StagerClient(side.base_url, lambda: side.key)
    yield made
    await made.aclose()


@pytest.fixture
async def storage(side: Side) -> AsyncIterator[StorageClient]:
    made = StorageClient(side.storage_hosts)
    yield made
    await made.aclose()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house under a pale sky on a lawn, in three exposures: `1.jpg` to `3.jpg`."""
    folder = tmp_path_factory.mktemp("scene")
    picture = Image.new("RGB", (640, 480), (196, 204, 212))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 300, 640, 480), fill=(92, 128, 58))
    for step in range(0, 640, 7):
        draw.line(
            (step, 300 + step % 60, step + 5, 330 + step % 150), fill=(70, 104 + step % 40, 44), width=2
        )
    draw.rectangle((170, 150, 480, 320), fill=(168, 138, 112))
    draw.polygon(((150, 150), (325, 60), (500, 150)), fill=(112, 60, 50))
    for left in (200, 290, 400):
        draw.rectangle((left, 190, left + 50, 250), fill=(60, 74, 96), outline=(240, 240, 236), width=4)
    for number, gain in enumerate((0.45, 1.0, 1.7), start=1):
        exposed = picture.point([min(255, round(value * gain)) for value in range(256)] * 3)
        exposed.save(folder / f"{number}.jpg", quality=92)
    return folder


async def fetch(storage: StorageClient, url: SignedUrl, target: Path) -> tuple[int, int]:
    """Download a picture and decode it to its end; its size in pixels."""
    download = await storage.download(url, target, most_bytes=MOST_BYTES)
    assert download.size_bytes == target.stat().st_size
    with Image.open(target, formats=("JPEG", "PNG")) as picture:
        picture.load()
        return picture.size


async def test_merge_from_end_to_end(
    client: StagerClient, storage: StorageClient, scene: Path, tmp_path: Path
) -> None:
    """Project, group, uploads, merge, polling, download: Section 2 of the reference in its order."""
    project_id = await client.create_project("12 Elm Road")
    group_id = await client.create_group(project_id, HdrOptions())
    for number in (1, 2, 3):
        url = await client.upload_url(project_id, group_id, f"{number:02d}.jpg")
        photo = scene / f"{number}.jpg"
        await storage.put(url, photo, size_bytes=photo.stat().st_size)
    await client.enhance(project_id, group_id)
    deadline = time.monotonic() + MERGE_SECONDS
    while (state := await client.group(group_id)).status != "completed":
        assert state.status == "processing" and time.monotonic() < deadline
        await asyncio.sleep(0.2)
    assert state.image_url is not None
    width, height = await fetch(storage, state.image_url, tmp_path / "merged")
    assert 1.2 < width / height < 1.5


OF_EACH_KIND = (
    Sky(sky_type="twilight"),
    Lawn(lawn_type="medium", extra_instructions="Keep the stone pathway intact"),
    Stage(room_type="EXTERIOR", room_style="modern", color_types=("ivory",)),
)


def test_every_kind_of_operation_is_tried() -> None:
    assert {type(operation) for operation in OF_EACH_KIND} == set(OPERATIONS)


@pytest.mark.parametrize("operation", OF_EACH_KIND, ids=lambda operation: operation.kind)
async def test_operation_from_end_to_end(
    operation: Operation, client: StagerClient, storage: StorageClient, scene: Path, tmp_path: Path
) -> None:
    """Upload an image, alter it, download the result: Section 3 of the reference."""
    image_id = await client.upload_image(scene / "2.jpg", "01.jpg", "image/jpeg")
    answer = await client.operate(image_id, operation)
    told = json.loads(answer.body)["data"]
    for number, (result, one) in enumerate(zip(parse_results(answer), told, strict=True)):
        assert await fetch(storage, result.url, tmp_path / str(number)) == (one["width"], one["height"])
