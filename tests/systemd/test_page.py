"""The shipped unit with `--page` under a real systemd: the page starts with the service, and is restarted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hotfolder.setup.install import InstalledService, unit_files
from tests.support.machine import PYTHON, SITE, SOURCE, Machine, booted, wait_for
from tests.support.studio import FILE_TIMEOUT_SECONDS

pytestmark = pytest.mark.long

UNIT = "hotfolder.service"
PORT = 8480
BESIDE = f"""
[Service]
Environment=PYTHONPATH={SITE}:{SOURCE} PYTHONDONTWRITEBYTECODE=1
# Where this Python lies.
ProtectHome=no
"""
GET = f"""
import http.client
try:
    connection = http.client.HTTPConnection("127.0.0.1", {PORT}, timeout=20)
    connection.request("GET", "/")
    print(connection.getresponse().status)
except OSError:
    print("none")
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    site = InstalledService(
        command=(PYTHON, "-m", "hotfolder"),
        python=Path(PYTHON).parent.parent,
        config=Path("/etc/hotfolder/config.yaml"),
        root=Path("/srv/photos"),
        folders=tuple(Path(f"/srv/photos/{name}") for name in ("inbox", "done", "failed")),
        state=Path("/var/lib/hotfolder"),
        key_file=None,
        user="root",
        group="root",
        page=True,
    )
    with booted(tmp_path_factory.mktemp("machine")) as made:
        made.sh("mkdir", "-p", "/etc/hotfolder", "/srv/photos", f"/run/systemd/system/{UNIT}.d")
        made.write("/etc/hotfolder/config.yaml", "root: /srv/photos\nstate: /var/lib/hotfolder\n")
        made.write("/etc/hotfolder/key", "any-key\n")
        for name, text in unit_files(site).items():
            made.write(f"/run/systemd/system/{name}", text)
        made.write(f"/run/systemd/system/{UNIT}.d/20-python.conf", BESIDE)
        made.sh("ip", "link", "set", "lo", "up", check=False)
        made.sh("systemctl", "daemon-reload")
        made.sh("systemctl", "start", UNIT, check=False, seconds=FILE_TIMEOUT_SECONDS)
        assert made.show(UNIT, "ActiveState") == "active", made.journal(UNIT)
        yield made


def answers(machine: Machine) -> bool:
    return machine.sh(PYTHON, "-c", GET).strip() == "200"


def pages(machine: Machine) -> list[str]:
    return machine.sh("pgrep", "-f", "hotfolder page", check=False).split()


def comes_back(machine: Machine, killed: str) -> None:
    assert wait_for(lambda: pages(machine) not in ([], [killed])), machine.journal(UNIT)
    assert wait_for(lambda: answers(machine)), machine.journal(UNIT)


def test_the_page_is_up_with_the_service_and_comes_back_when_either_is_killed(machine: Machine) -> None:
    assert wait_for(lambda: answers(machine)), machine.journal(UNIT)
    [page], daemon = pages(machine), machine.show(UNIT, "MainPID")
    machine.sh("kill", "-KILL", page)
    comes_back(machine, page)
    assert machine.show(UNIT, "MainPID") == daemon and machine.show(UNIT, "NRestarts") == "0"
    [page] = pages(machine)
    machine.sh("kill", "-KILL", daemon)
    comes_back(machine, page)
    assert machine.show(UNIT, "MainPID") != daemon and machine.show(UNIT, "NRestarts") == "1"
    machine.sh("systemctl", "stop", UNIT, seconds=FILE_TIMEOUT_SECONDS)
    assert not pages(machine) and not answers(machine)
