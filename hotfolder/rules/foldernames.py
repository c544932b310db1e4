"""Folder names: project, room and tags; and the nearest right spelling of a wrong one."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from hotfolder.display import visible
from hotfolder.errors import RuleRefused

LONGEST_SHOWN = 80
NEAR, NEAR_AND_SHORT, SHORT_LETTERS = 0.6, 0.75, 4
"""How much of two words must be alike, as difflib's ratio; and in words of at most so many letters."""
SEPARATORS = {"Pd", "Pc", "Zs", "Cf"}  # dashes, underscores, spaces, invisible formatting


def normal(text: str) -> str:
    """The spelling that is compared: NFC, case-folded, without hyphens, underscores and spaces."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return "".join(
        letter for letter in folded if unicodedata.category(letter) not in SEPARATORS and not letter.isspace()
    )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The entry of `known` that `word` was probably meant to be, or None when nothing is near. In a short
    word one letter may differ: `look` isn't near to `ok`."""
    spellings: dict[str, str] = {}
    for entry in known:
        spellings.setdefault(normal(entry), entry)
    wanted = normal(word[:LONGEST_SHOWN])
    cutoff = NEAR if len(wanted) > SHORT_LETTERS else NEAR_AND_SHORT
    found = difflib.get_close_matches(wanted, spellings, n=1, cutoff=cutoff)
    return spellings[found[0]] if found else None


def shown(text: str) -> str:
    """`text` in double quotes, cut to a readable length, with nothing in it that a terminal would obey."""
    cut = text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
    return f'"{visible(cut)}"'


def free_name(wanted: str, used: Iterable[str]) -> str:
    """The name, or with the first number behind it that makes it one of its own, even where case doesn't
    count."""
    names = {name.casefold() for name in used}
    every = (wanted if number == 1 else f"{wanted}-{number}" for number in count(1))
    return next(name for name in every if name.casefold() not in names)


TAG_MARK = "__"
OK = "ok"
"""The tag by which a person says that what is held in a folder may be made. It is part of no name."""
GATHERING = ".hotfolder-back-"
"""Begins the name of the hidden folder in which the files of a set gather on their way back into the inbox;
the job's number ends it, and for copies that are to have another tag this one, behind COPIES_MARK."""
COPIES_MARK = "-"

ADDED_ALWAYS = re.compile(r"\s+(?:copy(?:\s\d{1,3})?|-\s?copy|\(\d{1,3}\))\s*\Z", re.IGNORECASE)
ADDED_BEHIND_A_TAG = re.compile(r"\s\d{1,3}\s*\Z")


@dataclass(frozen=True, slots=True)
class FolderName:
    """A folder's name, taken apart, in NFC and without additions. `tags` are as typed, left to right, but for
    OK."""

    name: str
    tags: tuple[str, ...] = ()


def split_name(raw: str) -> FolderName:
    """Take a folder's name apart. Never raises; `name` may be empty."""
    first, *rest = without_additions(raw).split(TAG_MARK)
    tags = (part.strip(" _") for part in rest)
    return FolderName(name=first.strip(), tags=tuple(tag for tag in tags if tag and normal(tag) != OK))


def without_ok(raw: str) -> str:
    """The folder's raw name without the tag OK, otherwise as it is; unchanged where nothing else is left."""
    first, *rest = raw.split(TAG_MARK)
    kept = [part for part in rest if normal(without_additions(f"x{TAG_MARK}{part}")[1:]) != OK]
    return raw if len(kept) == len(rest) or not first.strip() else TAG_MARK.join((first.rstrip(), *kept))


def without_additions(raw: str) -> str:
    """The name as it was before something made it unique; in NFC."""
    text = unicodedata.normalize("NFC", raw).strip()
    while True:
        shorter = ADDED_ALWAYS.sub("", text)
        _, mark, last = shorter.rpartition(TAG_MARK)
        if mark and ADDED_BEHIND_A_TAG.search(last):
            shorter = ADDED_BEHIND_A_TAG.sub("", shorter)
        if shorter == text:
            return text
        text = shorter


def room_name(folder: str) -> FolderName:
    """A room's folder, taken apart. Raises RuleRefused when nothing is left for the room's name."""
    return _named(folder, "room", "kitchen")


def project_name(folder: str) -> FolderName:
    """A project's folder, taken apart. Raises RuleRefused when nothing is left for the project's name."""
    return _named(folder, "project", "12 Elm Road")


def _named(folder: str, what: str, example: str) -> FolderName:
    parts = split_name(folder)
    if not parts.name:
        raise RuleRefused(
            f"The {what} folder {shown(folder)} has no {what} name before its tags.",
            hint=f"Put the {what}'s name first, like {shown(TAG_MARK.join((example, *(parts.tags))))}.",
        )
    return parts
