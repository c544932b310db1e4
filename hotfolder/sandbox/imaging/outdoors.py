"""Whether a picture was taken outdoors: whether what is calm at its top edge surely is the sky.

A wall or a ceiling can have any colour that a sky has. They differ in their gradients and their outlines: a
blue sky gets paler towards the horizon, while paint in more light gets bluer; and a sky ends at roofs, hills
and leaves, while the light on a wall fades. A doubtful region is not a sky.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from hotfolder.sandbox.imaging.lines import find_segments
from hotfolder.sandbox.imaging.masks import (
    LEAST_SHARE,
    Bits,
    components_with,
    dark_leaves,
    dilate,
    foliage,
    local_spread,
    regions,
    to_lab,
)
from hotfolder.sandbox.imaging.picturefiles import Picture, Plane

# Pixels: regions that touch over less than this are separated, so that no sky runs down a gap into a street.
NARROW = 4
# Median b*: below the first a region may have more grain and still be calm; below the second a sky is blue.
BLUISH, SURELY_BLUE = -5.0, -10.0
# The spread of L* over seven pixels within a calm sky.
SLIGHT_STEP = 1.5
# The spread of b* over as many pixels at an edge between two hues.
LEAST_HUE_STEP = 5.0
# A straight edge of at least this length, as a share of the picture's width, is not a cloud's where the
# colours at these pixel distances on its two sides differ by LEAST_STEP in CIELAB, and vary by PLAIN_SIDE.
LEAST_STEP_LENGTH, BESIDE_STEP = 0.06, (-14, -9, 9, 14)
LEAST_STEP, PLAIN_SIDE = 8.0, 1.2
# The cut along a step extends beyond both of its ends by this share of its length.
BEYOND_STEP = 0.1
# A region belongs to a blue sky whose a*b* in the same rows is nearer than the first, and whose L* differs by
# a smaller share than the second.
SAME_COLOUR, SAME_LIGHT = 6.0, 0.12
# The least share of a sky without clouds that has its colour; what else is in it is a wall or a roof.
ONE_COLOUR = 0.95
# The least share by which the L* of a gray sky varies.
LEAST_VARIATION = 0.05
# The b* of the palest horizon.
HORIZON = -2.0
# In CIELAB: a pixel beyond the outline that differs by more has another colour.
ANOTHER_COLOUR = 10.0
# A region is plain whose L* mostly differs by less from a surface of second degree, as a clear or an evenly
# overcast sky's does; lamps, windows and corners make that of a wall or a ceiling differ by more. What is
# beyond a plain one has another colour where it differs by SMALL_STEP from what the region leads to there.
PLAIN, SMALL_STEP = 1.8, 6.0
# The spread of L* over seven pixels, averaged, among leaves with sky between them; a fading light has less.
AMONG_LEAVES = 6.0
# The least growth of a blue sky's b* / (L* + 16) downwards, and of its L*, which water in haze has less of.
LEAST_PALING, LEAST_BRIGHTENING = 0.03, -6.0
# The same where more than this share of the rest is as bright; a plain sky needn't pale as much.
MUCH_BRIGHTER, PALING_WHERE_BRIGHT, BRIGHTENING_WHERE_BRIGHT = 0.15, 0.08, 4.0
# The most that a gray one, which may have clouds, gets darker downwards, in L*.
MOST_DIMMING_GRAY = 10.0
# The least share of the outline that ends at another colour: of a blue sky, of a gray one, and of a gray one
# that doesn't span the picture.
LEAST_ENDS, LEAST_ENDS_GRAY, LEAST_ENDS_NARROW = 0.45, 0.65, 0.85
# The least share of the top edge: of a blue sky, of a gray one; below SPANNING a gray one is narrow.
LEAST_WIDTH, LEAST_WIDTH_GRAY, SPANNING = 0.35, 0.6, 0.85
# How much darker, in L*, a gray sky's surroundings are at least; which share of the rest may be as bright.
LEAST_DARKENING, MOST_BRIGHTER = 5.0, 0.08
# The least share with structure of what lies below a narrow one.
STRUCTURE_NARROW = 0.4
# The most b* of an overcast sky; a wall in lamplight is yellower.
MOST_YELLOW = 3.0
LEAST_GRAY = 0.05
# What goes on from a sky at the crown of a tree has its colour in the same rows: most difference in a*b*, and
# as a share of L*. How far from leaves that is looked for, as a share of the width.
OWN_COLOUR, OWN_LIGHT, NEAR_CROWN = 3.0, 0.05, 0.06

Segment = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


def open_sky(small: Picture) -> tuple[Bits, str]:
    """The sky that reaches the top of the frame, and why its mask can't be trusted, "" where it can.

    Empty where what looked like a sky may be something else. With a doubt and a mask, there is a sky, and a
    wall or a roof may be part of the mask: an outdoor picture, in which nothing may be painted.
    """
    candidates = sky_coloured(small)
    lab = to_lab(small)
    spread = local_spread(np.ascontiguousarray(lab[:, :, 0]), 7)
    calm = candidates & (spread < np.where(lab[:, :, 2] < BLUISH, 7, 4))
    core = touching_top(calm)
    if core.any() and not is_blue(lab, core):
        # The step between a pale facade and a pale sky is small: it shows at a stricter limit for calm.
        core = touching_top(calm & (spread < max(SLIGHT_STEP, 4 * float(np.median(spread[core])))))
    elif core.any():
        # A wall in the shade is as blue; only the straight edge between them separates the two.
        calm &= ~edge_lines(find_straight_edges(small, lab, calm), calm.shape)
        # So is a beam in it; a cloud differs from a blue sky by its lightness, too.
        hues = local_spread(np.ascontiguousarray(lab[:, :, 2]), 7)
        calm &= hues < np.maximum(LEAST_HUE_STEP, 1.5 * spread)
        core = touching_top(calm)
        core = dilate(add_separate_parts(core, dilate(calm, -NARROW), lab), NARROW)
    doubt = doubts(Evidence.of(lab, spread, core))
    if doubt:
        return np.zeros_like(core), doubt
    hue, light = sky_distance(lab, lab, core)
    if is_blue(lab, core):
        # A beam or a wall in the shade is gray; so are clouds, which the sky encloses.
        alike = hue < SAME_COLOUR
        if alike[core].mean() > ONE_COLOUR:
            core &= ~dilate(dilate(core & ~alike, -2), NARROW)
        candidates &= core | alike
    else:
        # A pale roof or facade differs by its lightness; so may clouds, by which the sky itself varies.
        away = np.abs(light - 1)
        alike = away < max(LEAST_VARIATION, float(np.percentile(away[core], 98)))
    found = refine_by_grabcut(small, core, candidates)
    # Refining changes the rim; a region that doubles has run down a pale facade.
    sky = found if found.sum() < 1.6 * core.sum() else core
    into_wall = bool(find_straight_edges(small, lab, sky))
    sky = extend_sky(sky & (core | alike), lab)
    return sky, "a calm region at the top edge with a straight step in it, like a wall's" if into_wall else ""


def extend_sky(sky: Bits, lab: Plane) -> Bits:
    """The sky, extended by what adjoins it in its own colour, around and beyond the crown of a tree."""
    hue, light = sky_distance(lab, lab, sky)
    same = (hue < OWN_COLOUR) & (np.abs(light - 1) < OWN_LIGHT)
    near_crowns = dilate(dark_leaves(lab), round(NEAR_CROWN * sky.shape[1]))
    return components_with(sky, sky | same & near_crowns)


def is_blue(lab: Plane, sky: Bits) -> bool:
    """Whether the region, which isn't empty, is blue by its median, and not gray or white."""
    return bool(np.median(lab[:, :, 2][sky]) < SURELY_BLUE)


