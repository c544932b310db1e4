"""Painted skies: a gradient from zenith to horizon, and clouds of fractal noise.

Deterministic for a seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.picturefiles import Plane

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """Colours at heights from zenith (0) to horizon (1), and the colours, cover and strength of clouds."""

    stops: tuple[tuple[float, Colour], ...]
    cloud_high: Colour
    cloud_low: Colour
    cloud_cover: float
    cloud_strength: float


PALETTES: dict[tuple[str, str], Palette] = {
    ("blue", "subtle"): Palette(
        ((0.0, (104, 156, 212)), (0.5, (150, 190, 228)), (1.0, (206, 225, 240))),
        (250, 251, 253),
        (240, 244, 249),
        0.42,
        0.55,
    ),
    ("blue", "middle"): Palette(
        ((0.0, (52, 114, 190)), (0.5, (102, 158, 216)), (1.0, (186, 214, 237))),
        (255, 255, 255),
        (238, 243, 249),
        0.46,
        0.75,
    ),
    ("blue", "dramatic"): Palette(
        ((0.0, (18, 72, 152)), (0.5, (56, 122, 198)), (1.0, (158, 200, 234))),
        (255, 255, 255),
        (228, 235, 244),
        0.54,
        0.95,
    ),
    ("twilight", "subtle"): Palette(
        ((0.0, (86, 108, 156)), (0.45, (138, 144, 182)), (0.75, (206, 172, 178)), (1.0, (244, 206, 170))),
        (176, 160, 184),
        (250, 200, 176),
        0.40,
        0.45,
    ),
    ("twilight", "middle"): Palette(
        (
            (0.0, (38, 58, 112)),
            (0.4, (84, 96, 150)),
            (0.7, (186, 132, 152)),
            (0.88, (238, 162, 122)),
            (1.0, (252, 200, 142)),
        ),
        (120, 100, 140),
        (250, 160, 124),
        0.46,
        0.6,
    ),
    ("twilight", "dramatic"): Palette(
        (
            (0.0, (16, 26, 70)),
            (0.35, (50, 52, 112)),
            (0.62, (150, 82, 122)),
            (0.82, (234, 116, 84)),
            (1.0, (255, 178, 92)),
        ),
        (74, 54, 98),
        (255, 122, 88),
        0.56,
        0.8,
    ),
}


def paint_sky(shape: tuple[int, int], palette: Palette, *, top: float, horizon: float, seed: int) -> Plane:
    """A sky of `shape` (height, width) in RGB, 0 to 1.

    `top` and `horizon` are the rows of zenith and horizon.
    """
    height, width = shape
    rows = np.clip((np.arange(height, dtype=np.float32) - top) / max(horizon - top, 1.0), 0, 1)
    heights = [stop[0] for stop in palette.stops]
    colours = np.array([stop[1] for stop in palette.stops], np.float32) / 255
    column = np.stack([np.interp(rows, heights, colours[:, channel]) for channel in range(3)], axis=1)
    sky = np.repeat(column[:, None, :], width, axis=1).astype(np.float32)
    clouds = paint_clouds(shape, rows, palette.cloud_cover, seed)[:, :, None] * np.float32(
        palette.cloud_strength
    )
    lit = rows[:, None, None] ** 1.3
    high, low = (np.array(colour, np.float32) / 255 for colour in (palette.cloud_high, palette.cloud_low))
    sky += (high * (1 - lit) + low * lit - sky) * clouds
    sky += grain(shape, seed)[:, :, None]
    return np.clip(sky, 0, 1)


def paint_clouds(shape: tuple[int, int], rows: npt.NDArray[np.float32], cover: float, seed: int) -> Plane:
    """Cloud density, 0 to 1, in perspective: flatter and denser towards the horizon, as of a layer
    overhead."""
    width = shape[1]
    texture = fractal_noise(512, seed)
    distance = 1 / (1.12 - rows)
    across = (
        (np.arange(width, dtype=np.float32)[None, :] / width - 0.5) * 150 * (0.6 + 0.25 * distance[:, None])
    )
    deep = np.repeat((distance * 95)[:, None], width, axis=1)
    noise = cv2.remap(
        texture,
        (across + 256).astype(np.float32),
        deep.astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    # The threshold is a quantile of the visible part, so that no seed gives an empty or an overcast sky.
    clear_below = float(np.quantile(noise[rows < 0.95][::4, ::4], 1 - cover))
    density = np.clip((noise - clear_below) / 0.33, 0, 1)
    softened = density * density * (3 - 2 * density)
    return np.asarray(softened * np.clip((1.02 - rows) * 6, 0, 1)[:, None], np.float32)


def fractal_noise(size: int, seed: int) -> Plane:
    """Smooth noise, 0 to 1, with detail on every scale."""
    random = np.random.default_rng(seed)
    total = np.zeros((size, size), np.float32)
    strength = 1.0
    for cells in (6, 12, 24, 48, 96, 192):
        grid = random.random((cells, cells), dtype=np.float32)
        total += np.float32(strength) * cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
        strength *= 0.55
    low, high = np.percentile(total, (0.5, 99.5))
    return np.asarray(np.clip((total - low) / (high - low), 0, 1), np.float32)


def grain(shape: tuple[int, int], seed: int) -> Plane:
    """Dither of less than one level, so that the gradient doesn't band."""
    random = np.random.default_rng(seed + 1)
    return (random.random(shape, dtype=np.float32) - np.float32(0.5)) * np.float32(1.6 / 255)
