"""What the sets of a drop are called."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum
from pathlib import PurePath

from hotfolder.rules.grouping.model import Grouping


class NameScheme(StrEnum):
    """`<stem>-01`, `<stem>-02`, …; or the name of the photo that was taken first, without its suffix."""

    NUMBERED = "numbered"
    FIRST_FILE = "first_file"


def name_sets(
    grouping: Grouping, scheme: NameScheme, stem: str = "", given: Collection[str] = ()
) -> tuple[str, ...]:
    """A name for each of `grouping.sets` and then of `grouping.refused`, in their order; no two alike, nor
    like one that was `given` before, even where case doesn't count. Numbers go on after those given."""
    firsts = [each.first for each in grouping.sets] + [each.photos[0].name for each in grouping.refused]
    if scheme is NameScheme.NUMBERED:
        start = 1 + max((_number(name, stem) for name in given), default=0)
        digits = max(2, len(str(start + len(firsts) - 1)))
        return tuple(f"{stem}-{number:0{digits}d}" for number in range(start, start + len(firsts)))
    names: list[str] = []
    taken = {name.casefold() for name in given}
    for first in firsts:
        # Two underscores would begin a tag.
        name = wanted = re.sub("_{2,}", "_", PurePath(first).stem)
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{wanted}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)


def _number(name: str, stem: str) -> int:
    rest = name.casefold().removeprefix(f"{stem}-".casefold())
    return int(rest) if rest != name.casefold() and re.fullmatch("[0-9]{1,9}", rest) else 0
