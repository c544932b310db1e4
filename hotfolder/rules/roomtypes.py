"""The API's room type for a room's name in English, German, French, Spanish or Dutch."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from importlib.resources import files
from typing import get_args

from hotfolder.stager.operations import RoomType

MOST_WORDS = 5
WORD = re.compile(r"[^\W\d_]+")
CAMEL = re.compile(r"(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])")
APOSTROPHES = str.maketrans("", "", "'’")
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


def without_accents(text: str) -> str:
    """`text` in NFKD without combining characters (accents, umlauts' dots) and apostrophes."""
    parts = unicodedata.normalize("NFKD", text.translate(APOSTROPHES))
    return "".join(one for one in parts if not unicodedata.combining(one))


def normalised_spellings(word: str) -> Iterator[str]:
    """The normalised spellings of a word of the table: "Küche" gives "kuche" and "kueche"."""
    joined = "".join(word.split())
    yield without_accents(joined).casefold()
    yield without_accents(joined.translate(UMLAUTS)).casefold()


def comma_separated(text: str) -> list[str]:
    return [" ".join(word.split()) for word in text.split(",")]


TABLE = ConfigParser(interpolation=None)
TABLE.read_string((files("hotfolder.rules") / "rooms.ini").read_text(encoding="utf-8"))
WEAK_WORDS, COMPOUND_HEADS = (
    tuple(
        spelling
        for word in comma_separated(TABLE["everywhere"][which])
        for spelling in normalised_spellings(word)
    )
    for which in ("weak", "heads")
)
ROOM_TYPES: dict[str, RoomType] = {one: one for one in get_args(RoomType)}
SYNONYMS = [
    (ROOM_TYPES[room_type.upper()], word)
    for language in TABLE.sections()
    if language != "everywhere"
    for room_type, words in TABLE[language].items()
    for word in comma_separated(words)
]
"""Each word of the table with its room type."""
ROOM_WORDS = {spelling: room_type for room_type, word in SYNONYMS for spelling in normalised_spellings(word)}


def room_type_of(room: str) -> RoomType | None:
    """The room type for a room's name, None when no word of it is known.

    Numbers, case, accents, hyphens and underscores are ignored. Weak words lose to all others; then the
    longest word of the table wins, and of two equally long the last: `Master Bedroom 2`, `living-room`,
    `Gäste-WC`, `chambre_parents` and `upstairs_study` are all recognised.
    """
    words = WORD.findall(CAMEL.sub(" ", unicodedata.normalize("NFC", room).translate(APOSTROPHES)))
    best = ""
    for start in range(len(words)):
        for end in range(start + 1, min(start + MOST_WORDS, len(words)) + 1):
            candidate = known_spelling(words[start:end])
            if candidate and _rank(candidate) >= _rank(best):
                best = candidate
    return ROOM_WORDS[best] if best else None


def known_spelling(words: Sequence[str]) -> str:
    """The table's spelling of the joined words; for a single word, as in German or Dutch compounds, else the
    longest head that it ends with; "" for none."""
    joined = without_accents("".join(words)).casefold()
    if joined in ROOM_WORDS:
        return joined
    ends = (head for head in COMPOUND_HEADS if len(words) == 1 and joined.endswith(head))
    return max(ends, key=len, default="")


def _rank(word: str) -> tuple[bool, int]:
    return word not in WEAK_WORDS and word != "", len(word)
