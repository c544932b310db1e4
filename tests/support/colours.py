"""Colour values calculated from the spaces' definitions, without colour management."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageCms

from hotfolder.pictures.colours import adobe_rgb_profile

Colour = tuple[float, float, float]
Rows = tuple[Colour, Colour, Colour]

ADOBE_RGB: Rows = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB: Rows = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
PROPHOTO: Rows = ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491))
DISPLAY_P3: Rows = ((0.51512, 0.24119, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
"""Red, green and blue as XYZ under D50, from the definitions' chromaticities."""
WHITE = (0.9642, 1.0, 0.8249)

SPACES: dict[str, tuple[Rows, float | None]] = {
    "sRGB": (SRGB, None),
    "Adobe RGB": (ADOBE_RGB, 563 / 256),
    "ProPhoto": (PROPHOTO, 1.8),
    "Display P3": (DISPLAY_P3, None),
}
"""Primaries and gamma; None for sRGB's curve."""

MODERATE: tuple[Colour, ...] = (
    (0.5, 0.5, 0.5),
    (0.2, 0.2, 0.2),
    (0.46, 0.55, 0.42),
    (0.62, 0.52, 0.44),
    (0.4, 0.43, 0.55),
)
"""Colours within sRGB's gamut, in whichever space these numbers are read."""


def profile(space: str) -> bytes:
    """A profile of the space, as exports embed it."""
    rows, gamma = SPACES[space]
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made = bytearray(srgb if gamma is None else adobe_rgb_profile())
    count = int.from_bytes(made[128:132], "big")
    for at in range(132, 132 + 12 * count, 12):
        name = bytes(made[at : at + 4])
        start = int.from_bytes(made[at + 4 : at + 8], "big") + 8
        if gamma is not None and name.endswith(b"TRC"):
            made[start + 4 : start + 6] = round(gamma * 256).to_bytes(2, "big")
        if name in (b"rXYZ", b"gXYZ", b"bXYZ"):
            for offset, value in enumerate(rows[b"rgb".index(name[:1])]):
                made[start + 4 * offset : start + 4 * offset + 4] = round(value * 65536).to_bytes(
                    4, "big", signed=True
                )
    return bytes(made)


def swapped_profile() -> bytes:
    """sRGB with exchanged red and blue primaries, so that ignoring it is visible."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    profile[entries[b"rXYZ"] : entries[b"rXYZ"] + 4] = b"bXYZ"
    profile[entries[b"bXYZ"] : entries[b"bXYZ"] + 4] = b"rXYZ"
    return bytes(profile)


def lab(colour: Sequence[float], space: str = "sRGB") -> Colour:
    """CIE L*a*b* (D50) of a colour with components between 0 and 1 in that space."""
    rows, gamma = SPACES[space]
    linear = [value**gamma if gamma is not None else srgb_linear(value) for value in colour]
    xyz = [sum(rows[i][axis] * linear[i] for i in range(3)) for axis in range(3)]
    x, y, z = (cube_root(value / white) for value, white in zip(xyz, WHITE, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def srgb_linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def cube_root(value: float) -> float:
    return value ** (1 / 3) if value > (6 / 29) ** 3 else value / (3 * (6 / 29) ** 2) + 4 / 29


def difference(one: Colour, other: Colour) -> float:
    """ΔE*ab; a difference of 1 is just visible side by side."""
    return math.dist(one, other)


def seen(image: Image.Image, at: tuple[int, int]) -> Colour:
    """The colour of an 8-bit sRGB picture around a point."""
    x, y = at
    patch = image.convert("RGB").crop((x - 3, y - 3, x + 4, y + 4)).resize((1, 1), Image.Resampling.BOX)
    red, green, blue = patch.tobytes()
    return lab((red / 255, green / 255, blue / 255))


PATCH = 40


def chart(colours: Sequence[Colour] = MODERATE, depth: int = 8) -> tuple[tuple[int, int], bytes]:
    """Size and pixels of adjacent patches, 8 or 16 bits a channel (little-endian)."""
    most, width = (255, 1) if depth == 8 else (65535, 2)
    row = b"".join(
        b"".join(round(value * most).to_bytes(width, "little") for value in colour) * PATCH
        for colour in colours
    )
    return (PATCH * len(colours), PATCH), row * PATCH


def worst_difference(image: Image.Image, space: str, colours: Sequence[Colour] = MODERATE) -> float:
    """The largest ΔE between the patches of an sRGB picture and their colours in that space."""
    return max(
        difference(seen(image, (PATCH * number + PATCH // 2, PATCH // 2)), lab(colour, space))
        for number, colour in enumerate(colours)
    )
