"""Ray casting a world into linear radiance.

Soft light is gathered on a coarse grid of pixels, smoothed along surfaces, and looked up from there. Textures
and hard shadows are worked out for every pixel, and again at four places in pixels where something ends.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hotfolder.demo.camera import Pinhole
from hotfolder.demo.solids import Solid, nearest
from hotfolder.demo.textures import Floats

TILE = 160
COARSE_STEP = 6.75
"""Pixels between points of the coarse grid."""
LEAST_COLUMNS = 90
SUBSAMPLES = ((0.12, 0.38), (0.62, 0.12), (0.38, 0.88), (0.88, 0.62))


class Light(Protocol):
    """What illuminates a world. Points, normals and views are (3, N); answers are radiometric, linear RGB."""

    def soft(self, points: Floats, normals: Floats, views: Floats, gloss: Floats) -> Floats:
        """(9, N): irradiance that casts soft shadows, mirrored radiance, irradiance that has bounced."""
        ...

    def sharp(self, points: Floats, normals: Floats) -> Floats:
        """(3, N): irradiance that changes too quickly for the coarse grid, such as sunlight."""
        ...


@dataclass(frozen=True)
class World:
    solids: Sequence[Solid]
    camera: Pinhole
    light: Light
    backdrop: Callable[[Floats, Floats], Floats]
    """Radiance (3, N) where nothing is met, from origins (3, 1) and directions (3, N)."""


@dataclass(frozen=True)
class Render:
    radiance: Floats
    """(height, width, 3), linear."""
    depth: Floats
    """(height, width): metres along the ray, FAR in the open."""


@dataclass
class Surfaces:
    """What a bundle of rays met."""

    distance: Floats
    which: NDArray[np.int16]
    points: Floats
    normals: Floats


@dataclass
class Caster:
    world: World
    step: float = field(init=False)
    columns: int = field(init=False)
    rows: int = field(init=False)
    guide: Floats = field(init=False)
    """(rows * columns, 15): normal, point and soft light of the coarse grid."""

    def __post_init__(self) -> None:
        camera = self.world.camera
        self.columns = max(LEAST_COLUMNS, round(camera.width / COARSE_STEP))
        self.step = camera.width / self.columns
        self.rows = max(2, round(camera.height / self.step))
        self.origin = np.asarray(camera.position, np.float32)[:, None]
        self.shown = [s for s in self.world.solids if s.seen]
        self.frames = [self.frame(s) for s in self.shown]
        self.gloss = np.array([s.material.gloss for s in self.shown] + [0.0], np.float32)

    def frame(self, solid: Solid) -> tuple[float, float, float, float]:
        """The part of the picture that a solid can cover: left, top, right, bottom."""
        x, y, depth = self.world.camera.project(solid.corners)
        if depth.min() < 0.05:
            return (-np.inf, -np.inf, np.inf, np.inf)
        return (float(x.min()) - 2, float(y.min()) - 2, float(x.max()) + 2, float(y.max()) + 2)

    def cast(self, px: Floats, py: Floats) -> tuple[Surfaces, Floats]:
        direction = self.world.camera.rays(px, py)
        left, top, right, bottom = px.min(), py.min(), px.max(), py.max()
        near = [
            i
            for i, (x0, y0, x1, y1) in enumerate(self.frames)
            if x0 <= right and x1 >= left and y0 <= bottom and y1 >= top
        ]
        distance, local = nearest([self.shown[i] for i in near], self.origin, direction)
        which = np.array([*near, -1], np.int16)[local]
        points = self.origin + direction * np.minimum(distance, 1e3)
        normals = np.zeros_like(points)
        for number in np.unique(which):
            if number >= 0:
                mine = np.flatnonzero(which == number)
                normals[:, mine] = self.shown[number].normals(points[:, mine])
        return Surfaces(distance, which, points, normals), direction

    def gather(self) -> None:
        """Fill the coarse grid with soft light."""
        y, x = np.mgrid[0 : self.rows, 0 : self.columns].astype(np.float32)
        px, py = ((x + 0.5) * self.step).ravel(), ((y + 0.5) * self.step).ravel()
        chunks = np.array_split(np.arange(px.size), max(1, px.size // 12000))
        grid = np.concatenate([self.soft_light(px[chunk], py[chunk]) for chunk in chunks], axis=1)
        self.guide = smooth(grid.reshape(15, self.rows, self.columns)).reshape(15, -1).T.copy()

    def soft_light(self, px: Floats, py: Floats) -> Floats:
        met, direction = self.cast(px, py)
        light = np.zeros((9, px.size), np.float32)
        index = np.flatnonzero(met.which >= 0)
        if index.size:
            points, normals = met.points[:, index], met.normals[:, index]
            gloss = self.gloss[met.which[index]]
            light[:, index] = self.world.light.soft(
                points + normals * 1e-3, normals, direction[:, index], gloss
            )
        return np.concatenate([met.normals, met.points, light])

    def look_up(self, px: Floats, py: Floats, met: Surfaces) -> Floats:
        """Soft light (9, N) at surfaces, from the coarse grid's neighbours on the same surface."""
        total, weights = self.weighted(px, py, met.points, met.normals, (0, 1))
        lost = np.flatnonzero((weights < 2e-3) & (met.which >= 0))
        if lost.size:
            more = self.weighted(
                px[lost], py[lost], met.points[:, lost], met.normals[:, lost], (-3, -2, -1, 0, 1, 2, 3, 4)
            )
            total[lost], weights[lost] = more
        return np.asarray((total / weights[:, None]).T, np.float32)

    def weighted(
        self, px: Floats, py: Floats, points: Floats, normals: Floats, reach: tuple[int, ...]
    ) -> tuple[Floats, Floats]:
        """Sums of light (N, 9) and of weights over the neighbours `reach` columns and rows away."""
        x, y = px / self.step - 0.5, py / self.step - 0.5
        left, top = np.floor(x), np.floor(y)
        total = np.zeros((px.size, 9), np.float32)
        weights = np.zeros(px.size, np.float32)
        plane = (normals * points).sum(0)
        for dy in reach:
            for dx in reach:
                column = np.clip(left + dx, 0, self.columns - 1).astype(np.int32)
                row = np.clip(top + dy, 0, self.rows - 1).astype(np.int32)
                near = self.guide[row * self.columns + column]
                facing = np.einsum("cn,nc->n", normals, near[:, :3])
                apart = np.einsum("cn,nc->n", normals, near[:, 3:6]) - plane
                weight = np.clip(facing, 0, 1) ** 6 * np.exp(-np.abs(apart) * 25) + 1e-6
                closeness = np.maximum(1 - np.abs(x - left - dx), 0) * np.maximum(1 - np.abs(y - top - dy), 0)
                weight *= closeness + 0.02
                weight *= np.where(near[:, 6] + near[:, 12] > 0, 1, 1e-3)
                total += near[:, 6:] * weight[:, None]
                weights += weight
        return total, np.asarray(weights, np.float32)

    def shade(self, px: Floats, py: Floats) -> tuple[Floats, Surfaces]:
        met, direction = self.cast(px, py)
        radiance = np.zeros_like(direction)
        away = np.flatnonzero(met.which < 0)
        if away.size:
            radiance[:, away] = self.world.backdrop(self.origin, direction[:, away])
        if away.size == px.size:
            return radiance, met
        soft = self.look_up(px, py, met)
        for number in np.unique(met.which[met.which >= 0]):
            mine = np.flatnonzero(met.which == number)
            points, normals = met.points[:, mine], met.normals[:, mine]
            material = self.shown[number].material
            cosine = np.abs((normals * direction[:, mine]).sum(0))
            footprint = met.distance[mine] / self.world.camera.focal_px / np.sqrt(np.maximum(cosine, 0.02))
            light = soft[:3, mine] + soft[6:, mine] + self.world.light.sharp(points, normals)
            colour = material.surface(points, normals, footprint.astype(np.float32))
            coat = material.gloss * (0.04 + 0.96 * (1 - cosine) ** 5)
            glow = np.asarray(material.glow, np.float32)[:, None]
            radiance[:, mine] = colour * light / np.float32(np.pi) + coat * soft[3:6, mine] + glow
        return radiance, met


