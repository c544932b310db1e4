"""Colour profiles: whether a picture can be taken for sRGB, conversion to sRGB, and the profiles added."""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from itertools import product
from pathlib import Path

from PIL import Image, ImageCms

from hotfolder.pictures.exposure import Exposure

MOST_DIFFERENCE = 6
"""Of 255: as much as different makers' sRGB profiles differ among themselves, which nobody sees."""
STEPS = (0, 48, 96, 144, 192, 224, 255)
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
    """A profile for what cameras call Adobe RGB and don't describe any further, made from the published
    primaries and gamma of Adobe RGB (1998)."""
    return Path(__file__).with_name("adobe-rgb.icc").read_bytes()
