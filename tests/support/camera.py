"""A simulated photographer: rooms, frames as real cameras write them, and which of them belong together.

This code knows nothing of grouping. Times, exposures and pauses of frames follow measurements of real
brackets; the walks between rooms are short guesses.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hotfolder.capture import Capture
from hotfolder.pictures.signature import GRID_CELLS, signature_of
from hotfolder.rules.grouping.results import Grouping
from hotfolder.rules.sets import FileIdentity, Photo

SIDE = GRID_CELLS + 1

Scene = NDArray[np.float64]
"""Log2 radiances of a grid of cells; 0 is what a meter would place at a fifth of white."""


def a_room(rng: random.Random) -> Scene:
    """A random room; all have a bright top, a dark bottom, windows and dark furniture."""
    slope = rng.uniform(0.5, 2.0) * (0.5 - np.arange(SIDE) / SIDE)
    cells = np.repeat(slope[:, None], SIDE, axis=1)
    for _ in range(rng.randint(10, 24)):
        _patch(cells, rng, rng.randint(1, 6), rng.gauss(0, 1.1))
    for _ in range(rng.randint(0, 2)):
        _patch(cells, rng, rng.randint(2, 4), rng.uniform(3, 6))
    for _ in range(rng.randint(2, 6)):
        _patch(cells, rng, rng.randint(1, 4), rng.uniform(-5, -2))
    return cells + _noise(rng, 0.12)


def nudged(scene: Scene, rng: random.Random, cells: float) -> Scene:
    """The same room from a camera that moved by up to that many cells."""
    moved = scene
    for axis in (0, 1):
        by = rng.uniform(-cells, cells)
        # An edge cell is its own neighbour.
        ahead = np.clip(np.arange(SIDE) + (1 if by > 0 else -1), 0, SIDE - 1)
        moved = moved + abs(by) * (np.take(scene, ahead, axis=axis) - scene)
    return moved


def greys(scene: Scene, stops: float) -> Scene:
    """The scene exposed `stops` above the meter's choice, as 0 to 255."""
    return 255 * np.minimum(1.0, 0.2 * 2 ** (scene + stops)) ** (1 / 2.2)


def looks(scene: Scene, stops: float, rng: random.Random) -> tuple[float, str]:
    """Brightness (0 to 1) and signature of a noisy frame."""
    frame = np.clip(np.rint(greys(scene, stops) + _noise(rng, 2.0)), 0, 255).astype(np.uint8)
    return float(frame.mean()) / 255, signature_of(frame.tobytes())


def _noise(rng: random.Random, deviation: float) -> Scene:
    return np.random.default_rng(rng.getrandbits(64)).normal(0, deviation, (SIDE, SIDE))


def _patch(cells: Scene, rng: random.Random, size: int, change: float) -> None:
    top, left = rng.randrange(SIDE), rng.randrange(SIDE)
    for row in range(top, min(SIDE, top + size)):
        cells[row, left : left + rng.randint(1, 2 * size)] += change


# Third stops by their nominal values; the true times are powers of two, and pauses follow the true ones.
_NAMED = (
    "8000 6400 5000 4000 3200 2500 2000 1600 1250 1000 800 640 500 400 320 250 200 160 125 100 80 60 50 40 "
    "30 25 20 15 13 10 8 6 5 4"
)
SHUTTER = (
    *(1 / int(name) for name in _NAMED.split()),
    *(0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.0, 8.0, 10.0, 13.0, 15.0),
)
SIX_SECONDS = SHUTTER.index(6.0)
MIDDLE = SHUTTER.index(1 / 30)
CANON_ORDER = (0, -4, -2, 2, 4)
BEGIN = 1_778_580_000.0
FILE = FileIdentity(size_bytes=1, mtime_ns=1, ctime_ns=1, inode=1)


@dataclass(frozen=True)
class Body:
    """A camera body. `digits`: decimals of its sub-seconds, 0 for none."""

    make: str
    model: str
    serial: str | None = None
    digits: int = 2
    offset_seconds: int | None = None
    size: tuple[int, int] = (6000, 4000)
    sway: float = 0.12


CANON = Body("Canon", "Canon EOS 6D", "032021001234")
SONY = Body("SONY", "ILCE-7M3", None, digits=0, offset_seconds=-14400)
PHONE = Body("Apple", "iPhone 15 Pro", None, digits=3, offset_seconds=-14400, size=(4032, 3024), sway=0.3)


