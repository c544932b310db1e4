"""A real share without events, by bindfs: writes on its other side raise no events on ours."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from hotfolder.blocking import call_within
from hotfolder.crashpoints import CrashPoint
from hotfolder.daemon import service
from hotfolder.daemon.folders import LOOK_SECONDS
from tests.support.pictures import bracket
from tests.support.studio import ELM, MakeStudio, Shop, Studio, files_into, until

pytestmark = pytest.mark.long


@dataclass
class Share:
    """A bindfs mount. `back` is the photographer's side, `here` ours; `server` is the process in between."""

    back: Path
    here: Path
    server: subprocess.Popen[bytes] = field(init=False)

    def drop(self, room: str, photos: Mapping[str, bytes] | None = None) -> None:
        files_into(self.back / ELM / room, photos or bracket())

    def begin(self) -> bool:
        """Mount it; False where that is impossible."""
        options = "attr_timeout=0,entry_timeout=0"
        self.server = subprocess.Popen(
            ["bindfs", "-f", "-o", options, self.back, self.here], stderr=subprocess.PIPE
        )
        end = time.monotonic() + 60
        while not os.path.ismount(self.here):
            if self.server.poll() is not None or time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def end(self) -> None:
        """Kill the server: open files on the share give errors."""
        self.server.kill()
        self.server.communicate()
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run(["umount", "-l", self.here], check=False, capture_output=True, timeout=10)

    def hangs(self) -> None:
        self.server.send_signal(signal.SIGSTOP)

    def answers(self) -> None:
        self.server.send_signal(signal.SIGCONT)


@pytest.fixture
def share(tmp_path: Path) -> Iterator[Share]:
    if shutil.which("bindfs") is None or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("needs bindfs and /dev/fuse")
    back, here = tmp_path / "back", tmp_path / "here"
    back.mkdir()
    here.mkdir()
    made = Share(back, here)
    try:
        if not made.begin():
            pytest.skip("bindfs can't mount here")
        yield made
    finally:
        made.end()


@pytest.fixture
def shared_studio(make_studio: MakeStudio, share: Share) -> MakeStudio:
    """`shared_studio()`: a studio with one inbox on the share, and one on its own disk."""

    def make(**settings: Any) -> Studio:
        return make_studio(
            inboxes=[{"path": str(share.here), "name": "share"}, {"path": "local", "name": "local"}],
            **settings,
        )

    return make


def room_is(status: dict[str, Any], room: str, state: str) -> bool:
    return any(job["room"] == room and job["state"] == state for job in status["jobs"])


def test_what_comes_without_events_is_found_by_looking_and_that_is_said(
    shared_studio: MakeStudio, shop: Shop, share: Share
) -> None:
    studio = shared_studio()
    run = studio.start()
    for room in ("kitchen", "hall"):
        share.drop(room)
        studio.wait_until(lambda status: room_is(status, room, "done"))  # noqa: B023 - asked at once
    status = studio.wait_until(
        lambda status: "may not announce what others do" in status["inboxes"]["share"]["no_events"]
    )
    assert status["inboxes"]["local"]["no_events"] == ""
    assert shop.bought() == 2
    assert run.stop() == 0
    assert '"inbox_observed"' in run.text()


def test_a_share_that_hangs_holds_up_nobody_else_and_goes_on_when_it_answers(
    shared_studio: MakeStudio, shop: Shop, share: Share
) -> None:
    studio = shared_studio()
    run = studio.start()
    share.hangs()
    share.drop("kitchen")
    files_into(studio.root / "local" / ELM / "hall", bracket())
    status = studio.wait_until(lambda status: room_is(status, "hall", "done"))
    assert not room_is(status, "kitchen", "done")
    share.answers()
    studio.wait_until(lambda status: room_is(status, "kitchen", "done"))
    assert shop.bought() == 2
    assert run.stop() == 0


@pytest.fixture
def photos() -> dict[str, bytes]:
    return bracket()


@pytest.fixture
def sending(shared_studio: MakeStudio, share: Share, photos: dict[str, bytes]) -> Studio:
    """A studio that is uploading the kitchen's photos from the share for several seconds."""
    size_bytes = sum(map(len, photos.values()))
    studio = shared_studio(limits={"upload_rate": f"{max(10_000, size_bytes // 4)}B/s"})
    studio.start()
    share.drop("kitchen", photos)
    studio.wait_until(lambda status: room_is(status, "kitchen", "uploading"))
    return studio


