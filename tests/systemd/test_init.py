"""`hotfolder init` as root on a real systemd: from nothing to the first picture, and repeated."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.machine import SITE, SOURCE, Machine, booted, wait_for
from tests.support.pictures import bracket
from tests.support.studio import FILE_TIMEOUT_SECONDS, files_into
from tests.test_readme import ROOT, blocks

pytestmark = pytest.mark.long

PYTHON, PROGRAM = "/opt/python", "/opt/hotfolder/bin/hotfolder"
PACKAGES = f"/opt/hotfolder/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
SCRIPT = """#!/opt/hotfolder/bin/python3
from hotfolder.__main__ import main
if __name__ == "__main__":
    main()
"""
STAND_IN = "http://127.0.0.1:8801"
UNIT = "hotfolder.service"
THERE = "stat -c '%n %U %G %a %Y' /etc/hotfolder/* /etc/systemd/system/hotfolder*"
ENGINE = "--engine tests.support.quickengine"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with this checkout installed in /opt/hotfolder, as pip would."""
    binds = [f"--bind-ro={sys.base_prefix}:{PYTHON}", f"--bind={tmp_path}:/photos"]
    with booted(tmp_path, binds=binds) as made:
        made.sh(f"{PYTHON}/bin/python3", "-m", "venv", "--without-pip", "/opt/hotfolder")
        made.write(f"{PACKAGES}/here.pth", f"{SITE}\n{SOURCE}\n")
        made.write(PROGRAM, SCRIPT)
        made.sh("chmod", "755", PROGRAM)
        # A Python in root's home finds its own library there, which only root can read.
        sh(made, f"mkdir -p /etc/ld.so.conf.d && echo {PYTHON}/lib >/etc/ld.so.conf && ldconfig")
        yield made


def sh(machine: Machine, line: str, *, check: bool = True) -> str:
    """The output of a shell line without this process's environment."""
    words = ("env", "-i", "PATH=/usr/sbin:/usr/bin", "sh", "-c", f"exec 2>&1; {line}")
    return machine.sh(*words, check=check, seconds=FILE_TIMEOUT_SECONDS)


def test_init_makes_everything_and_said_again_changes_nothing(machine: Machine, tmp_path: Path) -> None:
    """The folders have the named group, files in them inherit it, and the key belongs to root.

    No API can be reached, so the doctor finds a problem, and nothing else does.
    """
    said = sh(
        machine, f"echo any-key-of-theirs | {PROGRAM} init --yes --group photos --key-stdin", check=False
    )
    assert "Made the user hotfolder." in said and "Made the group photos." in said, said
    assert "Started the service" in said and "ok      key: 17 characters" in said
    assert machine.show(UNIT, "ActiveState") == "active"
    assert sh(machine, "id -nG hotfolder").split() == ["hotfolder", "photos"]
    folders = "/srv/photos", *(f"/srv/photos/{name}" for name in ("inbox", "done", "failed"))
    rights = sh(machine, f"stat -c '%U %G %a' {' '.join(folders)} /etc/hotfolder/key").splitlines()
    assert rights == ["hotfolder photos 2770"] * 4 + ["root root 600"]
    assert sh(machine, "cat /etc/hotfolder/config.yaml").splitlines() == [
        *("root: /srv/photos", "state: /var/lib/hotfolder", "api:", "  key_file: /etc/hotfolder/key")
    ]

    before, started = sh(machine, THERE), machine.show(UNIT, "ActiveEnterTimestampMonotonic")
    said = sh(machine, f"STAGER_API_KEY=another-key {PROGRAM} init --yes", check=False)
    assert "config.yaml is there already, and stays as it is" in said and "The service runs." in said
    assert "is another one, and stays" in said and "another-key" not in said
    assert "Made " not in said and "Wrote " not in said and "ok      key: 17 characters" in said
    assert (sh(machine, THERE), machine.show(UNIT, "ActiveEnterTimestampMonotonic")) == (before, started)

    first_picture(machine, tmp_path)
    uninstall(machine)


