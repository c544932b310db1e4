"""Whole looks of an inbox at real files and photos, by a held clock."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from hotfolder.inbox.events import InboxEvent, InboxOptions
from hotfolder.inbox.inbox import Inbox
from hotfolder.inbox.scan import Snapshot, scan
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureFacts, PictureLimits
from hotfolder.rules.routes import Route
from hotfolder.rules.routing import Rulebook
from hotfolder.rules.sets import BracketSet
from tests.support.listening import kind
from tests.support.pictures import jpeg

Drop = Callable[..., Path]
Open = Callable[..., Inbox]
QUIET = 15.0


class CountingDecoder(Decoder):
    """A real decoder that counts its requests."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    async def inspect(self, path: Path, limits: PictureLimits, *, closely: bool = True) -> PictureFacts:
        self.asked.append(path.name)
        facts = await super().inspect(path, limits, closely=closely)
        self.meanwhile()
        return facts


def ready(events: tuple[InboxEvent, ...]) -> BracketSet:
    (event,) = events
    assert isinstance(event, BracketSet)
    return event


async def settled(inbox: Inbox, clock: Any) -> BracketSet:
    """The set that two looks find, with its quiet time between them."""
    await inbox.look()
    clock.pass_seconds(QUIET)
    return ready(await inbox.look())


async def test_the_outlook_tells_what_is_waited_for(open_inbox: Open, drop: Drop, clock: Any) -> None:
    inbox = open_inbox()
    assert inbox.status().may_proceed
    await inbox.look()
    assert not inbox.status().may_proceed
    drop("12 Elm Road/kitchen", 4)
    await inbox.look()
    clock.pass_seconds(3)
    await inbox.look()
    status = inbox.status()
    assert [one.reason for one in status.settling] == ["4 photos, quiet for 3 of 15 s"]
    assert status.may_proceed
    clock.pass_seconds(QUIET)
    ready(await inbox.look())
    assert inbox.status().settling == ()
    assert not inbox.status().may_proceed


async def test_a_file_beside_photos_that_wait_is_named_only_once_they_are_gone(
    drop: Drop, open_inbox: Open, clock: Any
) -> None:
    inbox, folder = open_inbox(), drop("12 Elm Road/kitchen", 2)
    await settled(inbox, clock)  # and held by whoever was told
    (folder / "IMG_1.xmp").write_bytes(b"<x/>")
    for photos_stay in (True, False):
        if not photos_stay:
            for photo in folder.glob("*.jpg"):
                photo.unlink()
        await inbox.look()
        clock.pass_seconds(3)
        await inbox.look()
        assert bool(inbox.status().notices) is not photos_stay


async def test_no_photo_is_decoded_twice(drop: Drop, open_inbox: Open, clock: Any) -> None:
    folder = drop("12 Elm Road/kitchen", 3)
    decoder = CountingDecoder()
    inbox = open_inbox(decoder=decoder)
    for _ in range(6):
        await inbox.look()
        clock.pass_seconds(2.5)
    drop("12 Elm Road/kitchen", 1, first=4)
    await settled(inbox, clock)
    assert sorted(decoder.asked) == sorted(path.name for path in folder.iterdir())
    await decoder.close()


async def test_a_photo_that_is_replaced_while_it_is_decoded_is_judged_anew(
    drop: Drop, open_inbox: Open, clock: Any
) -> None:
    folder = drop("12 Elm Road/kitchen", 1)
    decoder = CountingDecoder()
    inbox = open_inbox(decoder=decoder)
    await inbox.look()
    clock.pass_seconds(QUIET)
    cut = jpeg(9)[:-50]
    decoder.meanwhile = lambda: (folder / "IMG_1.jpg").write_bytes(cut) if len(decoder.asked) == 1 else None
    assert await inbox.look() == ()
    clock.pass_seconds(QUIET)
    assert await inbox.look() == ()
    assert "is not complete" in inbox.status().settling[0].reason
    await decoder.close()


