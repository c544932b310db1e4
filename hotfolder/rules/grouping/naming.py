"""What the sets of a drop are called."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

from hotfolder.rules.grouping.model import Grouping


class NameScheme(StrEnum):
    """`<stem>-01`, `<stem>-02`, …; or the name of the photo that was taken first, without its suffix."""

    NUMBERED = "numbered"
    FIRST_FILE = "first-file"


def name_sets(grouping: Grouping, scheme: NameScheme, stem: str = "") -> tuple[str, ...]:
    """A name for each of `grouping.sets`, in their order; no two alike, even where case doesn't count."""
    if scheme is NameScheme.NUMBERED:
        digits = max(2, len(str(len(grouping.sets))))
        return tuple(f"{stem}-{number:0{digits}d}" for number in range(1, len(grouping.sets) + 1))
    names: list[str] = []
    taken: set[str] = set()
    for each in grouping.sets:
        name = wanted = PurePath(each.first).stem
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{wanted}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)
