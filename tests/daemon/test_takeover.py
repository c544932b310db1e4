"""Takeover of a job on another machine, where its files have other inodes and change times."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from hotfolder.config.load import load
from hotfolder.crashpoints import CrashPoint
from hotfolder.daemon.service import Daemon
from hotfolder.jobs.model import Job
from hotfolder.jobs.states import ACTIVE, State
from hotfolder.jobs.takeover import identities_here
from hotfolder.rules.sets import FileIdentity
from hotfolder.rules.shoots import HeldSet
from tests.support import crashing
from tests.support.clocks import JumpingClock
from tests.support.pictures import bracket
from tests.support.studio import ELM, MERGE, SKY, Shop, Studio

pytestmark = pytest.mark.long

ROOM = "living-room__sky-twilight"
SIDECAR = "notes.txt"


def begin(studio: Studio, shop: Shop, kill_at: CrashPoint) -> tuple[dict[str, bytes], Job]:
    """Let a daemon work on a set until it is killed at that crash point; the dropped files, and the job."""
    dropped = {**bracket(), SIDECAR: b"The blue one, please."}
    studio.drop(ELM, ROOM, dropped)
    assert crashing.live(studio, shop, kill_at=kill_at, nth=1) < 0
    with studio.store() as store:
        [begun] = store.in_states(ACTIVE)
    return dropped, begun


def as_another_client_sees_it(folder: Path, *, digits_ns: int = 100) -> None:
    """Give each file another inode and change time, and a modification time with fewer digits."""
    for path in [one for one in folder.rglob("*") if one.is_file() and not one.name.startswith(".hotfolder")]:
        before, copy = path.stat(), path.with_name(".copy")
        shutil.copyfile(path, copy)
        os.utime(copy, ns=(before.st_atime_ns, before.st_mtime_ns // digits_ns * digits_ns))
        copy.replace(path)
        assert path.stat().st_ino != before.st_ino


async def take_over(studio: Studio, shop: Shop) -> None:
    """Act as the other machine: confirm the files, and work until nothing can go on by itself."""
    daemon = Daemon(load(studio.config, {}), shop.access(), clock=JumpingClock(4))
    try:
        for job in daemon.store.active():
            await identities_here(daemon.context, job)
        await daemon.run(stop=asyncio.Event(), until_idle=True)
    finally:
        await daemon.close()


def states(studio: Studio) -> dict[str, State]:
    """The states of all jobs ever, by id."""
    with studio.store() as store:
        return {job.id: State(job.state) for job in store.in_states(State)}


@pytest.mark.parametrize(
    "kill_at",
    [
        CrashPoint.JOB_CREATED,
        CrashPoint.GROUP_COMPLETE,
        CrashPoint.ANSWER_RECORDED,
        CrashPoint.FOLDER_RESERVED,
    ],
    ids=str,
)
async def test_a_job_is_finished_as_the_same_job_though_inodes_and_times_of_change_are_others(
    studio: Studio, shop: Shop, kill_at: CrashPoint
) -> None:
    dropped, begun = begin(studio, shop, kill_at)
    as_another_client_sees_it(studio.inbox)
    await take_over(studio, shop)
    assert states(studio) == {begun.id: State.DONE}
    assert studio.filed(ROOM) == dropped
    assert list((studio.inbox / ELM / ROOM).iterdir()) == []
    assert (shop.bought(MERGE), shop.bought(SKY)) == (1, 1)


async def test_a_photo_that_holds_something_else_of_the_same_size_and_time_is_not_paid_for(
    studio: Studio, shop: Shop
) -> None:
    """On another machine, inode and times prove nothing about the content."""
    dropped, begun = begin(studio, shop, CrashPoint.GROUP_COMPLETE)
    as_another_client_sees_it(studio.inbox, digits_ns=1)
    name = next(name for name in dropped if name != SIDECAR)
    path = studio.inbox / ELM / ROOM / name
    before, other = path.stat(), bytearray(dropped[name])
    other[-3] ^= 1
    path.write_bytes(other)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    await take_over(studio, shop)
    assert states(studio)[begun.id] is State.WITHDRAWN
    assert not [one for one in shop.charged() if one.ids.get("group") == begun.group_id]


def test_what_was_kept_out_or_held_is_known_again_by_another_machine_unless_it_was_changed() -> None:
    """A set held for a person would otherwise be paid for once another machine works with its inbox."""
    was = (10, 1_234_567_890, 5, 7)
    there = {
        "same.jpg": FileIdentity(10, 1_234_567_800, 8, 9),
        "longer.jpg": FileIdentity(11, 1_234_567_890, 5, 7),
        "later.jpg": FileIdentity(10, 1_234_568_890, 5, 7),
    }
    names = (*there, "gone.jpg")
    seen = [name for name in names if HeldSet("hall", {name: FileIdentity(*was)}, ()).is_complete_in(there)]
    assert seen == ["same.jpg"]


async def test_a_sidecar_that_was_written_meanwhile_stays_in_the_inbox(studio: Studio, shop: Shop) -> None:
    begin(studio, shop, CrashPoint.ANSWER_RECORDED)
    as_another_client_sees_it(studio.inbox)
    sidecar = studio.inbox / ELM / ROOM / SIDECAR
    sidecar.write_bytes(b"The red one, instead.")
    await take_over(studio, shop)
    assert studio.states() == ["done"]
    assert sidecar.read_bytes() == b"The red one, instead."
    assert not (studio.done / ELM / "originals" / ROOM / SIDECAR).exists()
