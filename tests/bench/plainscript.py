"""The script that a user would write instead, with watchdog and httpx: `python -m tests.bench.plainscript
SETTINGS`.

SETTINGS is JSON: `root`, `url`, `quiet_seconds`, `threads`. The script keeps no records, so it pays twice
after a crash; it retries every failed call, paid or not. It prints `watching` when ready.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

POLL_SECONDS = 0.5
TRIES = 5


class Drops(FileSystemEventHandler):
    """The time of each room folder's last change."""

    def __init__(self) -> None:
        self.changed: dict[Path, float] = {}

    def on_any_event(self, event: FileSystemEvent) -> None:
        if not event.is_directory and event.event_type in ("created", "modified", "closed", "moved"):
            path = Path(str(event.dest_path or event.src_path))
            if path.suffix == ".jpg":
                self.changed[path.parent] = time.monotonic()


class Script:
    """Handles one set after the other, or one for each thread at once."""

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        self.url = url
        self.http = httpx.Client(timeout=300, headers={"accept": "application/json"})
        self.key = {"stager-api-key": "any-key"}
        self.projects: dict[str, str] = {}
        self.lock = threading.Lock()

    def post(self, path: str, **body: Any) -> Any:
        answer = self.http.post(self.url + path, headers=self.key, **body)
        answer.raise_for_status()
        return answer.json()

    def project(self, title: str) -> str:
        with self.lock:
            if title not in self.projects:
                self.projects[title] = again(lambda: self.post("/api/projects", json={"title": title}))["id"]
            return self.projects[title]

    def process(self, folder: Path) -> None:
        photos = sorted(folder.glob("*.jpg"))
        project = self.project(folder.parent.name)
        group = again(lambda: self.merge(project, photos))
        while (state := again(lambda: self.state(group)))["status"] != "completed":
            time.sleep(POLL_SECONDS)
        done = self.root / "done" / folder.parent.name
        originals = done / "originals" / folder.name
        originals.mkdir(parents=True, exist_ok=True)
        merged = done / f"{folder.name.partition('__')[0]}.jpg"
        again(lambda: self.fetch(state["imageUrl"], merged))
        image = again(lambda: self.upload(merged))
        sky = again(lambda: self.sky(image))
        again(lambda: self.fetch(sky, done / f"{folder.name}.jpg"))
        for photo in photos:
            photo.rename(originals / photo.name)

    def merge(self, project: str, photos: list[Path]) -> str:
        options = {"lensCorrection": True, "perspectiveCorrection": True, "photographerRemoval": True}
        found = self.post("/api/hdr-image-group", json={"projectId": project, **options})
        group = {"projectId": project, "groupId": found["groupId"]}
        for photo in photos:
            body = {**group, "filename": photo.name}
            slot = again(partial(self.post, "/api/hdr-upload-url", json=body))
            again(partial(self.put, slot["uploadUrl"], photo))
        again(lambda: self.post("/api/hdr-enhance", json=group))
        return str(found["groupId"])

    def put(self, url: str, photo: Path) -> None:
        with photo.open("rb") as file:
            size = str(photo.stat().st_size)
            self.http.put(url, content=file, headers={"content-length": size}).raise_for_status()

    def state(self, group: str) -> Any:
        answer = self.http.get(f"{self.url}/api/hdr-image-group/{group}", headers=self.key)
        answer.raise_for_status()
        return answer.json()

    def upload(self, picture: Path) -> str:
        with picture.open("rb") as file:
            return str(
                self.post("/api/image", files={"file": (picture.name, file, "image/jpeg")})["data"]["id"]
            )

    def sky(self, image: str) -> str:
        body = {"skyType": "twilight", "resolution": "high", "skySubType": "middle"}
        return str(self.post(f"/api/images/{image}/sky-replace", json=body)["data"][0]["imageUrl"])

    def fetch(self, url: str, target: Path) -> None:
        with self.http.stream("GET", url) as answer, target.with_suffix(".part").open("wb") as file:
            answer.raise_for_status()
            for piece in answer.iter_bytes(1 << 20):
                file.write(piece)
        target.with_suffix(".part").rename(target)


def again(act: Callable[[], Any]) -> Any:
    """Retry a few times, with a pause."""
    for attempt in range(1, TRIES):
        try:
            return act()
        except httpx.HTTPError:
            time.sleep(attempt)
    return act()


def main(given: dict[str, Any]) -> None:
    root = Path(given["root"])
    drops, script, observer = Drops(), Script(root, given["url"]), Observer()
    observer.schedule(drops, str(root / "inbox"), recursive=True)
    observer.start()
    print("watching", flush=True)
    taken: set[Path] = set()
    with ThreadPoolExecutor(given["threads"]) as pool:
        while True:
            time.sleep(0.2)
            now = time.monotonic()
            for folder, changed in sorted(drops.changed.items()):
                if folder not in taken and now - changed >= given["quiet_seconds"]:
                    taken.add(folder)
                    pool.submit(script.process, folder).add_done_callback(complain)


def complain(ended: Any) -> None:
    if ended.exception() is not None:
        print(repr(ended.exception()), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
