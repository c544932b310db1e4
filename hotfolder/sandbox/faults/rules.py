"""Rules, and which request each of them hits: pure, so that a seed always gives the same story."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from hotfolder.sandbox.faults.endpoints import WITH_PROJECT
from hotfolder.sandbox.faults.kinds import Kind

EVERYWHERE = "*"


@dataclass(frozen=True)
class Always:
    """Every request."""

    def hits(self, number: int) -> bool:
        return True


@dataclass(frozen=True)
class Numbered:
    """These requests, counted from 1."""

    numbers: frozenset[int]

    def hits(self, number: int) -> bool:
        return number in self.numbers


@dataclass(frozen=True)
class Stretch:
    """From the `first`, to the `last` if there is one, and of those each `every`th."""

    first: int
    last: int | None
    every: int

    def hits(self, number: int) -> bool:
        if number < self.first or (self.last is not None and number > self.last):
            return False
        return (number - self.first) % self.every == 0


@dataclass(frozen=True)
class Chance:
    """Each with the same probability. The same seed and number always come out the same."""

    probability: float
    seed: int

    def hits(self, number: int) -> bool:
        return random.Random(f"{self.seed}/{number}").random() < self.probability


When = Always | Numbered | Stretch | Chance


@dataclass(frozen=True)
class Rule:
    """`endpoint` is a name or `*`. `project` is a pattern for the project's title, None for any.

    `number` is the rule's place in the file, from 1.
    """

    number: int
    endpoint: str
    fault: str
    kind: Kind
    values: Mapping[str, Any]
    when: When = field(default_factory=Always)
    project: str | None = None

    def fits(self, endpoint: str, title: str | None) -> bool:
        """Whether a request to `endpoint`, for the project with that title, is one that this rule counts."""
        if endpoint not in self.kind.endpoints or self.endpoint not in (endpoint, EVERYWHERE):
            return False
        return self.project is None or (title is not None and fnmatchcase(title, self.project))

    def wants_title(self, endpoint: str) -> bool:
        return (
            self.project is not None and endpoint in WITH_PROJECT and self.endpoint in (endpoint, EVERYWHERE)
        )


class Counting:
    """Rules with a count each, of the requests that fit it."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = rules
        self._counts = [0] * len(rules)

    def hit(self, endpoint: str, title: str | None) -> Rule | None:
        """Count a request; the first rule in the file that hits it, None when it is spared."""
        found = None
        for place, rule in enumerate(self.rules):
            if rule.fits(endpoint, title):
                self._counts[place] += 1
                if found is None and rule.when.hits(self._counts[place]):
                    found = rule
        return found
