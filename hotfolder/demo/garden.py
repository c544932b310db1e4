"""The garden and the back of the house."""

from math import cos, radians, sin

from hotfolder.demo.building import BRICK, RENDERED, STONE, TIMBER, gable, gutter, window
from hotfolder.demo.camera import Pinhole
from hotfolder.demo.foliage import Crown
from hotfolder.demo.grounds import (
    FENCE,
    PATH,
    POT,
    SHADOW,
    TURF,
    hedge,
    outdoors,
    raised,
    shrub,
    tree,
)
from hotfolder.demo.render import Render
from hotfolder.demo.solids import Solid, block

GARDEN_PAVED = ((-3.4, 5.6, -2.9, 0.1), (-4, 6, 0, 8))


def patio() -> list[Solid]:
    """A round table with three chairs, and two planters by the doors."""
    top = Solid((3.0, -1.55, 0.72), (0.6, 0.6, 0.02), TIMBER, "cylinder")
    foot = Solid((3.0, -1.55, 0.36), (0.05, 0.05, 0.36), TIMBER, "cylinder")
    chairs = [*chair(2.1, -1.9, 70.0), *chair(3.95, -1.7, -80.0), *chair(3.1, -0.72, 0.0)]
    pots = [Solid((x, -0.45, 0.24), (0.24, 0.24, 0.24), POT, "cylinder") for x in (-3.0, 1.85)]
    return [top, foot, *chairs, *pots]


def chair(x: float, y: float, yaw_degrees: float) -> list[Solid]:
    """A garden chair: seat, back and four legs."""
    c, s = cos(radians(yaw_degrees)), sin(radians(yaw_degrees))
    parts = [((0.0, 0.0, 0.44), (0.22, 0.22, 0.018)), ((0.0, 0.21, 0.70), (0.22, 0.018, 0.2))]
    parts += [((dx, -0.19, 0.22), (0.02, 0.02, 0.22)) for dx in (-0.19, 0.19)]
    parts += [((dx, 0.21, 0.35), (0.02, 0.02, 0.35)) for dx in (-0.19, 0.19)]
    return [
        Solid((x + c * dx - s * dy, y + s * dx + c * dy, z), half, TIMBER, yaw_degrees=yaw_degrees)
        for (dx, dy, z), half in parts
    ]


def garden(scale: float) -> Render:
    """Render the garden and the back of the house at 1620 by 1080 pixels times `scale`."""
    camera = Pinhole((-4.2, -13.0, 1.65), 14.0, round(1620 * scale), round(1080 * scale), 20.0, shift=0.07)
    return outdoors(camera, garden_solids(), garden_trees(), garden_shrubs(), GARDEN_PAVED)


def garden_trees() -> list[tuple[Crown, Solid]]:
    return [
        tree(-10.0, 1.5, 8.0, 6.0, 331),
        tree(-7.0, 10.0, 10.0, 7.0, 333),
        tree(10.5, 3.0, 6.5, 5.2, 334),
        tree(9.0, 14.0, 11.0, 8.0, 338, 22000),
    ]


def garden_shrubs() -> list[Crown]:
    return [
        hedge((-14.5, -4.9), (3.0, 4.2), 2.9, 341, 60000),
        shrub(6.6, -0.9, 1.5, 1.2, 351),
        shrub(7.4, -2.6, 1.3, 1.0, 353),
        shrub(7.3, -4.4, 1.4, 1.15, 355),
        shrub(-4.6, 1.3, 1.3, 1.2, 352),
        raised(shrub(-3.0, -0.45, 0.75, 0.8, 357, 1300), 0.4),
        raised(shrub(1.85, -0.45, 0.75, 0.8, 358, 1300), 0.4),
    ]


def garden_solids() -> list[Solid]:
    return [
        block((-60, 60), (-20, 70), (-0.2, 0), TURF),
        block((-60, 60), (-41, -40), (0, 8), SHADOW),
        block((-3.4, 5.6), (-2.9, 0.1), (-0.1, 0.02), PATH),
        block((-4.0, 6.0), (0, 8), (0, 5.0), RENDERED),
        block((-4.05, 6.05), (-0.03, 0.2), (0, 0.25), STONE),
        *gable((-4.0, 6.0), (0, 8), 5.0, 2.7, ridge_along_x=True, wall=RENDERED),
        *gutter((-4.0, 6.05), 0.0, 5.0),
        block((-2.6, -1.8), (4.8, 5.6), (6.6, 8.6), BRICK),
        *window((-2.6, 1.4), (0.16, 2.35), 0.0, lights=4, curtains=0.07, bar=False),
        *window((3.0, 4.9), (0.95, 2.25), 0.0, lights=2),
        *window((-2.8, -1.0), (3.08, 4.28), 0.0, lights=2),
        *window((0.4, 1.5), (3.08, 4.28), 0.0, lights=1, curtains=0.3),
        *window((3.0, 4.9), (3.08, 4.28), 0.0, lights=2),
        *patio(),
        block((8.6, 8.65), (-12, 8), (0.05, 1.8), FENCE),
        block((6.0, 8.65), (5.0, 5.05), (0.05, 1.8), FENCE),
    ]
