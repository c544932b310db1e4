"""Folders without anything in them: rooms that were emptied stay for ever, and cost next to nothing.

For file systems of this machine alone. Tried on a Samba share mounted by rclone: its folders keep the times
that they had when they were first seen, whatever comes into them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from hotfolder.inbox.snapshot import SetKey

SURE_SECONDS = 3.0
"""What is put into a folder at the very tick of its last change leaves its time as it was. That tick is over
once the folder was found empty twice, so far apart, with the same time."""
LIST_AGAIN_SECONDS = 300.0
"""How long that is relied upon, whatever may be wrong with the times."""


@dataclass(frozen=True, slots=True)
class _Bare:
    state: tuple[int, int, int]
    since: float
    listed_at: float


class BareFolders:
    """Remembers between full passes which sets' folders are empty. `now` is monotonic, in seconds."""

    def __init__(self) -> None:
        self._known: dict[SetKey, _Bare] = {}
        self._seen: dict[SetKey, _Bare] = {}

    def still(self, key: SetKey, facts: os.stat_result, now: float) -> bool:
        """Whether the folder with these facts is empty for sure, without listing it."""
        bare = self._known.get(key)
        if bare is None or bare.state != _state(facts) or now - bare.listed_at >= LIST_AGAIN_SECONDS:
            return False
        if bare.listed_at - bare.since < SURE_SECONDS:
            return False
        self._seen[key] = bare
        return True

    def found(self, key: SetKey, facts: os.stat_result, now: float) -> None:
        """It was listed after these facts were taken, and had no entry at all."""
        bare, state = self._known.get(key), _state(facts)
        if bare is not None and bare.state == state:
            self._seen[key] = replace(bare, listed_at=now)
        else:
            self._seen[key] = _Bare(state, now, now)

    def end_pass(self) -> None:
        """A full pass is over: what it has not come across is forgotten."""
        self._known, self._seen = self._seen, {}


def _state(facts: os.stat_result) -> tuple[int, int, int]:
    return facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns
