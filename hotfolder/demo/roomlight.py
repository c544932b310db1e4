"""The light in a room: daylight and sunshine through its windows, lamps, what walls and furniture hand on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hotfolder.demo.daylight import Opening, Sky, bases, gather
from hotfolder.demo.solids import Solid, blocked, nearest
from hotfolder.demo.textures import Colour, Floats


@dataclass(frozen=True)
class RoomLight:
    """Daylight through openings, sunshine through them, lamps, and what walls and furniture hand on."""

    solids: Sequence[Solid]
    openings: Sequence[Opening]
    outdoors: Sky
    sun_direction: tuple[float, float, float]
    sun: Colour
    lamps: Sequence[tuple[tuple[float, float, float], Colour]]
    room: tuple[tuple[float, float, float], tuple[float, float, float]]
    bounce_rays: int = 20
    window_rays: int = 14

    @cached_property
    def occluders(self) -> list[Solid]:
        return [s for s in self.solids if s.casts]

    @cached_property
    def furniture(self) -> list[Solid]:
        """What can stand between two points of the room: everything but its shell."""
        low, high = (np.asarray(a, np.float32)[:, None] for a in self.room)
        return [s for s in self.occluders if ((s.corners > low - 0.02) & (s.corners < high + 0.02)).all()]

    @cached_property
    def means(self) -> Floats:
        return np.array([s.material.mean for s in self.occluders] + [(0, 0, 0)], np.float32).T

    @cached_property
    def glows(self) -> Floats:
        return np.array([s.material.glow for s in self.occluders] + [(0, 0, 0)], np.float32).T

    def windows(self, points: Floats, normals: Floats, count: int, *, shadows: bool = True) -> Floats:
        """Irradiance (3, N) straight through the openings."""
        total = np.zeros_like(points)
        generator = np.random.default_rng(points.shape[1] + 1)
        for opening in self.openings:
            inward = np.asarray(opening.inward, np.float32)[:, None]
            jitter = generator.random((2, points.shape[1]), np.float32)
            for k in range(count):
                u = (jitter[0] + (k + 0.5) / count) % 1
                v = (jitter[1] + k * 0.618034) % 1
                way = opening.place(u, v) - points
                squared = (way * way).sum(0)
                distance = np.sqrt(squared)
                direction = way / np.maximum(distance, 1e-4)
                leaving = -(direction * inward).sum(0)
                form = np.clip((direction * normals).sum(0), 0, 1) * np.clip(leaving, 0, 1)
                form = form * opening.area / (count * np.maximum(squared, 0.04))
                lit = np.flatnonzero(form > 1e-6)
                if not lit.size:
                    continue
                part = self.outdoors(points[:, lit], direction[:, lit]) * form[lit]
                if shadows:
                    part = part * (
                        1 - blocked(self.furniture, points[:, lit], direction[:, lit], distance[lit])
                    )
                total[:, lit] += part
        return total

    def lamplight(self, points: Floats, normals: Floats, *, shadows: bool = True) -> Floats:
        total = np.zeros_like(points)
        for place, colour in self.lamps:
            way = np.asarray(place, np.float32)[:, None] - points
            distance = np.sqrt((way * way).sum(0))
            direction = np.asarray(way / np.maximum(distance, 1e-4), np.float32)
            form = np.clip((direction * normals).sum(0), 0, 1) / np.maximum(distance * distance, 0.06)
            if shadows:
                form = form * (1 - blocked(self.furniture, points, direction, distance - 0.28))
            total += np.asarray(colour, np.float32)[:, None] * form
        return total

    def sharp(self, points: Floats, normals: Floats) -> Floats:
        return self.sunshine(points, normals, self.occluders, samples=4)

    def sunshine(self, points: Floats, normals: Floats, solids: Sequence[Solid], samples: int) -> Floats:
        total = np.zeros_like(points)
        to_sun = -np.asarray(self.sun_direction, np.float32)[:, None]
        to_sun = to_sun / np.linalg.norm(to_sun)
        facing = np.clip((normals * to_sun).sum(0), 0, 1)
        through = np.zeros(points.shape[1], bool)
        for opening in self.openings:
            through |= self.passes(opening, points, to_sun)
        index = np.flatnonzero(through & (facing > 0))
        if not index.size:
            return total
        shadow = np.zeros(index.size, np.float32)
        start = points[:, index] + normals[:, index] * 2e-3
        solids = self.in_the_way(solids, start)
        for k in range(samples):
            wobble = (
                np.array([[np.cos(k * 2.4)], [0.3 * np.sin(k * 3.1)], [np.sin(k * 2.4)]], np.float32) * 0.006
            )
            direction = np.broadcast_to(to_sun + wobble, start.shape).astype(np.float32)
            shadow += blocked(solids, start, direction, 30.0) / samples
        total[:, index] = np.asarray(self.sun, np.float32)[:, None] * facing[index] * (1 - shadow)
        return total

    @cached_property
    def across(self) -> Floats:
        """Two directions at right angles to the sun's rays: (2, 3)."""
        to_sun = -np.asarray(self.sun_direction, np.float32)[:, None]
        return np.concatenate(bases(np.asarray(to_sun / np.linalg.norm(to_sun), np.float32)), axis=1).T

    def in_the_way(self, solids: Sequence[Solid], points: Floats) -> list[Solid]:
        """The solids that could stand between the sun and any of the points."""
        flat = self.across @ points
        low, high = flat.min(1) - 0.1, flat.max(1) + 0.1
        kept = []
        for solid in solids:
            outline = self.across @ solid.corners
            if (outline.max(1) >= low).all() and (outline.min(1) <= high).all():
                kept.append(solid)
        return kept

    def passes(self, opening: Opening, points: Floats, to_sun: Floats) -> NDArray[np.bool_]:
        inward = np.asarray(opening.inward, np.float32)[:, None]
        speed = float(-(to_sun * inward).sum())
        if speed <= 0:
            return np.zeros(points.shape[1], bool)
        corner, along, upward = (
            np.asarray(a, np.float32)[:, None] for a in (opening.corner, opening.along, opening.upward)
        )
        t = ((points - corner) * inward).sum(0) / speed
        at = points + to_sun * t - corner
        u = (at * along).sum(0) / (along * along).sum()
        v = (at * upward).sum(0) / (upward * upward).sum()
        return np.asarray((t > 0) & (u > -0.1) & (u < 1.1) & (v > -0.1) & (v < 1.1))

    @cached_property
    def ambient(self) -> Floats:
        """Light that has bounced more than once, taken as even all over: irradiance (3, 1)."""
        generator = np.random.default_rng(5)
        low, high = (np.asarray(a, np.float32)[:, None] for a in self.room)
        points = (low + (high - low) * generator.random((3, 600), np.float32)).astype(np.float32)
        face = np.arange(600) % 6
        axis, side = face % 3, face // 3
        normals = np.zeros_like(points)
        index = np.arange(600)
        points[axis, index] = np.where(side == 0, low[axis, 0], high[axis, 0])
        normals[axis, index] = np.where(side == 0, 1, -1)
        sizes = (high - low)[:, 0]
        weights = (sizes.prod() / sizes)[axis]
        first = self.windows(points, normals, 6) + self.sunshine(points, normals, self.occluders, 1)
        first += self.lamplight(points, normals)
        mean = (first * weights).sum(1) / weights.sum()
        reflect = np.array([0.56, 0.52, 0.47], np.float32)
        return np.asarray((mean * reflect**2 / (1 - reflect))[:, None], np.float32)

    def handed_on(self, origins: Floats, directions: Floats) -> Floats:
        """Radiance (3, N) of whatever is met; windows count as dark, for they are reckoned on their own."""
        distance, which = nearest(self.occluders, origins, directions, coarse=True)
        radiance = np.zeros_like(origins)
        hit = np.flatnonzero(which >= 0)
        if not hit.size:
            return radiance
        points = origins[:, hit] + directions[:, hit] * distance[hit]
        normals = np.zeros_like(points)
        for number in np.unique(which[hit]):
            mine = np.flatnonzero(which[hit] == number)
            normals[:, mine] = self.occluders[number].normals(points[:, mine])
        light = self.windows(points, normals, 1, shadows=False) * 0.8
        light += self.lamplight(points, normals, shadows=False) + self.ambient
        light += self.sunshine(points, normals, self.occluders, 1)
        radiance[:, hit] = self.means[:, which[hit]] * light / np.float32(np.pi) + self.glows[:, which[hit]]
        return radiance

    def mirrored(self, points: Floats, normals: Floats, views: Floats, gloss: Floats) -> Floats:
        radiance = np.zeros_like(points)
        shiny = np.flatnonzero(gloss > 0)
        if not shiny.size:
            return radiance
        generator = np.random.default_rng(shiny.size)
        p, n, v = points[:, shiny], normals[:, shiny], views[:, shiny]
        away = v - 2 * (v * n).sum(0) * n
        rough = 0.11 * (1 - 0.75 * np.clip(gloss[shiny] - 1, 0, 1))
        for _ in range(6):
            direction = away + generator.standard_normal(away.shape, np.float32) * rough
            direction = np.asarray(direction / np.sqrt((direction**2).sum(0)), np.float32)
            _, which = nearest(self.occluders, p, direction, coarse=True)
            seen = self.handed_on(p, direction)
            free = np.flatnonzero(which < 0)
            seen[:, free] = self.outdoors(p[:, free], direction[:, free])
            radiance[:, shiny] += seen / 6
        return radiance

    def soft(self, points: Floats, normals: Floats, views: Floats, gloss: Floats) -> Floats:
        direct = self.windows(points, normals, self.window_rays) + self.lamplight(points, normals)
        bounced = gather(points, normals, self.bounce_rays, self.handed_on)
        return np.concatenate([direct, self.mirrored(points, normals, views, gloss), bounced])
