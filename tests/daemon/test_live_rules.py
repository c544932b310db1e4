"""Rules that are edited while the daemon runs."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import yaml

from hotfolder.cli.comparing import compare
from hotfolder.config.load import load
from hotfolder.daemon.liverules import Rules
from hotfolder.daemon.reporter import RULES
from hotfolder.daemon.service import Daemon
from hotfolder.jobs.checkpoints import Checkpoint
from tests.support.pictures import bracket
from tests.support.receiver import Receiver, until
from tests.support.studio import SKY, Shop, Studio, files_below

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


async def test_a_set_that_was_begun_keeps_its_recipe(studio: Studio, shop: Shop) -> None:
    """Its merge may be paid for: it ends as it began, and the next one goes by the new rules."""
    running: list[Daemon] = []

    def passing(checkpoint: Checkpoint) -> None:
        if checkpoint == Checkpoint.GROUP_COMPLETE and not running[0].live.settings.routes:
            edit(studio, routes=BLUE)
            ask(running[0])

    async with studio.working(shop.access(), live=True, passing=passing) as daemon:
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


async def test_rules_that_change_while_those_before_them_are_posted_are_posted_as_well(
    studio: Studio, shop: Shop
) -> None:
    async with studio.working(shop.access()) as daemon:
        edit(studio, routes=BLUE)
        newest = Rules.of(load(studio.config, {}))
        edit(studio, routes=[{"name": "no sky"}])
        post = daemon.store.post

        def overtaken(name: str, content: object, at: datetime) -> None:
            if name == RULES and "no sky" in str(content):
                daemon.live.rules = newest
            post(name, content, at)

        daemon.store.post = overtaken  # type: ignore[method-assign]
        daemon.live.rules = Rules.of(load(studio.config, {}))
        await until(lambda: "all blue" in str(daemon.store.bulletin(RULES)))


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


async def test_a_file_is_held_against_the_waiting_sets_and_touches_nothing(
    studio: Studio, shop: Shop
) -> None:
    """Queued or still in the inbox: only what would really be treated otherwise is named."""
    edit(studio, tags={"curb": ["sky-blue"]}, settle={"quiet_seconds": 60})
    async with studio.working(shop.access(), live=True) as daemon:
        daemon.engine.most_jobs = 0
        studio.drop(ELM, "kitchen", {**bracket(), ".ready": b""})
        studio.drop(ELM, "bath__lawn-light", bracket())
        studio.drop(ELM, "front__curb", bracket())
        await asyncio.to_thread(studio.wait_for_states, "queued", "settling", "settling")
    edit(
        studio,
        tags={},
        routes=[{"name": "kitchens", "match": {"room": "kitchen"}, "operations": ["sky-blue"]}],
    )
    before = files_below(studio.root)
    found = compare(load(studio.config, {}))
    assert files_below(studio.root) == before
    assert found.waiting == 3
    kitchen, front = sorted(found.different, key=lambda one: one.folder, reverse=True)
    blue = "merge, then sky (skyType blue, skySubType middle, resolution high)"
    assert (kitchen.folder, kitchen.now, kitchen.then) == (
        "kitchen",
        "defaults: merge",
        f'route "kitchens": {blue}',
    )
    assert kitchen.job and not front.job
    assert front.now == f"defaults: {blue}; starts after 60 quiet seconds"
    assert front.then.startswith('refused: Unknown tag "curb"')
