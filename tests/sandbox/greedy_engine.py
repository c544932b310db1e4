"""An engine that allocates as much memory as its options say."""

from __future__ import annotations

from pathlib import Path

from PIL import Image


class Unsuitable(Exception):
    pass


def stage(source: Path, target: Path, *, wanted_bytes: int) -> None:
    memory = bytearray(wanted_bytes)
    Image.new("L", (2, 3), len(memory) % 255).save(target)


merge = replace_sky = replace_lawn = stage
