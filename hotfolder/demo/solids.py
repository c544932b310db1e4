"""The shapes scenes are made of, and where rays meet them. Rays and points are float32 arrays (3, N)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import cos, radians, sin
from typing import Literal

import numpy as np

from hotfolder.demo.textures import Colour, Floats, Surface

Shape = Literal["box", "round", "ellipsoid", "cylinder"]
FAR = np.float32(1e6)
ROUND_STEPS = 22


@dataclass(frozen=True)
class Material:
    """How a surface looks.

    `mean` is its average reflectance, for light that bounces off it. `gloss` scales its mirror-like coat,
    from 0 (matt) to 1 (polished). `glow` is radiance that it emits.
    """

    surface: Surface
    mean: Colour
    gloss: float = 0.0
    glow: Colour = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Solid:
    """A shape inside a box of `half` extents around `centre`, turned by `yaw_degrees` about the vertical.

    `cuts` take away everything beyond planes: (nx, ny, nz, d) keeps n·p <= d in the box's own frame.
    `seen` is whether the camera sees it, `casts` whether light does.
    """

    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    material: Material
    shape: Shape = "box"
    yaw_degrees: float = 0.0
    rounding: float = 0.0
    cuts: tuple[tuple[float, float, float, float], ...] = ()
    seen: bool = True
    casts: bool = True

    @cached_property
    def turn(self) -> Floats:
        c, s = cos(radians(self.yaw_degrees)), sin(radians(self.yaw_degrees))
        return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], np.float32)

    @cached_property
    def corners(self) -> Floats:
        signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32).T
        local = signs * np.asarray(self.half, np.float32)[:, None]
        return np.asarray(self.turn.T @ local + np.asarray(self.centre, np.float32)[:, None], np.float32)

    def local(self, points: Floats) -> Floats:
        moved = points - np.asarray(self.centre, np.float32)[:, None]
        return moved if self.yaw_degrees == 0 else np.asarray(self.turn @ moved, np.float32)

    def meet(self, rays: "Rays", *, coarse: bool = False) -> Floats:
        """Distances along the rays to the first entry from outside, FAR where there is none."""
        own = rays if self.yaw_degrees == 0 else rays.turned(self.turn)
        centre = (
            self.centre if self.yaw_degrees == 0 else tuple(self.turn @ np.asarray(self.centre, np.float32))
        )
        enter, leave = self.slabs(own, centre)
        if self.shape == "box" or (coarse and self.shape == "round"):
            return np.where((enter < leave) & (enter > 1e-4), enter, FAR)
        index = np.flatnonzero((enter < leave) & (leave > 0))
        distance = np.full(enter.shape, FAR, np.float32)
        if index.size:
            start = own.origin if own.origin.shape[1] == 1 else own.origin[:, index]
            start = start - np.asarray(centre, np.float32)[:, None]
            distance[index] = self.curved(
                start, own.direction[:, index], np.maximum(enter[index], 0), leave[index]
            )
        return distance

    def slabs(self, rays: "Rays", centre: tuple[float, ...]) -> tuple[Floats, Floats]:
        enter: Floats | None = None
        leave: Floats | None = None
        for axis in range(3):
            middle = (np.float32(centre[axis]) - rays.origin[axis]) * rays.inverse[axis]
            reach = rays.steepness[axis] * np.float32(self.half[axis])
            far = middle + reach
            np.subtract(middle, reach, out=middle)
            enter = middle if enter is None else np.maximum(enter, middle, out=enter)
            leave = far if leave is None else np.minimum(leave, far, out=leave)
        assert enter is not None and leave is not None
        for nx, ny, nz, limit in self.cuts:
            d, o = rays.direction, rays.origin
            speed = nx * d[0] + ny * d[1] + nz * d[2]
            start = nx * (o[0] - centre[0]) + ny * (o[1] - centre[1]) + nz * (o[2] - centre[2])
            t = (limit - start) / np.where(np.abs(speed) < 1e-9, np.float32(1e-9), speed)
            enter = np.where(speed < 0, np.maximum(enter, t), enter).astype(np.float32)
            leave = np.where(speed > 0, np.minimum(leave, t), leave).astype(np.float32)
        return enter, leave

    def curved(self, o: Floats, d: Floats, enter: Floats, leave: Floats) -> Floats:
        if self.shape == "round":
            return self.march(o, d, enter, leave)
        scale = np.asarray(self.half, np.float32)[:, None]
        so, sd = o / scale, d / scale
        if self.shape == "cylinder":
            so, sd = so[:2], sd[:2]
        a, b, c = (sd * sd).sum(0), (so * sd).sum(0), (so * so).sum(0) - 1
        root = b * b - a * c
        spread = np.sqrt(np.maximum(root, 0))
        t = np.maximum((-b - spread) / np.maximum(a, 1e-12), enter)
        leave = np.minimum(leave, (-b + spread) / np.maximum(a, 1e-12))
        return np.where((root > 0) & (t > 1e-4) & (t < leave + 1e-4), t, FAR).astype(np.float32)

    def march(self, o: Floats, d: Floats, enter: Floats, leave: Floats) -> Floats:
        inner = np.maximum(np.asarray(self.half, np.float32)[:, None] - self.rounding, 0)
        t = enter.copy()
        gap = np.zeros_like(t)
        for _ in range(ROUND_STEPS):
            q = np.abs(o + d * t) - inner
            outside = np.maximum(q, 0)
            within = np.minimum(np.maximum(np.maximum(q[0], q[1]), q[2]), 0)
            gap = np.sqrt(outside[0] ** 2 + outside[1] ** 2 + outside[2] ** 2) + within - self.rounding
            t += gap
        return np.where((gap < 2e-3) & (t < leave + 1e-3) & (t > 1e-4), t, FAR).astype(np.float32)

    def normals(self, points: Floats) -> Floats:
        """Outward unit normals at points on the surface."""
        p = self.local(points)
        half = np.asarray(self.half, np.float32)[:, None]
        if self.shape == "ellipsoid":
            normal = p / (half * half)
        elif self.shape == "round":
            normal = p - np.clip(p, -(half - self.rounding), half - self.rounding)
        else:
            normal = self.face_normals(p, half)
        normal = normal / np.maximum(np.sqrt((normal * normal).sum(0)), 1e-9)
        return np.asarray(self.turn.T @ normal, np.float32)

    def face_normals(self, p: Floats, half: Floats) -> Floats:
        depth = half - np.abs(p)
        if self.shape == "cylinder":
            side = p / half**2
            side[2] = 0
            cap = np.zeros_like(p)
            cap[2] = np.sign(p[2])
            return np.asarray(np.where(depth[2] < 1e-3, cap, side), np.float32)
        normal = np.zeros_like(p)
        face = depth.argmin(0)
        index = np.arange(p.shape[1])
        normal[face, index] = np.sign(p[face, index])
        nearest = depth.min(0)
        for nx, ny, nz, limit in self.cuts:
            length = float(np.sqrt(nx * nx + ny * ny + nz * nz))
            distance = np.abs(limit - (nx * p[0] + ny * p[1] + nz * p[2])) / length
            closer = distance < nearest
            normal[:, closer] = np.array([[nx], [ny], [nz]], np.float32) / length
            nearest = np.minimum(nearest, distance)
        return normal


@dataclass(frozen=True)
class Span:
    """A stretch of one axis, in metres."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2


