"""Another API is another shop: a job under way when the settings change from one to the other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import NoReturn

from hotfolder.daemon.service import ApiAccess
from hotfolder.jobs.context import CrashPoint
from tests.support.clocks import FastClock
from tests.support.crashing import at
from tests.support.pictures import bracket
from tests.support.studio import MERGE, SKY, Shop, Studio

ELM = "12 Elm Road"
ROOM = "living-room__sky-twilight"


async def stop_at(studio: Studio, access: ApiAccess, point: CrashPoint) -> None:
    """Run until the checkpoint, and leave the job there."""
    reached = asyncio.Event()

    def fail() -> NoReturn:
        reached.set()
        raise ZeroDivisionError

    async with studio.working(access, crash_point=at(point, fail)):
        async with asyncio.timeout(120):
            await reached.wait()


async def test_what_was_only_tried_in_the_sandbox_begins_anew_at_the_real_api(
    studio: Studio, shop: Shop
) -> None:
    studio.drop(ELM, ROOM, bracket())
    await stop_at(studio, replace(shop.access(), origin="sandbox"), CrashPoint.IMAGE_UPLOADED)
    assert (studio.states(), shop.bought(MERGE)) == (["editing"], 1)
    outcome = await studio.until_idle(shop.access())
    assert (outcome.finished, shop.bought(MERGE), shop.bought(SKY)) == (1, 2, 1)


async def test_what_was_paid_for_waits_for_its_api_and_goes_on_there_without_paying_again(
    studio: Studio, shop: Shop
) -> None:
    studio.drop(ELM, ROOM, bracket())
    await stop_at(studio, shop.access(), CrashPoint.IMAGE_UPLOADED)
    elsewhere = await studio.until_idle(replace(shop.access(), origin="sandbox"), clock=FastClock())
    assert (elsewhere.finished, elsewhere.world_bad, shop.bought(MERGE)) == (0, True, 1)
    assert shop.url in studio.status()["jobs"][0]["reason"]
    assert (await studio.until_idle(shop.access())).finished == 1
    assert (shop.bought(MERGE), shop.bought(SKY)) == (1, 1)


async def test_what_has_bought_nothing_yet_moves_to_the_other_api(studio: Studio, shop: Shop) -> None:
    studio.drop(ELM, ROOM, bracket())
    await stop_at(studio, replace(shop.access(), origin="https://old.example"), CrashPoint.GROUP_COMPLETE)
    assert (await studio.until_idle(shop.access())).finished == 1
    assert shop.bought(MERGE) == 1
