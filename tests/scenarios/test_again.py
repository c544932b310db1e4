"""`__again` and `retry --pay-again`: obeyed once, and only counted once they have bought something."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hotfolder.control import actions
from hotfolder.crashpoints import CrashPoint
from tests.scenarios.bench import HURRIED, Bench, MakeBench
from tests.support.crashing import at
from tests.support.studio import ELM, MERGE, SKY

pytestmark = pytest.mark.long

AGAIN = "kitchen__again"


def each(change: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda folder: [change(photo) for photo in folder.iterdir()]


def replace(photo: Path) -> None:
    fresh = photo.with_name(f".{photo.name}")
    fresh.write_bytes(photo.read_bytes())
    fresh.replace(photo)


def elsewhere(folder: Path) -> Path:
    return folder.with_name(folder.name.replace("__again", " 2__again"))


def rename(folder: Path) -> None:
    folder.rename(elsewhere(folder))


def out_and_in(folder: Path) -> None:
    outside = folder.parents[2] / "outside"
    shutil.copytree(folder, outside)
    shutil.rmtree(folder)
    shutil.copytree(outside, folder)
    shutil.rmtree(outside)


CHANGES: dict[str, Callable[[Path], object]] = {
    "touch": each(Path.touch),
    "touch one": lambda folder: os.utime(min(folder.iterdir()), (1, 1)),
    "rewrite": each(lambda photo: photo.write_bytes(photo.read_bytes())),
    "replace": each(replace),
    "copy beside": lambda folder: shutil.copytree(folder, elsewhere(folder)),
    "rename": rename,
    "out and in": out_and_in,
}


async def test_an_again_buys_once_whatever_becomes_of_its_photos_during_the_merge(
    make_bench: MakeBench,
) -> None:
    """Each change has a room; all changes happen after every second merge was requested and before one is
    done."""
    api = {**HURRIED["api"], "merge_timeout_seconds": 36_000.0}
    bench = make_bench(limits={"merges": len(CHANGES)}, api=api)
    rooms = {f"{name} room": change for name, change in CHANGES.items()}
    photos = {room: bench.drop(room) for room in rooms}
    await bench.until_idle()
    bench.shop.goes_wrong({"endpoint": "group-get", "fault": "never"})
    all_asked = asyncio.Event()
    for room in rooms:
        bench.drop(f"{room}__again", photos[room])

    def all_are_done(status: dict[str, Any]) -> bool:
        return {job["state"] for job in status["jobs"]} == {"done"}

    async with bench.working(crash_point=at(CrashPoint.ANSWER_RECORDED, all_asked.set, len(rooms))):
        await all_asked.wait()
        for room, change in rooms.items():
            change(bench.path(ELM, f"{room}__again"))
        bench.shop.goes_wrong()
        await bench.studio.comes_to_say(all_are_done)
        await asyncio.sleep(0.5)  # twenty seconds of the daemon's time
        await bench.studio.comes_to_say(all_are_done)
    assert bench.shop.bought() == 2 * len(rooms)


async def test_a_set_that_was_renamed_just_before_it_was_done_is_not_bought_once_more(bench: Bench) -> None:
    photos = await bench.drop_and_run("kitchen")
    bench.drop(AGAIN, photos)
    renamed = at(CrashPoint.PICTURES_RECORDED, lambda: rename(bench.path(ELM, AGAIN)))
    async with bench.working(crash_point=renamed):
        await bench.studio.comes_to("done", "done", "done")
    assert bench.shop.bought() == 2


@pytest.mark.both_stores
async def test_each_again_that_is_dropped_once_the_last_is_done_buys(bench: Bench) -> None:
    photos = bench.drop("kitchen")
    for _ in range(2):
        await bench.until_idle()
        bench.drop(AGAIN, photos)
    await bench.until_idle()
    bench.check("done", "done", "done", paid=3)


@pytest.mark.parametrize("cancelled", [True, False], ids=["cancelled", "taken back"])
async def test_an_again_that_ended_before_it_paid_does_not_let_a_plain_drop_pay(
    bench: Bench, *, cancelled: bool
) -> None:
    photos = await bench.drop_and_run("kitchen")
    bench.studio.by_hand(actions.pause, reason="we think")
    await bench.drop_and_run(AGAIN, photos)
    if cancelled:
        [again] = [job for job in bench.studio.status()["jobs"] if job["state"] != "done"]
        bench.studio.by_hand(actions.cancel, again["job"], by="me")
    else:
        shutil.rmtree(bench.path(ELM, AGAIN))
    bench.studio.by_hand(actions.resume)
    await bench.until_idle()
    if cancelled:
        page = " ".join(bench.studio.reason_page(AGAIN).split())
        assert "what was paid for before this attempt is paid for once more" in page
        assert "is not paid a second time" not in page
        shutil.rmtree(bench.studio.failed / ELM / AGAIN)
    await bench.drop_and_run("kitchen", photos)
    assert bench.shop.bought() == 1
    assert [state for state in bench.studio.states() if state != "failed"] == ["done", "done"]
    await bench.drop_and_run(AGAIN, photos)
    assert bench.shop.bought() == 2


@pytest.mark.both_stores
async def test_a_pay_again_that_was_cancelled_before_it_paid_does_not_let_a_plain_drop_pay(
    bench: Bench,
) -> None:
    photos = bench.drop("kitchen__lawn-medium")  # that has no lawn
    await bench.until_idle()
    bench.studio.by_hand(actions.pause, reason="we think")
    [failed] = bench.studio.status()["jobs"]
    bench.studio.by_hand(actions.retry, failed["job"], pay_again=True)
    await bench.until_idle()
    [again] = [job for job in bench.studio.status()["jobs"] if job["state"] == "merging"]
    bench.studio.by_hand(actions.cancel, again["job"], by="me")
    bench.studio.by_hand(actions.resume)
    await bench.until_idle()
    await bench.drop_and_run("kitchen", photos)
    assert bench.shop.bought() == 1


async def test_a_pay_again_goes_with_the_folder_that_it_was_said_of(bench: Bench) -> None:
    """If the folder is removed before it becomes a job, the order applies to no later copy of the photos, and
    this is reported."""
    photos = bench.drop("kitchen__lawn-medium")  # that has no lawn
    await bench.until_idle()
    [failed] = bench.studio.status()["jobs"]
    bench.studio.by_hand(actions.retry, failed["job"], pay_again=True)
    shutil.rmtree(bench.path(ELM, "kitchen__lawn-medium"))
    await bench.drop_and_run("kitchen", photos)
    assert bench.shop.bought() == 1
    [made] = [job for job in bench.studio.status()["jobs"] if job["state"] == "done"]
    assert "of other files than those that came now: what was bought is used again" in logged(
        bench, made["job"]
    )
    await bench.drop_and_run("kitchen", photos)
    assert bench.shop.bought() == 1


async def test_two_looks_of_the_same_photos_are_paid_again_where_it_is_said_of_both(bench: Bench) -> None:
    photos = bench.drop("front__sky-blue")
    await bench.drop_and_run("front__sky-twilight", photos)
    assert (bench.shop.bought(MERGE), bench.shop.bought(SKY)) == (1, 2)
    for job in bench.studio.status()["jobs"]:
        bench.studio.by_hand(actions.retry, job["job"], pay_again=True)
    await bench.until_idle()
    assert bench.shop.bought(MERGE) in (2, 3) and bench.shop.bought(SKY) == 4


def logged(bench: Bench, job: str) -> str:
    return " ".join(bench.studio.say("logs", job).stdout.split())
