"""A running sandbox on loopback, with real sockets, files and worker processes."""

from __future__ import annotations

import asyncio
import io
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
from PIL import Image

from hotfolder.sandbox.server import serve
from hotfolder.sandbox.settings import SandboxSettings
from tests.sandbox.faulty import Faulty


def jpeg(color: tuple[int, int, int] = (90, 120, 150), size: tuple[int, int] = (96, 64)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, "JPEG", quality=95)
    return file.getvalue()


def png(size: tuple[int, int] = (40, 30)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (200, 210, 220)).save(file, "PNG")
    return file.getvalue()


SKY = {"skyType": "blue", "skySubType": "middle", "resolution": "low"}


@dataclass
class Caller:
    """A client of the sandbox, written from the reference alone."""

    api: httpx.Client
    storage: httpx.Client
    settings: SandboxSettings

    jpeg = staticmethod(jpeg)
    png = staticmethod(png)

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.api.post(path, json=body)

    def project(self, title: str = "123 Main Street Suite") -> str:
        return str(self.post("/api/projects", {"title": title}).raise_for_status().json()["id"])

    def group(self, project: str, **changes: Any) -> str:
        options = {"lensCorrection": True, "perspectiveCorrection": True, "photographerRemoval": True}
        body = {"projectId": project, **options, **changes}
        return str(self.post("/api/hdr-image-group", body).raise_for_status().json()["groupId"])

    def upload_url(self, project: str, group: str, filename: str = "01.jpg") -> httpx.Response:
        body = {"projectId": project, "groupId": group, "filename": filename}
        return self.post("/api/hdr-upload-url", body)

    def upload(self, project: str, group: str, *photos: bytes) -> None:
        for number, photo in enumerate(photos, start=1):
            url = self.upload_url(project, group, f"{number:02}.jpg").raise_for_status().json()["uploadUrl"]
            self.storage.put(url, content=photo).raise_for_status()

    def enhance(self, project: str, group: str) -> httpx.Response:
        return self.post("/api/hdr-enhance", {"projectId": project, "groupId": group})

    def status(self, group: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.api.get(f"/api/hdr-image-group/{group}").raise_for_status().json()
        return answer

    def begun(self) -> tuple[str, str]:
        """A new project, and a new group in it."""
        project = self.project()
        return project, self.group(project)

    def merge(self, *photos: bytes) -> str:
        """The group of a merge that is under way; of one photo unless others are given."""
        project, group = self.begun()
        self.upload(project, group, *(photos or (jpeg(),)))
        assert self.enhance(project, group).raise_for_status().json() == {}
        return group

    def wait(self, group: str, timeout_seconds: float = 120) -> dict[str, Any]:
        """The group's status once it is no longer processing."""
        end = monotonic() + timeout_seconds
        while (answer := self.status(group))["status"] == "processing":
            assert monotonic() < end, "the merge didn't end in time"
            sleep(0.02)
        return answer

    def image(self, content: bytes | None = None) -> str:
        return self._sent(content)["id"]

    def image_url(self) -> str:
        """A new image's address."""
        return self._sent(None)["imageUrl"]

    def _sent(self, content: bytes | None) -> dict[str, str]:
        files = {"file": ("scene.jpg", content if content is not None else jpeg())}
        sent: dict[str, str] = self.api.post("/api/image", files=files).raise_for_status().json()["data"]
        return sent


@contextmanager
def calling(api: str, settings: SandboxSettings, key: str = "any-key") -> Iterator[Caller]:
    with (
        httpx.Client(base_url=api, headers={"stager-api-key": key}, timeout=120) as client,
        httpx.Client(timeout=120) as storage,
    ):
        yield Caller(client, storage, settings)


@contextmanager
def running(settings: SandboxSettings) -> Iterator[Caller]:
    """The sandbox in a thread of its own, until the block ends."""
    addresses: queue.Queue[tuple[str, str] | None] = queue.Queue()
    stop, loops = asyncio.Event(), []

    async def served() -> None:
        loops.append(asyncio.get_running_loop())
        await serve(settings, announce=lambda api, storage: addresses.put((api, storage)), stop=stop)

    def work() -> None:
        try:
            asyncio.run(served())
        finally:
            addresses.put(None)

    thread = threading.Thread(target=work)
    thread.start()
    found = addresses.get(timeout=120)
    assert found is not None, "the sandbox didn't start"
    with calling(found[0], settings) as caller:
        try:
            yield caller
        finally:
            loops[0].call_soon_threadsafe(stop.set)
            thread.join(60)
            assert not thread.is_alive(), "the sandbox didn't stop"


@pytest.fixture(autouse=True, scope="session")
def plain_engine_importable() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        yield


def usual_settings(data: Path) -> SandboxSettings:
    return SandboxSettings(data=data, port=0, storage_port=0, engine="plain_engine")


@pytest.fixture
def settings(tmp_path: Path) -> SandboxSettings:
    return usual_settings(tmp_path / "data")


Start = Callable[..., Any]


@pytest.fixture
def start(settings: SandboxSettings) -> Start:
    """`start(**changes)`: a `with` block with a sandbox with these settings."""
    return lambda **changes: running(replace(settings, **changes))


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """One sandbox with the usual settings for all tests of a module."""
    with running(usual_settings(tmp_path_factory.mktemp("sandbox"))) as running_caller:
        yield running_caller


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """One sandbox for all tests of a module, each of which sets its fault rules."""
    with obeying(tmp_path_factory.mktemp("faulty")) as made:
        yield made


@contextmanager
def obeying(folder: Path) -> Iterator[Faulty]:
    """A sandbox that obeys fault rules, until the block ends."""
    (path := folder / "faults.yaml").write_text("[]")
    with running(replace(usual_settings(folder / "data"), faults=path)) as caller:
        yield Faulty(caller, path)
