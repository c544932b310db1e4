"""Label values that come from outside: short, printable, and never more of them than a bound."""

from __future__ import annotations

from collections.abc import Iterable

MOST_CHARACTERS = 100
OTHER = "other"


def label(text: str) -> str:
    """`text` as a label value."""
    whole = text.encode("utf-8", errors="replace").decode()
    return "".join(c if c.isprintable() else "?" for c in whole)[:MOST_CHARACTERS] or "unknown"


class Labels:
    """The values of one label: those known from the start, then the first that come, then `other`."""

    def __init__(self, known: Iterable[str], most: int) -> None:
        self.most = most
        self._known = set(known)

    def bounded(self, text: str) -> str:
        value = label(text)
        if value not in self._known:
            if len(self._known) >= self.most:
                return OTHER
            self._known.add(value)
        return value
