"""How many at once? Found out from how things go. Pure: it asks no clock.

Whoever has too much at once in the works finds each thing taking longer, in proportion: what is over the
other side's capacity only stands in line there. So from the time that one takes when there is no line, and
the time that it takes now, follows how many stand in line; a few of them keep the other side busy, and more
are of no use. (TCP Vegas does so with packets.)
"""

from __future__ import annotations

from collections.abc import Hashable
from statistics import fmean

FEW_IN_LINE, MANY_IN_LINE = 2.0, 4.0
"""With fewer there may be one more at once; with more there is one less."""
FORGETTING, FORGETTING_WHEN_IDLE = 1.0001, 1.05
"""The quickest time grows by so much with each thing that took longer, since the world may be slower now.
While nobody waits there is no line of our own making, and the time that things take can be believed."""
MOST_KINDS = 64
CAUTIOUS_ROUNDS = 8
"""After so many rounds at the number below the last one that was refused, that one is tried once more."""


class Finding:
    """`number` things at once, of `start` at first and `most` at the most.

    A round is as many results as there may be things at once. After a round in which more was wanted the
    number grows by one, as long as few stand in line, and shrinks by one, down to `start`, when many do. When
    the other side says that it is too much, it is halved, down to one.
    """

    def __init__(self, start: int, most: int) -> None:
        self.number = start
        self._start = start
        self._most = most
        self._quickest: dict[Hashable, float] = {}
        self._in_line: list[float] = []
        self._wanted = False
        self._refused_at: int | None = None
        self._careful_rounds = 0
        self._deaf = 0

    def took(self, kind: Hashable, seconds: float, *, wanted: bool) -> None:
        """One thing has gone well; only things of a kind are compared. `wanted`: another one waited here."""
        if self._still_of_the_refused():
            return
        forgetting = FORGETTING if wanted else FORGETTING_WHEN_IDLE
        quickest = min(self._quickest.pop(kind, seconds) * forgetting, seconds)
        self._quickest[kind] = quickest
        if len(self._quickest) > MOST_KINDS:
            self._quickest.pop(next(iter(self._quickest)))
        self._in_line.append(self.number * (1 - quickest / seconds) if seconds > 0 else 0.0)
        self._wanted = self._wanted or wanted
        if len(self._in_line) >= self.number:
            self._end_round()

    def refused(self) -> None:
        """The other side has said that it is too much. Said of several at once, it counts once."""
        if self._still_of_the_refused():
            return
        self._refused_at = self.number
        self._deaf = self.number - 1
        self._careful_rounds = 0
        self.number = max(1, self.number // 2)
        self._in_line.clear()

    def _still_of_the_refused(self) -> bool:
        """Whether this one was begun before the number was halved, and so says nothing of the new one."""
        self._deaf -= 1
        return self._deaf >= 0

    def _end_round(self) -> None:
        in_line, wanted = fmean(self._in_line), self._wanted
        self._in_line.clear()
        self._wanted = False
        if in_line > MANY_IN_LINE:
            self.number = max(self.number - 1, min(self.number, self._start))
        elif wanted and in_line < FEW_IN_LINE and self.number < self._most and self._dares():
            self.number += 1

    def _dares(self) -> bool:
        """Whether one more isn't the number that was refused, or not lately."""
        if self._refused_at is None or self.number + 1 < self._refused_at:
            return True
        self._careful_rounds += 1
        if self._careful_rounds < CAUTIOUS_ROUNDS:
            return False
        self._careful_rounds = 0
        self._refused_at = None
        return True
