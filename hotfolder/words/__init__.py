"""The catalogue of all texts that people read in their language: key → (English, German).

Each view has a file in `pages/`: a key, and indented below it its English and its German. A key begins with
the name of its view, such as `now.title`; `{name}` is a placeholder. The names of the kinds of operation are
in `rules.kinds.FAMILIES`.
"""

from __future__ import annotations

import re
from datetime import datetime

from hotfolder.rules.kinds import FAMILIES
from hotfolder.words.saying import lines_in, translate

LANGUAGES = ("en", "de")
KIND_PREFIX = "kind."

_LINES = lines_in("pages")
CATALOGUE: dict[str, tuple[str, str]] = {
    _LINES[at]: (_LINES[at + 1], _LINES[at + 2]) for at in range(0, len(_LINES), 3)
}


def word(language: str, key: str, /, **values: object) -> str:
    """The text of `key` with these values; for a kind of operation without a name, the API's word for it.
    Raises KeyError for any other key that is not in the catalogue."""
    if key.startswith(KIND_PREFIX) and key not in CATALOGUE:
        kind = key.removeprefix(KIND_PREFIX)
        return translate(language, FAMILIES[kind].display_name) if kind in FAMILIES else kind
    text = CATALOGUE[key][LANGUAGES.index(language)]
    return text.format(**values) if values else text


def format_day_and_time(language: str, at: datetime) -> str:
    """`17:08, 4 May 2026`, in the time zone of `at`."""
    month = word(language, "time.months").split()[at.month - 1]
    return word(language, "time.date", clock=f"{at:%H:%M}", day=at.day, month=month, year=at.year)


def accepted_language(accepted: str) -> str:
    """The first supported language of an Accept-Language header: browsers name the preferred one first.
    English where it names none of them."""
    names = re.findall(r"(?:^|,)\s*(\w+)", accepted[:500].lower())
    return next((name for name in names if name in LANGUAGES), LANGUAGES[0])
