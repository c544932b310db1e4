"""What a file holds, piece by piece, and what tells files apart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

PIECE_BYTES = 1 << 20

Pieces = Callable[[], Iterable[bytes]]
"""A file's bytes, piece by piece; the same ones each time."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells files apart. `sha256` is raw."""

    size_bytes: int = 0
    sha256: bytes = b""


def pieces_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, for `place`: a copy and never a link, so that whoever edits the picture in done/
    doesn't edit what we remember."""
    with path.open("rb") as stream:
        while piece := stream.read(PIECE_BYTES):
            yield piece


def fingerprint(content: Iterable[bytes], stream: BinaryIO | None = None) -> Fingerprint:
    """That of the content, which is written into `stream` on this occasion."""
    size_bytes, hashed = 0, hashlib.sha256()
    for piece in content:
        size_bytes += len(piece)
        hashed.update(piece)
        if stream is not None:
            stream.write(piece)
    return Fingerprint(size_bytes, hashed.digest())
