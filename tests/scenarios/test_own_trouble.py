"""One group, or one picture, that always fails isn't treated as an outage of the API, nor requested for
ever."""

from __future__ import annotations

import pytest

from hotfolder.jobs.steps import fetching
from tests.scenarios.bench import ROOM, Bench
from tests.support.studio import ELM, files_below

pytestmark = pytest.mark.long

OAK = "5 Oak Lane"


@pytest.mark.parametrize("status", [500, 401, 402])
async def test_a_group_whose_status_always_fails_needs_a_person_and_holds_nobody_up(
    bench: Bench, status: int
) -> None:
    bench.shop.goes_wrong({"endpoint": "group-get", "fault": status, "match": ELM})
    photos = bench.drop()
    await bench.drop_and_run("hall", project=OAK)
    audit = bench.check("needs_attention", "done", paid=2)
    [job] = [job for job in audit.jobs if job.project == ELM]
    assert "was not completed within 60 s" in job.reason and f"answered {status}" in job.reason
    assert set(photos) <= files_below(bench.studio.failed / ELM / ROOM).keys()
    # Once the API works again, the paid result is downloaded.
    bench.shop.goes_wrong()
    (bench.studio.failed / ELM / ROOM).rename(bench.studio.inbox / ELM / ROOM)
    await bench.until_idle()
    bench.check("done", "done", "superseded", paid=3)


async def test_a_project_that_the_api_has_lost_is_made_once_more(bench: Bench) -> None:
    await bench.drop_and_run("hall")
    bench.shop.goes_wrong({"endpoint": "group-create", "fault": 404, "when": 1})
    await bench.drop_and_run()
    bench.check("done", "done", paid=3)
    assert bench.shop.asked("/api/projects") == 2


async def test_while_the_whole_api_is_down_no_merge_comes_to_its_time_limit(bench: Bench) -> None:
    bench.shop.goes_wrong({"endpoint": "group-get", "fault": 500, "when": {"from": 1, "to": 7}})
    bench.drop()
    began = bench.clock.monotonic()
    async with bench.working():
        await bench.studio.comes_to("done")
    assert bench.clock.monotonic() - began > 60.0
    bench.check("done", paid=2)


async def test_an_api_that_says_too_many_is_asked_less_and_less(bench: Bench) -> None:
    bench.shop.goes_wrong({"endpoint": "group-get", "fault": 429, "when": {"from": 1, "to": 6}, "match": ELM})
    bench.drop()
    began = bench.clock.monotonic()
    async with bench.working():
        await bench.studio.comes_to("done")
    assert bench.clock.monotonic() - began > 1 + 2 + 4 + 8 + 16 + 32
    bench.check("done", paid=2)


async def test_a_picture_that_always_fails_to_come_needs_a_person(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MOST_FAILED_DOWNLOADS", 3)
    bench.shop.goes_wrong({"endpoint": "result-get", "fault": 503, "match": ELM})
    await bench.drop_and_run()
    [job] = bench.check("needs_attention", paid=1).jobs
    assert "could not be downloaded" in job.reason and "answered 503" in job.reason
    bench.shop.goes_wrong()
    (bench.studio.failed / ELM / ROOM).rename(bench.studio.inbox / ELM / ROOM)
    await bench.until_idle()
    bench.check("done", "superseded", paid=2)


async def test_a_remembered_picture_that_has_rotted_is_never_delivered_nor_sent_on(bench: Bench) -> None:
    photos = await bench.drop_and_run()
    [merged] = bench.studio.results.glob("*.jpg")
    as_it_came = merged.read_bytes()
    merged.write_bytes(as_it_came[:-2000] + bytes(2000))
    await bench.drop_and_run("kitchen__sky-blue", dict(photos))
    bench.check("done", "done", paid=3)
    assert (bench.studio.done / ELM / "kitchen.jpg").is_file()
    assert merged.read_bytes() == as_it_came
    assert merged.with_name(f"{merged.name}.damaged").is_file()
