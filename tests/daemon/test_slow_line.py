"""Upload hours and the upload rate limit in a running daemon."""

from __future__ import annotations

from datetime import datetime, timedelta

from hotfolder.jobs.limits import INITIAL
from tests.support.clocks import JumpingClock
from tests.support.pictures import bracket
from tests.support.studio import ELM, MERGE, MakeStudio, Shop, Studio, until


def hours_from(now: datetime, begin: int, end: int) -> str:
    """A span from `begin` to `end` hours from now."""
    first, last = now + timedelta(hours=begin), now + timedelta(hours=end)
    return f"{first:%H:%M}-{last:%H:%M}"


async def test_sets_wait_for_the_hours_say_until_when_and_go_on_by_themselves(
    make_studio: MakeStudio, shop: Shop
) -> None:
    now = datetime.now().astimezone()
    studio: Studio = make_studio(schedule={"active": hours_from(now, 2, 4)})
    opens = f"waits until {now + timedelta(hours=2):%H:%M}"
    clock = JumpingClock(5)
    studio.drop(ELM, "kitchen", bracket())
    async with studio.working(clock=clock):
        waiting = await studio.comes_to_say(
            lambda status: [job["reason"] for job in status["jobs"]] == [opens]
        )
        assert waiting["uploads"] == {"waiting": True, "reason": opens}
        await until(lambda: f"Whatever has still to be sent {opens}." in studio.status_page())
        assert shop.bought() == 0
        clock.jump(timedelta(hours=3))
        await studio.comes_to("done")
    assert shop.bought(MERGE) == 1


async def test_a_room_that_is_renamed_while_it_waits_for_the_hours_waits_under_its_new_name_alone(
    make_studio: MakeStudio,
) -> None:
    studio: Studio = make_studio(schedule={"active": hours_from(datetime.now().astimezone(), 2, 4)})
    folder = studio.drop(ELM, "kitchen", bracket())
    async with studio.working():
        await studio.comes_to("queued")
        folder.rename(folder.with_name("scullery__sky-blue"))
        await studio.comes_to_say(
            lambda status: [job["folder"] for job in status["jobs"]] == ["scullery__sky-blue"]
        )


async def test_a_photo_alone_that_is_not_merged_waits_for_the_hours_unless_its_sky_was_bought(
    studio: Studio, shop: Shop
) -> None:
    [photo, other] = [bracket(1), bracket(1)]
    await studio.drop_and_run(ELM, "front__sky-blue", photo)
    studio.edit(schedule={"active": hours_from(datetime.now().astimezone(), 2, 4)})
    await studio.drop_and_run(ELM, "back__sky-blue", other)
    await studio.drop_and_run(ELM, "front again__sky-blue", photo)
    assert sorted(studio.states()) == ["done", "done", "queued"] and shop.bought() == 1


async def test_until_idle_does_not_wait_for_the_hours_however_many_sets_there_are(
    make_studio: MakeStudio, shop: Shop
) -> None:
    """There are more sets than are worked on at once, so those behind can't proceed either."""
    span = hours_from(datetime.now().astimezone(), 2, 4)
    studio: Studio = make_studio(schedule={"active": [span]}, limits={"merges": 1})
    for number in range(10):
        studio.drop(ELM, f"room-{number}", bracket(1))
    outcome = await studio.until_idle()
    assert (outcome.finished, outcome.needing_person, outcome.world_bad) == (0, 0, False)
    assert len(studio.status()["jobs"]) == 10 and shop.bought() == 0


async def test_what_was_bought_before_needs_no_upload_and_waits_for_no_hour(
    studio: Studio, shop: Shop
) -> None:
    photos = bracket()
    await studio.drop_and_run(ELM, "kitchen", photos)
    span = hours_from(datetime.now().astimezone(), 2, 4)
    studio.edit(schedule={"active": span})
    await studio.drop_and_run(ELM, "kitchen again", photos)
    assert studio.states() == ["done", "done"] and shop.bought() == 1


async def test_a_set_goes_up_whole_under_a_limit_of_its_rate(make_studio: MakeStudio) -> None:
    studio: Studio = make_studio(limits={"upload_rate": "40KB/s"})
    studio.drop(ELM, "kitchen", bracket())
    async with studio.working(clock=JumpingClock(20)) as daemon:
        await studio.comes_to("done")
        assert daemon.throttle.bytes_per_second == 40_000


async def test_fewer_are_asked_for_at_once_after_the_api_has_refused_one(studio: Studio, shop: Shop) -> None:
    kinds = {"enhance": "merges", "upload-url": "uploads", "sky": "operations"}
    shop.goes_wrong(*({"endpoint": endpoint, "fault": 429, "when": 1} for endpoint in kinds))
    studio.drop(ELM, "kitchen__sky-blue", bracket())
    async with studio.working(clock=JumpingClock(5)) as daemon:
        await studio.comes_to("done")
        for kind in kinds.values():
            assert getattr(daemon.context.limits, kind).number == INITIAL[kind] // 2, kind
