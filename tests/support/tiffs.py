"""TIFFs as raw developers and editors write them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import pyvips

from tests.support.colours import chart


def tiff(
    *,
    depth: int = 8,
    compression: str = "none",
    profile: bytes | None = None,
    pixels: bytes | None = None,
    size: tuple[int, int] = (200, 40),
    bands: int = 3,
    orientation: int = 1,
    **options: Any,
) -> bytes:
    """A TIFF of these pixels, or of the usual colour patches."""
    if pixels is None:
        size, pixels = chart(depth=depth)
    picture = pyvips.Image.new_from_memory(pixels, *size, bands, "uchar" if depth == 8 else "ushort")
    kinds = {1: "b-w" if depth == 8 else "grey16", 3: "srgb" if depth == 8 else "rgb16", 4: "cmyk"}
    kinds[2], predictor = kinds[1], "none" if compression in ("none", "jpeg") else "horizontal"
    picture = picture.copy(interpretation=options.pop("interpretation", kinds.get(bands, "multiband")))
    picture.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    if profile is not None:
        picture.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    saved: bytes = picture.tiffsave_buffer(
        compression=compression, predictor=predictor, **{"keep": "all", **options}
    )
    return saved


def tagged(content: bytes, folder: Path, *tags: str, name: str = "tagged.tif") -> bytes:
    """The file with these tags added by exiftool."""
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    path = folder / name
    path.write_bytes(content)
    subprocess.run(["exiftool", "-q", "-overwrite_original", *tags, str(path)], check=True)
    return path.read_bytes()
