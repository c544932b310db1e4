"""Parts of houses seen from outside: roofs, windows, doors."""

import numpy as np

from hotfolder.demo.solids import Material, Solid, Span, block
from hotfolder.demo.textures import (
    Floats,
    Surface,
    brick,
    fabric,
    noise,
    paint,
    plain,
    plaster,
    roof_tiles,
    seam,
)

Triple = tuple[float, float, float]
OVERHANG = 0.32

BRICK = Material(brick((0.34, 0.155, 0.10)), (0.33, 0.17, 0.12))
RENDERED = Material(plaster((0.70, 0.67, 0.60), grain=0.02), (0.68, 0.65, 0.59))
TILES = Material(roof_tiles((0.135, 0.125, 0.125)), (0.12, 0.11, 0.11), gloss=0.25)
WHITE = Material(plain((0.78, 0.78, 0.76)), (0.76, 0.76, 0.75), gloss=0.4)
STONE = Material(plaster((0.50, 0.47, 0.42), grain=0.05), (0.5, 0.47, 0.42))
GUTTER = Material(plain((0.05, 0.05, 0.055)), (0.05, 0.05, 0.055), gloss=0.5)
DOOR = Material(plain((0.045, 0.09, 0.105)), (0.045, 0.09, 0.105), gloss=0.7)
BRASS = Material(plain((0.55, 0.40, 0.17)), (0.5, 0.4, 0.2), gloss=1.5)
TIMBER = Material(fabric((0.36, 0.25, 0.16), weave=0.1), (0.36, 0.25, 0.16))


def gable(
    x: tuple[float, float],
    y: tuple[float, float],
    eaves: float,
    rise: float,
    *,
    ridge_along_x: bool,
    wall: Material,
) -> list[Solid]:
    """A pitched roof over the rectangle: two tiled slopes, overhanging eaves, the walls below its ends."""

    def axes(along: float, across: float, up: float) -> Triple:
        return (along, across, up) if ridge_along_x else (across, along, up)

    ridge, gabled = (Span(*x), Span(*y)) if ridge_along_x else (Span(*y), Span(*x))
    pitch = rise / gabled.half
    run, height = gabled.half + OVERHANG, rise + OVERHANG * pitch
    middle = eaves - OVERHANG * pitch + height / 2
    length, limit = ridge.half + 0.22, run * height / 2
    thick = 0.13 * float(np.hypot(height, run))
    centre, half = axes(ridge.middle, gabled.middle, middle), axes(length, run, height / 2)
    solids = []
    for side in (-1.0, 1.0):
        outer, keep = (*axes(0, side * height, run), limit), (*axes(0, -side, 0), 0.0)
        under = axes(0, -side * height, -run)
        solids.append(Solid(centre, half, TILES, cuts=(outer, (*under, thick - limit), keep)))
        for end in (-1.0, 1.0) if ridge_along_x else (-1.0,):
            place = axes(ridge.middle + end * (length - 0.02), gabled.middle, middle - 0.05)
            cuts = (outer, (*under, thick * 1.2 - limit), keep)
            solids.append(Solid(place, axes(0.035, run, height / 2), WHITE, cuts=cuts, casts=False))
    wedge = tuple((*axes(0, s * rise, gabled.half), gabled.half * rise / 2) for s in (-1.0, 1.0))
    body = axes(ridge.half, gabled.half, rise / 2)
    below = axes(ridge.middle, gabled.middle, eaves + rise / 2 - 0.16)
    return [*solids, Solid(below, body, wall, cuts=wedge)]


def gutter(x: tuple[float, float], y: float, z: float) -> list[Solid]:
    """A gutter below the eaves of a front, its white fascia, and a downpipe at the right-hand end."""
    return [
        block(x, (y - 0.42, y - 0.30), (z - 0.31, z - 0.21), GUTTER, casts=False),
        block(x, (y - 0.30, y - 0.0), (z - 0.42, z - 0.33), WHITE),
        block((x[1] - 0.42, x[1] - 0.34), (y - 0.10, y - 0.02), (0.05, z - 0.3), GUTTER, casts=False),
    ]


