"""What stands and hangs in the living room."""

import numpy as np

from hotfolder.demo.foliage import Flakes
from hotfolder.demo.solids import Material, Solid, block
from hotfolder.demo.textures import (
    Colour,
    Floats,
    Surface,
    blend,
    fabric,
    noise,
    paint,
    plain,
    planks,
    plaster,
)

RIGHT = 2.9
"""Where the right-hand wall stands, in metres."""
PLANT = (-2.30, 5.62)
TRIM = Material(plain((0.82, 0.81, 0.79)), (0.82, 0.81, 0.79), gloss=0.35)
SOFA = Material(fabric((0.17, 0.235, 0.29)), (0.17, 0.235, 0.29))
MUSTARD = Material(fabric((0.60, 0.36, 0.07), seed=33), (0.60, 0.36, 0.07))
LINEN = Material(fabric((0.62, 0.57, 0.49), seed=35), (0.62, 0.57, 0.49))
OAK = Material(planks((0.44, 0.28, 0.14), width=0.11), (0.44, 0.28, 0.14), gloss=0.4)
WALNUT = Material(planks((0.20, 0.115, 0.062), width=0.3, along_y=False), (0.20, 0.115, 0.062), gloss=0.45)
BLACK = Material(plain((0.025, 0.025, 0.027)), (0.025, 0.025, 0.027), gloss=0.6)
CERAMIC = Material(plain((0.74, 0.72, 0.67)), (0.74, 0.72, 0.67), gloss=0.9)
TERRACOTTA = Material(plaster((0.47, 0.21, 0.12), grain=0.03), (0.47, 0.21, 0.12))
SHADE = Material(fabric((0.80, 0.70, 0.54), weave=0.03), (0.80, 0.70, 0.54), glow=(0.85, 0.52, 0.24))
LEAF = Material(plain((0.06, 0.115, 0.03)), (0.06, 0.115, 0.03), gloss=0.3)


def rug(p: Floats, n: Floats, footprint: Floats) -> Floats:
    """A woven rug with a border and a lozenge pattern."""
    u, v = p[0] - 0.35, p[1] - 3.5
    fade = np.clip(0.008 / footprint, 0, 1)
    base = paint((0.56, 0.50, 0.41), 1 + 0.10 * fade * noise(u, v, period=0.5, seed=81, slope=0.2))
    lozenge = np.abs((u / 0.42) % 1 - 0.5) + np.abs((v / 0.6) % 1 - 0.5)
    lines = np.clip(1 - np.abs(lozenge - 0.5) * 0.4 / np.maximum(footprint, 0.014), 0, 1)
    edge = np.maximum(np.abs(u) / 1.35, np.abs(v) / 1.15)
    lines = np.where(edge > 0.93, 0, lines) + ((edge > 0.93) & (edge < 0.955))
    ink = paint((0.13, 0.15, 0.19), np.ones_like(u))
    return blend(base, ink, np.clip(lines, 0, 1) * 0.8)


RUG = Material(rug, (0.5, 0.45, 0.37))


def print_in_frame(centre: tuple[float, float], size: float, seed: int) -> Surface:
    """A picture behind glass on the right-hand wall: soft hills, a pale mount around them."""

    def surface(p: Floats, n: Floats, footprint: Floats) -> Floats:
        u, v = (p[1] - centre[0]) / size, (p[2] - centre[1]) / size
        paper = paint((0.80, 0.79, 0.75), np.ones_like(u))
        picture = paint((0.66, 0.62, 0.52), 1 + 0.04 * noise(u, v, period=1.0, seed=seed, slope=0.4))
        tints: list[Colour] = [(0.42, 0.46, 0.44), (0.24, 0.32, 0.32), (0.12, 0.17, 0.17)]
        for k, tint in enumerate(tints):
            ridge = 0.12 - 0.2 * k + 0.10 * noise(u, u * 0 + k * 0.37, period=2.3, seed=seed + k, slope=1.4)
            picture = np.where(v < ridge, np.array(tint, np.float32)[:, None], picture)
        sun = (u + 0.2) ** 2 + (v - 0.33) ** 2 < 0.014
        picture = np.where(sun, np.array([[0.68], [0.29], [0.12]], np.float32), picture)
        mount = (np.abs(u) > 0.62) | (np.abs(v) > 0.62)
        return np.asarray(np.where(mount, paper, picture), np.float32)

    return surface


