"""A whole shoot exported at Lightroom's pace: each room once, and not before it is complete."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from hotfolder.inbox.events import InboxOptions, SetReady
from tests.support.lightroom import PAUSE_SECONDS, Export

QUIET = 30.0
STEP = 4.0
ROOMS, FRAMES = 60, 5
Open = Callable[..., Any]


def shoot(folder_of: Callable[[int], Path], jpeg: Callable[..., bytes], count: int = ROOMS) -> Export:
    rooms = [
        (
            folder_of(room),
            [
                (f"IMG_{room * FRAMES + frame:04}.jpg", partial(jpeg, 1 + room * FRAMES + frame))
                for frame in range(FRAMES)
            ],
        )
        for room in range(count)
    ]
    return Export(rooms, seed=4)


async def exported(export: Export, open_inbox: Open, clock: Any) -> list[tuple[float, SetReady]]:
    """What the inbox said, and at which second, until nothing more is to come."""
    inbox = open_inbox(settings=InboxOptions(quiet_seconds=QUIET))
    said: list[tuple[float, SetReady]] = []
    while not export.over or export.seconds < max(export.done_at.values()) + 2 * QUIET:
        export.pass_seconds(STEP)
        clock.pass_seconds(STEP)
        for event in await inbox.look():
            assert isinstance(event, SetReady), event
            said.append((export.seconds, event))
    return said


async def test_three_hundred_photos_in_sixty_rooms(
    root: Path, open_inbox: Open, clock: Any, jpeg: Callable[..., bytes]
) -> None:
    """Pauses of 20 s between photos of one room are no end of it; 30 s are."""
    export = shoot(lambda room: root / "12 Elm Road" / f"room {room:02}", jpeg)
    said = await exported(export, open_inbox, clock)
    assert len(said) == ROOMS and len({event.bracket_set.folder for _, event in said}) == ROOMS
    for second, event in said:
        complete = export.done_at[event.bracket_set.path]
        assert len(event.bracket_set.photos) == FRAMES
        assert complete + QUIET <= second <= complete + QUIET + 3 * STEP
    assert PAUSE_SECONDS < QUIET


async def test_a_shoot_in_the_projects_folder(
    root: Path, open_inbox: Open, clock: Any, jpeg: Callable[..., bytes]
) -> None:
    """The shoot is one drop, said once, and as a whole."""
    export = shoot(lambda _: root / "12 Elm Road", jpeg, 15)
    [(second, event)] = await exported(export, open_inbox, clock)
    assert len(event.bracket_set.photos) == 15 * FRAMES
    assert second >= max(export.done_at.values()) + QUIET
