"""What this process holds of ours: how many objects of each type, and how much is in what they keep."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Any

KEEPERS = dict | set | frozenset | list | tuple | deque
WHOSE = ("hotfolder.", "watchdog.observers.")


def holdings() -> Counter[str]:
    """By `Type`, how many there are; by `Type.attribute`, how many things lie in all of those containers,
    and in the containers within them."""
    gc.unfreeze()  # what was there before the first test counts too
    gc.collect()
    found: Counter[str] = Counter()
    for one in gc.get_objects():
        kind = type(one)
        if isinstance(one, asyncio.Task):
            found["Task"] += 1
        elif str(kind.__module__).startswith(WHOSE):
            name = f"{kind.__module__}.{kind.__qualname__}"
            found[name] += 1
            for attribute, value in attributes(one):
                if isinstance(value, KEEPERS):
                    found[f"{name}.{attribute}"] += content(value)
    return found


def attributes(one: object) -> Iterator[tuple[str, Any]]:
    yield from getattr(one, "__dict__", {}).items()
    for kind in type(one).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(one, name):
                yield name, getattr(one, name)


def content(value: Any, deeper: int = 3) -> int:
    """How many things are in it, those in containers within it too."""
    inner = list(value.values() if isinstance(value, Mapping) else value)
    return len(inner) + sum(
        content(each, deeper - 1) for each in inner if deeper and isinstance(each, KEEPERS)
    )
