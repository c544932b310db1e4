"""Folder names: what a person or a copying program wrote, split into a name and its tags.

`living-room__sky-twilight__lawn-strong` is the room `living-room` with two tags. Whatever Finder, Explorer or
we ourselves append to make a name unique is taken off the end before the tags are read:

- ` copy`, ` copy 2`, ` - Copy`, ` - Copy (2)` and ` (2)` always. A room that is really called
  `Bedroom (2)` is therefore read as `Bedroom`; its folder is still a job of its own.
- ` 2` (which Finder appends to a copy in another place) only behind a tag, since `Bedroom 2` is a real
  name. An own tag that ends in a number is therefore written with a hyphen in a folder's name: `look-2`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from hotfolder.errors import RuleRefused
from hotfolder.rules.nearest import normal, shown

TAG_MARK = "__"
OK = "ok"
"""The tag by which a person says that what is held in a folder may be made. It is part of no name."""
GATHERING = ".hotfolder-back-"
"""Begins the name of the hidden folder in which the files of a set gather on their way back into the inbox;
the job's number ends it."""

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
