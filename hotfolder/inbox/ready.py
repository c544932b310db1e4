"""What is written in a `.ready` file: which of the photos beside it a person lets be made, and how.

One without such lines speaks for all photos, as the rules group them. Else it speaks for the sets that its
lines name: `set ` and, as JSON, the set's name and the content hashes of its photos by their names.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hotfolder.inbox.contents import READY_NAME
from hotfolder.newfiles import folder_beneath, open_beneath, write_whole
from hotfolder.rules.drops import ChosenSet
from hotfolder.rules.sets import FileIdentity

SET = "set "
MOST_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReadyFile:
    """What the file lets be made: all, or where it names `sets`, those. With `trouble`, which says why it
    can't be told, nothing. `identity` is that of the file that was read."""

    sets: tuple[ChosenSet, ...] = ()
    trouble: str = ""
    identity: FileIdentity | None = None

    @property
    def whole(self) -> bool:
        """Whether it lets all photos be made."""
        return not (self.sets or self.trouble)


def read_ready(inbox: Path, ready: Path) -> ReadyFile | None:
    """What is written in the file at `ready`, in an inbox; None where it is gone by now. In one that a person
    put there under another name nothing is."""
    if ready.name != READY_NAME:
        return ReadyFile()
    try:
        with os.fdopen(open_beneath(inbox, ready), "rb") as file:
            identity = FileIdentity.of(os.fstat(file.fileno()))
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        return ReadyFile(trouble=f"{READY_NAME} can't be read ({os.strerror(error.errno or 0)})")
    if len(content) > MOST_BYTES:
        return ReadyFile(trouble=f"{READY_NAME} is too long")
    lines = content.decode("utf-8", "replace").split("\n")
    try:
        sets = tuple(_set_in(line.removeprefix(SET)) for line in lines if line.startswith(SET))
    except ValueError:
        return ReadyFile(trouble=f"{READY_NAME} has a line that begins with {SET.strip()!r} and is no set")
    return ReadyFile(sets, identity=identity)


def write_ready(inbox: Path, folder: Sequence[str], sets: Iterable[ChosenSet] = ()) -> None:
    """Let all photos in a folder of the inbox be made, or these sets of them: the file is put there whole or
    not at all, in place of any other. Raises OSError."""
    lines = [f"{SET}{json.dumps({'name': one.name, 'photos': dict(one.photos)})}\n" for one in sets]
    with folder_beneath(inbox, *folder) as opened:
        put_ready(opened, "".join(lines).encode())


def put_ready(folder: int, content: bytes = b"") -> None:
    """Put the file into the folder that the descriptor is of: a new one each time, since only one that is
    newer than all photos speaks for them. Raises OSError."""
    # Until it is whole it is called what the inbox takes for a transfer under way.
    write_whole(folder, READY_NAME, content, f"{READY_NAME}.{secrets.token_hex(8)}.tmp")


def with_more(said: Iterable[ChosenSet], more: Sequence[ChosenSet]) -> tuple[ChosenSet, ...]:
    """What was said before and `more`, which counts where both speak of a name or a photo."""
    names = {one.name for one in more}
    photos = {photo for one in more for photo in one.photos}
    return (*(one for one in said if one.name not in names and not one.photos.keys() & photos), *more)


def _set_in(text: str) -> ChosenSet:
    """Raises ValueError."""
    found = json.loads(text)
    match found:
        case {"name": str(name), "photos": dict(photos)} if name:
            if all(isinstance(sha256, str) for sha256 in photos.values()):
                return ChosenSet(name, photos)
    raise ValueError(text)
