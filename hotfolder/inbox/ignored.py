"""Names that are not photos and not companions: transfers under way, litter, and files of our own."""

from __future__ import annotations

import re

from hotfolder.pictures.formats import PHOTO_SUFFIXES, is_photo_name

MARKER_NAME = ".hotfolder-root"
LOCK_NAME = ".hotfolder-lock"
READY_NAME = ".ready"
READY_NAMES = frozenset({READY_NAME, "ready.txt", "ready.txt.txt"})
"""In lower case. Finder refuses a name that begins with a dot, and Explorer hides an ending."""

_TEMPORARY_SUFFIXES = (
    ".tmp",
    ".temp",
    ".part",
    ".partial",
    ".crdownload",
    ".filepart",
    ".download",
    ".!sync",
    "~",
)
_TEMPORARY_STARTS = (
    "~",
    ".::tmpname:",
    ".syncthing.",
    ".goutputstream-",
    ".smbdelete",
    ".nfs",
    ".in.",
    ".pureftpd-upload.",
)
_TEMPORARY_FOLDERS = frozenset({".rsync-partial", ".~tmp~"})
# rsync writes `.IMG_1.jpg.Ab3dEf`. The inner suffix is asked for, since `.picasa.config` is no transfer.
_RSYNC = re.compile(r"\..+\.[^.]+\.[A-Za-z0-9]{6}")

_JUNK = frozenset(
    {".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "@syno", ".localized"}
)
_JUNK_FOLDERS = frozenset(
    {"#recycle", "#snapshot", "$recycle.bin", "system volume information", "lost+found"}
)


def is_temporary(name: str) -> bool:
    """Whether this name is what a copying program calls a file that it is still writing.

    A hidden photo is one: nobody exports to a hidden name, and many upload to one.
    """
    lower = name.lower()
    if is_junk(name):
        return False
    return (
        lower.endswith(_TEMPORARY_SUFFIXES)
        or lower.startswith(_TEMPORARY_STARTS)
        or _RSYNC.fullmatch(name) is not None
        or (name.startswith(".") and is_photo_name(name))
    )


def names_photo(name: str) -> bool:
    """Whether the name of an unfinished file tells that it will be a photo."""
    pieces = re.split(r"[.~ ]", name.lower())
    return any(f".{piece}" in PHOTO_SUFFIXES for piece in pieces)


def is_temporary_folder(name: str) -> bool:
    """Whether a copying program keeps its unfinished files in a folder of this name."""
    return name in _TEMPORARY_FOLDERS


def is_junk(name: str) -> bool:
    """Whether a desktop or a NAS left this file; nobody misses it and nobody meant it."""
    return name.startswith("._") or name.lower() in _JUNK


def is_junk_folder(name: str) -> bool:
    """Whether a folder of this name is a system's own: hidden, a recycle bin, a NAS's thumbnails."""
    return name.startswith((".", "@")) or name.lower() in _JUNK_FOLDERS


def is_ours(name: str) -> bool:
    """Whether a file of this name inside a set means something to hotfolder, and is no companion."""
    return name in (MARKER_NAME, LOCK_NAME) or is_ready(name)


def is_ready(name: str) -> bool:
    """Whether a file of this name says that the photos beside it may be made."""
    return name.lower() in READY_NAMES
