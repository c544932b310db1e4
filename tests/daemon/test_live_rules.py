"""Rules edited while the daemon runs."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from hotfolder.clock import SystemClock
from hotfolder.config.load import SettingsFile, changes_needing_restart, load
from hotfolder.config.settings import Settings
from hotfolder.crashpoints import CrashPoint
from hotfolder.daemon.reload import LiveSettings
from hotfolder.daemon.service import ApiAccess, Daemon
from hotfolder.telemetry.telemetry import Telemetry
from tests.support import crashing
from tests.support.clocks import JumpingClock
from tests.support.pictures import bracket
from tests.support.receiver import Receiver
from tests.support.studio import ELM, MERGE, SKY, MakeStudio, Shop, Studio, until

pytestmark = pytest.mark.long

BLUE = [{"name": "all blue", "operations": ["sky-blue"]}]


async def test_a_set_that_waits_for_its_turn_gets_the_new_rules(studio: Studio, shop: Shop) -> None:
    """None of its photos had gone up yet."""
    async with studio.working(live=True) as daemon:
        daemon.worker.most_jobs = 0  # until the settings are read again
        studio.drop(ELM, "kitchen", bracket())
        await studio.comes_to("queued")
        studio.edit(routes=BLUE)
        daemon.live.request_reload()
        await studio.comes_to("done")
    assert (studio.done / ELM / "kitchen__sky-blue.png").is_file()
    assert shop.bought(SKY) == 1


async def test_a_set_that_waits_for_the_hour_gets_the_rules_of_the_hour(studio: Studio, shop: Shop) -> None:
    """A recipe is fixed when the first photo goes up, however long the set has waited, restarts included."""
    hour = datetime.now().astimezone().hour
    studio.edit(schedule={"active": f"{(hour + 11) % 24:02}:00-{(hour + 12) % 24:02}:00"})
    async with studio.working(live=True):
        studio.drop(ELM, "kitchen", bracket())
        studio.drop(ELM, "bath", bracket())
        await studio.comes_to_say(
            lambda status: [job["reason"][:5] for job in status["jobs"]] == ["waits"] * 2
        )
    studio.edit(schedule={}, routes=BLUE)
    async with studio.working(live=True):
        await studio.comes_to("done", "done")
    assert (studio.done / ELM / "kitchen__sky-blue.png").is_file()
    assert shop.bought(SKY) == 2


async def test_a_set_whose_early_photos_are_of_no_use_waits_for_the_hour_and_its_rules(
    make_studio: MakeStudio, shop: Shop
) -> None:
    """The hours end while it arrives, and its merge is to be another: what went up is sent once more."""
    studio, hour = make_studio(settle={"quiet_seconds": 600}), datetime.now().astimezone().hour
    folder = studio.drop(ELM, "kitchen", bracket())
    async with studio.working(live=True) as daemon:
        await until(lambda: [group.uploaded for group in daemon.context.early_groups.values()] == [3])
        closed = {"active": f"{(hour + 11) % 24:02}:00-{(hour + 12) % 24:02}:00"}
        studio.edit(schedule=closed, hdr={"lensCorrection": False})
        daemon.live.request_reload()
        await until(lambda: daemon.live.settings.schedule.active)
        (folder / ".ready").touch()
        await studio.comes_to_say(lambda status: [job["reason"][:5] for job in status["jobs"]] == ["waits"])
        assert studio.states() == ["queued"]
        studio.edit(schedule={}, routes=BLUE)
        daemon.live.request_reload()
        await studio.comes_to("done")
    assert (shop.bought(MERGE), shop.bought(SKY)) == (1, 1)


async def test_a_set_that_the_new_rules_refuse_goes_to_failed_with_their_reason(
    studio: Studio, shop: Shop
) -> None:
    studio.edit(tags={"curb": ["sky-blue"]})
    async with studio.working(live=True) as daemon:
        daemon.worker.most_jobs = 0
        studio.drop(ELM, "front__curb", bracket())
        await studio.comes_to("queued")
        studio.edit(tags={})
        daemon.live.request_reload()
        await studio.comes_to("failed")
    assert 'Unknown tag "curb"' in (studio.failed / ELM / "front__curb" / "REASON.txt").read_text()
    assert shop.bought() == 0


async def test_a_set_that_is_held_is_made_once_the_new_rules_settle_the_doubt(studio: Studio) -> None:
    studio.edit(routes=[{"name": "all", "match": {"room": "*"}, "group": "review"}])
    async with studio.working(live=True) as daemon:
        studio.drop(ELM, "kitchen", bracket())
        await studio.comes_to_say(lambda status: [job["held"] for job in status["jobs"]] == [True])
        studio.edit(routes=[])
        daemon.live.request_reload()
        await studio.comes_to("done")


async def test_a_set_that_was_begun_keeps_its_recipe(studio: Studio) -> None:
    """Its merge may be paid for, so it ends as it began; the next set uses the new rules."""
    running: list[Daemon] = []

    def crash_point(point: CrashPoint) -> None:
        if point == CrashPoint.GROUP_COMPLETE and not running[0].live.settings.routes:
            studio.edit(routes=BLUE)
            running[0].live.request_reload()

    async with studio.working(live=True, crash_point=crash_point) as daemon:
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
    studio: Studio, receiver: Receiver
) -> None:
    """The error is in status, STATUS.txt and a notification with line and column; then comes an all-clear."""
    studio.edit(notify={"urls": [receiver.address], "gather_seconds": 1})
    good = studio.config.read_text()
    async with studio.working(live=True) as daemon:
        before = daemon.live.settings
        studio.config.write_text(good + "routes:\n  - nme: all blue\n")
        told = await studio.comes_to_say(lambda status: status["settings"]["error"])
        error = told["settings"]["error"]
        assert f"{studio.config}:" in error and "nme" in error
        assert daemon.live.settings is before
        await until(lambda: "stay in force" in (studio.inbox / "STATUS.txt").read_text())
        await until(lambda: any("nme" in body for body in receiver.bodies()))
        studio.config.write_text(good)
        await studio.comes_to_say(lambda status: not status["settings"]["error"])
        assert daemon.live.settings is before


@pytest.mark.usefixtures("berlin")
async def test_an_error_about_a_file_beside_the_settings_goes_when_that_file_comes(studio: Studio) -> None:
    async with studio.working(live=True):
        studio.edit(notify={"url_file": "urls.txt"})
        told = await studio.comes_to_say(lambda status: "url_file" in status["settings"]["error"])
        assert "No such file or directory. A relative name" in told["settings"]["error"]
        # The rules that go with it aren't in force: nothing is shown, or approved, by them.
        for words in (("explain", str(studio.drop(ELM, "hall", bracket()))), ("approve", f"{ELM}/hall")):
            answer = studio.say(*words, columns=500)
            assert answer.exit_code == 2 and "notify.url_file names can't be read" in answer.output
        (studio.root / "urls.txt").write_text("json://127.0.0.1:9/x\n")
        await studio.comes_to_say(lambda status: not status["settings"]["error"])


async def test_settings_that_are_refused_leave_the_time_zone_as_it_was(studio: Studio) -> None:
    """The file is well-formed, but who is to be told can't be."""
    async with studio.working(live=True) as daemon:
        studio.edit(time_zone="Pacific/Auckland", notify={"urls": ["nonsense"]})
        daemon.live.request_reload()
        await until(lambda: "notify.urls" in daemon.live.error)
        assert "TZ" not in os.environ


