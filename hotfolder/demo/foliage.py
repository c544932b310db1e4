"""Leaves and blades of grass: tens of thousands of flat shapes drawn over a render, each where it stands."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hotfolder.demo.camera import Pinhole
from hotfolder.demo.render import Render
from hotfolder.demo.textures import Colour, Floats, turf_colour, turf_health

OVERSAMPLING = 2
FRACTION_BITS = 3


@dataclass(frozen=True)
class Crown:
    """A mass of leaves: a tree's crown, a shrub, a length of hedge. Sizes are in metres."""

    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    colour: Colour
    leaves: int
    leaf: float
    seed: int
    clumps: int = 40
    clipped: bool = False
    """Whether it is a hedge, cut to a box, and not an ellipsoid."""


@dataclass(frozen=True)
class Flakes:
    """Flat four-cornered shapes: corners (N, 4, 3) in metres, radiance (N, 3)."""

    corners: Floats
    radiance: Floats


def clump_places(crown: Crown, generator: np.random.Generator) -> Floats:
    """Where the clumps of leaves sit, as shares of the crown's half extents: (clumps, 3)."""
    if not crown.clipped:
        way = generator.standard_normal((crown.clumps, 3)).astype(np.float32)
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        return np.asarray(way * generator.uniform(0.35, 0.88, (crown.clumps, 1)), np.float32)
    half = np.asarray(crown.half)
    faces = half.prod() / half
    way = generator.uniform(-0.97, 0.97, (crown.clumps, 3)).astype(np.float32)
    axis = generator.choice(3, crown.clumps, p=faces / faces.sum())
    side = np.where((axis == 2) | (generator.random(crown.clumps) < 0.5), 1, -1)
    way[np.arange(crown.clumps), axis] = side * generator.uniform(0.8, 0.95, crown.clumps)
    return way


def crown_flakes(crown: Crown, light: float, detail: float) -> Flakes:
    """The leaves of a crown under a pale sky: bright on top and outside, dark within and below.

    Leaves deep in a clump are drawn larger, so that a crown is dense without all the leaves of a tree.
    """
    generator = np.random.default_rng(crown.seed)
    half = np.asarray(crown.half, np.float32)
    clumps = clump_places(crown, generator) * half
    count = max(60, round(crown.leaves * detail))
    home = generator.integers(0, crown.clumps, count)
    spread = unit(generator.standard_normal((count, 3)))
    least = 0.25 if crown.clipped else 0.2
    size = float(half.min()) * generator.uniform(least, 0.42, (crown.clumps, 1))
    within = generator.uniform(0.03, 1.0, (count, 1)) ** 0.5
    places = clumps[home] + spread * size[home] * within
    outward = np.clip(np.linalg.norm(places / half, axis=1), 0, 1.2)
    height = np.clip(places[:, 2] / half[2] * 0.5 + 0.5, 0, 1)
    lit = (0.16 + 0.50 * np.clip(0.5 + 0.5 * spread[:, 2], 0, 1) + 0.34 * height) * (0.35 + 0.65 * outward**2)
    lit *= generator.uniform(0.72, 1.28, count) * (0.4 + 0.6 * within[:, 0] ** 2)
    tint = generator.uniform(-1, 1, (count, 1)) * np.array([[0.16, 0.06, -0.05]])
    colour = np.asarray(crown.colour) * (1 + tint) * lit[:, None] * light
    leaf = crown.leaf / np.sqrt(max(detail, 0.2)) * generator.uniform(0.6, 1.3, (count, 1))
    leaf = leaf * (1 + 2.2 * (1 - within))
    first = unit(generator.standard_normal((count, 3))) * leaf
    second = unit(np.cross(first, spread)) * 0.5 * leaf
    middle = places + np.asarray(crown.centre)
    corners = np.stack([middle - first, middle + second, middle + first, middle - second], axis=1)
    return Flakes(corners.astype(np.float32), colour.astype(np.float32))


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vectors (N, 3) of length 1."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def grass_flakes(
    camera: Pinhole,
    blades: int,
    reach: float,
    light: float,
    grows: Callable[[Floats, Floats], NDArray[np.bool_]],
) -> Flakes:
    """Blades of a tired lawn out to `reach` metres, where `grows(x, y)`; denser near the camera, as seen."""
    generator = np.random.default_rng(77)
    px = generator.uniform(-20, camera.width + 20, blades).astype(np.float32)
    horizon = camera.height * (0.5 + camera.shift)
    nearest = horizon + camera.focal_px * camera.position[2] / reach
    py = generator.uniform(nearest, camera.height * 1.06, blades).astype(np.float32)
    direction = camera.rays(px, py)
    foot = -camera.position[2] / direction[2]
    x, y = camera.position[0] + direction[0] * foot, camera.position[1] + direction[1] * foot
    keep = grows(x, y)
    x, y = x[keep], y[keep]
    health = turf_health(x, y)
    count = x.size
    tall = (0.028 + 0.034 * np.clip(health, 0, 1)) * generator.uniform(0.5, 1.5, count)
    lean = generator.normal(0, 0.65, (count, 2)) * tall[:, None]
    width = 0.0036 * generator.uniform(0.7, 1.4, count)
    angle = generator.uniform(0, np.pi, count)
    root = np.stack([x, y, np.zeros(count)], 1)
    side = np.stack([np.cos(angle), np.sin(angle), np.zeros(count)], 1) * width[:, None]
    tip = root + np.concatenate([lean, tall[:, None]], 1)
    belly = root + np.concatenate([lean * 0.35, tall[:, None] * 0.55], 1)
    corners = np.stack([root - side, belly - side * 0.8, tip, belly + side], axis=1)
    shade = generator.uniform(0.55, 1.5, count) * (0.75 + 0.25 * generator.random(count))
    colour = (
        turf_colour(np.asarray(health + generator.normal(0, 0.13, count), np.float32)).T
        * shade[:, None]
        * light
    )
    return Flakes(corners.astype(np.float32), colour.astype(np.float32))


