"""Looking at a TIFF or a RAW file, which may be too large to be held in memory as a whole."""

from __future__ import annotations

import hashlib
import io

from hotfolder.pictures import raw, tiff
from hotfolder.pictures.exposure import exposure_in
from hotfolder.pictures.facts import PictureFacts, PictureLimits
from hotfolder.pictures.opening import too_large, too_many_pixels
from hotfolder.pictures.signature import read_brightness, read_signature

READ_BYTES = 1024 * 1024


def inspect_large(
    file: io.FileIO, name: str, kind: str, limits: PictureLimits, *, closely: bool
) -> PictureFacts:
    """As `inspect.inspect`, for an opened TIFF or RAW file: hashed and then decoded, to its end, in two
    passes. Whoever sees that the file hasn't changed meanwhile knows that both are of the same bytes."""
    size_bytes, sha256 = hashed(file, name, limits)
    if kind == "RAW":
        raw.refuse_without_developer(name)
        found = raw.look(file, name, limits, closely=closely)
        width, height, orientation, small = found.width, found.height, found.orientation, found.small
        exposure, shown_turned = exposure_in(found.exif, orientation), 1
    else:
        head = tiff.head_of(file, name)
        width, height = tiff.size_of(head)
        if width * height > limits.pixels:
            raise too_many_pixels(name, limits)
        small, exposure = tiff.look(file, name, head)
        orientation = shown_turned = head.orientation
    return PictureFacts(
        format=kind,
        width=width,
        height=height,
        orientation=orientation,
        sha256=sha256,
        size_bytes=size_bytes,
        brightness=read_brightness(small) if small is not None else None,
        exposure_value=exposure.exposure_value,
        taken_at=exposure.taken_at,
        capture=exposure.capture,
        signature=read_signature(small, shown_turned) if small is not None else "",
        develop=f"it is a {kind} file" if kind == "RAW" else "it is a TIFF",
    )


def hashed(file: io.FileIO, name: str, limits: PictureLimits) -> tuple[int, str]:
    """How many bytes it has, and their hash. Raises `NeverUsable` when they are too many."""
    digest, size_bytes = hashlib.sha256(), 0
    file.seek(0)
    while piece := file.read(READ_BYTES):
        size_bytes += len(piece)
        if size_bytes > limits.size_bytes:
            raise too_large(name, limits)
        digest.update(piece)
    return size_bytes, digest.hexdigest()
