"""How an inbox comes to know of changes: by events where they work, else by looking again and again.

The whole inbox is looked at again and again either way, so nothing here decides whether something is found.
It decides whether events are worth having, and so how often there is need to look.
"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from hotfolder import log
from hotfolder.inbox.snapshot import SetKey, Snapshot
from hotfolder.inbox.watch import Watcher
from hotfolder.mounts import mount_of

AGAIN_SECONDS = 600.0
"""After events that didn't come, so long until they are tried again; twice as long each time."""
MOST_SECONDS = 24 * 3600.0
GRACE_SECONDS = 2.0
"""How long after a look an event may still come for what the look has found."""


class Noticing:
    """One inbox's. `inspect` decides by file system and canary; `hinted` and `found` gather experience."""

    def __init__(self, inbox: Path) -> None:
        self._inbox = inbox
        self._log = log.get("inbox")
        self._why = "not looked yet"
        self._silent_kind = ""
        self._announces = False
        self._place: tuple[int, int] | None = None
        self._polls_until = float("-inf")
        self._pause_seconds = AGAIN_SECONDS
        self._watching = False
        self._distrusted = False
        self._compares = False
        self._marks: dict[SetKey, tuple[int, int]] = {}
        self._hinted: set[SetKey] = set()
        self._everything = False
        self._doubtful: dict[SetKey, float] = {}

    @property
    def why_looking(self) -> str:
        """Why changes are found by looking alone; "" where events tell."""
        return self._why

    @property
    def sure(self) -> bool:
        """Whether whatever happens is sure to be announced, but for what is lost in a burst."""
        return self._announces and not self._why and not self._distrusted

    def distrust(self) -> None:
        """The inbox was away: whatever watched it may have gone with it, without a word, even where it came
        back as the same folder."""
        self._distrusted = True

    def settled(self, watcher: Watcher, place: tuple[int, int] | None, now: float) -> bool:
        """Whether `inspect` would find nothing to do. Doesn't block."""
        if self._distrusted or place != self._place:
            return False
        return bool(self._silent_kind) or now < self._polls_until or (self._watching and watcher.alive)

    def inspect(self, watcher: Watcher, place: tuple[int, int] | None, now: float) -> bool:
        """Have events or not, for the folder that is at `place` now; whether they have just begun. Blocks;
        never raises."""
        if self._distrusted or place != self._place:
            self._distrusted = False
            watcher.stop()
            self._doubtful.clear()
            mount = mount_of(self._inbox)
            self._silent_kind = mount.kind if mount is not None and mount.announces is False else ""
            self._announces = mount is not None and mount.announces is True
            self._place = place
            self._polls_until, self._pause_seconds = float("-inf"), AGAIN_SECONDS
            self._watching = False
        if self._silent_kind:
            watcher.stop()
            self._look_only(f"{self._silent_kind} does not announce what others do")
            return False
        if now < self._polls_until or (self._watching and watcher.alive):
            return False
        why = watcher.ensure(place)
        self._watching, self._compares = not why, False
        if why:
            self._look_only(why)
        elif self._why:
            self._log.info("noticing_by_events", inbox=str(self._inbox))
            self._why = ""
        return not why

    def hinted(self, keys: Set[SetKey], everything: bool) -> None:
        """These sets were announced; `everything`: something above the sets was."""
        self._hinted |= keys
        self._everything = self._everything or everything
        for key in list(self._doubtful) if everything else self._doubtful.keys() & keys:
            del self._doubtful[key]

    def found(self, snapshot: Snapshot, watcher: Watcher, now: float) -> None:
        """A look at the whole inbox, begun at `now`, found this."""
        marks = {key: _mark(snapshot, key) for key in snapshot.folders}
        if self._watching and self._compares and not self._everything:
            for key in marks.keys() - self._hinted:
                count, changed_at = self._marks.get(key, (0, 0))
                # Fewer files is our own doing, mostly.
                if marks[key][0] > count or marks[key][1] > changed_at:
                    self._doubtful.setdefault(key, now)
        missed = [key for key, at in self._doubtful.items() if now - at >= GRACE_SECONDS]
        # Changes up to the first look with an observer may be older than the observer.
        self._marks, self._compares = marks, self._watching
        self._hinted.clear()
        self._everything = False
        if missed:
            self._give_up(watcher, "/".join(filter(None, min(missed))), now)

    def _give_up(self, watcher: Watcher, example: str, now: float) -> None:
        self._polls_until = now + self._pause_seconds
        self._pause_seconds = min(2 * self._pause_seconds, MOST_SECONDS)
        self._watching = False
        self._doubtful.clear()
        watcher.stop()
        self._look_only(f"{example} came without any event")

    def _look_only(self, why: str) -> None:
        if why != self._why:
            self._log.warning("noticing_by_looking", inbox=str(self._inbox), reason=why)
        self._why = why


def _mark(snapshot: Snapshot, key: SetKey) -> tuple[int, int]:
    """How many files a set has, and when the latest of them was changed: what grows when something comes."""
    seen = snapshot.folders[key]
    files = (*seen.photos, *seen.companions, *seen.temporaries)
    return len(files), max((file.identity.ctime_ns for file in files), default=0)
