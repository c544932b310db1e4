"""The bytes on the storage origin: photos put, images posted, pictures made."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

UPLOADS = "stager-uploads"
RESIZED = "stager-resized"
RESULTS = "stager-final-results"
BUCKETS = (UPLOADS, RESIZED, RESULTS)

CONTENT_TYPES = {".jpg": "image/jpeg", ".png": "image/png"}

NAME = re.compile(r"[A-Za-z0-9_-]+\.(jpg|png)")


class Objects:
    """A folder per bucket. An object is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts = folder / "parts"
        for name in (*BUCKETS, "parts"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for part in self._parts.iterdir():
            part.unlink()

    def path(self, bucket: str, name: str) -> Path:
        """Where the object lies or would lie. Raises KeyError for a name that no object can have."""
        if bucket not in BUCKETS or not NAME.fullmatch(name):
            raise KeyError(name)
        return self._folder / bucket / name

    def exists(self, bucket: str, name: str) -> bool:
        return self.path(bucket, name).is_file()

    def part(self, suffix: str) -> Path:
        """A new name to write under; `place` moves it. Left-overs vanish at the next start."""
        return self._parts / f"{secrets.token_hex(16)}{suffix}"

    def place(self, part: Path, bucket: str, name: str) -> None:
        """Turn a finished part into an object, replacing an earlier one of that name."""
        part.replace(self.path(bucket, name))


def url_path(bucket: str, name: str) -> str:
    return f"/{bucket}/{name}"
