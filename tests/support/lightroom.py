"""An export as Lightroom makes one: a few files at a time, each growing for seconds, now and then a pause."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

AT_ONCE = 3
FILE_SECONDS = (1.0, 8.0)
PAUSE_SECONDS = 20.0
FILES_BETWEEN_PAUSES = 12
PIECES = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """So much of a file is written at that second; the first piece makes the file."""

    at: float
    path: Path
    content: bytes


class Export:
    """`rooms` are exported three at a time, their photos in turn. `done_at` is when each was complete."""

    def __init__(
        self, rooms: Sequence[tuple[Path, Sequence[tuple[str, Callable[[], bytes]]]]], *, seed: int
    ) -> None:
        self.done_at: dict[Path, float] = {}
        self.seconds = 0.0
        self._left = sorted(self._pieces(rooms, random.Random(seed)), key=lambda piece: piece.at)

    def _pieces(
        self, rooms: Sequence[tuple[Path, Sequence[tuple[str, Callable[[], bytes]]]]], chance: random.Random
    ) -> Iterator[Piece]:
        lanes = [0.0] * AT_ONCE
        for number, (folder, name, make) in enumerate(in_turn(rooms)):
            if number and number % FILES_BETWEEN_PAUSES == 0:
                lanes = [max(lanes) + PAUSE_SECONDS] * AT_ONCE
            lane = min(range(AT_ONCE), key=lambda index: lanes[index])
            begins, takes, content = lanes[lane], chance.uniform(*FILE_SECONDS), make()
            for piece in range(PIECES):
                start, end = (len(content) * (piece + more) // PIECES for more in (0, 1))
                yield Piece(begins + takes * piece / (PIECES - 1), folder / name, content[start:end])
            lanes[lane] = begins + takes
            self.done_at[folder] = max(self.done_at.get(folder, 0.0), lanes[lane])

    @property
    def over(self) -> bool:
        return not self._left

    def pass_seconds(self, seconds: float) -> None:
        """Write what is due in that time."""
        self.seconds += seconds
        while self._left and self._left[0].at <= self.seconds:
            piece = self._left.pop(0)
            piece.path.parent.mkdir(parents=True, exist_ok=True)
            with piece.path.open("ab") as file:
                file.write(piece.content)


def in_turn(
    rooms: Sequence[tuple[Path, Sequence[tuple[str, Callable[[], bytes]]]]],
) -> Iterator[tuple[Path, str, Callable[[], bytes]]]:
    """The first photo of three rooms, then their second ones, and so on."""
    for first in range(0, len(rooms), AT_ONCE):
        together = rooms[first : first + AT_ONCE]
        for row in zip_longest(*(photos for _, photos in together)):
            for (folder, _), photo in zip(together, row, strict=True):
                if photo is not None:
                    yield folder, *photo
