"""Small copies for a screen, of whatever photo or picture there is. Only the decoding process loads this."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from hotfolder.display import visible
from hotfolder.pictures import raw
from hotfolder.pictures.developing import picture_of
from hotfolder.pictures.facts import PictureLimits
from hotfolder.pictures.formats import kind_of, opened
from hotfolder.pictures.rendering import upright

QUALITY = 82


def thumbnail(
    source: Path, target: Path, long_edge: int, *, limits: PictureLimits, roots: Sequence[str] = ()
) -> tuple[int, int]:
    """Write `target`: `source` as an upright sRGB JPEG without metadata, of so many pixels at the most. It
    appears at once and whole. Returns its size. No link is followed beneath the folders `roots`.

    Raises `NotWhole`, `NeverUsable`, and OSError where a file can't be read or written.
    """
    name = visible(source.name)
    with opened(source, roots) as file:
        kind = kind_of(file, name)
        content: BinaryIO = file
        if kind == "RAW":
            content = io.BytesIO(raw.preview(file, name) or picture_of(file, name, kind, limits)[0])
        elif kind in ("TIFF", "HEIC"):
            content = io.BytesIO(picture_of(file, name, kind, limits)[0])
        picture = upright(content, long_edge, limits, name)
    part = target.with_suffix(".part")
    picture.save(part, "JPEG", quality=QUALITY, optimize=True)
    part.replace(target)
    return picture.size