@dataclass
class Photographer:
    """Takes frames one after another. `sets` has the names of each picture's photos; `flash` the names of
    frames lit by flash."""

    rng: random.Random
    body: Body = CANON
    lens: str | None = "EF16-35mm f/4L IS USM"
    focal_mm: float = 17.0
    aperture: float | None = 8.0
    iso: int = 200
    now: float = BEGIN
    photos: list[Photo] = field(default_factory=list)
    sets: list[list[str]] = field(default_factory=list)
    flash: list[str] = field(default_factory=list)

    def walk(self, least: float, most: float) -> None:
        self.now += self.rng.uniform(least, most)

    def room(self) -> Scene:
        return a_room(self.rng)

    def meter(self, least: float = 1 / 125, most: float = 1 / 4) -> int:
        """A random middle exposure, as an index into SHUTTER."""
        return self.rng.choice([place for place, time in enumerate(SHUTTER) if least <= time <= most])

    def burst(
        self, scene: Scene, middle: int, stops: Sequence[float], *, mode: int = 1, bias: bool = False
    ) -> None:
        """The camera's own bracketing: 0.21 to 0.29 s from one frame to the next."""
        self.bracket(scene, middle, stops, (0.21, 0.29), mode=mode, bias=bias)

    def bracket(
        self,
        scene: Scene,
        middle: int,
        stops: Sequence[float],
        pause: tuple[float, float],
        *,
        mode: int | None = 1,
        bias: bool = False,
        dark_frames: bool = False,
    ) -> None:
        """Take one set. `mode` is EXIF's exposure mode; `bias`: the compensation is written, not zero."""
        names = []
        for number, stop in enumerate(stops, start=1):
            place = min(len(SHUTTER) - 1, max(0, middle + round(3 * stop)))
            capture = Capture(exposure_mode=mode, bias_ev=stop if bias else 0.0)
            names.append(self.frame(scene, place, stop, capture))
            if dark_frames and SHUTTER[place] >= 1.0:
                self.now += SHUTTER[place]
            if number < len(stops):
                self.walk(*pause)
        self.sets.append(names)

    def rooms(
        self, number: int, stops: Sequence[float] = CANON_ORDER, pause: tuple[float, float] = (9, 20)
    ) -> Self:
        """Take so many rooms, a burst each, with a pause behind each."""
        for _ in range(number):
            self.burst(self.room(), MIDDLE, stops)
            self.walk(*pause)
        return self

    def single(self, scene: Scene, place: int, stop: float = 0.0, *, mode: int = 0) -> None:
        """Take a picture of one frame."""
        capture = Capture(exposure_mode=mode, bias_ev=0.0)
        self.sets.append([self.frame(scene, place, stop, capture)])

    def lit(self, scene: Scene, place: int) -> None:
        """Take a frame with flash, which no merge may use."""
        flash = replace(Capture(exposure_mode=1, bias_ev=0.0), flash_fired=True)
        self.flash.append(self.frame(scene, place, 0.5, flash))

    def frame(self, scene: Scene, place: int, stop: float, capture: Capture) -> str:
        """Take a frame, and let its exposure time pass; its name."""
        body, digits = self.body, self.body.digits
        brightness, signature = looks(nudged(scene, self.rng, body.sway), stop, self.rng)
        taken = replace(
            capture,
            started_seconds=int(self.now * 10**digits) / 10**digits,
            clock_step_seconds=10.0**-digits,
            offset_seconds=body.offset_seconds,
            exposure_seconds=SHUTTER[place],
            aperture=self.aperture,
            iso=float(self.iso),
            flash_fired=capture.flash_fired or False,
            make=body.make,
            model=body.model,
            body_serial=body.serial,
            lens=self.lens,
            focal_mm=self.focal_mm,
        )
        name = f"IMG_{len(self.photos) + 1:04d}.jpg"
        self.photos.append(
            Photo(
                name=name,
                identity=FILE,
                width=body.size[0],
                height=body.size[1],
                brightness=brightness,
                sha256=f"{self.rng.getrandbits(128):032x}",
                signature=signature,
                capture=taken,
            )
        )
        self.now += 2 ** ((place - SHUTTER.index(1.0)) / 3)
        return name

    @property
    def truth(self) -> list[set[str]]:
        return [set(names) for names in self.sets]


def names_of(grouping: Grouping) -> list[set[str]]:
    """The names of each set's photos."""
    return [{photo.name for photo in each.photos} for each in grouping.sets]
