"""An engine whose merges never end, and whose operations allocate as much memory as their options say."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from PIL import Image


class Unsuitable(Exception):
    pass


def merge(photos: Any, target: Path, **options: Any) -> None:
    target.touch()
    time.sleep(300)


def stage(source: Path, target: Path, *, wanted_bytes: int) -> None:
    memory = bytearray(wanted_bytes)
    Image.new("L", (2, 3), len(memory) % 255).save(target)


replace_sky = replace_lawn = stage