async def test_a_routes_own_quiet_time_counts(open_inbox: Open, drop: Drop, clock: Any) -> None:
    drop("12 Elm Road/kitchen", 1)
    rulebook = Rulebook(routes=(Route(name="slow", quiet_seconds=60),))
    inbox = open_inbox(settings=InboxOptions(rulebook=rulebook))
    await inbox.look()
    clock.pass_seconds(59)
    assert await inbox.look() == ()
    clock.pass_seconds(1)
    ready(await inbox.look())


async def test_a_late_photo_beside_a_running_job_is_a_set(open_inbox: Open, drop: Drop, clock: Any) -> None:
    claims: set[str] = set()
    inbox = open_inbox(claimed=lambda project, folder: frozenset(claims))
    folder = drop("12 Elm Road/kitchen", 3)
    claims.update(photo.name for photo in (await settled(inbox, clock)).photos)
    drop("12 Elm Road/kitchen", 1, first=4)
    assert [photo.name for photo in (await settled(inbox, clock)).photos] == ["IMG_4.jpg"]
    os.link(folder / "IMG_1.jpg", folder.parent / "moving")
    await inbox.look()
    inner = [notice for notice in inbox.status().notices if kind(notice) == "hard link"]
    assert inner == [], "a job's own way of moving its files is no news"


async def test_a_forgotten_set_is_looked_at_anew(open_inbox: Open, drop: Drop, clock: Any) -> None:
    drop("12 Elm Road/kitchen", 2)
    inbox = open_inbox()
    await settled(inbox, clock)
    inbox.forget("12 Elm Road", "kitchen")
    assert inbox.status().may_proceed
    assert await inbox.look() == ()
    clock.pass_seconds(QUIET)
    assert len(ready(await inbox.look()).photos) == 2


async def test_a_share_that_dies_during_the_scan_and_lists_empty_has_lost_nothing(
    open_inbox: Open, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop("12 Elm Road/kitchen", 2)
    inbox = open_inbox()
    await inbox.look()

    def scan_of_a_dying_share(path: Path, *rest: Any) -> Snapshot:
        path.rename(path.with_name("kept"))
        path.mkdir()
        return scan(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("hotfolder.inbox.guard.scan", scan_of_a_dying_share)
        assert await inbox.look() == ()
    assert inbox.status().degraded
    assert len(inbox.status().settling) == 1


async def test_a_set_that_may_not_be_read_for_a_while_keeps_its_place(
    open_inbox: Open,
    drop: Drop,
    clock: Any,
    decoder: Decoder,
    unprivileged: Callable[[], AbstractContextManager[Path]],
) -> None:
    photo = drop("12 Elm Road/bath", 1) / "IMG_1.jpg"
    content = photo.read_bytes()
    await decoder.inspect(photo, PictureLimits())  # its worker starts before the privileges are dropped
    with unprivileged() as root:
        inbox = open_inbox(at=root)
        folder = root / "12 Elm Road" / "kitchen"
        folder.mkdir(parents=True)
        (folder / "a.jpg").write_bytes(content)
        await inbox.look()
        folder.chmod(0)
        clock.pass_seconds(5)
        await inbox.look()
        status = inbox.status()
        assert [one.reason for one in status.settling] == ["the folder can't be read"]
        assert [kind(notice) for notice in status.notices] == ["unreadable"]
        assert not status.may_proceed
        folder.chmod(0o755)
        await settled(inbox, clock)


async def test_a_decoder_that_cannot_start_is_the_worlds_fault_and_refuses_nothing(
    open_inbox: Open, drop: Drop, clock: Any
) -> None:
    drop("12 Elm Road/kitchen", 1)
    broken = Decoder(memory_bytes=1024)
    inbox = open_inbox(decoder=broken, settings=InboxOptions(give_up_seconds=20))
    await inbox.look()
    assert inbox.status().degraded == ""
    clock.pass_seconds(100)
    judging = asyncio.ensure_future(inbox.look())
    async with asyncio.timeout(60):
        while "could not be started" not in inbox.status().degraded:
            assert not judging.done()
            await asyncio.sleep(0.02)
    judging.cancel()
    assert not inbox.status().may_proceed
    await broken.close()
