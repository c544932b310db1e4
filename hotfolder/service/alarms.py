"""What is wrong for a while: told once when it has lasted, and once when it is over. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hotfolder.service.notices import Happening, Kind

WELL_SECONDS = 60.0
"""How long something must be well again before that is believed."""


@dataclass(frozen=True, slots=True)
class Ailment:
    """Something that is wrong now. `subject` tells it from others; another `version` of it is told anew.

    It is told once it has lasted `after_seconds`; with an empty `over_text` its end is not told.
    """

    kind: Kind
    subject: str
    text: str
    over_text: str = ""
    after_seconds: float = 0.0
    version: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    kind: Kind
    over_text: str
    version: str


class Alarms:
    """Remembers what ails, since when, and what of it was told."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._well_since: dict[str, float] = {}
        self.told: dict[str, Told] = {}

    def look(self, ailments: Iterable[Ailment], now: float) -> list[Happening]:
        """What to tell, given everything that is wrong at this moment."""
        present = {ailment.subject: ailment for ailment in ailments}
        self._since = {subject: self._since.get(subject, now) for subject in present}
        return [*self._begun(present, now), *self._over(present, now)]

    def _begun(self, present: dict[str, Ailment], now: float) -> Iterator[Happening]:
        for subject, ailment in present.items():
            self._well_since.pop(subject, None)
            known = self.told.get(subject)
            lasted = now - self._since[subject] >= ailment.after_seconds
            if lasted and (known is None or known.version != ailment.version):
                self.told[subject] = Told(ailment.kind, ailment.over_text, ailment.version)
                yield Happening(ailment.kind, ailment.text)

    def _over(self, present: dict[str, Ailment], now: float) -> Iterator[Happening]:
        for subject in [subject for subject in self.told if subject not in present]:
            if now - self._well_since.setdefault(subject, now) < WELL_SECONDS:
                continue
            del self._well_since[subject]
            told = self.told.pop(subject)
            if told.over_text:
                yield Happening(told.kind, told.over_text, over=True)