def draw(render: Render, camera: Pinhole, flakes: list[Flakes]) -> Render:
    """The render with the flakes over it, far ones first, hidden behind whatever solid stands before them."""
    corners = np.concatenate([f.corners for f in flakes])
    radiance = np.concatenate([f.radiance for f in flakes])
    x, y, depth = camera.project(corners.reshape(-1, 3).T.copy())
    middle = corners.mean(1)
    away = np.linalg.norm(middle - np.asarray(camera.position, np.float32), axis=1)
    shape = np.stack([x, y], 1).reshape(-1, 4, 2)
    place = shape.mean(1)
    column = np.clip(place[:, 0], 0, camera.width - 1).astype(int)
    row = np.clip(place[:, 1], 0, camera.height - 1).astype(int)
    inside = (
        np.abs(place - [camera.width / 2, camera.height / 2]) < [camera.width * 0.52, camera.height * 0.54]
    ).all(1)
    shown = (depth.reshape(-1, 4).min(1) > 0.3) & inside & (away < render.depth[row, column] + 0.06)
    order = np.flatnonzero(shown)[np.argsort(-away[shown], kind="stable")]
    peak = float(np.percentile(radiance, 99.9)) * 1.05
    ink = (np.sqrt(np.clip(radiance / peak, 0, 1)) * 255).tolist()
    canvas = np.zeros((camera.height * OVERSAMPLING, camera.width * OVERSAMPLING, 4), np.uint8)
    scaled = np.round((shape * OVERSAMPLING - 0.5) * (1 << FRACTION_BITS)).astype(np.int32)
    for i in order:
        red, green, blue = ink[i]
        cv2.fillConvexPoly(canvas, scaled[i], (red, green, blue, 255), cv2.LINE_8, FRACTION_BITS)
    small = cv2.resize(canvas, (camera.width, camera.height), interpolation=cv2.INTER_AREA).astype(np.float32)
    cover = small[:, :, 3:] / 255
    colour = (small[:, :, :3] / np.maximum(cover, 1 / 255) / 255) ** 2 * peak
    return Render(np.asarray(render.radiance * (1 - cover) + colour * cover, np.float32), render.depth)
