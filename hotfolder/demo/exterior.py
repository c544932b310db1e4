"""Two outdoor scenes under a pale overcast sky: a house's front with its drive, and the garden behind it."""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hotfolder.demo.building import (
    BRICK,
    RENDERED,
    STONE,
    TIMBER,
    block,
    front_door,
    gable,
    garage_door,
    gutter,
    window,
)
from hotfolder.demo.camera import Pinhole
from hotfolder.demo.daylight import SkyLight
from hotfolder.demo.foliage import Crown, crown_flakes, draw, grass_flakes
from hotfolder.demo.render import Render, World, render
from hotfolder.demo.solids import Material, Solid
from hotfolder.demo.textures import Floats, lawn, noise, paint, paving, planks, plaster


def bright_sky(origins: Floats, directions: Floats) -> Floats:
    """The overcast sky as the camera meets it: much brighter than anything it lights, as it is out of doors."""
    glow = np.where(directions[2] > 0, np.float32(1.75), np.float32(1.0))
    return np.asarray(overcast(origins, directions) * glow, np.float32)


def thicket(p: Floats, n: Floats, footprint: Floats) -> Floats:
    """The inside of a hedge between its leaves."""
    leaf = noise(p[0] + 0.7 * p[1], p[2] + 0.4 * p[1], period=1.6, seed=221, slope=0.55)
    return paint((0.040, 0.070, 0.022), np.clip(1 + 0.75 * leaf, 0.15, 3))


SHADOW = Material(thicket, (0.04, 0.07, 0.022))
BARK = Material(plaster((0.13, 0.105, 0.08), grain=0.2), (0.13, 0.1, 0.08))
FENCE = Material(planks((0.30, 0.215, 0.14), width=0.14, length=40.0), (0.28, 0.2, 0.13))
TURF = Material(lawn, (0.2, 0.18, 0.07))
DRIVE = Material(paving((0.36, 0.335, 0.30)), (0.35, 0.33, 0.3))
PATH = Material(paving((0.44, 0.41, 0.36), stone=0.45), (0.43, 0.4, 0.36))
SOIL = Material(plaster((0.10, 0.07, 0.05), grain=0.25), (0.1, 0.07, 0.05))
POT = Material(plaster((0.30, 0.29, 0.28), grain=0.05), (0.3, 0.29, 0.28))
Spot = tuple[float, float, float]
GREENS = ((0.10, 0.17, 0.045), (0.075, 0.135, 0.04), (0.13, 0.19, 0.05), (0.06, 0.11, 0.045))
LEAF_LIGHT = 0.95


def overcast(origins: Floats, directions: Floats) -> Floats:
    """A featureless bright sky: a little lighter overhead, with the faintest of clouds."""
    x, y, z = directions
    bearing = np.arctan2(x, y)
    rise = z / np.maximum(np.hypot(x, y), 0.05)
    cloud = noise(bearing * 1.4, rise * 2.6, period=3.0, seed=201, slope=1.5)
    level = 0.84 + 0.10 * np.clip(z, 0, 1) + 0.022 * cloud
    tint = np.asarray([0.975, 1.0, 1.03], np.float32)[:, None]
    haze = np.where(z < 0, np.float32(0.45), np.float32(1))
    sky = tint * level * haze
    for tone, top, seed in ((1.9, 0.050, 211), (1.25, 0.030, 213)):
        crown = top + 0.016 * noise(bearing, bearing * 0 + 0.3, period=1.7, seed=seed, slope=0.8)
        leaf = noise(bearing * 20, rise * 20, period=9.0, seed=seed + 1, slope=0.7)
        wood = paint((0.085, 0.105, 0.075), tone * (1 + 0.25 * leaf + 5 * np.clip(rise, 0, 0.06)))
        sky = np.where(rise < crown + 0.003 * leaf, wood, sky)
    return np.asarray(sky, np.float32)


def shade_of(crown: Crown) -> Solid:
    """What a crown keeps light from: unseen itself, for its leaves are drawn."""
    half = (crown.half[0] * 0.85, crown.half[1] * 0.85, crown.half[2] * 0.85)
    return Solid(crown.centre, half, SHADOW, "box" if crown.clipped else "ellipsoid", seen=False)


