"""One look at an inbox, and who is asked and told on that occasion."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from hotfolder.inbox.bare import BareFolders
from hotfolder.inbox.events import InboxEvent, SetArriving
from hotfolder.inbox.root import Root, RootStanding
from hotfolder.inbox.scan import scan, scan_folders
from hotfolder.inbox.snapshot import SetKey, Snapshot
from hotfolder.rules.routing import SettleRule

RuleFor = Callable[[str, str, int], SettleRule]
Claimed = Callable[[str, str], frozenset[str]]
Deliver = Callable[[InboxEvent], Awaitable[None]]
Tell = Callable[[SetArriving], Awaitable[None]]


async def tell_nobody(_: SetArriving) -> None:
    """For an inbox of which nobody wants to know what still arrives."""


def look_at(
    root: Root, scope: frozenset[SetKey] | None, bare: BareFolders, now: float
) -> tuple[RootStanding, Snapshot | None]:
    """Scan between two checks of the root, since a share whose server dies can list empty, with success."""
    before = root.check()
    if before.degraded:
        return before, None
    try:
        snapshot = scan(root.path, bare, now) if scope is None else scan_folders(root.path, scope)
    except OSError as error:
        return RootStanding(degraded=f"The inbox {root.path} can't be read: {error.strerror or error}."), None
    after = root.check()
    if after.degraded or after.place != before.place:
        return after, None
    return replace(after, marker_made=before.marker_made or after.marker_made), snapshot
