"""Names in done/ and failed/: safe file names, and the folders' layout."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

from hotfolder.rules.delivery import GALLERY, Delivery, Folders, fill_template

NOT_ROOMS = frozenset({"originals", "receipts", GALLERY})
"""Folders in a project's folder that don't belong to a room."""


def pictures_folder(done: Path, project: str, room: str, folders: Folders) -> Path:
    """The folder of a room's pictures; `project` and `room` are names of folders in the inbox."""
    folder = done / safe_name(project)
    if folders == "flat":
        return folder
    name = safe_name(room)
    return folder / (f"{name}_" if name_key(name) in NOT_ROOMS else name)


def originals_folder(done: Path, project: str, folder: str) -> Path:
    """The folder for the originals of a finished set; `folder` must be unique among the project's sets."""
    return done / project / "originals" / folder


def archived_folder(archive: Path, project: str, folder: str) -> Path:
    """The folder for the originals under `originals: archive`."""
    return archive / project / folder


def receipts_folder(done: Path, project: str) -> Path:
    """The folder of a project's receipts."""
    return done / project / "receipts"


MOST_BYTES = 200
MOST_BYTES_ON_DISK = 255
SHORTENED_FIELDS = ("project", "room", "set")
LEAST_BYTES = 20
FORBIDDEN = frozenset('<>:"/\\|?*')
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp", "Cn"})
# Windows reserves these for devices, with any extension; it reads the superscript digits as digits.
RESERVED = re.compile(
    r"(con|prn|aux|nul|clock\$|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(?=\.|$)", re.IGNORECASE
)


def safe_name(text: str) -> str:
    """`text` as a file name without an extension: NFC, 1 to 200 bytes of UTF-8. Idempotent.

    A leading dot is removed too: it would hide the file, and mark it as one of our own temporary files.
    """
    name = without_forbidden_characters(text)
    while True:
        reserved = RESERVED.match(name)
        if reserved is not None:
            name = f"{reserved.group(1)}_{name[reserved.end() :]}"
        shorter = without_forbidden_characters(shortened(name, MOST_BYTES))
        # Cutting "nul      …x" leaves "nul": repeat until nothing changes.
        if shorter == name:
            return name or "unnamed"
        name = shorter


def without_forbidden_characters(text: str) -> str:
    kept = "".join(
        character
        for character in unicodedata.normalize("NFC", text)
        if character not in FORBIDDEN
        and character not in BIDI
        and unicodedata.category(character) not in UNPRINTABLE
    )
    name = unicodedata.normalize("NFC", kept)
    while (trimmed := name.strip().strip(".")) != name:
        name = trimmed
    return name


def shortened(text: str, most_bytes: int) -> str:
    """The longest prefix of `text` that fits into `most_bytes` of UTF-8."""
    return text.encode("utf-8", "surrogateescape")[:most_bytes].decode("utf-8", "ignore")


def name_key(name: str) -> str:
    """The key by which names are compared: names with equal keys are one file on some computer
    (case-insensitive, or normalizing NFC and NFD)."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def picture_stem(delivery: Delivery, fields: Mapping[str, str]) -> str:
    """A picture's name without its extension. `fields` fills the template; `tags` is empty for the unaltered
    picture, and `variant` where there is none. Long names of projects, rooms and sets are cut, so that the
    alterations stay readable."""
    values = {name: safe_name(value) if value else "" for name, value in fields.items()}
    template = delivery.template(altered=bool(fields["tags"]), variant=bool(fields["variant"]))
    while True:
        text = fill_template(template, values)
        excess = len(text.encode("utf-8", "surrogateescape")) - MOST_BYTES
        longest = max(SHORTENED_FIELDS, key=lambda name: len(values[name].encode()))
        size = len(values[longest].encode())
        if excess <= 0 or size <= LEAST_BYTES:
            return safe_name(text)
        values[longest] = shortened(values[longest], max(size - excess, LEAST_BYTES)).rstrip(". ")


def numbered_names(stem: str, extension: str) -> Iterator[str]:
    """`name.jpg`, `name (2).jpg`, `name (3).jpg` … without end, each at most 255 bytes long."""
    suffix = with_leading_dot(extension)
    for number in count(1):
        tail = suffix if number == 1 else f" ({number}){suffix}"
        room_bytes = MOST_BYTES_ON_DISK - len(tail.encode("utf-8", "surrogateescape"))
        fits = len(stem.encode("utf-8", "surrogateescape")) <= room_bytes
        yield (stem if fits else shortened(stem, room_bytes)) + tail


def with_leading_dot(extension: str) -> str:
    """The extension with exactly one leading dot; "" stays ""."""
    return f".{extension.removeprefix('.')}" if extension else ""
