"""An export at Lightroom's pace through the whole daemon: one job a room, one merge a job."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta

from tests.support.clocks import HeldClock
from tests.support.lightroom import Export
from tests.support.pictures import jpeg
from tests.support.studio import MERGE, Shop, Studio

ELM = "12 Elm Road"
QUIET, STEP = 30.0, 1.0
ROOMS, FRAMES = 6, 5


async def test_every_room_of_an_export_is_one_job(make_studio: Callable[..., Studio], shop: Shop) -> None:
    studio = make_studio(settle={"quiet_seconds": QUIET, "scan_seconds": 5})
    rooms = [
        (studio.inbox / ELM / f"room {room}", [(f"IMG_{frame}.jpg", jpeg) for frame in range(FRAMES)])
        for room in range(ROOMS)
    ]
    export, clock = Export(rooms, seed=7), HeldClock()
    began = clock.now()
    async with studio.working(shop.access(), clock=clock), asyncio.timeout(120):
        while studio.states().count("done") < ROOMS:
            for _ in range(10):
                export.pass_seconds(STEP)
                clock.pass_seconds(STEP)
                await asyncio.sleep(0.01)
    assert (studio.states(), shop.bought(MERGE)) == (["done"] * ROOMS, ROOMS)
    store = studio.store()
    jobs = store.in_states(["done"])
    store.database.dispose()
    for job in jobs:
        complete = began + timedelta(seconds=export.done_at[studio.inbox / ELM / job.folder])
        assert datetime.fromisoformat(job.created_at) >= complete + timedelta(seconds=QUIET), job.folder
        receipt = json.loads((studio.done / job.receipt).read_text())
        assert len(receipt["photos"]) == FRAMES