def core_of(crown: Crown) -> Solid:
    """The dark inside of a hedge or shrub, so that no daylight shows through it."""
    share = 0.86 if crown.clipped else 0.72
    half = (crown.half[0] * 0.95 * share, crown.half[1] * share, crown.half[2] * share)
    return Solid(crown.centre, half, SHADOW, "box" if crown.clipped else "ellipsoid")


def tree(
    x: float, y: float, height: float, width: float, seed: int, leaves: int = 32000
) -> tuple[Crown, Solid]:
    """A broad-leaved tree: its crown and its trunk."""
    crown = Crown(
        (x, y, height * 0.62),
        (width / 2, width / 2, height * 0.38),
        GREENS[seed % 4],
        leaves,
        0.062,
        seed,
        150,
    )
    return crown, Solid((x, y, height * 0.3), (0.16, 0.16, height * 0.3), BARK, "cylinder")


def hedge(x: tuple[float, float], y: tuple[float, float], height: float, seed: int, leaves: int) -> Crown:
    centre = ((x[0] + x[1]) / 2, (y[0] + y[1]) / 2, height / 2)
    half = ((x[1] - x[0]) / 2, (y[1] - y[0]) / 2, height / 2)
    return Crown(centre, half, GREENS[seed % 4], leaves, 0.05, seed, 420, clipped=True)


def shrub(x: float, y: float, width: float, height: float, seed: int, leaves: int = 1500) -> Crown:
    return Crown(
        (x, y, height * 0.40),
        (width / 2, width / 2.4, height * 0.5),
        GREENS[seed % 4],
        leaves,
        0.045,
        seed,
        30,
    )


def raised(crown: Crown, by: float) -> Crown:
    return replace(crown, centre=(crown.centre[0], crown.centre[1], crown.centre[2] + by))


def grown(world: World, crowns: list[Crown], grows: "partial[NDArray[np.bool_]]") -> Render:
    """The world rendered, with leaves and grass over it."""
    camera = world.camera
    detail = min(1.0, (camera.width / 1620) ** 2 * 1.4)
    flakes = [crown_flakes(crown, LEAF_LIGHT, detail) for crown in crowns]
    flakes.append(grass_flakes(camera, round(80000 * detail), 11.0, 0.78, grows))
    return draw(render(world), camera, flakes)


def beyond(
    x: Floats, y: Floats, *, paved: tuple[tuple[float, float, float, float], ...]
) -> NDArray[np.bool_]:
    """Whether grass grows at a place: wherever nothing is paved (x from, x to, y from, y to)."""
    free = np.ones(x.shape, bool)
    for x0, x1, y0, y1 in paved:
        free &= ~((x > x0) & (x < x1) & (y > y0) & (y < y1))
    return free


def front(scale: float) -> Render:
    """Render the front of the house at 1620 by 1080 pixels times `scale`."""
    camera = Pinhole((3.6, -13.3, 1.62), -11.0, round(1620 * scale), round(1080 * scale), 22.0, shift=0.13)
    trees = [
        tree(-10.5, 4.0, 7.5, 5.6, 301),
        tree(-8.0, 13.0, 10.5, 7.5, 302),
        tree(11.8, 9.0, 9.0, 6.4, 303),
        tree(15.0, 3.0, 6.5, 5.0, 306),
        tree(3.5, 17.0, 11.5, 7.0, 305, 22000),
    ]
    crowns = [t[0] for t in trees] + [
        hedge((-12.0, -6.6), (0.6, 1.7), 1.9, 310, 22000),
        hedge((8.7, 15.0), (0.2, 1.2), 1.7, 311, 22000),
        shrub(-4.5, -1.75, 1.1, 0.95, 321),
        shrub(-3.3, -1.85, 1.3, 0.75, 322),
        shrub(-2.0, -1.8, 1.2, 0.9, 323),
        shrub(2.6, -0.55, 1.2, 0.95, 324),
        shrub(3.8, -0.6, 1.15, 0.8, 325),
        shrub(-5.9, -0.6, 1.2, 1.3, 326),
    ]
    solids = [
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
        *[t[1] for t in trees],
        *[shade_of(c) for c in crowns],
        *[core_of(c) for c in crowns[len(trees) :]],
    ]
    light = SkyLight(solids, overcast, (0.62, 0.64, 0.66))
    paved = (
        (4.75, 8.3, -16, 1.6),
        (0.35, 2.0, -3.1, 0),
        (0.35, 4.75, -4.5, -3.05),
        (-5.2, -0.9, -2.35, 0),
        (2.1, 4.6, -1.05, 0),
    )
    return grown(World(solids, camera, light, bright_sky), crowns, partial(beyond, paved=paved))


