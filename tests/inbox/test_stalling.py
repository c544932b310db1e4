"""An inbox whose share doesn't answer is degraded, left alone, and used again when it answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hotfolder.inbox import guard
from hotfolder.inbox import inbox as inbox_module
from hotfolder.inbox.inbox import Inbox
from hotfolder.inbox.scan import scan, scan_folders
from hotfolder.rules.sets import BracketSet
from tests.inbox.conftest import quick
from tests.support.listening import listening
from tests.support.studio import FILE_TIMEOUT_SECONDS, until

Open = Callable[..., Inbox]
Drop = Callable[..., Path]


class Share:
    """Blocks every look that begins while it is `hung`, until `back`; counts them. Patience is short until it
    answers: then a slow look is none that hangs."""

    def __init__(self, patience: Callable[[float], None]) -> None:
        self._patience = patience
        patience(0.2)
        self.hung = False
        self.looks = 0
        self.back = threading.Event()

    def answer(self) -> None:
        self._patience(FILE_TIMEOUT_SECONDS)
        self.hung = False
        self.back.set()

    def holding(self, look: Callable[..., Any]) -> Callable[..., Any]:
        def held(*arguments: Any) -> Any:
            if self.hung:
                self.looks += 1
                self.back.wait(120)
            return look(*arguments)

        return held


@pytest.fixture
def share(monkeypatch: pytest.MonkeyPatch) -> Iterator[Share]:
    def patience(seconds: float) -> None:
        for module in (inbox_module, guard):
            monkeypatch.setattr(module, "FILE_TIMEOUT_SECONDS", seconds)

    made = Share(patience)
    monkeypatch.setattr(guard, "scan", made.holding(scan))
    monkeypatch.setattr(guard, "scan_folders", made.holding(scan_folders))
    yield made
    made.back.set()


async def test_a_share_that_hangs_is_degraded_and_goes_on_when_it_answers(
    open_inbox: Open, drop: Drop, share: Share
) -> None:
    inbox = open_inbox(**quick(scan_seconds=0.2))
    async with listening(inbox) as heard:
        share.hung = True
        await until(lambda: "doesn't answer" in inbox.status().degraded)
        drop("12 Elm Road/kitchen", 2)
        share.answer()
        await heard.until(1)
        assert not inbox.degraded
        assert isinstance(heard.events[0][1], BracketSet)


async def test_a_share_that_was_mounted_anew_is_taken_up_while_the_old_look_still_hangs(
    open_inbox: Open, drop: Drop, share: Share
) -> None:
    inbox = open_inbox(**quick(scan_seconds=0.2))
    async with listening(inbox) as heard:
        share.hung = True
        await until(lambda: share.looks >= 2)
        share.hung = False
        drop("12 Elm Road/kitchen", 2)
        await heard.until(1)
        assert not share.back.is_set()
        assert share.looks < 10, "each of them costs a thread"


async def test_time_in_which_nothing_was_seen_is_not_quiet_time(
    open_inbox: Open, drop: Drop, share: Share, clock: Any
) -> None:
    """A look may have begun long before it sees anything."""
    drop("12 Elm Road/kitchen", 2)
    inbox = open_inbox()
    share.hung = True
    look = asyncio.create_task(inbox.look())
    await until(lambda: inbox.degraded)
    clock.pass_seconds(600)
    share.answer()
    assert await look == ()
    assert await inbox.look() == ()
    clock.pass_seconds(15)
    assert len(await inbox.look()) == 1


async def test_signs_of_life_tell_waiting_from_answering(open_inbox: Open, share: Share) -> None:
    beats: list[str] = []
    inbox = open_inbox(
        **quick(scan_seconds=0.2), beat=lambda: beats.append("beat"), moved=lambda: beats.append("moved")
    )
    async with listening(inbox):
        await until(lambda: "moved" in beats)
        share.hung = True
        await until(lambda: inbox.degraded)
        beats.clear()
        await until(lambda: len(beats) > 3)
        assert set(beats) == {"beat"}


async def test_photos_are_not_read_while_the_share_hangs(open_inbox: Open, drop: Drop, share: Share) -> None:
    """One process reads photos for all inboxes: a hanging read would delay the others."""
    reads: list[str] = []

    class SlowDecoder:
        async def inspect(self, path: Path, *_: Any, **__: Any) -> None:
            reads.append("begun")
            share.hung = True
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                reads.append("broken off")
                raise

    drop("12 Elm Road/kitchen", 2)
    inbox = open_inbox(**quick(scan_seconds=0.2), decoder=SlowDecoder())
    async with listening(inbox):
        await until(lambda: "broken off" in reads)
        assert inbox.degraded


async def test_a_share_that_hangs_while_a_set_is_handed_over_is_told_of(
    open_inbox: Open, drop: Drop, share: Share
) -> None:
    handed, go_on = asyncio.Event(), asyncio.Event()

    async def listen() -> None:
        async for event in inbox.events():
            if isinstance(event, BracketSet):
                handed.set()
                await go_on.wait()

    drop("12 Elm Road/kitchen", 2)
    inbox = open_inbox(**quick(scan_seconds=0.2))
    running = asyncio.create_task(listen())
    await handed.wait()
    share.hung = True
    await until(lambda: inbox.degraded)
    share.answer()
    await until(lambda: not inbox.degraded)
    go_on.set()
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