def find_straight_edges(small: Picture, lab: Plane, within: Bits) -> list[Segment]:
    """Straight edges that part two plain colours `within` it, as at a wall or a roof, and at no cloud.

    A roof may differ from a blue sky by its hue alone.
    """
    smooth = cv2.blur(lab, (3, 3))
    hue = np.clip(128 + 3 * lab[:, :, 2], 0, 255).astype(np.uint8)
    looks = (small, np.repeat(hue[:, :, None], 3, axis=2))
    edges = np.concatenate([find_segments(look, LEAST_STEP_LENGTH * within.shape[1]) for look in looks])
    last = np.array((within.shape[1] - 1, within.shape[0] - 1))
    found = []
    for start, end in edges.reshape(-1, 2, 2):
        middle = np.linspace(start, end, 24)[3:-3]
        across = (end - start)[::-1] * (-1, 1) / np.linalg.norm(end - start)
        places = [(middle + away * across).round().astype(int).clip(0, last).T for away in BESIDE_STEP]
        if all(within[rows, columns].mean() > 0.9 for columns, rows in places):
            far, near, beyond, farther = (np.median(smooth[rows, cols], axis=0) for cols, rows in places)
            plain = max(np.linalg.norm(far - near), np.linalg.norm(farther - beyond)) < PLAIN_SIDE
            if plain and np.linalg.norm(near - beyond) > LEAST_STEP:
                found.append((start, end))
    return found


