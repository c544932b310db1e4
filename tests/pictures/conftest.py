"""Deterministic pictures made by Pillow."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


def noise(width: int, height: int, seed: int) -> Image.Image:
    """A picture that compresses badly, so that its file has some size."""
    step = 1 + seed % 7
    row = bytes((x * x * step + seed * 31) % 251 for x in range(width * 3))
    rows = b"".join(bytes((value + y * step) % 256 for value in row) for y in range(height))
    return Image.frombytes("RGB", (width, height), rows)


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """`encode("JPEG", seed=…, size=…, **options)`: the bytes of a picture."""

    def made(kind: str, *, seed: int = 1, size: tuple[int, int] = (96, 64), **options: Any) -> bytes:
        buffer = io.BytesIO()
        noise(*size, seed).save(buffer, kind, **options)
        return buffer.getvalue()

    return made


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """`write(name, content)`: the path of a new file."""

    def written(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return written
