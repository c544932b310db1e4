"""A revoked key, and an account without credit: everything waits, is reported once, and resumes by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hotfolder.crashpoints import CrashPoint
from tests.scenarios.bench import Bench
from tests.support.studio import ELM, MakeStudio, Shop, Studio

pytestmark = pytest.mark.long

RIGHT, WRONG = "right-key-5f1c", "wrong-key-77aa"
ROOMS = ("hall__sky-blue", "bath__sky-blue", "loft__sky-blue")


@pytest.fixture
def strict_shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop(tmp_path / "strict-shop", required_key=RIGHT) as shop:
        shop.mark()
        yield shop


async def test_a_key_withdrawn_in_mid_run_pauses_all_tells_once_and_the_new_one_is_taken_up(
    tmp_path: Path, strict_shop: Shop
) -> None:
    bench = Bench(Studio(tmp_path / "studio"), strict_shop)
    key_file = tmp_path / "key"
    key_file.write_text(RIGHT)
    for room in ROOMS:
        bench.drop(room)
    withdrawn: list[CrashPoint] = []

    def crash_point(point: CrashPoint) -> None:
        if point is CrashPoint.GROUP_COMPLETE and not withdrawn:
            key_file.write_text(WRONG)
            withdrawn.append(point)

    access = replace(strict_shop.access(), key=key_file.read_text)
    async with bench.working(access, crash_point=crash_point):
        status = await bench.studio.comes_to_say(
            lambda status: withdrawn and "401" in status.get("api", {}).get("reason", "")
        )
        assert "key" in status["api"]["hint"].lower()
        await asyncio.sleep(1)
        paid = strict_shop.bought()
        assert paid == len(strict_shop.charged()) <= len(ROOMS)
        # There is one line for each kind of request, not for each try; how many requests were under way
        # depends on the machine.
        assert len([line for line in bench.events("api_paused") if "401" in line["reason"]]) <= 10
        key_file.write_text(RIGHT)
        await bench.studio.comes_to("done", "done", "done")
    bench.check("done", "done", "done", paid=6)
    told = bench.text() + "".join(path.read_text() for path in bench.studio.root.rglob("*.txt"))
    assert RIGHT not in told and WRONG not in told


async def test_an_account_without_credit_pauses_all_and_keeps_every_photo_where_it_was(bench: Bench) -> None:
    bench.shop.goes_wrong({"endpoint": "enhance", "fault": 402})
    dropped = {room: bench.drop(room) for room in ROOMS}
    async with bench.working():
        status = await bench.studio.comes_to_say(lambda status: status.get("api", {}).get("paused"))
        assert "402" in status["api"]["reason"] and "credit" in status["api"]["hint"]
        assert {room: bench.in_inbox(room) for room in ROOMS} == dropped
        bench.shop.goes_wrong()
        await bench.studio.comes_to("done", "done", "done")
    bench.check("done", "done", "done", paid=6)
    assert bench.shop.bought() == 6


async def test_a_key_that_is_forbidden_everything_fails_no_set(bench: Bench) -> None:
    """403 is what one request may not, or what a revoked key may not; a free request tells which."""
    bench.shop.goes_wrong({"endpoint": "*", "fault": 403})
    dropped = {room: bench.drop(room) for room in ROOMS}
    async with bench.working():
        status = await bench.studio.comes_to_say(lambda status: status.get("api", {}).get("paused"))
        assert "key" in status["api"]["reason"] and "403" in status["api"]["reason"]
        await asyncio.sleep(1)
        assert {room: bench.in_inbox(room) for room in ROOMS} == dropped
        bench.shop.goes_wrong()
        await bench.studio.comes_to("done", "done", "done")
    bench.check("done", "done", "done", paid=6)


async def test_one_trouble_is_one_line_in_the_log(bench: Bench) -> None:
    bench.shop.goes_wrong({"endpoint": "*", "fault": 401})
    for room in ROOMS:
        bench.drop(room)
    async with bench.working():
        await bench.studio.comes_to_say(lambda status: status.get("api", {}).get("paused"))
        await asyncio.sleep(1.5)
    assert len(bench.events("api_paused")) == 1
    assert bench.in_inbox(ROOMS[0]) and not (bench.studio.failed / ELM).exists()


def test_a_key_with_a_line_break_is_a_configuration_error_that_does_not_show_it(
    make_studio: MakeStudio,
) -> None:
    studio = make_studio(api={"base_url": "http://127.0.0.1:9", "key_file": "key"})
    (studio.root / "key").write_text("half-of-a-key\nand-the-other-half")
    run = studio.call("run", "--until-idle")
    assert run.returncode == 2 and "key" in run.stderr
    assert "half" not in run.stderr + run.stdout
    assert not (studio.root / "state").exists()
