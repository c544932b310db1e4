"""One look at an inbox, and who is asked and told on that occasion."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from hotfolder.inbox.events import InboxEvent, SetArriving
from hotfolder.inbox.root import Root, RootStanding
from hotfolder.inbox.scan import Moved, scan, scan_folders, stay_silent
from hotfolder.inbox.snapshot import SetKey, Snapshot
from hotfolder.patience import PATIENCE_SECONDS, START_SECONDS, NoAnswer, at_once
from hotfolder.rules.routing import SettleRule

RuleFor = Callable[[str, str, int], SettleRule]
Claimed = Callable[[str, str], frozenset[str]]
Deliver = Callable[[InboxEvent], Awaitable[None]]
Tell = Callable[[SetArriving], Awaitable[None]]
Scope = frozenset[SetKey] | None
Look = tuple[RootStanding, Snapshot | None]

MOST_PAUSE_SECONDS = 900.0


async def tell_nobody(_: SetArriving) -> None:
    """For an inbox of which nobody wants to know what still arrives."""


def look_at(root: Root, scope: Scope, moved: Moved = stay_silent) -> Look:
    """Scan between two checks of the root, since a share whose server dies can list empty, with success.
    `moved` is called after every folder."""
    before = root.check()
    moved()
    if before.degraded:
        return before, None
    try:
        snapshot = scan(root.path, moved) if scope is None else scan_folders(root.path, scope, moved)
    except OSError as error:
        return RootStanding(degraded=f"The inbox {root.path} can't be read: {error.strerror or error}."), None
    after = root.check()
    moved()
    if after.degraded or after.place != before.place:
        return after, None
    return replace(after, marker_made=before.marker_made or after.marker_made), snapshot


class Looker:
    """Looks at one inbox in threads. A share that doesn't answer can hold a thread for hours: it is left
    there, and another one tries, since the path may lead to another mount by then.

    `beat` is called while a look goes on or is waited for, `moved` only when the file system has answered.
    """

    def __init__(self, root: Root, beat: Callable[[], None], moved: Callable[[], None]) -> None:
        self._root = root
        self._path: Path = root.path
        self._beat = beat
        self._tell_moved = moved
        self._moved_at = 0.0

    def check_at_once(self) -> RootStanding:
        """How the root stands. Blocks for some seconds at the most."""
        try:
            return at_once(self._path, self._root.check, START_SECONDS)
        except NoAnswer:
            self._root = self._root.another()
            return RootStanding(degraded=silent(self._path))

    async def look(self, scope: Scope, stalled: Callable[[str], None]) -> Look:
        """The first answer. `stalled` is told, again and again, while there is none."""
        began = self._moved_at = time.monotonic()
        roots = {self._begun(self._root, scope, self._move): self._root}
        pause_seconds = PATIENCE_SECONDS
        again_at = began + pause_seconds
        try:
            while not (done := await self._answered(set(roots))):
                self._beat()
                if time.monotonic() - self._moved_at < PATIENCE_SECONDS:
                    self._tell_moved()
                    continue  # large, or slow, but alive
                stalled(silent(self._path))
                if time.monotonic() >= again_at:
                    fresh = self._root.another()
                    # What it sees on its way proves nothing: a share can answer from its cache.
                    roots[self._begun(fresh, None, stay_silent)] = fresh
                    pause_seconds = min(2 * pause_seconds, MOST_PAUSE_SECONDS)
                    again_at = time.monotonic() + pause_seconds
        finally:
            for look in roots:
                look.cancel()
        self._beat()
        self._tell_moved()
        self._root = roots[done]
        return done.result()

    async def _answered(self, looks: set[asyncio.Future[Look]]) -> asyncio.Future[Look] | None:
        done, _ = await asyncio.wait(looks, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(done), None)

    def _begun(self, root: Root, scope: Scope, moved: Moved) -> asyncio.Future[Look]:
        return asyncio.ensure_future(asyncio.to_thread(look_at, root, scope, moved))

    def _move(self) -> None:
        self._moved_at = time.monotonic()


def silent(inbox: Path) -> str:
    return f"The inbox {inbox} doesn't answer. Is its share or disk all right?"