def sofa() -> list[Solid]:
    """A three-seater with its back to the right-hand wall, two cushions on it."""
    y0, y1 = 2.15, 4.75
    seats = [
        block(
            (1.72, 2.62),
            (y0 + 0.2 + k * 0.735, y0 + 0.2 + (k + 1) * 0.735),
            (0.25, 0.46),
            SOFA,
            rounding=0.07,
        )
        for k in range(3)
    ]
    backs = [
        block(
            (2.40, 2.68),
            (y0 + 0.2 + k * 0.735, y0 + 0.2 + (k + 1) * 0.735),
            (0.42, 0.84),
            SOFA,
            rounding=0.10,
        )
        for k in range(3)
    ]
    legs = [
        block((x, x + 0.05), (y, y + 0.05), (0, 0.1), BLACK)
        for x in (1.76, 2.75)
        for y in (y0 + 0.05, y1 - 0.1)
    ]
    return [
        block((1.74, 2.82), (y0, y1), (0.09, 0.30), SOFA, rounding=0.03),
        block((2.60, 2.84), (y0, y1), (0.10, 0.78), SOFA, rounding=0.07),
        block((1.73, 2.83), (y0, y0 + 0.21), (0.10, 0.62), SOFA, rounding=0.08),
        block((1.73, 2.83), (y1 - 0.21, y1), (0.10, 0.62), SOFA, rounding=0.08),
        *seats,
        *backs,
        *legs,
        Solid((2.30, 2.62, 0.64), (0.085, 0.21, 0.20), MUSTARD, "round", 22, 0.08),
        Solid((2.33, 4.22, 0.64), (0.085, 0.21, 0.20), LINEN, "round", -18, 0.08),
    ]


def table() -> list[Solid]:
    """A low oak table with two books and a bowl."""
    legs = [block((x, x + 0.045), (y, y + 0.045), (0, 0.36), OAK) for x in (-0.16, 0.72) for y in (2.85, 3.9)]
    return [
        block((-0.2, 0.8), (2.8, 4.0), (0.36, 0.40), OAK, rounding=0.012),
        *legs,
        Solid((0.12, 3.12, 0.417), (0.15, 0.11, 0.016), TERRACOTTA, yaw_degrees=12),
        Solid((0.13, 3.12, 0.447), (0.13, 0.095, 0.014), CERAMIC, yaw_degrees=-6),
        Solid((0.42, 3.62, 0.455), (0.15, 0.15, 0.055), CERAMIC, "ellipsoid", cuts=((0, 0, 1, 0.02),)),
    ]


def armchair() -> list[Solid]:
    """A linen armchair by the garden window, turned towards the room."""
    centre, yaw = (-1.75, 4.55), 38.0
    c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))

    def part(
        x: float, y: float, z: float, half: tuple[float, float, float], rounding: float, of: Material = LINEN
    ) -> Solid:
        place = (centre[0] + float(c * x - s * y), centre[1] + float(s * x + c * y), z)
        return Solid(place, half, of, "round", yaw, rounding)

    return [
        *[part(x, y, 0.09, (0.022, 0.022, 0.09), 0.01, WALNUT) for x in (-0.36, 0.36) for y in (-0.3, 0.36)],
        part(0, 0.03, 0.26, (0.40, 0.40, 0.09), 0.03),
        part(0, -0.02, 0.41, (0.31, 0.38, 0.09), 0.06),
        part(0, 0.36, 0.56, (0.36, 0.10, 0.36), 0.09),
        part(-0.38, 0.02, 0.38, (0.08, 0.40, 0.24), 0.07),
        part(0.38, 0.02, 0.38, (0.08, 0.40, 0.24), 0.07),
        Solid(
            (centre[0] + 0.02, centre[1] + 0.02, 0.58), (0.18, 0.075, 0.17), MUSTARD, "round", yaw + 4, 0.07
        ),
    ]


