"""Colour profiles that are unlike any real one, so that whoever ignores them is found out."""

from __future__ import annotations

from PIL import ImageCms


def swapped_profile() -> bytes:
    """sRGB with its red and blue primaries changed places."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    profile[entries[b"rXYZ"] : entries[b"rXYZ"] + 4] = b"bXYZ"
    profile[entries[b"bXYZ"] : entries[b"bXYZ"] + 4] = b"rXYZ"
    return bytes(profile)