async def test_a_file_that_can_not_be_reached_is_told_like_one_with_an_error(studio: Studio) -> None:
    async with studio.working(live=True) as daemon:
        studio.config.rename(studio.root / "aside.yaml")
        studio.config.symlink_to("x" * 300)
        daemon.live.request_reload()
        await until(lambda: "can't be read: File name too long" in daemon.live.error)
        (studio.root / "aside.yaml").replace(studio.config)
        await until(lambda: not daemon.live.error)


async def test_what_needs_a_restart_is_named_and_the_rest_is_taken(studio: Studio) -> None:
    async with studio.working(live=True) as daemon:
        paid_seconds = daemon.context.paid_seconds
        api = {**yaml.safe_load(studio.config.read_text()).get("api", {}), "paid_timeout_seconds": 1.0}
        studio.edit(routes=BLUE, web={"port": 9}, limits={"merges": 1, "uploads": 2}, api=api)
        daemon.live.request_reload()
        found = await studio.comes_to_say(lambda status: status["settings"]["only_at_next_start"])
        assert found["settings"]["only_at_next_start"] == ["api.paid_timeout_seconds", "web.port"]
        # The client of the start keeps its time-out.
        assert daemon.context.paid_seconds == paid_seconds
        assert [route.name for route in daemon.live.rulebooks["inbox"].routes] == ["all blue"]


async def test_folders_that_were_edited_are_looked_for_where_the_running_daemon_has_them(
    studio: Studio,
) -> None:
    async with studio.working(live=True) as daemon:
        studio.drop(ELM, "kitchen", bracket())
        await studio.comes_to("done")
        studio.edit(done="finished", failed="refused")
        daemon.live.request_reload()
        await studio.comes_to_say(
            lambda status: status["settings"]["only_at_next_start"] == ["done", "failed"]
        )
        assert studio.say("verify").exit_code == 0
    assert "is not where it was put" in studio.say("verify").output


async def test_what_is_left_of_the_day_s_budget_goes_by_the_settings_and_the_day(studio: Studio) -> None:
    """Although nothing else happens."""
    clock = JumpingClock(2)
    async with studio.working(live=True, clock=clock) as daemon:
        studio.drop(ELM, "kitchen", bracket())
        await studio.comes_to("done")
        studio.edit(limits={"paid_calls_per_day": 3})
        daemon.live.request_reload()
        await until(lambda: daemon.telemetry.paid_calls_left() == 2)
        clock.jump(timedelta(days=1))
        await until(lambda: daemon.telemetry.paid_calls_left() == 3)


