"""What the page costs with 1,000 sets: `python -m tests.bench.browsing`.

How soon Now is painted in Chromium, how soon a change is on an open page, and what twenty open pages cost the
daemon and the page's own process.
"""

from __future__ import annotations

import argparse
import http.client
import io
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from PIL import Image

from hotfolder.control import actions
from hotfolder.jobs.model import FileRole, NewJob, Picture, job_file
from hotfolder.jobs.states import State
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.sets import FileIdentity
from tests.bench.processes import cpu_seconds, peak_bytes
from tests.support.browser import chromium, tab
from tests.support.pageprocess import PageProcess, page_process
from tests.support.pictures import bracket
from tests.support.studio import Shop, Studio

SETS, ROOMS = 1000, 20
PAGES = 20
ROUNDS = 15
LOOK_SECONDS = 20.0
WAY = (State.UPLOADING, State.MERGING, State.EDITING, State.PUBLISHING, State.FILING, State.DONE)


def fill(studio: Studio, sets: int, rooms: int = ROOMS, size: tuple[int, int] = (1200, 800)) -> None:
    """Fill a store with that many sets, `rooms` a project: mostly finished, a few failed."""
    file = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(file, "JPEG", quality=85)
    begun = datetime.now(UTC) - timedelta(hours=sets // 60 + 1)
    with studio.store() as store:
        for number in range(sets):
            project, room, at = f"Project {number // rooms:03}", f"room {number % rooms:02}", begun
            begun += timedelta(minutes=1)
            path = studio.done / project / f"{room}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.getvalue())
            names = [(f"IMG_{number}.jpg", FileIdentity(1, 1, 1, number)) for number in range(3)]
            photos = tuple(job_file(*one, FileRole.PHOTO) for one in names)
            new = NewJob(
                studio.inbox.name, project, room, room, project, photos, Recipe(), middle="IMG_1.jpg"
            )
            job = store.create(new, "https://api.example", at)
            if number % 97 == 5:
                store.advance(job.id, State.REFUSING, at, reason="its photos can't be read")
                store.advance(job.id, State.FAILED, at, filed_as=room)
                continue
            for state in WAY:
                store.advance(job.id, state, at)
            picture = Picture(
                job_id=job.id,
                path=str(path.relative_to(studio.done)),
                sha256="0" * 64,
                width=1200,
                height=800,
            )
            store.add_pictures([picture])


def first_paints(site: PageProcess) -> list[float]:
    """Seconds until the first paint of Now in a fresh tab, for several tabs."""
    paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
    found = []
    with chromium() as browser:
        for _ in range(6):
            with tab(browser, site) as opened:
                while not (at := opened.evaluate(paint)):
                    time.sleep(0.02)
                found.append(at / 1000)
    return found[1:]  # the first one starts the browser


def delays(site: PageProcess, studio: Studio) -> tuple[list[float], list[float]]:
    """Seconds from a change in the store until an open page shows it: after a person's command, and after a
    job begins."""
    told, begun = [], []
    with chromium() as browser, tab(browser, site) as opened:
        banner = opened.locator(".banner.attention")

        def until(holds: Callable[[], object]) -> float:
            while not holds():
                time.sleep(0.01)
            return time.time()

        for number in range(ROUNDS):
            time.sleep(0.4 + 0.07 * number)
            studio.by_hand(actions.pause, "bench")
            at = time.time()
            told.append(until(lambda: banner.count()) - at)
            studio.by_hand(actions.resume)
            until(lambda: not banner.count())
        for number in range(5):
            studio.drop("Arriving", f"fresh {number}", bracket())
            card = opened.locator(f".card:has-text('fresh {number}')")
            seen = until(lambda: card.count() and begin_of(studio, number))  # noqa: B023 - called at once
            begun.append(seen - begin_of(studio, number))
            until(lambda: "done" in card.inner_text())  # noqa: B023 - called at once
    return told, begun


def begin_of(studio: Studio, number: int) -> float:
    """When the job of that folder was recorded; 0 while there is none."""
    job = studio.reading(
        lambda store: store.latest_of_folder(studio.inbox.name, "Arriving", f"fresh {number}")
    )
    return job.created_at.timestamp() if job is not None else 0.0


def browse(site: PageProcess, over: threading.Event) -> None:
    """Act as a browser with an open page: listen for events, and fetch the page after each."""
    with suppress(OSError, http.client.HTTPException):  # the end of the page's process
        events = site.listening()
        while not over.is_set():
            if events.readline().startswith(b"data:"):
                site.get("/")


def load(site: PageProcess, studio: Studio, daemon: int) -> tuple[float, float, float, int]:
    """Shares of one core: the daemon without pages, the daemon with them, the page's process; and its peak in
    bytes."""

    def share(pid: int, before: float) -> float:
        return (cpu_seconds(pid) - before) / LOOK_SECONDS

    before = cpu_seconds(daemon)
    time.sleep(LOOK_SECONDS)
    alone = share(daemon, before)
    over = threading.Event()
    readers = [threading.Thread(target=browse, args=(site, over), daemon=True) for _ in range(PAGES)]
    for reader in readers:
        reader.start()
    time.sleep(3)
    before, own = cpu_seconds(daemon), cpu_seconds(site.process.pid)
    end = time.monotonic() + LOOK_SECONDS
    while time.monotonic() < end:
        studio.by_hand(actions.pause, "bench")
        time.sleep(2.5)
        studio.by_hand(actions.resume)
        time.sleep(2.5)
    figures = alone, share(daemon, before), share(site.process.pid, own), peak_bytes(site.process.pid)
    over.set()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=SETS)
    sets = parser.parse_args().sets
    with tempfile.TemporaryDirectory() as folder, Shop(Path(folder) / "shop") as shop:
        studio = Studio(Path(folder) / "studio", shop=shop)
        fill(studio, sets)
        run = studio.start(really=True)
        try:
            with page_process(studio, really=True) as site:
                paints = first_paints(site)
                print(f"first paint of Now, {sets} sets: {median(paints):.2f} s, at most {max(paints):.2f} s")
                told, begun = delays(site, studio)
                print(f"a command on the page: {median(told):.2f} s, at most {max(told):.2f} s")
                print(f"a new job on the page: {median(begun):.2f} s, at most {max(begun):.2f} s")
                alone, daemon, own, peak = load(site, studio, run.process.pid)
                print(f"the daemon alone: {alone:.2%} of a core; with {PAGES} open pages: {daemon:.2%}")
                print(f"the page's process: {own:.1%} of a core, {peak / 1e6:.0f} MB at its peak")
        finally:
            studio.end()


if __name__ == "__main__":
    main()
