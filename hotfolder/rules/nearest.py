"""The nearest known word for one that was mistyped, and a safe way to show what was typed."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

from hotfolder.display import visible

LONGEST_SHOWN = 80
SEPARATORS = {"Pd", "Pc", "Zs", "Cf"}  # dashes, underscores, spaces, invisible formatting


def normal(text: str) -> str:
    """The spelling that is compared: NFC, case-folded, without hyphens, underscores and spaces."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return "".join(
        letter for letter in folded if unicodedata.category(letter) not in SEPARATORS and not letter.isspace()
    )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The entry of `known` that `word` was probably meant to be, or None when nothing is near."""
    spellings: dict[str, str] = {}
    for entry in known:
        spellings.setdefault(normal(entry), entry)
    found = difflib.get_close_matches(normal(word[:LONGEST_SHOWN]), spellings, n=1, cutoff=0.6)
    return spellings[found[0]] if found else None


def shown(text: str) -> str:
    """`text` in double quotes, cut to a readable length, with nothing in it that a terminal would obey."""
    cut = text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
    return f'"{printable(cut)}"'


def printable(text: str) -> str:
    """`text` with a replacement sign for every letter that can't be shown, or would change what is."""
    return visible(text)