def test_killed_in_mid_upload_from_a_share_it_goes_on_and_pays_once(
    sending: Studio, shop: Shop, photos: dict[str, bytes]
) -> None:
    sending.runs[0].stop(signal.SIGKILL)
    sending.start()
    sending.wait_until(lambda status: room_is(status, "kitchen", "done"))
    assert shop.bought() == 1
    assert sending.filed("kitchen") == photos


def test_a_share_whose_server_is_killed_in_mid_upload_goes_on_once_it_is_mounted_anew(
    sending: Studio, shop: Shop, share: Share, photos: dict[str, bytes]
) -> None:
    share.end()
    sending.wait_until(lambda status: status["inboxes"]["share"]["degraded"])
    assert share.begin()
    sending.wait_until(lambda status: room_is(status, "kitchen", "done"))
    share.drop("hall")
    sending.wait_until(lambda status: room_is(status, "hall", "done"))
    assert shop.bought() == 2
    assert sending.filed("kitchen") == photos
    assert sending.runs[0].stop() == 0


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> float:
    """Seconds after which a share counts as hanging; a thirtieth of the usual time."""
    seconds = 1.0
    for module in ("hotfolder.blocking", "hotfolder.inbox.inbox", "hotfolder.inbox.guard"):
        monkeypatch.setattr(f"{module}.FILE_TIMEOUT_SECONDS", seconds)
    return seconds


async def degraded(studio: Studio) -> None:
    await studio.comes_to_say(lambda status: status["inboxes"].get("share", {}).get("degraded"))


async def done(studio: Studio, *rooms: str) -> None:
    await studio.comes_to_say(lambda status: all(room_is(status, room, "done") for room in rooms))


async def test_a_share_that_hangs_and_is_mounted_anew_beside_the_old_mount_is_taken_up(
    shared_studio: MakeStudio, share: Share, hasty: float
) -> None:
    studio = shared_studio()
    async with studio.working():
        share.drop("kitchen")
        await done(studio, "kitchen")
        share.hangs()
        old = share.server
        try:
            await degraded(studio)
            await asyncio.to_thread(subprocess.check_call, ["umount", "-l", share.here])
            assert await asyncio.to_thread(share.begin)
            share.drop("hall")
            await done(studio, "hall")
        finally:
            old.kill()
            await asyncio.to_thread(old.communicate)


@pytest.mark.parametrize("ends", [True, False], ids=["its server is killed", "it answers again"])
async def test_a_share_that_hangs_while_originals_are_filed_holds_up_that_set_alone(
    shared_studio: MakeStudio,
    shop: Shop,
    share: Share,
    hasty: float,
    monkeypatch: pytest.MonkeyPatch,
    *,
    ends: bool,
) -> None:
    monkeypatch.setattr(service, "STUCK_SECONDS", 2 * hasty)
    photos = bracket()
    studio = shared_studio()
    passed: set[StrEnum] = set()

    def crash_point(point: StrEnum) -> None:
        if point is CrashPoint.FOLDER_RESERVED and point not in passed:
            share.hangs()
        passed.add(point)

    async with studio.working(crash_point=crash_point) as daemon:
        share.drop("kitchen", photos)
        try:
            await degraded(studio)
            assert CrashPoint.FOLDER_RESERVED in passed
            async with asyncio.timeout(120):
                await daemon._until_idle()
        finally:
            if ends:
                share.end()
                assert await asyncio.to_thread(share.begin)
            share.answers()
        share.drop("hall")
        await done(studio, "kitchen", "hall")
    assert shop.bought() == 2
    assert studio.filed("kitchen") == photos