async def test_people_can_be_named_while_it_runs(studio: Studio, receiver: Receiver) -> None:
    """A new entry in `notify` gets the notifications from then on."""
    async with studio.working(live=True) as daemon:
        studio.edit(notify={"urls": [receiver.address], "gather_seconds": 1})
        daemon.live.request_reload()
        await until(lambda: bool(daemon.live.settings.notify.urls))
        studio.drop(ELM, "kitchen__sky-twilihgt", bracket())
        await until(lambda: any("twilihgt" in body for body in receiver.bodies()))


def settings_of(folder: Path, text: str) -> Settings:
    path = folder / "config.yaml"
    path.write_text(text)
    return load(path, {})


@pytest.mark.parametrize(
    ("edited", "restart"),
    [
        ("root: .\nsettle: {quiet_seconds: 5}\nlimits: {uploads: 2}", ()),
        (
            "root: .\nsettle: {quiet_seconds: 5, scan_seconds: 3}\nweb: {port: 9000}",
            ("settle.scan_seconds", "web.port"),
        ),
        ("root: .\npage: {hosts: photos.example.com}", ("page.hosts",)),
        ("root: ..", ("root",)),
        ("root: .\nstate: elsewhere", ("state",)),
        ("root: .\napi: {base_url: 'https://example.org', merge_timeout_seconds: 60}", ("api.base_url",)),
        ("root: .\napi: {proxy: 'http://proxy.example:3128'}", ("api.proxy",)),
        ("root: .\ninbox: letterbox", ("inbox",)),
        ("root: .\ninboxes: [{path: inbox}, {path: second}]", ("inboxes",)),
    ],
)
def test_places_and_the_shop_change_only_with_a_restart(
    tmp_path: Path, edited: str, restart: tuple[str, ...]
) -> None:
    running = settings_of(tmp_path, "root: .")
    assert changes_needing_restart(running, settings_of(tmp_path, edited)) == restart


async def test_an_inbox_that_is_not_in_the_file_any_more_goes_by_its_last_rules(studio: Studio) -> None:
    """It is watched until the next start."""
    two = [{"path": "inbox", "routes": [{"name": "one"}]}, {"path": "second", "routes": [{"name": "two"}]}]
    studio.edit(inboxes=two)
    file = SettingsFile(studio.config, {})
    live = LiveSettings(file.load(), file)
    studio.edit(inboxes=[{"path": "inbox", "routes": [{"name": "new"}]}])
    watching = asyncio.create_task(live.run(lambda *_: None, Telemetry(live.settings, SystemClock())))
    live.request_reload()
    await until(lambda: live.restart == ("inboxes",))
    watching.cancel()
    assert [live.rulebooks[name].routes[0].name for name in ("inbox", "second")] == ["new", "two"]


ROOM = "living-room__sky-twilight"


def killed(studio: Studio, access: ApiAccess, point: CrashPoint) -> None:
    assert crashing.live(studio, access, kill_at=point, nth=1) < 0


async def test_what_was_only_tried_in_the_sandbox_begins_anew_at_the_real_api(
    studio: Studio, shop: Shop
) -> None:
    studio.drop(ELM, ROOM, bracket())
    killed(studio, replace(shop.access(), origin="sandbox"), CrashPoint.IMAGE_UPLOADED)
    assert (studio.states(), shop.bought(MERGE)) == (["editing"], 1)
    outcome = await studio.until_idle()
    assert (outcome.finished, shop.bought(MERGE), shop.bought(SKY)) == (1, 2, 1)


async def test_what_was_paid_for_waits_for_its_api_and_goes_on_there_without_paying_again(
    studio: Studio, shop: Shop
) -> None:
    studio.drop(ELM, ROOM, bracket())
    killed(studio, shop.access(), CrashPoint.IMAGE_UPLOADED)
    elsewhere = await studio.until_idle(replace(shop.access(), origin="sandbox"), clock=JumpingClock(100))
    assert (elsewhere.finished, elsewhere.world_bad, shop.bought(MERGE)) == (0, True, 1)
    assert shop.url in studio.status()["jobs"][0]["reason"]
    assert (await studio.until_idle()).finished == 1
    assert (shop.bought(MERGE), shop.bought(SKY)) == (1, 1)


async def test_what_has_bought_nothing_yet_moves_to_the_other_api(studio: Studio, shop: Shop) -> None:
    studio.drop(ELM, ROOM, bracket())
    killed(studio, replace(shop.access(), origin="https://old.example"), CrashPoint.GROUP_COMPLETE)
    assert (await studio.until_idle()).finished == 1
    assert shop.bought(MERGE) == 1


async def test_explain_counts_what_the_sandbox_made_only_while_it_is_the_api(
    studio: Studio, shop: Shop
) -> None:
    photos = bracket()
    studio.drop(ELM, ROOM, photos)
    async with studio.working(replace(shop.access(), origin="sandbox")):
        await studio.comes_to("done")
        folder = studio.drop("14 Elm Road", ROOM, {**photos, "more.jpg.part": b""})
        told = await asyncio.to_thread(studio.say, "explain", str(folder), "--json")
        assert json.loads(told.output)["remembered_calls"] == 2
    assert json.loads(studio.say("explain", str(folder), "--json").output)["remembered_calls"] == 0
