"""Colour profiles: whether a picture can be taken for sRGB, conversion to sRGB, and the profiles added."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from functools import lru_cache
from itertools import product

from PIL import Image, ImageCms

from hotfolder.pictures.exposure import Exposure

MOST_DIFFERENCE = 6
"""Of 255. What profiles that are called sRGB differ by among themselves; nobody sees it."""
STEPS = (0, 48, 96, 144, 192, 224, 255)

ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
ADOBE_RGB_GAMMA = 563 / 256
WHITE = (0.9642, 1.0, 0.8249)
PROFILE_DATE = slice(24, 36)


def why_developed(image: Image.Image, exposure: Exposure) -> str:
    """Why a JPEG or PNG, opened, can't be sent as it is, as "it is …"; "" where it can."""
    profile = image.info.get("icc_profile")
    if image.mode == "CMYK":
        return "it is in CMYK"
    if profile and unlike_srgb(profile, "L" if profile[16:20] == b"GRAY" else "RGB"):
        return "its colours are not sRGB's"
    if not profile and exposure.adobe_rgb:
        return "its colours are Adobe RGB's"
    if image.format == "PNG" and exposure.orientation != 1:
        return "it is not stored upright, which not everybody notices in a PNG"
    return ""


@lru_cache(maxsize=64)
def unlike_srgb(profile: bytes, mode: str) -> bool:
    """Whether numbers of `mode` (RGB or L) that this profile describes would look different if they were
    taken for sRGB's. A profile that can't be read says nothing."""
    if mode == "L":
        grid = Image.frombytes("L", (256, 1), bytes(range(256)))
    else:
        colours = bytes(value for colour in product(STEPS, repeat=3) for value in colour)
        grid = Image.frombytes("RGB", (len(colours) // 3, 1), colours)
    seen = converted(grid, profile)
    if seen is None:
        return False
    pairs = zip(grid.convert("RGB").tobytes(), seen.tobytes(), strict=True)
    return any(abs(one - other) > MOST_DIFFERENCE for one, other in pairs)


def in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The same colours in sRGB; what has no profile that fits is taken to be in it."""
    if profile is not None:
        seen = converted(picture, profile, ImageCms.Flags.BLACKPOINTCOMPENSATION)
        if seen is not None:
            return seen
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def converted(
    picture: Image.Image, profile: bytes, flags: ImageCms.Flags = ImageCms.Flags.NONE
) -> Image.Image | None:
    """The picture that `profile` describes, in sRGB; None for a profile that can't be read or doesn't fit."""
    try:
        return ImageCms.profileToProfile(
            picture,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=flags,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def readable(profile: bytes) -> bool:
    """Whether the profile is one."""
    try:
        ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return False
    return True


def srgb_profile() -> bytes:
    """The profile that describes sRGB, the same at any time of day."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[PROFILE_DATE] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(made)


def adobe_rgb_profile() -> bytes:
    """A profile for what cameras call Adobe RGB and don't describe any further."""
    return matrix_profile("Adobe RGB (1998), compatible", ADOBE_RGB, ADOBE_RGB_GAMMA)


def matrix_profile(name: str, primaries: Sequence[Sequence[float]], gamma: float) -> bytes:
    """A colour profile of a red, a green and a blue (XYZ under D50 each) and one gamma."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    text = name.encode("ascii") + b"\0"
    description = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {
        b"desc": description,
        b"cprt": b"text" + bytes(4) + b"No copyright, use freely\0",
        b"wtpt": xyz(WHITE),
        **{
            letter + b"XYZ": xyz(colour) for letter, colour in zip((b"r", b"g", b"b"), primaries, strict=True)
        },
        **{letter + b"TRC": curve for letter in (b"r", b"g", b"b")},
    }
    position = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for tag, content in tags.items():
        table += struct.pack(">4sII", tag, position + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s6H", position + len(data), b"none", 0x02100000, b"mntr", b"RGB ", b"XYZ ",
                       2000, 1, 1, 0, 0, 0)  # fmt: skip
    head += b"acsp" + bytes(28) + struct.pack(">3i", *map(fixed, WHITE))
    return head.ljust(128, b"\0") + table + data


def xyz(colour: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *map(fixed, colour))


def fixed(number: float) -> int:
    return round(number * 65536)
