"""The rules of a real daemon are edited under load, and half of the edits are wrong."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.scenarios.edits import Edits
from tests.support.receiver import Manager
from tests.support.studio import MakeStudio, Studio, environment, wait_for

pytestmark = pytest.mark.long


def test_no_set_is_lost_and_none_is_treated_by_half_a_rule(make_studio: MakeStudio) -> None:
    """`python -m tests.scenarios.edits --edits 30` is the long run of the same."""
    edits = Edits(make_studio(), seed=7)
    edits.play(6, looked_for=1)
    assert edits.broken == []
    assert len(edits.dropped) == 12 and len(edits.routes) > 2


def test_systemd_is_told_of_a_reload_from_its_begin_to_its_end(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`systemctl reload` waits for READY=1 after RELOADING=1, also when the file is wrong."""
    manager = Manager(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    run = studio.start()
    for text in (studio.config.read_text(), "rutes: []\n"):
        manager.heard()
        studio.config.write_text(text)
        run.process.send_signal(signal.SIGHUP)
        heard: list[str] = []
        end = time.monotonic() + 180
        while not any(one.startswith("READY=1") for one in heard):
            assert time.monotonic() < end, run.text()
            heard += manager.heard()
            time.sleep(0.02)
        words = [one.partition("\n")[0] for one in heard if one.startswith(("RELOADING", "READY"))]
        assert words == ["RELOADING=1", "READY=1"]
    assert '"settings_invalid"' in run.text()
    assert run.stop() == 0
    manager.socket.close()


def test_a_file_that_vanishes_is_no_order_to_work_without_rules(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With HOTFOLDER_ROOT a start needs no file; a file used at the start must still exist."""
    around = {"HOTFOLDER_ROOT": str(studio.root)}
    monkeypatch.setattr("tests.support.studio.environment", lambda key: {**environment(key), **around})
    run = studio.start()
    studio.config.unlink()
    run.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "the file is gone" in run.text(), run.text)
    assert run.stop() == 0
