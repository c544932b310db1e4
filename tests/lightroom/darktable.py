"""darktable without a screen, with hotfolder's storage plug-in: brackets → export → merge in the sandbox →
import.

python -m tests.lightroom.darktable [--screenshot FILE]

Needs Debian's darktable, xvfb, xdotool and dbus, and imagemagick for a screenshot. It takes one or two
minutes. The brackets are the demonstration's photographs and three RAW files.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from tests.support.rawfile import dng

REPOSITORY = Path(__file__).parents[2]
PHOTOS = REPOSITORY / "hotfolder" / "demo" / "photos" / "12 Elm Road"
FILE_TIMEOUT_SECONDS = 300.0
CONFIGURATION = {
    "plugins/lighttable/export/storage_name": "hotfolder",
    "plugins/lighttable/export/format_name": "jpeg",
    "plugins/lighttable/export/expanded": "TRUE",
    "plugins/lighttable/export/width": "0",
    "plugins/lighttable/export/height": "0",
    "plugins/imageio/format/jpeg/quality": "95",
    "lighttable/ui/single_module": "FALSE",
    "ui_last/maximized": "FALSE",
    "ui_last/window_w": "1400",
    "ui_last/window_h": "1000",
    "ui_last/panel_right": "430",
}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--screenshot", type=Path)
    arguments = options.parse_args()
    needed = ["darktable", "Xvfb", "xdotool", "dbus-run-session"]
    needed += ["import"] if arguments.screenshot else []
    missing = [name for name in needed if shutil.which(name) is None]
    if missing:
        debian = "apt install darktable xvfb xdotool dbus imagemagick"
        print(f"Missing: {', '.join(missing)}. On Debian: {debian}")
        return 2
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        return Run(Path(folder), stack, arguments.screenshot).through()


class Run:
    """One run in a folder of its own."""

    def __init__(self, folder: Path, stack: ExitStack, screenshot: Path | None) -> None:
        self.folder, self.stack, self.screenshot = folder, stack, screenshot
        self.ended: Callable[[], bool] = lambda: False
        self.studio = folder / "studio"
        self.inbox, self.done = self.studio / "inbox", self.studio / "done"
        self.originals = folder / "12 Elm Road"
        for made in (self.inbox, self.done, self.originals):
            made.mkdir(parents=True)
        self.config = self.studio / "config.yaml"
        inboxes = [{"path": "inbox"}, {"path": "other", "tags": {"dusk": ["sky-twilight"]}}]
        settings = {"root": ".", "settle": {"quiet_seconds": 1}, "inboxes": inboxes}
        self.config.write_text(yaml.safe_dump(settings))

    def through(self) -> int:
        photos = self.brackets()
        self.hotfolder("lightroom", "--write", str(self.folder / "editors"), "--share", str(self.studio))
        display = self.stack.enter_context(screen())
        log = self.stack.enter_context(self.darktable(display, photos))
        self.comes(lambda: (self.folder / "selected").exists(), log)
        if self.screenshot:
            time.sleep(3)  # for a person who watches; nothing depends on it
            subprocess.run(
                ["import", "-window", "root", "-crop", "1400x1000+0+0", str(self.screenshot)],
                check=True,
                env=on(display),
            )
        (self.folder / "seen").touch()
        expected = {"front__sky-twilight": 3, "garden": 3, "hall": 3, "living room": 5}
        self.comes(
            lambda: all((self.inbox / "12 Elm Road" / room / ".ready").exists() for room in expected), log
        )
        for room, number in expected.items():
            found = sorted(path.name for path in (self.inbox / "12 Elm Road" / room).iterdir())
            assert len(found) == number + 1, found
            print(f"exported: 12 Elm Road/{room}: {', '.join(found)}")
        print(self.hotfolder("run", "--sandbox", "--until-idle"))
        wanted = {"front.jpg", "front__sky-twilight.png", "garden.jpg", "hall.jpg", "living room.jpg"}
        leaders: list[dict[str, str]] = []
        for attempt in ("1", "2"):
            (self.folder / f"finished {attempt}").touch()
            self.comes(lambda: (self.folder / f"home {attempt}").exists(), log)  # noqa: B023
            lines = (self.folder / f"home {attempt}").read_text().splitlines()
            assert len(lines) == photos + len(wanted), lines
            leaders.append(dict(line.split("\t") for line in lines))
        assert leaders[0] == leaders[1], "brought home twice"
        assert wanted <= leaders[0].keys(), leaders
        for name, leader in sorted(leaders[0].items()):
            print(f"in darktable: {name}, in the group of {leader}")
            room = name.split("__")[0].split("-")[0].removesuffix(".jpg")
            assert leader in wanted and leader.startswith(room), (name, leader)
            assert (
                name not in wanted
                or (self.originals / name).read_bytes() == (self.done / "12 Elm Road" / name).read_bytes()
            )
        print("Every room came back whole, each picture once, in its brackets' group.")
        return 0

    def brackets(self) -> int:
        found = sorted(PHOTOS.glob("*/*.jpg"))
        for path in found:
            room = path.parent.name.split("__")[0].replace("-", " ")
            shutil.copyfile(path, self.originals / f"{room}-{path.name}")
        for number, stops in enumerate((-2, 0, 2), start=1):
            light = (int(4000 * 2**stops), int(8000 * 2**stops), int(3000 * 2**stops))
            raw = dng(
                light, (960, 640), seconds=(int(16 * 2**stops), 960), taken_at=f"2026:05:12 11:00:0{number}"
            )
            (self.originals / f"hall-IMG_013{number}.dng").write_bytes(raw)
        return len(found) + 3

    def hotfolder(self, command: str, *options: str) -> str:
        words = [sys.executable, "-m", "hotfolder", command, "--config", str(self.config), *options]
        told = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True)
        assert told.returncode == 0, told.stdout + told.stderr
        return told.stdout

    @contextmanager
    def darktable(self, display: str, photos: int) -> Iterator[Path]:
        """Run darktable; its log."""
        home, log = self.folder / "darktable", self.folder / "darktable.log"
        shutil.copytree(self.folder / "editors" / "darktable", home / "lua")
        (home / "luarc").write_text('require "hotfolder/hotfolder"\n')
        (home / "darktablerc").write_text("".join(f"{key}={value}\n" for key, value in CONFIGURATION.items()))
        drive = Path(__file__).with_name("drive.lua")
        words = ["dbus-run-session", "--", "darktable", "--disable-opencl", "-d", "lua"]
        words += ["--library", ":memory:", "--configdir", str(home), "--cachedir", str(self.folder / "cache")]
        words += ["--luacmd", f'dofile("{drive}")']
        telling = {"HOTFOLDER_TEST": str(self.folder), "HOTFOLDER_TEST_PHOTOS": str(photos)}
        environment = {**on(display), **telling, "HOME": str(self.folder)}
        with log.open("wb") as stream:
            process = subprocess.Popen(
                words, stdout=stream, stderr=stream, env=environment, start_new_session=True
            )
        self.ended = lambda: process.poll() is not None
        try:
            yield log
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)

    def comes(self, holds: Callable[[], bool], log: Path) -> None:
        end = time.monotonic() + FILE_TIMEOUT_SECONDS
        while not holds():
            trouble = self.folder / "trouble"
            told = trouble.read_text() if trouble.exists() else ""
            assert not told, told
            there = "\n".join(sorted(str(path) for path in self.inbox.rglob("*")))
            assert time.monotonic() < end and not self.ended(), f"{log.read_text()[-3000:]}\n{there}"
            time.sleep(0.3)


@contextmanager
def screen() -> Iterator[str]:
    """A virtual screen; its name. The pointer stays in its middle, beside the window, since darktable acts on
    the image below it."""
    read, write = os.pipe()
    words = ["Xvfb", "-displayfd", str(write), "-screen", "0", "2900x2100x24", "-nolisten", "tcp"]
    process = subprocess.Popen(words, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as told:
            yield f":{told.readline().strip()}"
    finally:
        process.terminate()
        process.wait(30)


def on(display: str) -> dict[str, str]:
    return {**os.environ, "DISPLAY": display, "LC_ALL": "C.UTF-8"}


if __name__ == "__main__":
    sys.exit(main())
