"""What a frame of a made-up room looks like, coarsely: enough for a brightness and a signature."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hotfolder.pictures.signature import GRID_CELLS, signature_of

SIDE = GRID_CELLS + 1


@dataclass(frozen=True)
class Scene:
    """Log2 radiances of a grid of cells; 0 is what a meter would place in the middle."""

    radiances: tuple[float, ...]


def room(rng: random.Random) -> Scene:
    """Rooms resemble each other: bright above, dark below, a window, dark furniture."""
    slope = rng.uniform(0.5, 2.0)
    cells = [[slope * (0.5 - row / SIDE) for _ in range(SIDE)] for row in range(SIDE)]
    for _ in range(rng.randint(10, 24)):
        _patch(cells, rng, rng.randint(1, 6), rng.gauss(0, 1.1))
    for _ in range(rng.randint(0, 2)):
        _patch(cells, rng, rng.randint(2, 4), rng.uniform(3, 6))
    for _ in range(rng.randint(2, 6)):
        _patch(cells, rng, rng.randint(1, 4), rng.uniform(-5, -2))
    return Scene(tuple(cell + rng.gauss(0, 0.12) for row in cells for cell in row))


def nudged(scene: Scene, rng: random.Random, cells: float) -> Scene:
    """The same room from a camera that has moved by a part of a cell."""
    right, down = rng.uniform(-cells, cells), rng.uniform(-cells, cells)
    moved = []
    for row in range(SIDE):
        for column in range(SIDE):
            beside = row * SIDE + min(SIDE - 1, max(0, column + (1 if right > 0 else -1)))
            below = min(SIDE - 1, max(0, row + (1 if down > 0 else -1))) * SIDE + column
            here = scene.radiances[row * SIDE + column]
            moved.append(
                here
                + abs(right) * (scene.radiances[beside] - here)
                + abs(down) * (scene.radiances[below] - here)
            )
    return Scene(tuple(moved))


def looks(scene: Scene, stops: float, rng: random.Random) -> tuple[float, str]:
    """Brightness (0 to 1) and signature of the scene exposed `stops` above the meter's middle."""
    greys = [
        min(255, max(0, round(255 * min(1.0, 0.2 * 2 ** (cell + stops)) ** (1 / 2.2) + rng.gauss(0, 2.0))))
        for cell in scene.radiances
    ]
    return sum(greys) / len(greys) / 255, signature_of(greys)


def _patch(cells: list[list[float]], rng: random.Random, size: int, change: float) -> None:
    top, left = rng.randrange(SIDE), rng.randrange(SIDE)
    for row in cells[top : top + size]:
        for column in range(left, min(SIDE, left + rng.randint(1, 2 * size))):
            row[column] += change
