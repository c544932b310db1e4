"""Our notifications to a real systemd."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.machine import PYTHON, SITE, SOURCE, Machine, booted, wait_for

pytestmark = pytest.mark.long

NAME = "worker.service"
UNIT = f"""
[Service]
Type=notify-reload
NotifyAccess=main
Environment=PYTHONPATH={SITE}:{SOURCE} PYTHONDONTWRITEBYTECODE=1
ExecStart={PYTHON} {SOURCE}/tests/systemd/worker.py
WatchdogSec=4
WatchdogSignal=SIGKILL
Restart=on-failure
RestartSec=200ms
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with booted(tmp_path_factory.mktemp("machine")) as made:
        made.write(f"/run/systemd/system/{NAME}", UNIT)
        made.sh("systemctl", "daemon-reload")
        yield made


@pytest.fixture
def worker(machine: Machine) -> Iterator[Machine]:
    machine.sh("systemctl", "start", NAME)
    yield machine
    machine.sh("systemctl", "stop", NAME)
    machine.sh("systemctl", "reset-failed", NAME, check=False)


def killed_by_watchdog(worker: Machine, signal: str, restarts: int) -> float:
    """Make the service hang and wait for its restart; how long that took in seconds."""
    before, began = worker.show(NAME, "MainPID"), time.monotonic()
    worker.sh("systemctl", "kill", "-s", signal, "--kill-whom=main", NAME)
    assert wait_for(lambda: int(worker.show(NAME, "NRestarts")) > restarts)
    took = time.monotonic() - began
    assert wait_for(lambda: worker.show(NAME, "ActiveState") == "active")
    assert worker.show(NAME, "MainPID") not in (before, "0")
    return took


def test_a_start_ends_when_it_is_ready_and_the_status_is_a_sentence(machine: Machine) -> None:
    """Type=notify: `start` returns once READY=1 has come, a second after the process began."""
    machine.sh("systemctl", "start", NAME)
    assert machine.show(NAME, "ActiveState") == "active"
    began, ended = (
        int(machine.show(NAME, f"{at}TimestampMonotonic")) for at in ("ExecMainStart", "ActiveEnter")
    )
    assert ended - began >= 1_000_000
    assert machine.show(NAME, "StatusText") == "3 being merged, 12 waiting for its turn, 1 needs a person"
    machine.sh("systemctl", "stop", NAME)
    assert machine.show(NAME, "Result") == "success"


def test_a_reload_is_waited_for(worker: Machine) -> None:
    """RELOADING=1 with its stamp, then READY=1: without a valid stamp this reload would never end."""
    began = time.monotonic()
    worker.sh("systemctl", "reload", NAME, seconds=20)
    assert time.monotonic() - began < 15
    assert worker.show(NAME, "StatusText") == "3 being merged, 1 needs a person"
    assert worker.show(NAME, "ActiveState") == "active"


def test_pings_keep_it_alive_and_a_hung_scan_ends_them(worker: Machine) -> None:
    """More than the watchdog's time passes without a kill; then the scan hangs, and systemd restarts the
    service."""
    time.sleep(5)
    assert worker.show(NAME, "NRestarts") == "0"
    assert killed_by_watchdog(worker, "SIGUSR1", 0) < 15
    journal = worker.journal(NAME)
    assert '"event": "hung"' in journal and "the scan has not moved for" in journal
    assert "Watchdog timeout" in journal


def test_a_hung_event_loop_ends_the_pings_too(worker: Machine) -> None:
    """Nothing in the process can send a ping then, so systemd restarts it."""
    assert killed_by_watchdog(worker, "SIGUSR2", 0) < 15
