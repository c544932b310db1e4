"""The garden behind a room's windows, in sunshine, painted by direction alone."""

import numpy as np

from hotfolder.demo.textures import Colour, Floats, blend, noise


def outdoors(origins: Floats, directions: Floats) -> Floats:
    """The garden and the sky behind the glass, in sunshine."""
    x, y, z = directions
    away = np.maximum(np.hypot(x, y), 1e-3)
    rise = z / away
    bearing = np.arctan2(x, y)
    cloud = noise(bearing * 2.0, rise * 3.4, period=4.0, seed=101, slope=1.35)
    blue = np.asarray([2.1, 3.7, 6.6], np.float32)[:, None] * (1.1 - 0.45 * np.clip(rise, 0, 1))
    white = np.asarray([9.0, 9.3, 9.7], np.float32)[:, None]
    haze = np.clip(0.30 - 1.2 * rise, 0, 1)
    sky = blend(blue * np.ones_like(x), white, np.clip(0.20 + 0.42 * cloud + haze, 0.04, 1))
    foot = np.maximum(origins[2] + 0.35, 0.2) / np.maximum(-z, 1e-3)
    gx, gy = origins[0] + x * foot, origins[1] + y * foot
    mow = 0.9 + 0.1 * np.sign(np.sin(gx * 2.6)) + 0.14 * noise(gx, gy, period=3.0, seed=102, slope=0.5)
    shade = np.clip(1.1 - 0.75 * (noise(gx, gy, period=14.0, seed=103, slope=1.3) > 0.75), 0.3, 1.2)
    grass = np.asarray([1.30, 1.85, 0.52], np.float32)[:, None] * mow * shade
    picture = np.where(rise < 0, grass, sky)
    for far, tint, top, swelling, seed in LAYERS:
        along, upward = bearing * far, rise * far
        leaf = noise(along, upward, period=far * 0.22, seed=seed + 1, slope=0.8)
        clump = noise(along, upward, period=far * 0.5, seed=seed + 2, slope=1.25)
        relief = clump - noise(along + 0.22, upward - 0.3, period=far * 0.5, seed=seed + 2, slope=1.25)
        crown = (
            top
            + swelling * noise(bearing, bearing * 0 + seed, period=3.4, seed=seed, slope=0.95)
            + 0.003 * leaf
        )
        higher = np.clip(1 - (crown - rise) / 0.10, 0, 1)
        lit = 0.34 + 0.5 * higher + 0.16 * leaf + 0.65 * np.clip(relief, -0.6, 0.9)
        foliage = np.asarray(tint, np.float32)[:, None] * np.clip(lit, 0.10, 2)
        picture = np.where((rise < crown) & (rise > -1.7 / far), foliage, picture)
    return np.asarray(picture * np.float32(2.4), np.float32)


LAYERS: tuple[tuple[float, Colour, float, float, int], ...] = (
    (34.0, (2.0, 2.35, 1.95), 0.045, 0.016, 111),
    (24.0, (1.35, 1.80, 0.80), 0.030, 0.075, 141),
    (17.0, (0.92, 1.38, 0.42), 0.012, 0.003, 121),
    (11.0, (1.05, 1.50, 0.55), -0.10, 0.055, 131),
)
"""Woods, trees, hedge, shrubs: metres away, radiance, how high they rise, how much that varies, seed."""


def window_glow(origins: Floats, directions: Floats) -> Floats:
    """The same garden as a source of light: its broad colours alone, as much as gets through the glass."""
    up = np.clip(0.5 + directions[2] * 4, 0, 1)
    sky = np.asarray([3.0, 3.3, 3.7], np.float32)[:, None]
    ground = np.asarray([1.05, 1.15, 0.75], np.float32)[:, None]
    return blend(ground, sky, up)
