"""Troubles of the inbox: floods, vanishing shares, swapped folders, half-written settings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hotfolder.crashpoints import CrashPoint
from tests.scenarios.bench import ROOM, Bench
from tests.scenarios.flood import flood
from tests.support.crashing import at
from tests.support.studio import ELM, Studio, files_below

pytestmark = pytest.mark.long


async def test_two_thousand_files_at_once_are_all_found(tmp_path: Path) -> None:
    assert await flood(tmp_path, 2000, patience_seconds=60) == 2000


async def is_degraded(bench: Bench) -> str:
    status = await bench.studio.comes_to_say(
        lambda status: status.get("inboxes", {}).get("inbox", {}).get("degraded")
    )
    return str(status["inboxes"]["inbox"]["degraded"])


@pytest.mark.both_stores
@pytest.mark.parametrize("way", ["gone", "an empty folder in its place"])
async def test_an_inbox_that_is_unmounted_or_replaced_is_waited_for_and_nothing_counts_as_deleted(
    bench: Bench, elsewhere: Path, way: str
) -> None:
    async with bench.working():
        bench.drop("hall")
        await bench.studio.comes_to("done")
        bench.studio.inbox.rename(elsewhere / "inbox")
        if way != "gone":
            bench.studio.inbox.mkdir()
        reason = await is_degraded(bench)
        assert str(bench.studio.inbox) in reason
        if way != "gone":
            assert files_below(bench.studio.inbox).keys() <= {"STATUS.txt"}
            shutil.rmtree(bench.studio.inbox)
        (elsewhere / "inbox").rename(bench.studio.inbox)
        photos = bench.drop("kitchen")
        await bench.studio.comes_to("done", "done")
    bench.check("done", "done", paid=2)
    assert bench.studio.filed("kitchen") == photos


async def test_an_inbox_that_lists_empty_while_a_set_is_merged_loses_nothing(
    bench: Bench, elsewhere: Path
) -> None:
    bench.shop.goes_wrong({"endpoint": "group-get", "fault": "never", "when": {"to": 6}})
    bench.drop()
    async with bench.working():
        await bench.studio.comes_to_say(lambda status: status["counts"].get("merging"))
        bench.studio.inbox.rename(elsewhere / "inbox")
        bench.studio.inbox.mkdir()
        await is_degraded(bench)
        # STATUS.txt may have been written just at the change; no photo may have come here.
        assert files_below(bench.studio.inbox).keys() <= {"STATUS.txt"}
        shutil.rmtree(bench.studio.inbox)
        (elsewhere / "inbox").rename(bench.studio.inbox)
        await bench.studio.comes_to("done")
    bench.check("done", paid=2)


@pytest.mark.parametrize("point", [CrashPoint.GROUP_COMPLETE, CrashPoint.RECEIPT_RECORDED])
async def test_photos_that_can_not_be_seen_when_they_are_looked_at_or_moved_are_not_taken_for_gone(
    bench: Bench, elsewhere: Path, point: CrashPoint
) -> None:
    inbox = bench.studio.inbox

    def hide() -> None:
        inbox.rename(elsewhere / "inbox")
        inbox.mkdir()

    photos = bench.drop()
    async with bench.working(crash_point=at(point, hide)):
        await bench.studio.comes_to_say(lambda status: "empty mount point" in str(status["jobs"]))
        shutil.rmtree(inbox)
        (elsewhere / "inbox").rename(inbox)
        await bench.studio.comes_to("done")
    bench.check("done", paid=2)
    assert bench.studio.filed(ROOM) == photos


def test_settings_that_are_just_being_written_stop_no_running_daemon_and_are_a_clear_error_at_the_start(
    studio: Studio,
) -> None:
    run = studio.start()
    whole = studio.config.read_text()
    studio.config.write_text(whole[: len(whole) // 2] + '"')
    studio.drop(ELM, "kitchen", {"DSC0001.jpg": b"no picture"})
    second = studio.call("check")
    assert second.returncode == 2 and "config.yaml:" in second.stderr and "Traceback" not in second.stderr
    assert run.process.poll() is None
    studio.config.write_text(whole)
    assert run.stop() == 0
