"""The light outdoors on an overcast day."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hotfolder.demo.daylight import Sky, gather
from hotfolder.demo.solids import Solid, nearest
from hotfolder.demo.textures import Colour, Floats


@dataclass(frozen=True)
class SkyLight:
    """Light from a whole sky, dimmed where things stand in its way and handed on by what it meets."""

    solids: Sequence[Solid]
    sky: Sky
    level: Colour
    rays: int = 28

    @cached_property
    def occluders(self) -> list[Solid]:
        return [s for s in self.solids if s.casts]

    @cached_property
    def means(self) -> Floats:
        return np.array([s.material.mean for s in self.occluders] + [(0, 0, 0)], np.float32).T

    def arriving(self, origins: Floats, directions: Floats) -> Floats:
        _, which = nearest(self.occluders, origins, directions, coarse=True)
        level = np.asarray(self.level, np.float32)[:, None]
        radiance = self.means[:, which] * level * 0.55
        free = np.flatnonzero(which < 0)
        radiance[:, free] = self.sky(origins[:, free], directions[:, free])
        return np.asarray(radiance, np.float32)

    def soft(self, points: Floats, normals: Floats, views: Floats, gloss: Floats) -> Floats:
        light = gather(points, normals, self.rays, self.arriving)
        mirrored = np.zeros_like(points)
        shiny = np.flatnonzero(gloss > 0)
        if shiny.size:
            v, n = views[:, shiny], normals[:, shiny]
            away = np.asarray(v - 2 * (v * n).sum(0) * n, np.float32)
            mirrored[:, shiny] = self.arriving(points[:, shiny], away)
        return np.concatenate([light, mirrored, np.zeros_like(light)])

    def sharp(self, points: Floats, normals: Floats) -> Floats:
        return np.zeros_like(points)
