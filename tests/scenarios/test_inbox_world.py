"""Troubles of the inbox: floods, vanishing shares, swapped folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hotfolder.crashpoints import CrashPoint
from tests.scenarios.bench import ROOM, Bench
from tests.scenarios.flood import flood
from tests.support.crashing import at
from tests.support.studio import files_below

pytestmark = pytest.mark.long


async def test_two_thousand_files_at_once_are_all_found(tmp_path: Path) -> None:
    assert await flood(tmp_path, 2000, patience_seconds=60) == 2000


@pytest.mark.both_stores
@pytest.mark.parametrize(
    ("point", "bare"),
    [
        (CrashPoint.GROUP_COMPLETE, True),
        (CrashPoint.ANSWER_RECORDED, True),
        (CrashPoint.ANSWER_RECORDED, False),
        (CrashPoint.RECEIPT_RECORDED, True),
    ],
)
async def test_an_inbox_that_is_unmounted_or_replaced_is_waited_for_and_nothing_counts_as_deleted(
    bench: Bench, elsewhere: Path, point: CrashPoint, *, bare: bool
) -> None:
    """Photos that can't be seen when they are looked at or moved are not taken for gone."""
    inbox = bench.studio.inbox

    def hide() -> None:
        inbox.rename(elsewhere / "inbox")
        if bare:
            inbox.mkdir()

    photos = bench.drop()
    async with bench.working(crash_point=at(point, hide)):
        why = "empty mount point" if bare else "is not there"
        await bench.studio.comes_to_say(lambda status: why in str(status["jobs"]))
        await bench.studio.comes_to_say(
            lambda status: str(inbox) in status.get("inboxes", {}).get("inbox", {}).get("degraded", "")
        )
        if bare:
            # STATUS.txt may have been written just at the change; no photo may have come here.
            assert files_below(inbox).keys() <= {"STATUS.txt"}
            shutil.rmtree(inbox)
        (elsewhere / "inbox").rename(inbox)
        await bench.studio.comes_to("done")
        later = bench.drop("kitchen")
        await bench.studio.comes_to("done", "done")
    bench.check("done", "done", paid=3)
    assert (bench.studio.filed(ROOM), bench.studio.filed("kitchen")) == (photos, later)
