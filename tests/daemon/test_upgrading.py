"""Another release of hotfolder goes on where the one before was killed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hotfolder.jobs.context import CrashPoint
from tests.support import crashing
from tests.support.pictures import bracket
from tests.support.studio import Shop, Studio, files_below

PROJECT, FOLDER = "12 Elm Road", "hall__sky-blue"


@pytest.mark.parametrize("step", [CrashPoint.PICTURE_PLACED, CrashPoint.RECEIPT_WRITTEN])
def test_what_was_placed_before_an_upgrade_is_not_placed_once_more(
    tmp_path: Path, shop: Shop, step: CrashPoint
) -> None:
    """Killed between placing and recording it: the file that is there is found to be the same."""
    studio = Studio(tmp_path / "studio", deliver={"renditions": {"web-1280": {}}})
    studio.drop(PROJECT, FOLDER, bracket(3))
    for version, dying in (("1.0.0", {"kill_at": step, "nth": 1}), ("1.1.0", {})):
        code = crashing.live(studio, shop, version=version, **dying)
        assert code == (-9 if dying else 0), (studio.root / "daemon.log").read_text()
    pictures = {"hall.jpg", "hall__sky-blue.png"}
    renditions = {"web-1280/hall.jpg", "web-1280/hall__sky-blue.jpg"}
    receipt = "receipts/hall__sky-blue.json"
    delivered = files_below(studio.done / PROJECT)
    assert {name for name in delivered if "originals" not in name} == pictures | renditions | {receipt}
    version = "1.0.0" if step is CrashPoint.RECEIPT_WRITTEN else "1.1.0"
    assert json.loads(delivered[receipt])["hotfolder_version"] == version
