"""The front of the house, with its drive."""

from hotfolder.demo.building import BRICK, RENDERED, STONE, front_door, gable, garage_door, gutter, window
from hotfolder.demo.camera import Pinhole
from hotfolder.demo.foliage import Crown
from hotfolder.demo.grounds import (
    DRIVE,
    PATH,
    SHADOW,
    SOIL,
    TURF,
    hedge,
    outdoors,
    shrub,
    tree,
)
from hotfolder.demo.render import Render
from hotfolder.demo.solids import Solid, block

FRONT_PAVED = (
    (4.75, 8.3, -16, 1.6),
    (0.35, 2.0, -3.1, 0),
    (0.35, 4.75, -4.5, -3.05),
    (-5.2, -0.9, -2.35, 0),
    (2.1, 4.6, -1.05, 0),
)


def front(scale: float) -> Render:
    """Render the front of the house at 1620 by 1080 pixels times `scale`."""
    camera = Pinhole((3.6, -13.3, 1.62), -11.0, round(1620 * scale), round(1080 * scale), 22.0, shift=0.13)
    return outdoors(camera, front_solids(), front_trees(), front_shrubs(), FRONT_PAVED)


def front_trees() -> list[tuple[Crown, Solid]]:
    return [
        tree(-10.5, 4.0, 7.5, 5.6, 301),
        tree(-8.0, 13.0, 10.5, 7.5, 302),
        tree(11.8, 9.0, 9.0, 6.4, 303),
        tree(3.5, 17.0, 11.5, 7.0, 305, 22000),
    ]


def front_shrubs() -> list[Crown]:
    return [
        hedge((-12.0, -6.6), (0.6, 1.7), 1.9, 310, 22000),
        hedge((8.7, 15.0), (0.2, 1.2), 1.7, 311, 22000),
        shrub(-4.5, -1.75, 1.1, 0.95, 321),
        shrub(-3.3, -1.85, 1.3, 0.75, 322),
        shrub(-2.0, -1.8, 1.2, 0.9, 323),
        shrub(2.6, -0.55, 1.2, 0.95, 324),
        shrub(3.8, -0.6, 1.15, 0.8, 325),
        shrub(-5.9, -0.6, 1.2, 1.3, 326),
    ]


def front_solids() -> list[Solid]:
    return [
        block((-60, 60), (-20, 70), (-0.2, 0), TURF),
        block((-60, 60), (-41, -40), (0, 7), SHADOW),
        block((4.75, 8.3), (-16, 1.6), (-0.1, 0.012), DRIVE),
        block((0.35, 2.0), (-3.1, -0.8), (-0.1, 0.014), PATH),
        block((0.35, 4.75), (-4.5, -3.05), (-0.1, 0.014), PATH),
        block((-5.2, -0.9), (-2.35, -1.1), (-0.1, 0.03), SOIL),
        block((2.1, 4.6), (-1.05, 0.0), (-0.1, 0.03), SOIL),
        block((-5.4, 4.6), (0, 8), (0, 5.2), BRICK),
        block((-5.0, -1.1), (-1.1, 0.1), (0, 5.2), RENDERED),
        block((4.6, 8.4), (1.6, 8), (0, 2.75), BRICK),
        block((-5.45, 4.65), (-0.03, 0.2), (0, 0.32), STONE),
        block((-5.05, -1.05), (-1.14, 0.0), (0, 0.32), STONE),
        *gable((-5.4, 4.6), (0, 8), 5.2, 2.9, ridge_along_x=True, wall=BRICK),
        *gable((-5.0, -1.1), (-1.1, 4.0), 5.2, 1.75, ridge_along_x=False, wall=RENDERED),
        *gable((4.6, 8.4), (1.6, 8), 2.75, 1.35, ridge_along_x=False, wall=BRICK),
        block((2.6, 3.5), (3.6, 4.5), (7.0, 9.0), BRICK),
        *[Solid((x, 4.05, 9.2), (0.14, 0.14, 0.22), STONE, "cylinder") for x in (2.85, 3.25)],
        *gutter((-1.05, 4.62), 0.0, 5.2),
        *window((-4.3, -1.8), (0.75, 2.25), -1.1, lights=3, curtains=0.13),
        *window((-4.0, -2.1), (3.2, 4.4), -1.1, lights=2),
        *window((-0.5, 0.5), (3.2, 4.4), 0.0, lights=1, curtains=0.28),
        *window((2.0, 3.9), (3.2, 4.4), 0.0, lights=2),
        *window((2.4, 4.1), (0.85, 2.25), 0.0, lights=2, curtains=0.16),
        *front_door((0.65, 1.65), 0.0, 2.5),
        *garage_door((5.1, 7.9), 1.6, 2.25),
    ]
