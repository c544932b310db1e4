"""Colour profiles: whether a picture can be taken for sRGB, conversion to sRGB, and the embedded profiles."""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from itertools import product
from pathlib import Path

from PIL import Image, ImageCms

from hotfolder.pictures.exposure import Exposure

MOST_DIFFERENCE = 6
"""Of 255: the sRGB profiles of different makers differ by as much, which is invisible."""
STEPS = (0, 48, 96, 144, 192, 224, 255)
PROFILE_DATE = slice(24, 36)


def why_developed(image: Image.Image, exposure: Exposure) -> str:
    """Why an opened JPEG or PNG can't be sent as it is, as "it is …"; "" where it can."""
    profile = image.info.get("icc_profile")
    if profile and differs_from_srgb(profile, "L" if profile[16:20] == b"GRAY" else "RGB"):
        return "its colours are not sRGB's"
    if not profile and exposure.adobe_rgb:
        return "its colours are Adobe RGB's"
    if image.format == "PNG" and exposure.orientation != 1:
        return "it is not stored upright, which not everybody notices in a PNG"
    return ""


@lru_cache(maxsize=64)
def differs_from_srgb(profile: bytes, mode: str) -> bool:
    """Whether pixels of `mode` (RGB or L) with this profile would look different if they were taken for sRGB.
    False for a profile that can't be read."""
    if mode == "L":
        grid = Image.frombytes("L", (256, 1), bytes(range(256)))
    else:
        colours = bytes(value for colour in product(STEPS, repeat=3) for value in colour)
        grid = Image.frombytes("RGB", (len(colours) // 3, 1), colours)
    seen = convert_to_srgb(grid, profile)
    if seen is None:
        return False
    pairs = zip(grid.convert("RGB").tobytes(), seen.tobytes(), strict=True)
    return any(abs(one - other) > MOST_DIFFERENCE for one, other in pairs)


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture converted to sRGB; without a profile that fits, its pixels are taken for sRGB."""
    if profile is not None:
        seen = convert_to_srgb(picture, profile, ImageCms.Flags.BLACKPOINTCOMPENSATION)
        if seen is not None:
            return seen
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def convert_to_srgb(
    picture: Image.Image, profile: bytes, flags: ImageCms.Flags = ImageCms.Flags.NONE
) -> Image.Image | None:
    """The picture converted from `profile` to sRGB; None for a profile that can't be read or doesn't fit."""
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


def is_valid_profile(profile: bytes) -> bool:
    """Whether the bytes are a valid ICC profile."""
    try:
        ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return False
    return True


def srgb_profile() -> bytes:
    """An sRGB profile; its date is fixed, so the bytes are always the same."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[PROFILE_DATE] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(made)


def adobe_rgb_profile() -> bytes:
    """The profile for pictures that cameras mark as Adobe RGB without embedding one; made from the published
    primaries and gamma of Adobe RGB (1998)."""
    return Path(__file__).with_name("adobe-rgb.icc").read_bytes()