def smooth(grid: Floats) -> Floats:
    """Average the light of neighbouring grid points on the same surface, ever wider: (15, rows, columns).

    The widest pass is for light that has bounced alone, since that keeps no outlines.
    """
    normal, point, light = grid[:3], grid[3:6], grid[6:]
    for spread in (1, 2, 5):
        total, weights = light.copy(), np.ones(light.shape[1:], np.float32)
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                if dy == dx == 0:
                    continue
                shift = (dy * spread, dx * spread)
                other = np.roll(grid[:6], shift, (1, 2))
                facing = np.clip((normal * other[:3]).sum(0), 0, 1) ** 16
                apart = np.abs((normal * (other[3:] - point)).sum(0))
                weight = facing * np.exp(-apart * 40) / (1 + 0.35 * (dy * dy + dx * dx))
                total += np.roll(light, shift, (1, 2)) * weight
                weights += weight
        first = 6 if spread > 2 else 0
        light = np.concatenate([light[:first], total[first:] / weights])
    return np.concatenate([normal, point, light]).astype(np.float32)


def render(world: World) -> Render:
    """Render a world through its camera."""
    caster = Caster(world)
    caster.gather()
    height, width = world.camera.height, world.camera.width
    radiance = np.zeros((height, width, 3), np.float32)
    depth = np.zeros((height, width), np.float32)
    which = np.zeros((height, width), np.int16)
    normals = np.zeros((height, width, 3), np.float32)
    tiles = [
        (slice(y, min(y + TILE, height)), slice(x, min(x + TILE, width)))
        for y in range(0, height, TILE)
        for x in range(0, width, TILE)
    ]
    for tile in tiles:
        y, x = np.mgrid[tile].astype(np.float32) + np.float32(0.5)
        colour, met = caster.shade(x.ravel(), y.ravel())
        radiance[tile] = colour.T.reshape(*x.shape, 3)
        depth[tile] = met.distance.reshape(x.shape)
        which[tile] = met.which.reshape(x.shape)
        normals[tile] = met.normals.T.reshape(*x.shape, 3)
    ends = outlines(which, normals)
    for tile in tiles:
        refine(caster, radiance[tile], ends[tile], (tile[0].start, tile[1].start))
    return Render(radiance, depth)


