"""What surrounds a house on an overcast day: sky, trees, hedges, lawn and paving."""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hotfolder.demo.camera import Pinhole
from hotfolder.demo.foliage import Crown, crown_flakes, draw, grass_flakes
from hotfolder.demo.render import Render, World, render
from hotfolder.demo.skylight import SkyLight
from hotfolder.demo.solids import Material, Solid
from hotfolder.demo.textures import Floats, lawn, noise, paint, paving, planks, plaster


def bright_sky(origins: Floats, directions: Floats) -> Floats:
    """The overcast sky as the camera meets it: much brighter than what it lights, as it is out of doors."""
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
GREENS = ((0.10, 0.17, 0.045), (0.075, 0.135, 0.04), (0.13, 0.19, 0.05), (0.06, 0.11, 0.045))
LEAF_LIGHT = 0.95
GROUND_LIGHT = (0.62, 0.64, 0.66)


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
    return Crown(centre, half, GREENS[seed % 4], leaves, 0.05, seed, max(420, leaves // 40), clipped=True)


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


def outdoors(
    camera: Pinhole,
    house: list[Solid],
    trees: list[tuple[Crown, Solid]],
    shrubs: list[Crown],
    paved: tuple[tuple[float, float, float, float], ...],
) -> Render:
    """A house among its trees and shrubs under an overcast sky, with grass wherever nothing is paved."""
    crowns = [crown for crown, _ in trees] + shrubs
    solids = house + standing(trees, crowns)
    world = World(solids, camera, SkyLight(solids, overcast, GROUND_LIGHT), bright_sky)
    detail = min(1.0, (camera.width / 1620) ** 2 * 1.4)
    flakes = [crown_flakes(crown, LEAF_LIGHT, detail) for crown in crowns]
    flakes.append(grass_flakes(camera, round(80000 * detail), 11.0, 0.78, partial(beyond, paved=paved)))
    return draw(render(world), camera, flakes)


def beyond(
    x: Floats, y: Floats, *, paved: tuple[tuple[float, float, float, float], ...]
) -> NDArray[np.bool_]:
    """Whether grass grows at a place: wherever nothing is paved (x from, x to, y from, y to)."""
    free = np.ones(x.shape, bool)
    for x0, x1, y0, y1 in paved:
        free &= ~((x > x0) & (x < x1) & (y > y0) & (y < y1))
    return free


def standing(trees: list[tuple[Crown, Solid]], crowns: list[Crown]) -> list[Solid]:
    """Trunks, what crowns keep light from, and the insides of hedges and shrubs."""
    trunks = [trunk for _, trunk in trees]
    return [*trunks, *[shade_of(c) for c in crowns], *[core_of(c) for c in crowns[len(trees) :]]]
