"""A living room by day: sunlight through two windows, a garden behind the glass, a lamp that is on."""

import numpy as np

from hotfolder.demo.camera import Pinhole
from hotfolder.demo.daylight import Opening
from hotfolder.demo.foliage import draw
from hotfolder.demo.furniture import (
    BLACK,
    LINEN,
    RIGHT,
    RUG,
    TRIM,
    armchair,
    pendant,
    pictures,
    plant,
    plant_leaves,
    sideboard,
    sofa,
    table,
)
from hotfolder.demo.outlook import outdoors, window_glow
from hotfolder.demo.render import Render, World, render
from hotfolder.demo.roomlight import RoomLight
from hotfolder.demo.solids import Material, Solid, block
from hotfolder.demo.textures import Floats, fabric, planks, plaster

LEFT, FRONT, BACK, HEIGHT = -2.9, -0.4, 6.3, 2.65
WALL = 0.24
GARDEN_WINDOW = (-1.75, 0.75, 0.42, 2.25)
SIDE_WINDOW = (1.5, 4.3, 0.42, 2.25)
SUN_DIRECTION = (0.86, -0.30, -0.62)
SUN = (33.0, 31.2, 27.5)

WALLS = Material(plaster((0.71, 0.69, 0.64)), (0.71, 0.69, 0.64))
CEILING = Material(plaster((0.84, 0.83, 0.81), grain=0.006), (0.84, 0.83, 0.81))
FLOOR = Material(planks((0.36, 0.225, 0.12)), (0.34, 0.22, 0.12), gloss=0.75)


def draped(p: Floats, n: Floats, footprint: Floats) -> Floats:
    """Hanging linen: its folds keep light from their own valleys."""
    return np.asarray(
        fabric((0.60, 0.55, 0.47), weave=0.03, seed=37)(p, n, footprint) * (0.35 + 0.65 * n[1] ** 2),
        np.float32,
    )


DRAPE = Material(draped, (0.5, 0.46, 0.4))


def shell() -> list[Solid]:
    """Floor, ceiling and walls, with holes where the windows are, and skirting boards."""
    gx0, gx1, gz0, gz1 = GARDEN_WINDOW
    sy0, sy1, sz0, sz1 = SIDE_WINDOW
    far, near = BACK + WALL, FRONT - WALL
    outer = LEFT - WALL
    solids = [
        block((outer, RIGHT + WALL), (near, far), (-0.1, 0), FLOOR),
        block((outer, RIGHT + WALL), (near, far), (HEIGHT, HEIGHT + 0.2), CEILING),
        block((RIGHT, RIGHT + WALL), (near, far), (0, HEIGHT), WALLS),
        block((outer, RIGHT), (near, FRONT), (0, HEIGHT), WALLS),
        block((outer, gx0), (BACK, far), (0, HEIGHT), WALLS),
        block((gx1, RIGHT), (BACK, far), (0, HEIGHT), WALLS),
        block((gx0, gx1), (BACK, far), (0, gz0), WALLS),
        block((gx0, gx1), (BACK, far), (gz1, HEIGHT), WALLS),
        block((outer, LEFT), (FRONT, sy0), (0, HEIGHT), WALLS),
        block((outer, LEFT), (sy1, BACK), (0, HEIGHT), WALLS),
        block((outer, LEFT), (sy0, sy1), (0, sz0), WALLS),
        block((outer, LEFT), (sy0, sy1), (sz1, HEIGHT), WALLS),
        block((RIGHT - 0.018, RIGHT), (FRONT, BACK), (0, 0.13), TRIM),
        block((LEFT, RIGHT), (BACK - 0.018, BACK), (0, 0.13), TRIM),
        block((LEFT, LEFT + 0.018), (FRONT, BACK), (0, 0.13), TRIM),
        block((gx0 - 0.06, gx1 + 0.06), (BACK - 0.09, BACK + WALL), (gz0 - 0.035, gz0), TRIM),
        block((LEFT - WALL, LEFT + 0.09), (sy0 - 0.06, sy1 + 0.06), (sz0 - 0.035, sz0), TRIM),
    ]
    return (
        solids
        + casement((gx0, gx1), (gz0, gz1), along_x=True)
        + casement((sy0, sy1), (sz0, sz1), along_x=False)
    )


def casement(span: tuple[float, float], rise: tuple[float, float], *, along_x: bool) -> list[Solid]:
    """A window's frame: three lights, each with a glazing bar across its upper third."""
    (a, b), (low, high) = span, rise
    third = (b - a) / 3
    deep = (BACK + 0.10, BACK + 0.16) if along_x else (LEFT - 0.16, LEFT - 0.10)
    uprights = [(a, a + 0.06), (b - 0.06, b)] + [
        (a + k * third - 0.035, a + k * third + 0.035) for k in (1, 2)
    ]
    bar = low + (high - low) * 0.69
    rails = [(low, low + 0.06), (high - 0.06, high), (bar - 0.018, bar + 0.018)]
    parts = [(u, rise) for u in uprights] + [(span, r) for r in rails]
    return [block(s, deep, r, TRIM) if along_x else block(deep, s, r, TRIM) for s, r in parts]


def curtain(x: float, width: float) -> list[Solid]:
    """Folds of linen that hang from the rail by the garden window."""
    folds = 7
    step = width / folds
    hung = [
        Solid(
            (x + (k + 0.5) * step, BACK - 0.12 + 0.03 * (-1) ** k, 1.22),
            (step * 0.66, 0.075, 1.21),
            DRAPE,
            "cylinder",
            casts=False,
        )
        for k in range(folds)
    ]
    return [*hung, block((x, x + width), (BACK - 0.13, BACK - 0.07), (0.01, 2.42), LINEN, seen=False)]


def living_room(scale: float) -> Render:
    """Render the living room at 1620 by 1080 pixels times `scale`."""
    camera = Pinhole((-1.55, -0.1, 1.36), 13.0, round(1620 * scale), round(1080 * scale), 21.0, shift=-0.03)
    solids = furnished()
    room = ((LEFT, FRONT, 0.0), (RIGHT, BACK, HEIGHT))
    lamp = ((2.30, 6.05, 1.12), (0.55, 0.34, 0.16))
    light = RoomLight(solids, openings(), window_glow, SUN_DIRECTION, SUN, [lamp], room)
    return draw(render(World(solids, camera, light, outdoors)), camera, [plant_leaves()])


def furnished() -> list[Solid]:
    return [
        *shell(),
        block((-1.0, 1.7), (2.35, 4.65), (0, 0.018), RUG),
        *sofa(),
        *table(),
        *armchair(),
        *sideboard(),
        *pictures(),
        *plant(),
        *pendant(),
        *curtain(-2.2, 0.42),
        *curtain(0.78, 0.42),
        Solid((-0.5, BACK - 0.1, 2.45), (1.85, 0.014, 0.014), BLACK),
    ]


def openings() -> list[Opening]:
    """The two windows, as lights."""
    gx0, gx1, gz0, gz1 = GARDEN_WINDOW
    sy0, sy1, sz0, sz1 = SIDE_WINDOW
    return [
        Opening((gx0, BACK, gz0), (gx1 - gx0, 0, 0), (0, 0, gz1 - gz0), (0, -1, 0)),
        Opening((LEFT, sy0, sz0), (0, sy1 - sy0, 0), (0, 0, sz1 - sz0), (1, 0, 0)),
    ]
