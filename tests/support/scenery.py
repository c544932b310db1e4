"""Coarse synthetic scenes of rooms, enough for a brightness and a signature."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from hotfolder.pictures.signature import GRID_CELLS, signature_of

SIDE = GRID_CELLS + 1

Scene = NDArray[np.float64]
"""Log2 radiances of a grid of cells; 0 is what a meter would place at a fifth of white."""


def room(rng: random.Random) -> Scene:
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