def first_picture(machine: Machine, folder: Path) -> None:
    """Make the first picture with the sandbox, which a person names in the settings that init wrote."""
    machine.sh(*f"systemd-run --setenv=HOME=/tmp {PROGRAM} sandbox --data /tmp/shop {ENGINE}".split())
    sh(
        machine,
        f"printf '  base_url: {STAND_IN}\\n  storage_hosts: [127.0.0.1, 127.0.0.2]\\n'"
        " >>/etc/hotfolder/config.yaml",
    )
    sh(machine, "systemctl restart hotfolder")
    files_into(folder / "drop", bracket(3))
    sh(machine, "install -d -o hotfolder -g photos -m 2770 '/srv/photos/inbox/12 Elm Road'")
    sh(
        machine,
        "cp -r /photos/drop '/srv/photos/inbox/12 Elm Road/hall' &&"
        " chown -R hotfolder:photos '/srv/photos/inbox/12 Elm Road/hall'",
    )
    done = "test -s '/srv/photos/done/12 Elm Road/hall.jpg' && echo done"
    assert wait_for(lambda: "done" in sh(machine, done, check=False)), machine.journal(UNIT)


def uninstall(machine: Machine) -> None:
    """Paste the documented commands: the unit and the installation go, and nothing of a studio's."""
    [block] = [one for one in blocks(ROOT / "docs/operations.md", "bash") if "disable --now" in one]
    folders = "/srv/photos /var/lib/hotfolder /etc/hotfolder"
    files = f"find {folders} -type f -not -name STATUS.txt | sort | xargs -d '\\n' sha256sum"
    sh(machine, "systemctl stop hotfolder")
    before = sh(machine, files)
    sh(machine, block.replace(" /usr/local/bin/hotfolder", ""))  # here /usr is the host's, read-only
    assert sh(machine, files) == before and "hall.jpg" in before and "/etc/hotfolder/key" in before
    assert "could not be found" in sh(machine, "systemctl status hotfolder", check=False)
    assert not sh(machine, "find /etc/systemd /opt -name '*hotfolder*'")


def test_without_a_key_it_says_what_is_next_and_with_one_it_goes_on(machine: Machine) -> None:
    """The printed commands can be pasted."""
    said = sh(machine, f"{PROGRAM} init --yes")
    assert machine.show(UNIT, "ActiveState") == "inactive" and "Started" not in said
    [line] = [line.strip() for line in said.splitlines() if "install -D" in line]
    sh(machine, f"echo a-key | {line}")
    [line] = [line.strip() for line in said.splitlines() if "systemctl daemon-reload" in line]
    sh(machine, line)
    assert machine.show(UNIT, "ActiveState") == "active"
    said = sh(machine, f"{PROGRAM} status", check=False)
    [words] = re.findall("add `(.+)`", said)
    assert "hotfolder is running" in sh(machine, f"{PROGRAM} status {words}"), said


def test_a_new_key_is_said_to_want_a_new_start(machine: Machine) -> None:
    """systemd gives the service a copy of the key when it starts."""
    init, copy = f"{PROGRAM} init --yes --key-stdin", f"cat /run/credentials/{UNIT}/stager-api-key"
    sh(machine, f"echo the-first-key | {init}", check=False)
    said = sh(machine, f"rm /etc/hotfolder/key; echo the-second-key | {init}", check=False)
    assert sh(machine, copy).strip() == "the-first-key"
    assert "`systemctl restart hotfolder` takes it up" in said
    sh(machine, "systemctl restart hotfolder")
    assert sh(machine, copy).strip() == "the-second-key"


def test_what_is_not_ours_is_refused_before_anything_is_made(machine: Machine) -> None:
    sh(machine, "mkdir -p /srv/photos/old && chown -R daemon:daemon /srv/photos")
    said = sh(machine, f"{PROGRAM} init --yes --group other", check=False)
    assert "/srv/photos holds files already, and belongs to daemon and the group daemon." in said
    assert "--user daemon --group daemon" in said
    said = sh(machine, f"STAGER_API_KEY='“a key”' {PROGRAM} init --yes --root /srv/new", check=False)
    assert "The API key holds characters that no key has" in said
    for wrong, why in (
        ("--group 'no such!'", "“no such!” can't be the name of a group."),
        ("--user 'no such!'", "“no such!” can't be the name of a user."),
        ("--state /srv/new/state", "would lie where photographers see it, in /srv/new."),
        ("--state /etc/passwd", "is a file."),
    ):
        assert why in sh(machine, f"{PROGRAM} init --yes --root /srv/new {wrong}", check=False)
    taken = f"systemd-run {PYTHON}/bin/python3 -m http.server --bind 127.0.0.1 8480"
    machine.sh(*taken.split())
    assert wait_for(lambda: "8480" in sh(machine, "ss -ltn", check=False))
    said = sh(machine, f"{PROGRAM} init --yes --root /srv/new --page", check=False)
    assert "port 8480: Address already in use" in said and "--page-port" in said
    assert sh(machine, "ls -d /etc/hotfolder /srv/new; id hotfolder", check=False).count("o such") == 3
