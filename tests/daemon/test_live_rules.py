"""Rules that are edited while the daemon runs."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from hotfolder.config.load import load
from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.settings import Settings
from hotfolder.daemon.reload import taken_up
from hotfolder.daemon.service import Daemon
from hotfolder.jobs.context import CrashPoint
from tests.support.pictures import bracket
from tests.support.receiver import Receiver, until
from tests.support.studio import SKY, Shop, Studio

ELM = "12 Elm Road"
BLUE = [{"name": "all blue", "operations": ["sky-blue"]}]


def edit(studio: Studio, **settings: Any) -> None:
    """Change the file as a careful editor does: another one in its place."""
    content = {**yaml.safe_load(studio.config.read_text()), **settings}
    beside = studio.config.with_suffix(".new")
    beside.write_text(yaml.safe_dump(content))
    beside.replace(studio.config)


def ask(daemon: Daemon) -> None:
    assert daemon.reloading is not None
    daemon.reloading.ask()


async def test_a_set_that_waits_for_its_turn_gets_the_new_rules(studio: Studio, shop: Shop) -> None:
    """Nothing of it had begun, so it is made as the manager wants it now."""
    async with studio.working(shop.access(), live=True) as daemon:
        daemon.engine.most_jobs = 0  # until the settings are read again
        studio.drop(ELM, "kitchen", bracket())
        await studio.comes_to("queued")
        edit(studio, routes=BLUE)
        ask(daemon)
        await studio.comes_to("done")
    assert (studio.done / ELM / "kitchen__sky-blue.png").is_file()
    assert shop.bought(SKY) == 1


async def test_a_set_that_waits_for_the_hour_gets_the_rules_of_the_hour(studio: Studio, shop: Shop) -> None:
    """However long it has waited, also over a new start: its recipe is fixed when its first photo goes up."""
    hour = datetime.now().astimezone().hour
    edit(studio, schedule={"active": f"{(hour + 11) % 24:02}:00-{(hour + 12) % 24:02}:00"})
    async with studio.working(shop.access(), live=True):
        studio.drop(ELM, "kitchen", bracket())
        studio.drop(ELM, "bath", bracket())
        await asyncio.to_thread(
            studio.wait_until, lambda status: [job["reason"][:5] for job in status["jobs"]] == ["waits"] * 2
        )
    edit(studio, schedule={}, routes=BLUE)
    async with studio.working(shop.access(), live=True):
        await studio.comes_to("done", "done")
    assert (studio.done / ELM / "kitchen__sky-blue.png").is_file()
    assert shop.bought(SKY) == 2


async def test_a_set_that_the_new_rules_refuse_goes_to_failed_with_their_reason(
    studio: Studio, shop: Shop
) -> None:
    edit(studio, tags={"curb": ["sky-blue"]})
    async with studio.working(shop.access(), live=True) as daemon:
        daemon.engine.most_jobs = 0
        studio.drop(ELM, "front__curb", bracket())
        await studio.comes_to("queued")
        edit(studio, tags={})
        ask(daemon)
        await studio.comes_to("failed")
    assert 'Unknown tag "curb"' in (studio.failed / ELM / "front__curb" / "REASON.txt").read_text()
    assert shop.bought() == 0


async def test_a_set_that_was_begun_keeps_its_recipe(studio: Studio, shop: Shop) -> None:
    """Its merge may be paid for: it ends as it began, and the next one goes by the new rules."""
    running: list[Daemon] = []

    def crash_point(checkpoint: CrashPoint) -> None:
        if checkpoint == CrashPoint.GROUP_COMPLETE and not running[0].live.settings.routes:
            edit(studio, routes=BLUE)
            ask(running[0])

    async with studio.working(shop.access(), live=True, crash_point=crash_point) as daemon:
        running.append(daemon)
        studio.drop(ELM, "kitchen", bracket())
        await studio.comes_to("done")
        assert daemon.live.settings.routes
        studio.drop(ELM, "bath", bracket())
        await studio.comes_to("done", "done")
    assert {path.name for path in (studio.done / ELM).iterdir() if path.is_file()} == {
        "kitchen.jpg",
        "bath.jpg",
        "bath__sky-blue.png",
    }


async def test_wrong_settings_change_nothing_and_are_told_until_they_are_mended(
    studio: Studio, shop: Shop
) -> None:
    """Found by looking, with line and column, in status, in STATUS.txt and to people; then all-clear."""
    receiver = Receiver()
    edit(studio, notify={"urls": [receiver.address], "gather_seconds": 1})
    good = studio.config.read_text()
    async with studio.working(shop.access(), live=True) as daemon:
        before = daemon.live.rules
        studio.config.write_text(good + "routes:\n  - nme: all blue\n")
        told = await asyncio.to_thread(studio.wait_until, lambda status: status["settings"]["error"])
        error = told["settings"]["error"]
        assert f"{studio.config}:" in error and "nme" in error
        assert daemon.live.rules is before
        await until(lambda: "stay in force" in (studio.inbox / "STATUS.txt").read_text())
        await until(lambda: any("nme" in body for body in receiver.bodies()))
        studio.config.write_text(good)
        await asyncio.to_thread(studio.wait_until, lambda status: not status["settings"]["error"])
        assert daemon.live.rules is before
    receiver.shutdown()


async def test_what_needs_a_restart_is_named_and_the_rest_is_taken(studio: Studio, shop: Shop) -> None:
    async with studio.working(shop.access(), live=True) as daemon:
        edit(studio, routes=BLUE, web={"port": 9}, limits={"merges": 1, "uploads": 2})
        ask(daemon)
        found = await asyncio.to_thread(
            studio.wait_until, lambda status: status["settings"]["only_at_next_start"]
        )
        assert found["settings"]["only_at_next_start"] == ["web.port"]
        assert [route.name for route in daemon.live.rulebook("inbox").routes] == ["all blue"]


async def test_people_can_be_named_while_it_runs(studio: Studio, shop: Shop) -> None:
    """Whoever is entered at notify hears of what happens from then on."""
    receiver = Receiver()
    async with studio.working(shop.access(), live=True) as daemon:
        edit(studio, notify={"urls": [receiver.address], "gather_seconds": 1})
        ask(daemon)
        await until(lambda: bool(daemon.live.settings.notify.urls))
        studio.drop(ELM, "kitchen__sky-twilihgt", bracket())
        await until(lambda: any("twilihgt" in body for body in receiver.bodies()), 12)
    receiver.shutdown()


BEFORE = """
root: .
settle: {quiet_seconds: 15}
tags: {curb: [sky-blue]}
routes: [{name: front, match: {room: front}, operations: [sky-blue]}]
"""
AFTER = """
root: .
settle: {quiet_seconds: 5, scan_seconds: 3}
limits: {paid_calls_per_day: 20, uploads: 2}
web: {port: 9000}
tags: {curb: [sky-blue, lawn-light]}
routes: [{name: back, match: {room: back}}]
"""


def settings_of(folder: Path, text: str) -> Settings:
    path = folder / "config.yaml"
    path.write_text(text)
    return load(path, {})


def test_what_needs_a_restart_stays_and_all_else_is_taken(tmp_path: Path) -> None:
    """After it nothing is left to take, and the same settings still wait for the restart."""
    running, fresh = settings_of(tmp_path, BEFORE), settings_of(tmp_path, AFTER)
    now, restart = taken_up(running, fresh)
    assert restart == ("settle.scan_seconds", "web.port")
    assert (now.web.port, now.settle.scan_seconds, now.settle.quiet_seconds) == (None, 10, 5)
    assert now.limits == fresh.limits
    assert rulebook_for(now) == rulebook_for(fresh)
    assert taken_up(now, fresh) == (now, restart)
    assert taken_up(running, running)[1] == ()


@pytest.mark.parametrize(
    ("edited", "restart"),
    [
        ("root: ..", "root"),
        ("root: .\nstate: elsewhere", "state"),
        ("root: .\napi: {base_url: 'https://example.org', merge_timeout_seconds: 60}", "api.base_url"),
        ("root: .\ninbox: letterbox", "inbox"),
        ("root: .\ninboxes: [{path: inbox}, {path: second}]", "inboxes"),
    ],
)
def test_places_and_the_shop_change_only_with_a_restart(tmp_path: Path, edited: str, restart: str) -> None:
    running = settings_of(tmp_path, "root: .")
    now, named = taken_up(running, settings_of(tmp_path, edited))
    assert named == (restart,)
    assert (now.root, now.state, now.api.base_url) == (running.root, "state", running.api.base_url)
    assert [one.path for one in now.all_inboxes()] == ["inbox"]


def test_an_inbox_follows_its_own_rules_by_name(tmp_path: Path) -> None:
    """The rules of an inbox that is not watched yet wait; those of one that is are taken."""
    text = "root: .\ninboxes:\n  - {path: a, routes: [{name: ROUTE, operations: [sky-blue]}]}\n"
    running = settings_of(tmp_path, text.replace("ROUTE", "one"))
    fresh = settings_of(tmp_path, text.replace("ROUTE", "two") + "  - {path: b, routes: [{name: three}]}\n")
    now, _ = taken_up(running, fresh)
    assert [one.title for one in now.all_inboxes()] == ["a"]
    assert rulebook_for(now, "a") == rulebook_for(fresh, "a")