def edge_lines(steps: Sequence[Segment], shape: tuple[int, ...]) -> Bits:
    """A mask of thin lines along the edges, and somewhat beyond their ends."""
    drawn = np.zeros(shape, np.uint8)
    for start, end in steps:
        more = (end - start) * BEYOND_STEP
        first, last = (start - more).round().astype(int), (end + more).round().astype(int)
        cv2.line(drawn, first.tolist(), last.tolist(), 1, 3)
    return drawn > 0


def touching_top(calm: Bits) -> Bits:
    """The calm regions that touch the top edge."""
    core = np.zeros_like(calm)
    for region in regions(dilate(calm, -NARROW), 0.002 * calm.size):
        if region.bits[: 2 * NARROW].any(axis=0).mean() > 0.04:
            core |= region.bits
    return dilate(core, NARROW)


def sky_coloured(small: Picture) -> Bits:
    """Pixels that could be sky by colour alone: pale and not warm, blue, or between blue and green."""
    lightness, green_red, blue_yellow = np.moveaxis(to_lab(small), 2, 0)
    chroma = np.hypot(green_red, blue_yellow)
    pale = (lightness > 55) & (chroma < 12) & (blue_yellow < 8)
    blue = (blue_yellow < -4) & (lightness > 25) & (green_red < 22) & (green_red > -22)
    teal = (green_red < -5) & (blue_yellow < 2) & (lightness > 35)
    return np.asarray(pale | blue | teal)


def add_separate_parts(core: Bits, calm: Bits, lab: Plane) -> Bits:
    """The largest region of `core`, a blue sky, with its further parts among the calm ones, cut off by a
    cable or a gable: of its own colour in their rows. A wall at the top edge is none."""
    if not core.any():
        return core
    found = regions(core, 1)[0].bits
    for region in regions(calm & ~found, 0.002 * calm.size):
        hue, light = (np.median(away[region.bits]) for away in sky_distance(lab, lab, found))
        beside = (region.bits.any(axis=1) & found.any(axis=1)).any()
        if beside and hue < SAME_COLOUR and abs(light - 1) < SAME_LIGHT:
            found |= region.bits
    return found


def sky_distance(lab: Plane, small: Plane, found: Bits) -> tuple[Plane, Plane]:
    """How each pixel of `lab` differs from the sky's own colour in its row: distance in a*b*, quotient of L*.

    `lab` is the picture at any size, `small` at that of the mask `found`. Below the sky that was found, it
    may be as pale as at the horizon.
    """
    rows, columns = np.nonzero(found)
    curve = np.polyfit(rows, small[rows, columns], 2)
    places = np.arange(len(lab)) * (len(found) / len(lab))
    own = np.asarray(np.vander(places.clip(rows.min(), rows.max()), 3) @ curve, np.float32)
    palest = np.where(places > rows.max(), np.maximum(own[:, 2], HORIZON), own[:, 2])[:, None]
    blue_yellow = lab[:, :, 2] - np.clip(lab[:, :, 2], own[:, 2:], palest)
    return (
        np.asarray(np.hypot(lab[:, :, 1] - own[:, 1:2], blue_yellow), np.float32),
        np.asarray(lab[:, :, 0] / own[:, :1], np.float32),
    )