def block(
    x: tuple[float, float],
    y: tuple[float, float],
    z: tuple[float, float],
    of: Material,
    *,
    rounding: float = 0.0,
    seen: bool = True,
    casts: bool = True,
) -> Solid:
    """A box from one corner to the other, its edges rounded where `rounding` says so."""
    sx, sy, sz = Span(*x), Span(*y), Span(*z)
    shape: Shape = "round" if rounding else "box"
    centre, half = (sx.middle, sy.middle, sz.middle), (sx.half, sy.half, sz.half)
    return Solid(centre, half, of, shape, rounding=rounding, seen=seen, casts=casts)


@dataclass(frozen=True)
class Rays:
    """A bundle of rays: origins (3, N) or (3, 1), unit directions (3, N)."""

    origin: Floats
    direction: Floats

    @cached_property
    def inverse(self) -> Floats:
        return np.asarray(
            1 / np.where(np.abs(self.direction) < 1e-9, np.float32(1e-9), self.direction), np.float32
        )

    @cached_property
    def steepness(self) -> Floats:
        return np.abs(self.inverse)

    def turned(self, turn: Floats) -> "Rays":
        return Rays(np.asarray(turn @ self.origin, np.float32), np.asarray(turn @ self.direction, np.float32))


def nearest(
    solids: Sequence[Solid], origin: Floats, direction: Floats, *, coarse: bool = False
) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.int16]]]:
    """For each ray the distance to the nearest solid (FAR: none) and its place in `solids` (-1: none)."""
    rays = Rays(origin, direction)
    best = np.full(direction.shape[1], FAR, np.float32)
    which = np.full(direction.shape[1], -1, np.int16)
    for number, solid in enumerate(solids):
        distance = solid.meet(rays, coarse=coarse)
        closer = distance < best
        np.copyto(best, distance, where=closer)
        which[closer] = number
    return best, which


def blocked(solids: Sequence[Solid], origin: Floats, direction: Floats, limit: Floats | float) -> Floats:
    """1 where something stands within `limit` metres along the ray, else 0."""
    rays = Rays(origin, direction)
    stopped = np.zeros(direction.shape[1], bool)
    for solid in solids:
        stopped |= solid.meet(rays, coarse=True) < limit
    return stopped.astype(np.float32)
