"""Folder names: parsing into project, room and tags, and fuzzy matching of misspelt words."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from hotfolder.display import visible
from hotfolder.errors import RuleRefused

LONGEST_QUOTED = 80
NEAR, NEAR_AND_SHORT, SHORT_LETTERS = 0.6, 0.75, 4
"""The least similarity (difflib's ratio) of two words, for words of more than and up to SHORT_LETTERS."""
SEPARATORS = {"Pd", "Pc", "Zs", "Cf"}  # dashes, underscores, spaces, invisible formatting


def normal(text: str) -> str:
    """The form used for comparison: NFC, case-folded, without hyphens, underscores and spaces."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return "".join(
        letter for letter in folded if unicodedata.category(letter) not in SEPARATORS and not letter.isspace()
    )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The entry of `known` that is most similar to `word`, None where none is similar enough. The threshold
    is higher for short words: `look` doesn't match `ok`."""
    spellings: dict[str, str] = {}
    for entry in known:
        spellings.setdefault(normal(entry), entry)
    wanted = normal(word[:LONGEST_QUOTED])
    cutoff = NEAR if len(wanted) > SHORT_LETTERS else NEAR_AND_SHORT
    found = difflib.get_close_matches(wanted, spellings, n=1, cutoff=cutoff)
    return spellings[found[0]] if found else None


def quoted(text: str) -> str:
    """`text` in double quotes, truncated to LONGEST_QUOTED, with control characters made visible."""
    return fully_quoted(text if len(text) <= LONGEST_QUOTED else text[: LONGEST_QUOTED - 1] + "…")


def fully_quoted(text: str) -> str:
    """`text` in double quotes as `quoted` has it, but never truncated: for a name to be typed."""
    return f'"{visible(text)}"'


def to_nfc(name: str) -> str:
    """The name in the Unicode form NFC (composed accents): two computers may send one name differently."""
    return unicodedata.normalize("NFC", name)


def unicode_forms(name: str) -> tuple[str, ...]:
    """The distinct forms of a name: as it is, NFC (as people type it), and NFD (as Macs may send it)."""
    return tuple(dict.fromkeys((name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD")))))


def free_name(wanted: str, used: Iterable[str]) -> str:
    """`wanted`, or `wanted-2`, `wanted-3` …: the first that equals no name in `used`, ignoring case."""
    names = {name.casefold() for name in used}
    every = (wanted if number == 1 else f"{wanted}-{number}" for number in count(1))
    return next(name for name in every if name.casefold() not in names)


TAG_MARK = "__"
AGAIN = "again"
"""The tag by which a person pays for a room once more. A project can't have it."""
OK = "ok"
"""The tag by which a person approves what is held in a folder. It is removed from all names."""
GATHERING_PREFIX = ".hotfolder-back-"
"""Prefix of the hidden folder in which a set's files are gathered before they go back into the inbox. The
job's id follows, and for copies with another tag COPIES_MARK and that tag."""
COPIES_MARK = "-"

COPY = "(?:copy|kopie|copie|copia)"
"""What file managers call a copy in English, German and Dutch, French, Spanish."""
COPY_SUFFIX = re.compile(rf"\s+(?:{COPY}(?:\s\d{{1,3}})?|[-–]\s?{COPY}|\(\d{{1,3}}\))\s*\Z", re.IGNORECASE)
COPY_NUMBER_AFTER_TAG = re.compile(r"\s\d{1,3}\s*\Z")


@dataclass(frozen=True, slots=True)
class FolderName:
    """A parsed folder name, in NFC and without additions such as ` (2)`. `tags` are as typed, left to right,
    without OK."""

    name: str
    tags: tuple[str, ...] = ()


def split_name(raw: str) -> FolderName:
    """Parse a folder's name. Never raises; `name` may be empty."""
    first, *rest = without_copy_suffix(raw).split(TAG_MARK)
    tags = (part.strip(" _") for part in rest)
    return FolderName(name=first.strip(), tags=tuple(tag for tag in tags if tag and normal(tag) != OK))


def without_ok(raw: str) -> str:
    """The folder's raw name without the tag OK, otherwise unchanged; unchanged too where it has no other
    part before its tags."""
    first, *rest = raw.split(TAG_MARK)
    kept = [part for part in rest if normal(without_copy_suffix(f"x{TAG_MARK}{part}")[1:]) != OK]
    return raw if len(kept) == len(rest) or not first.strip() else TAG_MARK.join((first.rstrip(), *kept))


def without_again(name: str) -> str:
    """The name without the tag AGAIN, as it may be suggested for a project's folder."""
    first, *tags = name.split(TAG_MARK)
    return TAG_MARK.join((first, *(tag for tag in tags if normal(tag) != AGAIN)))


def without_copy_suffix(raw: str) -> str:
    """The name in NFC without the suffixes that file managers add to copies, such as ` (2)` or ` - copy`."""
    text = to_nfc(raw).strip()
    while True:
        shorter = COPY_SUFFIX.sub("", text)
        _, mark, last = shorter.rpartition(TAG_MARK)
        if mark and COPY_NUMBER_AFTER_TAG.search(last):
            shorter = COPY_NUMBER_AFTER_TAG.sub("", shorter)
        if shorter == text:
            return text
        text = shorter


def room_name(folder: str) -> FolderName:
    """Parse the name of a room's folder. Raises RuleRefused when the room's name is empty."""
    return _parse_required(folder, "room", "kitchen")


def project_name(folder: str) -> FolderName:
    """Parse the name of a project's folder. Raises RuleRefused when the project's name is empty."""
    return _parse_required(folder, "project", "12 Elm Road")


def _parse_required(folder: str, what: str, example: str) -> FolderName:
    parts = split_name(folder)
    if not parts.name:
        suggested = TAG_MARK.join((example, *parts.tags))
        if what == "project":
            suggested = without_again(suggested)
        raise RuleRefused(
            f"The {what} folder {quoted(folder)} has no {what} name before its tags.",
            hint=f"Put the {what}'s name first, like {fully_quoted(suggested)}.",
        )
    return parts