def sideboard() -> list[Solid]:
    """A walnut sideboard on the far wall, a vase and a pile of books on it; the lamp stands beside it."""
    doors = [block((x, x + 0.006), (5.835, 5.845), (0.2, 0.72), BLACK) for x in (1.62, 2.06)]
    return [
        block((1.2, 2.5), (5.84, 6.28), (0.17, 0.75), WALNUT),
        *[block((x, x + 0.04), (y, y + 0.04), (0, 0.18), BLACK) for x in (1.25, 2.4) for y in (5.88, 6.2)],
        *doors,
        Solid((1.45, 6.05, 0.89), (0.075, 0.075, 0.14), CERAMIC, "ellipsoid"),
        block((1.75, 2.02), (5.95, 6.15), (0.75, 0.785), TERRACOTTA),
        block((1.77, 2.0), (5.96, 6.14), (0.785, 0.815), TRIM),
        Solid((2.30, 6.05, 0.90), (0.022, 0.022, 0.15), BLACK, "cylinder"),
        Solid((2.30, 6.05, 0.765), (0.08, 0.08, 0.012), BLACK, "cylinder"),
        Solid((2.30, 6.05, 1.14), (0.155, 0.155, 0.115), SHADE, "cylinder", casts=False),
    ]


def pendant() -> list[Solid]:
    """A black metal shade over the table."""
    return [
        Solid((0.3, 3.4, 1.98), (0.27, 0.27, 0.20), BLACK, "ellipsoid", cuts=((0, 0, -1, 0.04),)),
        Solid((0.3, 3.4, 2.41), (0.006, 0.006, 0.25), BLACK, "cylinder", casts=False),
    ]


def pictures() -> list[Solid]:
    """Two framed prints above the sofa, a round mirror above the sideboard."""
    frames: list[Solid] = []
    for number, (y, z) in enumerate([(2.95, 1.62), (3.95, 1.62)]):
        size = 0.40
        art = Material(print_in_frame((y, z), size, 90 + number * 7), (0.6, 0.57, 0.5), gloss=0.8)
        frames.append(block((RIGHT - 0.030, RIGHT), (y - size, y + size), (z - size, z + size), BLACK))
        inner = size - 0.025
        frames.append(
            block((RIGHT - 0.032, RIGHT - 0.02), (y - inner, y + inner), (z - inner, z + inner), art)
        )
    return frames


def plant() -> list[Solid]:
    """The pot and stem of the rubber plant in the far left corner; its leaves are drawn."""
    return [
        Solid((*PLANT, 0.19), (0.20, 0.20, 0.19), TERRACOTTA, "cylinder"),
        Solid((*PLANT, 0.9), (0.014, 0.014, 0.70), WALNUT, "cylinder"),
        Solid((*PLANT, 1.2), (0.32, 0.3, 0.55), LEAF, "ellipsoid", seen=False),
    ]


def plant_leaves() -> Flakes:
    """Broad leaves in a spiral up the stem, each rising, then drooping."""
    generator = np.random.default_rng(14)
    corners, radiance = [], []
    stem = np.array([*PLANT, 0.0])
    for k in range(46):
        share = k / 46
        angle = np.radians(k * 137.5 + generator.uniform(-14, 14))
        outward = np.array([np.cos(angle), np.sin(angle), 0.0])
        sideways = np.array([-np.sin(angle), np.cos(angle), 0.0]) * generator.uniform(0.050, 0.072)
        length = generator.uniform(0.26, 0.36) * (1.0 - 0.35 * share)
        lift = 0.25 + 0.75 * share
        root = stem + outward * 0.05 + [0, 0, 0.52 + 1.12 * share]
        bend = root + outward * length * 0.5 + [0, 0, length * 0.42 * lift]
        tip = bend + outward * length * 0.5 + [0, 0, length * (0.5 * lift - 0.42)]
        for side, gleam in ((1, 1.0), (-1, 0.72)):
            edge = bend + side * sideways + [0, 0, 0.018]
            corners.append(np.stack([root, edge, tip, bend]))
            lit = (0.55 + 0.6 * share + 0.5 * max(0.0, -outward[0])) * gleam * generator.uniform(0.8, 1.2)
            radiance.append(np.array([0.030, 0.062, 0.020]) * lit)
    return Flakes(np.array(corners, np.float32), np.array(radiance, np.float32))