def patio() -> list[Solid]:
    """A round table with three chairs, and two planters by the doors."""
    solids = [
        Solid((3.0, -1.55, 0.72), (0.6, 0.6, 0.02), TIMBER, "cylinder"),
        Solid((3.0, -1.55, 0.36), (0.05, 0.05, 0.36), TIMBER, "cylinder"),
    ]
    for x, y, yaw in ((2.1, -1.9, 70.0), (3.95, -1.7, -80.0), (3.1, -0.72, 0.0)):
        c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))

        def turned(
            dx: float, dy: float, z: float, x: float = x, y: float = y, c: float = c, s: float = s
        ) -> Spot:
            return (x + float(c * dx - s * dy), y + float(s * dx + c * dy), z)

        solids.append(Solid(turned(0, 0, 0.44), (0.22, 0.22, 0.018), TIMBER, yaw_degrees=yaw))
        solids.append(Solid(turned(0, 0.21, 0.70), (0.22, 0.018, 0.2), TIMBER, yaw_degrees=yaw))
        for dx in (-0.19, 0.19):
            solids.append(Solid(turned(dx, -0.19, 0.22), (0.02, 0.02, 0.22), TIMBER, yaw_degrees=yaw))
            solids.append(Solid(turned(dx, 0.21, 0.35), (0.02, 0.02, 0.35), TIMBER, yaw_degrees=yaw))
    return solids + [Solid((x, -0.45, 0.24), (0.24, 0.24, 0.24), POT, "cylinder") for x in (-3.0, 1.85)]


def garden(scale: float) -> Render:
    """Render the garden and the back of the house at 1620 by 1080 pixels times `scale`."""
    camera = Pinhole((-4.2, -13.0, 1.65), 14.0, round(1620 * scale), round(1080 * scale), 20.0, shift=0.07)
    trees = [
        tree(-10.0, 1.5, 8.0, 6.0, 331),
        tree(-7.0, 10.0, 10.0, 7.0, 333),
        tree(10.5, 3.0, 6.5, 5.2, 334),
        tree(9.0, 14.0, 11.0, 8.0, 338, 22000),
    ]
    crowns = [t[0] for t in trees] + [
        hedge((-13.5, -4.9), (3.0, 4.0), 1.9, 341, 40000),
        shrub(6.6, -0.9, 1.5, 1.2, 351),
        shrub(7.4, -2.6, 1.3, 1.0, 353),
        shrub(7.3, -4.4, 1.4, 1.15, 355),
        shrub(-4.6, 1.3, 1.3, 1.2, 352),
        raised(shrub(-3.0, -0.45, 0.75, 0.8, 357, 1300), 0.4),
        raised(shrub(1.85, -0.45, 0.75, 0.8, 358, 1300), 0.4),
    ]
    solids = [
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
        *[t[1] for t in trees],
        *[shade_of(c) for c in crowns],
        *[core_of(c) for c in crowns[len(trees) :]],
    ]
    light = SkyLight(solids, overcast, (0.62, 0.64, 0.66))
    paved = ((-3.4, 5.6, -2.9, 0.1), (-4, 6, 0, 8))
    return grown(World(solids, camera, light, bright_sky), crowns, partial(beyond, paved=paved))
