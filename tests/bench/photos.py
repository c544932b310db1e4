"""Real JPEGs of a wanted size, made once; copies with another comment serve as different photos."""

from __future__ import annotations

import io
import os
from functools import cache
from pathlib import Path

import numpy
from PIL import Image

CACHE = Path(os.environ.get("HOTFOLDER_BENCH_CACHE", Path.home() / ".cache" / "hotfolder-bench"))
QUALITY = 88
EXPOSURES = (0.45, 0.7, 1.0, 1.3, 1.6)
MARK = b"bench:"
MARK_BYTES = 40
HEAD_BYTES = 20
"""Start of image and the JFIF segment, as Pillow writes them; the comment follows."""


def photo(size_bytes: int, megapixels: float, exposure: int = 2) -> bytes:
    """A decodable JPEG of about `size_bytes`: a gradient with as much noise as that needs."""
    name = f"{size_bytes}-{megapixels:g}-{exposure}.jpg"
    path = CACHE / name
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        made = fitted(size_bytes, megapixels, EXPOSURES[exposure])
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(made)
        part.replace(path)
    return path.read_bytes()


def fitted(size_bytes: int, megapixels: float, brightness: float) -> bytes:
    """The file with noise added until its size fits within 2 %, or the nearest of a dozen tries."""
    width = round((megapixels * 1e6 * 3 / 2) ** 0.5)
    height = round(width * 2 / 3)
    down, across = numpy.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    smooth = ((40 + 90 * down + 60 * across) * brightness)[..., None].astype(numpy.float32)
    noise = numpy.random.default_rng(int(brightness * 100)).standard_normal((height, width, 3))
    grain = noise.astype(numpy.float32)
    least, most, best = 0.0, 90.0, b""
    for _ in range(12):
        strength = (least + most) / 2
        made = encoded(smooth + strength * grain)
        if not best or abs(len(made) - size_bytes) < abs(len(best) - size_bytes):
            best = made
        if abs(len(made) - size_bytes) < size_bytes / 50:
            break
        least, most = (strength, most) if len(made) < size_bytes else (least, strength)
    return best


def encoded(pixels: numpy.ndarray) -> bytes:
    picture = Image.fromarray(numpy.clip(pixels, 0, 255).astype(numpy.uint8))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def marked(jpeg: bytes, mark: str) -> bytes:
    """The same picture with a comment that makes it a different file."""
    text = (MARK + mark.encode()).ljust(MARK_BYTES, b".")
    segment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
    return jpeg[:HEAD_BYTES] + segment + jpeg[HEAD_BYTES:]


def mark_of(head: bytes) -> str:
    """The mark in the first bytes of such a file, at any position; empty for other files."""
    start = head.find(MARK)
    if start < 0:
        return ""
    return head[start + len(MARK) : start + MARK_BYTES].rstrip(b".").decode("ascii", "replace")


@cache
def bracket(count: int, size_bytes: int, megapixels: float) -> tuple[bytes, ...]:
    """The exposures of one set, unmarked."""
    return tuple(photo(size_bytes, megapixels, number % len(EXPOSURES)) for number in range(count))


def write_set(folder: Path, mark: str, count: int, size_bytes: int, megapixels: float) -> None:
    """Write one set's photos into a new `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, jpeg in enumerate(bracket(count, size_bytes, megapixels), start=1):
        (folder / f"IMG_{number:04d}.jpg").write_bytes(marked(jpeg, f"{mark}/{number}"))
