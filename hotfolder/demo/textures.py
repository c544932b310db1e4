"""Procedural surfaces: noise and the reflectance patterns of floors, walls, roofs and lawns.

Points and normals are arrays of shape (3, N), in metres: x right, y away from the camera, z up. Footprints,
of shape (N,), are the width in metres that a pixel covers: patterns finer than that fade, not glitter.
Reflectances are linear, 0 to 1, of shape (3, N).
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Colour = tuple[float, float, float]
Surface = Callable[[Floats, Floats, Floats], Floats]

TILE_SIZE = 512


@lru_cache(maxsize=32)
def noise_tile(seed: int, slope: float) -> Floats:
    """A tileable noise field of unit deviation whose amplitude falls with frequency ** -slope."""
    generator = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(generator.standard_normal((TILE_SIZE, TILE_SIZE)))
    frequency = np.hypot(
        np.fft.fftfreq(TILE_SIZE)[:, None] * TILE_SIZE, np.fft.rfftfreq(TILE_SIZE)[None, :] * TILE_SIZE
    )
    frequency[0, 0] = 1
    spectrum /= frequency**slope
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, s=(TILE_SIZE, TILE_SIZE))
    return np.asarray(field / field.std(), np.float32)


def noise(u: Floats, v: Floats, *, period: float, seed: int, slope: float = 1.0) -> Floats:
    """Smoothly interpolated noise of unit deviation that repeats every `period` metres."""
    tile = noise_tile(seed, slope).ravel()
    x, y = u * np.float32(TILE_SIZE / period), v * np.float32(TILE_SIZE / period)
    left, top = np.floor(x), np.floor(y)
    fx, fy = x - left, y - top
    column, row = (
        left.astype(np.int32) & (TILE_SIZE - 1),
        (top.astype(np.int32) & (TILE_SIZE - 1)) * TILE_SIZE,
    )
    right, below = (column + 1) & (TILE_SIZE - 1), (row + TILE_SIZE) & (TILE_SIZE * TILE_SIZE - 1)
    upper = tile[row + column] * (1 - fx) + tile[row + right] * fx
    lower = tile[below + column] * (1 - fx) + tile[below + right] * fx
    return np.asarray(upper * (1 - fy) + lower * fy, np.float32)


@lru_cache(maxsize=8)
def random_table(seed: int) -> Floats:
    return np.random.default_rng(seed).random(4096, np.float32)


def cell_random(i: Floats, j: Floats, seed: int = 1) -> Floats:
    """A number from 0 to 1 for each whole-numbered cell, the same wherever the cell is met."""
    index = (i.astype(np.int32) * 1619 + j.astype(np.int32) * 31337 + seed * 911) & 4095
    return np.asarray(random_table(7)[index], np.float32)


def seam(position: Floats, spacing: float, width: float, footprint: Floats) -> Floats:
    """How much of each pixel is covered by lines of `width` metres, one every `spacing` metres (0 to 1)."""
    distance = np.abs((position / spacing + 0.5) % 1 - 0.5) * spacing
    blur = np.maximum(footprint, 0.25 * width)
    sharp = np.clip((width / 2 - distance) / blur + 0.5, 0, 1)
    return np.asarray(
        np.where(blur > 0.35 * spacing, width / spacing, sharp * np.minimum(1, width / blur)), np.float32
    )


def paint(colour: Colour, shade: NDArray[np.floating]) -> Floats:
    """`colour` scaled by `shade`, kept within what a surface can reflect."""
    return np.asarray(np.clip(np.asarray(colour)[:, None] * shade, 0.004, 0.92), np.float32)


def blend(first: Floats, second: Floats, weight: Floats) -> Floats:
    return np.asarray(first + (second - first) * weight, np.float32)


def plaster(colour: Colour, *, grain: float = 0.012, seed: int = 11) -> Surface:
    """Painted plaster: faint roller marks and broad unevenness."""

    def surface(p: Floats, n: Floats, footprint: Floats) -> Floats:
        along = p[0] + p[1]
        across = p[2] + 0.73 * (p[1] - p[0]) * np.abs(n[2])
        shade = 1 + grain * noise(along, across, period=3.1, seed=seed, slope=1.1)
        shade += 0.6 * grain * noise(along, across, period=0.9, seed=seed + 1, slope=0.6)
        return paint(colour, shade)

    return surface


def planks(colour: Colour, *, width: float = 0.16, length: float = 1.7, along_y: bool = True) -> Surface:
    """A boarded wooden floor (or table top): each board with its own tone and grain."""

    def surface(p: Floats, n: Floats, footprint: Floats) -> Floats:
        u, v = (p[0], p[1]) if along_y else (p[1], p[0])
        board = np.floor(u / width)
        offset = v + cell_random(board, board * 0, 3) * length
        joint = np.floor(offset / length)
        tone = cell_random(board, joint, 5)
        shift = tone * 37
        grain = noise(u * 9 + shift, v * 0.55 + shift, period=2.6, seed=21, slope=0.9)
        fine = noise(u * 40 + shift, v * 0.9 + shift, period=2.0, seed=22, slope=0.5)
        fade = np.clip(0.012 / np.maximum(footprint, 1e-5), 0, 1)
        shade = 0.8 + 0.4 * tone + 0.11 * grain + 0.06 * fine * fade
        gaps = np.maximum(seam(u, width, 0.004, footprint), seam(offset, length, 0.004, footprint))
        base = paint(colour, shade * (1 - 0.72 * gaps))
        warm = np.asarray([1.07, 1.0, 0.9], np.float32)[:, None]
        return np.asarray(base * (1 + (warm - 1) * (tone - 0.5) * 2), np.float32)

    return surface


def fabric(colour: Colour, *, weave: float = 0.06, period: float = 0.35, seed: int = 31) -> Surface:
    """Upholstery: a fine weave and the broad lightness of a brushed pile."""

    def surface(p: Floats, n: Floats, footprint: Floats) -> Floats:
        u = p[0] * 0.8 + p[1] * 0.6 + p[2] * 0.31
        v = p[2] + 0.45 * p[1] - 0.37 * p[0]
        fade = np.clip(0.006 / np.maximum(footprint, 1e-5), 0.25, 1)
        shade = 1 + weave * fade * noise(u, v, period=period, seed=seed, slope=0.25)
        shade += 0.05 * noise(u, v, period=1.7, seed=seed + 1, slope=1.3)
        return paint(colour, shade)

    return surface


def plain(colour: Colour) -> Surface:
    def surface(p: Floats, n: Floats, footprint: Floats) -> Floats:
        return paint(colour, np.ones_like(p[0]))

    return surface


def brick(colour: Colour, mortar: Colour = (0.42, 0.39, 0.35)) -> Surface:
    """Stretcher-bond brickwork, each brick with its own firing."""

    def surface(p: Floats, n: Floats, footprint: Floats) -> Floats:
        along = np.where(np.abs(n[0]) > 0.7, p[1], p[0])
        course = np.floor(p[2] / 0.078)
        shifted = along + 0.1175 * (course % 2)
        fired = cell_random(np.floor(shifted / 0.235), course, 9)
        shade = 0.82 + 0.34 * fired + 0.07 * noise(along, p[2], period=0.8, seed=41, slope=0.5)
        shade *= 1 + 0.05 * noise(along, p[2], period=6.0, seed=42, slope=1.3)
        body = paint(colour, shade) * np.stack(
            [1 + 0.10 * (fired - 0.5), np.ones_like(fired), 1 - 0.2 * (fired - 0.5)]
        )
        joints = np.maximum(seam(p[2], 0.078, 0.011, footprint), seam(shifted, 0.235, 0.011, footprint))
        return blend(np.asarray(body, np.float32), paint(mortar, np.ones_like(along)), joints)

    return surface


def roof_tiles(colour: Colour) -> Surface:
    """Rows of plain tiles: each row darkens under the one above it; moss and weather in broad patches."""

    def surface(p: Floats, n: Floats, footprint: Floats) -> Floats:
        across = np.where(np.abs(n[0]) > np.abs(n[1]), p[1], p[0])
        run = p[2] * 1.55
        row = np.floor(run / 0.2)
        within = run / 0.2 - row
        shifted = across + 0.09 * (row % 2)
        tone = cell_random(np.floor(shifted / 0.18), row, 13)
        fade = np.clip(0.05 / np.maximum(footprint, 1e-5), 0, 1)
        shade = 0.86 + 0.32 * (tone - 0.5) * (0.35 + 0.65 * fade)
        shade -= 0.34 * fade * np.clip((within - 0.72) / 0.28, 0, 1)
        shade += 0.10 * noise(across, run, period=7.0, seed=51, slope=1.1)
        shade *= 1 - 0.35 * fade * seam(shifted, 0.18, 0.012, footprint)
        return paint(colour, shade)

    return surface


def paving(colour: Colour, *, stone: float = 0.4) -> Surface:
    """Concrete slabs, stained, with sandy joints."""

    def surface(p: Floats, n: Floats, footprint: Floats) -> Floats:
        row = np.floor(p[1] / stone)
        shifted = p[0] + 0.5 * stone * (row % 2)
        tone = cell_random(np.floor(shifted / stone), row, 17)
        shade = 0.9 + 0.2 * tone + 0.07 * noise(p[0], p[1], period=4.7, seed=61, slope=1.0)
        shade += 0.09 * noise(p[0], p[1], period=1.1, seed=62, slope=0.35) * np.clip(0.02 / footprint, 0, 1)
        joints = np.maximum(seam(p[1], stone, 0.012, footprint), seam(shifted, stone, 0.012, footprint))
        return paint(colour, shade * (1 - 0.45 * joints))

    return surface


def turf_health(x: Floats, y: Floats) -> Floats:
    """How green a lawn is at each place: 1 is healthy, 0 is straw, below it bare earth shows."""
    broad = noise(x, y, period=11.0, seed=71, slope=1.25)
    small = noise(x, y, period=3.7, seed=72, slope=0.8)
    return np.asarray(np.clip(0.36 + 0.38 * broad + 0.20 * small, -0.4, 1), np.float32)


def turf_colour(health: Floats) -> Floats:
    """The reflectance of grass of the given health."""
    green = np.asarray([0.105, 0.155, 0.040], np.float32)[:, None]
    straw = np.asarray([0.330, 0.265, 0.105], np.float32)[:, None]
    earth = np.asarray([0.170, 0.120, 0.070], np.float32)[:, None]
    grass = blend(straw, green, np.clip(health, 0, 1) ** 0.8)
    return blend(grass, earth, np.clip((-0.12 - health) * 4, 0, 0.8))


def lawn(p: Floats, n: Floats, footprint: Floats) -> Floats:
    """A tired lawn: patches of straw and bare earth among the green."""
    health = turf_health(p[0], p[1])
    fade = np.clip(0.02 / np.maximum(footprint, 1e-5), 0.12, 1)
    shade = 0.85 + 0.26 * fade * noise(p[0], p[1], period=1.3, seed=73, slope=0.2)
    shade += 0.10 * noise(p[0], p[1], period=2.2, seed=74, slope=0.7)
    return np.clip(turf_colour(health) * shade, 0.004, 0.9)
