"""Content keys: what makes two purchases the same purchase."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from hotfolder.stager.operations import HdrOptions, Operation

SANDBOX = "sandbox"
"""The origin of what the stand-in of the API made, which costs nothing."""


def digest(*parts: object) -> str:
    """sha256 over the canonical JSON of `parts`, as hex."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def scope_key(origin: str, photos: Iterable[str]) -> str:
    """What `__again` counts generations of: these photos (sha256 each) at this API."""
    return digest("scope", origin, sorted(photos))


def merge_key(origin: str, photos: Iterable[str], options: HdrOptions, generation: int) -> str:
    """The key of `hdr-enhance` for these photos (sha256 each, in any order)."""
    return digest(origin, sorted(photos), "merge", options.body(), generation)


def operation_key(origin: str, source: str, operation: Operation, generation: int) -> str:
    """The key of stage, lawn or sky on the picture with sha256 `source`."""
    return digest(origin, [source], operation.kind, operation.body(), generation)
