"""Daylight: windows as lights, and gathering what arrives at a surface from all around."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hotfolder.demo.textures import Floats

Sky = Callable[[Floats, Floats], Floats]
"""Radiance (3, N) from origins (3, N or 1) in directions (3, N)."""


@dataclass(frozen=True)
class Opening:
    """A rectangular window in a wall, as a light: metres."""

    corner: tuple[float, float, float]
    along: tuple[float, float, float]
    upward: tuple[float, float, float]
    inward: tuple[float, float, float]

    @cached_property
    def area(self) -> float:
        return float(np.linalg.norm(self.along) * np.linalg.norm(self.upward))

    def place(self, u: Floats, v: Floats) -> Floats:
        corner, along, upward = (
            np.asarray(a, np.float32)[:, None] for a in (self.corner, self.along, self.upward)
        )
        return np.asarray(corner + along * u + upward * v, np.float32)


def bases(normals: Floats) -> tuple[Floats, Floats]:
    """Two unit vectors at right angles to each normal."""
    sign = np.where(normals[2] >= 0, np.float32(1), np.float32(-1))
    a = -1 / (sign + normals[2])
    b = normals[0] * normals[1] * a
    first = np.stack([1 + sign * normals[0] ** 2 * a, sign * b, -sign * normals[0]])
    second = np.stack([b, sign + normals[1] ** 2 * a, -normals[1]])
    return np.asarray(first, np.float32), np.asarray(second, np.float32)


def hemisphere(count: int, seed: int) -> Floats:
    """`count` cosine-weighted directions about z, evenly spread: (3, count)."""
    index = np.arange(count) + 0.5
    radius = np.sqrt(index / count)
    angle = index * np.pi * (3 - np.sqrt(5)) + seed
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1 - radius**2)]).astype(
        np.float32
    )


def gather(
    points: Floats, normals: Floats, count: int, radiance: Callable[[Floats, Floats], Floats]
) -> Floats:
    """Irradiance (3, N) from `radiance(origins, directions)` over each point's hemisphere."""
    generator = np.random.default_rng(points.shape[1])
    spin = generator.random(points.shape[1], np.float32) * np.float32(2 * np.pi)
    first, second = bases(normals)
    c, s = np.cos(spin), np.sin(spin)
    total = np.zeros_like(points)
    for x, y, z in hemisphere(count, 0).T:
        direction = first * (x * c - y * s) + second * (x * s + y * c) + normals * z
        total += radiance(points, np.asarray(direction, np.float32))
    return np.asarray(total * np.float32(np.pi / count), np.float32)
