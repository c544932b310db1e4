"""Actions of several machines at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from hotfolder.clock import SystemClock
from hotfolder.daemon.ownership import Ownership
from hotfolder.jobs.breaker import CircuitBreakers
from hotfolder.jobs.leases import Leases
from hotfolder.jobs.model import InboxLease
from hotfolder.jobs.states import State
from hotfolder.jobs.store import Store
from hotfolder.telemetry.overview import NOBODY
from tests.support.cluster import Cluster
from tests.support.pictures import bracket
from tests.support.postgres import Postgres
from tests.support.proxy import between
from tests.support.studio import MERGE, SKY, Shop, Studio, until


def test_the_same_photos_in_the_inboxes_of_two_machines_are_bought_once(
    cluster: Callable[..., Cluster],
) -> None:
    shared = cluster(inboxes="ab", store={"lease_seconds": 5.0})
    one, two = shared.member("one"), shared.member("two")
    one.start()
    two.start()
    shared.wait_until(lambda _: sorted(map(str, shared.owners().values())) == ["one", "two"])
    slow = {"fault": "hang", "processed": True}
    shared.shop.goes_wrong(
        {"endpoint": "enhance", "seconds": 2, **slow}, {"endpoint": "sky", "seconds": 5, **slow}
    )
    photos = bracket()
    for inbox in "ab":
        shared.drop(inbox, "12 Elm", f"room-{inbox}__sky-twilight", photos)
    waits = "another machine has asked for the sky replacement; its answer is waited for"
    shared.wait_until(lambda store: sorted(job.reason for job in store.active()) == ["", waits])
    shared.wait_until(lambda store: store.count_by_state() == {State.DONE: 2})
    assert (shared.shop.bought(MERGE), shared.shop.bought(SKY)) == (1, 1)
    assert not any('"exception"' in member.text() for member in (one, two))


async def test_a_call_that_is_on_its_way_while_its_inbox_is_dropped_and_taken_again_is_waited_for(
    postgres: Postgres, shop: Shop, tmp_path: Path
) -> None:
    with postgres.store() as engine:
        url = engine.url.render_as_string(hide_password=False)
        studio = Studio(tmp_path / "studio", shop=shop, store={"url": url, "lease_seconds": 3})
        shop.goes_wrong({"endpoint": "sky", "fault": "hang", "seconds": 4, "processed": True})
        async with studio.working(clock=SystemClock()) as daemon:
            studio.drop("12 Elm", "hall__sky-twilight", bracket())
            await until(lambda: any(call.operation == "sky" for call in daemon.context.paying.values()))
            daemon.context.lease_lost("inbox")
            await studio.comes_to("done")
        assert (shop.bought(MERGE), shop.bought(SKY)) == (1, 1)


async def test_a_job_that_another_machine_has_ended_does_not_end_here_too(
    postgres: Postgres, shop: Shop, tmp_path: Path
) -> None:
    """It waits here, and is tried again before this machine has seen that it lost the inbox."""
    with postgres.store() as engine:
        store = Store(engine)
        store.pause("lunch")
        url = engine.url.render_as_string(hide_password=False)
        studio = Studio(tmp_path / "studio", shop=shop, store={"url": url, "lease_seconds": 600})
        async with studio.working(clock=SystemClock()) as daemon:
            studio.drop("12 Elm", "hall", bracket())
            await until(lambda: any(job.reason for job in store.active()))
            [job] = store.active()
            with store.session.begin() as session:
                lease = session.get_one(InboxLease, "inbox")
                lease.machine, lease.epoch = "another", lease.epoch + 1
            for state in (State.REFUSING, State.FAILED):
                store.advance(job.id, state, daemon.clock.now())
            daemon.worker.retry_postponed()
            await until(lambda: not daemon.worker.busy())
        assert daemon.outcome.needing_person == 0


async def test_a_database_that_goes_before_the_first_report_of_a_taken_inbox_is_on_its_page(
    postgres: Postgres, shop: Shop, tmp_path: Path
) -> None:
    with postgres.empty() as server, between(postgres.folder) as proxy:
        url = proxy.server(str(make_url(server.url).database)).url
        studio = Studio(tmp_path / "studio", shop=shop, store={"url": url, "lease_seconds": 600})
        async with studio.working(clock=SystemClock()) as daemon:
            await until(lambda: daemon.inboxes and daemon.telemetry.seen)
            reported = daemon.telemetry.seen
            assert reported is not None
            daemon.telemetry.show(replace(reported, degraded={"inbox": NOBODY}))
            proxy.cut()
            await until(lambda: "can't be reached" in studio.status_page(), 30.0)
            proxy.mend()


async def test_leases_are_renewed_while_the_work_with_an_inbox_takes_its_time_to_end(
    postgres: Postgres, tmp_path: Path
) -> None:
    clock, ended, begun = SystemClock(), asyncio.Event(), set()
    inboxes = {name: tmp_path / name for name in "ab"}
    for folder in inboxes.values():
        folder.mkdir()

    async def begin(name: str) -> None:
        begun.add(name)
        await asyncio.Event().wait()

    async def drop(name: str) -> None:
        begun.discard(name)
        await ended.wait()

    with postgres.store() as engine:
        leases = Leases(engine, "one", tmp_path, inboxes, seconds=3.0)
        ownership = Ownership(
            leases, Store(engine), inboxes, CircuitBreakers(clock), clock, paying=set, begin=begin, drop=drop
        )
        running = asyncio.create_task(ownership.run())
        await until(lambda: begun == {"a", "b"})
        ownership.restart_inbox("a")
        await until(lambda: begun == {"b"})
        late = leases._valid_until
        await until(lambda: leases._valid_until > late)  # by later looks
        assert begun == {"b"}
        ended.set()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
