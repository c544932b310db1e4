"""The catalogue of all words on the page: key → (English, German).

Each view has a module of its own here, whose WORDS are added to the catalogue below. A key begins with the
name of its view, such as `now.title`; `{name}` stands for a value.
"""

from __future__ import annotations

from hotfolder.page.words import base, held, share, views

LANGUAGES = ("en", "de")
Words = dict[str, tuple[str, str]]

CATALOGUE: Words = {**base.WORDS, **held.WORDS, **share.WORDS, **views.WORDS}


def word(language: str, key: str, /, **values: object) -> str:
    """The text of that key, with these values in it. Raises KeyError for a key that is not in the
    catalogue."""
    text = CATALOGUE[key][LANGUAGES.index(language)]
    return text.format(**values) if values else text


def language_of(accepted: str) -> str:
    """The one that an Accept-Language header prefers among ours; English where it names none of them."""
    best, most = LANGUAGES[0], 0.0
    for part in accepted[:500].split(","):
        name, _, parameters = part.strip().partition(";")
        language = name.strip().lower().partition("-")[0]
        weight = parameters.strip().removeprefix("q=") if parameters else "1"
        try:
            quality = float(weight)
        except ValueError:
            continue
        if language in LANGUAGES and quality > most:
            best, most = language, quality
    return best
