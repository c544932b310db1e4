"""Problems in the settings: each with its place, all reported at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hotfolder.errors import ConfigurationError

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written: a file with line and column (0: the whole file), or a variable."""

    file: str = ""
    line: int = 0
    column: int = 0
    variable: str = ""

    def __str__(self) -> str:
        if self.variable:
            return self.variable
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, said so that whoever wrote it can put it right."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def refusal(problems: Iterable[Problem]) -> ConfigurationError:
    """One error with one problem a line: those of the file by position, then those of the environment."""
    ordered = sorted(
        set(problems), key=lambda one: (one.place.variable, one.place.line, one.place.column, one.message)
    )
    return ConfigurationError("\n".join(str(problem) for problem in ordered))
