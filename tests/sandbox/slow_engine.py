"""An engine whose work never ends."""

from __future__ import annotations

import time
from typing import Any


class Unsuitable(Exception):
    pass


def merge(photos: Any, target: Any, **options: Any) -> None:
    target.touch()
    time.sleep(300)


replace_sky = replace_lawn = stage = merge
