"""The steps of "Five minutes to production" as they are printed, by root on a fresh Debian with a real
systemd and without a network, and those by hand; each with its seconds, to the first picture.

`python -m tests.setup.production ROOT WHEELHOUSE`: ROOT is a Debian's root file system with systemd, dbus,
passwd and python3-venv (mmdebstrap makes one), which stays as it is; WHEELHOUSE holds wheels of all that
`.[page]` needs, for its Python, and of hatchling, which builds it (`pip wheel`).
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.support.machine import FILE_TIMEOUT_SECONDS, NAMESPACES, SITE, SOURCE, Machine, wait_for
from tests.support.pictures import bracket
from tests.support.terminal import at_a_terminal
from tests.test_readme import README, ROOT, blocks

PYTHON = "/opt/python"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
KEY = "a-key-of-some-length"
ANSWERS = {
    "Run it by systemd?": "y",
    "The folder that photographers will see": "",
    "The group of those who use it": "photos",
    "Serve the page for browsers": "y",
    "The API key": KEY,
}
STAND_IN = (
    f"systemd-run -E PYTHONPATH={SITE}:{SOURCE} -E LD_LIBRARY_PATH={PYTHON}/lib -E HOME=/tmp"
    f" {PYTHON}/bin/python3 -m hotfolder sandbox --data /tmp/shop --engine tests.support.quickengine"
)
ITS_ADDRESS = "  base_url: http://127.0.0.1:8801\n  storage_hosts: [127.0.0.1, 127.0.0.2]\n"
ROOM = "/srv/photos/inbox/12 Elm Road/hall"
DONE = "/srv/photos/done/12 Elm Road/hall.jpg"


def sh(machine: Machine, line: str) -> str:
    offline = ("PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheelhouse", "PIP_DISABLE_PIP_VERSION_CHECK=1")
    words = ("env", "-i", "HOME=/root", PATH, *offline, "sh", "-c", f"cd {SOURCE}; exec 2>&1; {line}")
    return machine.sh(*words, seconds=FILE_TIMEOUT_SECONDS)


def first_picture(machine: Machine, folder: Path) -> None:
    """Seconds to the first picture, with the sandbox's address in the settings, which takes a restart."""
    sh(machine, STAND_IN)
    machine.write("/tmp/more", ITS_ADDRESS)
    sh(machine, "sed -i '/key_file/r /tmp/more' /etc/hotfolder/config.yaml && systemctl restart hotfolder")
    for name, content in bracket(3).items():
        (folder / name).write_bytes(content)
    sh(machine, f"install -d -o hotfolder -m 2770 '{Path(ROOM).parent}' '{ROOM}'")
    sh(machine, f"cp /photos/*.jpg '{ROOM}' && chown -R hotfolder: '{ROOM}'")
    there = lambda: "yes" in sh(machine, f"test -s '{DONE}' && echo yes || echo no")  # noqa: E731
    assert wait_for(there), machine.journal("hotfolder.service")


def main(root: Path, wheelhouse: Path) -> None:
    [install, init] = [block.strip() for block in blocks(README, "bash")[:2]]
    [hand] = [block for block in blocks(ROOT / "docs/operations.md", "bash") if block.startswith("useradd")]
    for way in ("init", "by hand"):
        folder = Path(tempfile.mkdtemp())
        folder.chmod(0o755)
        binds = [f"--bind-ro={wheelhouse}:/wheelhouse", f"--bind={folder}:/photos"]
        machine = Machine(folder, binds=[*binds, f"--bind-ro={sys.base_prefix}:{PYTHON}"], root=root)
        try:
            begun = time.monotonic()
            sh(machine, install)
            told("installed", begun)
            if way == "init":
                words = ["nsenter", "-t", str(machine.leader), *NAMESPACES, "--", "env", "-i", PATH]
                shown = at_a_terminal([*words, "sh", "-c", init], ANSWERS.items())
                assert KEY not in shown, "the key was shown"
                print(shown)
            else:
                for line in hand.splitlines():
                    sh(machine, f"echo {KEY} | {line}" if "/dev/stdin" in line else line)
            assert machine.show("hotfolder.service", "ActiveState") == "active"
            told(f"{way}: the service runs", begun)
            first_picture(machine, folder)
            told(f"{way}: the first picture", begun)
            print(sh(machine, f"stat -c '%U:%G %a %n' /srv/photos /srv/photos/* '{DONE}'"))
        finally:
            machine.end()


def told(what: str, begun: float) -> None:
    print(f"{time.monotonic() - begun:6.1f} s  {what}", flush=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