def pane(x: tuple[float, float], z: tuple[float, float], *, curtains: float, seed: int) -> Surface:
    """A window from outside by day: a dim room between two curtains (a share of its width each)."""

    def surface(p: Floats, n: Floats, footprint: Floats) -> Floats:
        u = (p[0] - x[0]) / (x[1] - x[0])
        v = (p[2] - z[0]) / (z[1] - z[0])
        dim = 0.014 + 0.030 * (1 - v) ** 2 + 0.004 * noise(p[0], p[2], period=2.5, seed=seed, slope=1.4)
        room = paint((1.0, 0.86, 0.70), dim)
        folds = 0.20 + 0.035 * np.sin(p[0] * 62 + seed) + 0.05 * v
        cloth = paint((0.96, 0.93, 0.88), folds)
        hung = np.minimum(u, 1 - u) < curtains * (1 + 0.10 * np.sin(v * 3 + seed))
        return np.asarray(np.where(hung, cloth, room), np.float32)

    return surface


def window(
    x: tuple[float, float],
    z: tuple[float, float],
    y: float,
    *,
    lights: int = 2,
    curtains: float = 0.2,
    bar: bool = True,
) -> list[Solid]:
    """A white window in a front wall at `y`: panes, frame, stone sill and lintel."""
    glass = Material(
        pane(x, z, curtains=curtains, seed=int(x[0] * 7 + z[0] * 3) % 50 + 150), (0.05, 0.05, 0.05), 3.2
    )
    third = (x[1] - x[0]) / lights
    uprights = [(x[0], x[0] + 0.075), (x[1] - 0.075, x[1])]
    uprights += [(x[0] + k * third - 0.045, x[0] + k * third + 0.045) for k in range(1, lights)]
    rails = [(z[0], z[0] + 0.08), (z[1] - 0.075, z[1])]
    if bar:
        level = z[0] + (z[1] - z[0]) * 0.68
        rails.append((level - 0.025, level + 0.025))
    return [
        block(x, (y - 0.012, y + 0.02), z, glass, casts=False),
        *[block(u, (y - 0.055, y), z, WHITE, casts=False) for u in uprights],
        *[block(x, (y - 0.05, y), r, WHITE, casts=False) for r in rails],
        block((x[0] - 0.12, x[1] + 0.12), (y - 0.14, y), (z[0] - 0.11, z[0]), STONE),
        block((x[0] - 0.12, x[1] + 0.12), (y - 0.03, y), (z[1], z[1] + 0.2), STONE, casts=False),
    ]


def front_door(x: tuple[float, float], y: float, top: float) -> list[Solid]:
    """A panelled door with a fanlight, a step and a small canopy."""
    low, high = x
    width = high - low
    fan = Material(plain((0.05, 0.045, 0.04)), (0.05, 0.05, 0.05), 3.2)
    panels = [
        block((low + a * width - m, low + b * width + m), (y - out, y), (c - m, d + m), of, casts=False)
        for a, b in ((0.16, 0.46), (0.54, 0.84))
        for c, d in ((0.34, 0.95), (1.1, 1.85))
        for m, out, of in ((0.018, 0.078, GUTTER), (0.0, 0.082, DOOR))
    ]
    return [
        block((low - 0.1, high + 0.1), (y - 0.06, y), (0.16, top + 0.1), WHITE, casts=False),
        block((low, high), (y - 0.075, y), (0.16, 2.12), DOOR, casts=False),
        *panels,
        block((low, high), (y - 0.07, y), (2.2, top), fan, casts=False),
        block((low + 0.08 * width, low + 0.12 * width), (y - 0.13, y), (1.05, 1.2), BRASS, casts=False),
        block((low - 0.35, high + 0.35), (y - 0.85, y), (0, 0.15), STONE),
        block((low - 0.45, high + 0.45), (y - 0.9, y), (top + 0.22, top + 0.36), WHITE),
        block((low - 0.38, low - 0.28), (y - 0.8, y - 0.7), (0.15, top + 0.22), WHITE),
        block((high + 0.28, high + 0.38), (y - 0.8, y - 0.7), (0.15, top + 0.22), WHITE),
    ]


def garage_door(x: tuple[float, float], y: float, top: float) -> list[Solid]:
    """A sectional garage door in a white frame."""

    def sections(p: Floats, n: Floats, footprint: Floats) -> Floats:
        joint = seam(p[2] - top / 8, top / 4, 0.022, footprint)
        rib = seam(p[2] - top / 16, top / 8, 0.012, footprint)
        return paint((0.50, 0.51, 0.50), (1 - 0.6 * joint) * (1 - 0.16 * rib))

    door = Material(sections, (0.5, 0.5, 0.5), gloss=0.3)
    return [
        block((x[0] - 0.12, x[1] + 0.12), (y - 0.05, y), (0, top + 0.12), WHITE, casts=False),
        block(x, (y - 0.058, y), (0.02, top), door, casts=False),
        block((x[0], x[1]), (y - 0.0585, y), (0.0, 0.04), GUTTER, casts=False),
    ]