def refine(caster: Caster, radiance: Floats, ends: NDArray[np.bool_], corner: tuple[int, int]) -> None:
    """Replace the marked pixels of a tile at `corner` (row, column) by the mean of several places in each."""
    y, x = np.nonzero(ends)
    if not y.size:
        return
    places = np.array(SUBSAMPLES, np.float32)
    px = (x[:, None] + corner[1] + places[:, 0]).ravel().astype(np.float32)
    py = (y[:, None] + corner[0] + places[:, 1]).ravel().astype(np.float32)
    colour, _ = caster.shade(px, py)
    radiance[y, x] = colour.reshape(3, -1, len(places)).mean(2).T


def outlines(which: NDArray[np.int16], normals: Floats) -> NDArray[np.bool_]:
    """Pixels where one solid, or one of its faces, ends."""
    ends = np.zeros(which.shape, bool)
    down = (which[1:] != which[:-1]) | ((normals[1:] * normals[:-1]).sum(2) < 0.8) & (which[1:] >= 0)
    across = (which[:, 1:] != which[:, :-1]) | ((normals[:, 1:] * normals[:, :-1]).sum(2) < 0.8) & (
        which[:, 1:] >= 0
    )
    ends[1:] |= down
    ends[:-1] |= down
    ends[:, 1:] |= across
    ends[:, :-1] |= across
    return ends