@dataclass(frozen=True)
class Evidence:
    """The measures by which a region is judged a sky: shares from 0 to 1, and differences in CIELAB.

    `width` is of the top edge, `foot` of the bottom edge. `paling` and `brightening` are of b* / (L* + 16),
    which more light on a wall doesn't change, and of L*, from its highest rows to its lowest; `ends` is of
    its outline, `darkening` how much darker three quarters of what is just beyond are; `structure` is how
    much of what lies below has some, `brighter` how much of the rest is as bright; `unevenness` is of
    its own L*.
    """

    share: float
    width: float
    foot: float
    blueness: float
    paling: float
    brightening: float
    ends: float
    darkening: float
    structure: float
    brighter: float
    unevenness: float

    @classmethod
    def of(cls, lab: Plane, spread: Plane, core: Bits) -> Evidence:
        if not core.any():
            return cls(*[0.0] * 11)
        height = core.shape[0]
        lightness, blue_yellow = lab[:, :, 0], lab[:, :, 2]
        leafy = sky_among_leaves(lab, spread, blue=is_blue(lab, core))
        rest, below = ~(dilate(core, 8) | leafy), rows_below(core)
        typical = np.median(lightness[core])
        uneven = unevenness(lightness, core)
        ends, darkening = measure_outline(lab, core, leafy, plain=uneven < PLAIN)
        return cls(
            share=float(core.mean()),
            width=float(core[: max(1, height // 100)].any(axis=0).mean()),
            foot=float(core[-max(1, height // 50) :].any(axis=0).mean()),
            blueness=float(np.median(blue_yellow[core])),
            paling=vertical_difference(blue_yellow / (lightness + 16), core),
            brightening=vertical_difference(lightness, core),
            ends=ends,
            darkening=darkening,
            structure=float((spread > 3)[below].mean()) if below.any() else 0.0,
            brighter=float((lightness[rest] > typical - 2).mean()) if rest.any() else 1.0,
            unevenness=uneven,
        )


def doubts(seen: Evidence) -> str:
    """What was found instead of a sky; empty where it surely is one."""
    if seen.share < LEAST_SHARE / 2:
        return f"{seen.share:.1%} of it that is calm, blue or pale and reaches the top edge"
    blue = seen.blueness < SURELY_BLUE
    found = f"a calm, {'blue' if blue else 'gray'} region of {seen.share:.1%} at the top edge that "
    if seen.foot > (0.5 if blue else 0.15):
        return f"{found}reaches down to the floor, like a wall"
    if seen.ends < (LEAST_ENDS if blue else LEAST_ENDS_GRAY):
        return f"{found}fades on {1 - seen.ends:.0%} of its outline, like a lamp, a lit wall or water in haze"
    if blue:
        bright = seen.brighter > MUCH_BRIGHTER
        much = bright and seen.unevenness > PLAIN
        paler = seen.paling > (PALING_WHERE_BRIGHT if much else LEAST_PALING)
        if not paler or seen.brightening < (BRIGHTENING_WHERE_BRIGHT if bright else LEAST_BRIGHTENING):
            return f"{found}gets no paler downwards, like a painted wall"
        return "" if seen.width > LEAST_WIDTH else f"{found}touches only {seen.width:.0%} of that edge"
    doubt = doubts_of_gray(seen)
    return f"{found}{doubt}" if doubt else ""


def doubts_of_gray(seen: Evidence) -> str:
    narrow = seen.width < SPANNING and (seen.ends < LEAST_ENDS_NARROW or seen.structure < STRUCTURE_NARROW)
    if narrow or seen.width < LEAST_WIDTH_GRAY or seen.share < LEAST_GRAY:
        return f"touches only {seen.width:.0%} of that edge, like a wall or a lamp"
    if seen.blueness > MOST_YELLOW:
        return "is yellowish, like a wall"
    if seen.darkening < LEAST_DARKENING:
        return "has nothing darker around it, like a ceiling over walls"
    if seen.brightening < -MOST_DIMMING_GRAY:
        return "gets darker downwards, like a wall or like water in haze"
    if seen.brighter > MOST_BRIGHTER:
        return f"is no brighter than {seen.brighter:.0%} of the rest: maybe a ceiling or a wall"
    return ""


def rows_below(core: Bits) -> Bits:
    """A mask of a few rows just below the region."""
    below = np.zeros_like(core)
    for rows in range(6, 46, 3):
        below[rows:] |= core[:-rows]
    return below & ~dilate(core, 6)


def sky_among_leaves(lab: Plane, spread: Plane, *, blue: bool) -> Bits:
    """A mask of where the sky may be seen through leaves; a `blue` one through bare twigs, too."""
    if blue:
        return np.asarray(cv2.blur(spread, (15, 15)) > AMONG_LEAVES)
    return dilate(foliage(lab) & (spread > AMONG_LEAVES), 12)


def unevenness(lightness: Plane, core: Bits) -> float:
    """How much the region's L* differs from a surface of second degree in rows and columns: its 95th
    percentile."""
    rows, columns = (places[:: len(places) // 8000 + 1] for places in np.nonzero(core))
    down, across = rows / core.shape[0], columns / core.shape[1]
    terms = np.stack([np.ones_like(down), down, across, down**2, down * across, across**2], axis=1)
    values = lightness[rows, columns]
    surface = terms @ np.linalg.lstsq(terms, values, rcond=None)[0]
    return float(np.percentile(np.abs(values - surface), 95))


def measure_outline(lab: Plane, core: Bits, leafy: Bits, *, plain: bool) -> tuple[float, float]:
    """`ends` and `darkening` of the region, as Evidence has them."""
    around = dilate(core, 14) & ~dilate(core, 5)
    if not around.any():
        return 0.0, 0.0
    own, rim = local_mean_within(lab, core, 12), local_mean_within(lab, core, 4)
    beyond = cv2.GaussianBlur(lab, (0, 0), 2.0)
    if plain:
        # Light that fades goes on as it did within.
        apart = np.linalg.norm(2 * rim - own - beyond, axis=2) > SMALL_STEP
    else:
        away = (own - beyond) * np.array((0.5, 1, 1), np.float32)
        apart = np.linalg.norm(away, axis=2) > ANOTHER_COLOUR
    bare = around & ~leafy
    if not bare.any():
        return 0.0, 0.0
    # Leaves with blue between them end a sky; those before a gray one tell nothing of where it ends.
    ends = (apart | leafy)[around] if is_blue(lab, core) else apart[bare]
    return float(ends.mean()), float(np.percentile((own - lab)[:, :, 0][bare], 25))


def local_mean_within(lab: Plane, core: Bits, reach: float) -> Plane:
    """For each pixel the mean of the region near it."""
    inside = core.astype(np.float32)
    near = cv2.GaussianBlur(inside, (0, 0), reach) + np.float32(1e-3)
    return np.asarray(cv2.GaussianBlur(lab * inside[:, :, None], (0, 0), reach) / near[:, :, None])


def vertical_difference(values: Plane, core: Bits) -> float:
    """A measure of a vertical gradient: the median of the region's lowest fifth of rows minus that of its
    highest fifth."""
    rows = np.nonzero(core.any(axis=1))[0]
    low, high = rows[len(rows) // 5], rows[-1 - len(rows) // 5]
    upper, lower = core.copy(), core.copy()
    upper[low:] = False
    lower[:high] = False
    if not upper.any() or not lower.any():
        return 0.0
    return float(np.median(values[lower]) - np.median(values[upper]))


def refine_by_grabcut(small: Picture, core: Bits, candidates: Bits) -> Bits:
    """The sky refined by GrabCut, from `core`, which surely is sky, and `candidates` with a sky's colours."""
    labels = np.full(core.shape, cv2.GC_BGD, np.uint8)
    lowest = int(np.nonzero(core.any(axis=1))[0].max())
    near = dilate(core, 12)
    labels[near] = cv2.GC_PR_BGD
    labels[near & candidates] = cv2.GC_PR_FGD
    labels[dilate(core, -2)] = cv2.GC_FGD
    labels[min(lowest + 12, core.shape[0] - 1) :] = cv2.GC_BGD
    cv2.setRNGSeed(1)
    empty = np.zeros((1, 65), np.float64)
    size = (small.shape[1], small.shape[0])
    half = cv2.resize(small, (size[0] // 2, size[1] // 2), interpolation=cv2.INTER_AREA)
    labels = np.ascontiguousarray(labels[: 2 * half.shape[0] : 2, : 2 * half.shape[1] : 2])
    cv2.grabCut(half, labels, (0, 0, 1, 1), empty, empty.copy(), 2, cv2.GC_INIT_WITH_MASK)
    sky = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8)
    # GrabCut works at half the size; certain pixels keep their full-size labels.
    return np.asarray((cv2.resize(sky, size, interpolation=cv2.INTER_NEAREST) > 0) & (candidates | core))