async def test_while_the_share_of_done_hangs_that_is_said(
    make_studio: MakeStudio, shop: Shop, share: Share, hasty: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sets are being placed for as long, and the other folders are looked at."""
    monkeypatch.setattr("hotfolder.daemon.folders.FILE_TIMEOUT_SECONDS", hasty)
    studio = make_studio(done=str(share.here))

    def troubles(status: dict[str, Any]) -> list[str]:
        return [str(status["folders"].get(name, {}).get("degraded")) for name in ("done", "failed")]

    async with studio.working():
        studio.drop(ELM, "kitchen", bracket())
        await done(studio, "kitchen")
        share.hangs()
        try:
            studio.drop(ELM, "hall", bracket())
            await studio.comes_to_say(lambda status: "doesn't answer" in troubles(status)[0])
            studio.failed.rename(studio.root / "failed before")
            studio.failed.write_text("in its place")
            await studio.comes_to_say(lambda status: "failed" in troubles(status)[1])
            before = threading.active_count()
            await asyncio.sleep(4 * LOOK_SECONDS)
            assert threading.active_count() <= before + 1, "no further look while one hangs"
            studio.failed.unlink()
        finally:
            share.answers()
        await done(studio, "kitchen", "hall")
        await studio.comes_to_say(lambda status: troubles(status) == ["", ""])
    assert shop.bought() == 2


async def test_while_the_archives_share_hangs_no_further_look_at_it_begins(
    make_studio: MakeStudio, shop: Shop, share: Share, hasty: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotfolder.daemon.folders.FILE_TIMEOUT_SECONDS", hasty)
    monkeypatch.setattr(call_within, "__defaults__", (hasty,))
    studio = make_studio(archive=str(share.here), deliver={"originals": "archive"})
    async with studio.working():
        studio.drop(ELM, "kitchen", bracket())
        await done(studio, "kitchen")
        share.hangs()
        try:
            await asyncio.sleep(2 * LOOK_SECONDS)
            before = threading.active_count()
            await asyncio.sleep(4 * LOOK_SECONDS)
            assert threading.active_count() <= before + 1
        finally:
            share.answers()
        studio.drop(ELM, "hall", bracket())
        await done(studio, "hall")
    assert shop.bought() == 2


async def test_a_share_of_done_that_is_unmounted_while_it_hangs_needs_a_restart_and_says_so(
    make_studio: MakeStudio, shop: Shop, share: Share, hasty: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for the former mount waits for as long as that exists: the watchdog isn't fed any more."""
    monkeypatch.setattr("hotfolder.daemon.folders.FILE_TIMEOUT_SECONDS", hasty)
    monkeypatch.setattr(service, "OUTPUTS_SECONDS", 1.0)
    studio = make_studio(done=str(share.here))
    former = share.server
    try:
        async with studio.working() as daemon:
            studio.drop(ELM, "kitchen", bracket())
            await done(studio, "kitchen")
            share.hangs()
            studio.drop(ELM, "hall", bracket())
            await studio.comes_to_say(
                lambda status: "doesn't answer" in status["folders"]["done"]["degraded"]
            )
            await asyncio.to_thread(subprocess.check_call, ["umount", "-l", share.here])
            assert await asyncio.to_thread(share.begin)
            await studio.comes_to_say(
                lambda status: "restart hotfolder" in status["folders"]["done"]["degraded"]
            )
            await until(lambda: any("folders" in one for one in daemon.telemetry.heartbeats.late_parts()))
        async with studio.working():
            await done(studio, "kitchen", "hall")
    finally:
        former.kill()
        await asyncio.to_thread(former.communicate)
    assert shop.bought() == 2


async def test_a_share_that_hangs_for_long_costs_a_few_threads_and_not_the_turns_of_others(
    shared_studio: MakeStudio, shop: Shop, share: Share, hasty: float
) -> None:
    """It is tried again and again, and each call that isn't answered keeps a thread."""
    rooms = [f"room {number}" for number in range(6)]
    size_bytes = sum(len(content) for content in bracket().values())
    studio = shared_studio(limits={"upload_rate": f"{size_bytes}B/s"})
    async with studio.working():
        for room in rooms:
            share.drop(room)
        await studio.comes_to_say(lambda status: any(room_is(status, room, "uploading") for room in rooms))
        share.hangs()
        try:
            files_into(studio.root / "local" / ELM / "hall", bracket())
            await degraded(studio)
            await done(studio, "hall")
            await asyncio.sleep(2 * hasty)
            before = threading.active_count()
            await asyncio.sleep(8 * hasty)
            assert threading.active_count() <= before + 3, "looks at the inbox alone, ever more seldom"
        finally:
            share.answers()
        await done(studio, *rooms)
    assert shop.bought() == len(rooms) + 1
