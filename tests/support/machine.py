"""A machine with a real systemd: a container of this machine's /usr, booted in seconds, removed without
trace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
NAMESPACES = ("-m", "-u", "-i", "-n", "-p", "-C")
INIT = Path("/usr/lib/systemd/systemd")
PYTHON = f"{sys.base_prefix}/bin/python3"
FILE_TIMEOUT_SECONDS = 300.0
SITE, SOURCE = "/site", "/src"
"""The paths of the installed packages and of this checkout inside."""

# A cgroup below a fresh mount of the hierarchy: the host's mount is neither needed nor touched.
BOOT = """
mount -t cgroup2 cgroup2 /sys/fs/cgroup && mkdir "/sys/fs/cgroup/$0"
echo $$ >"/sys/fs/cgroup/$0/cgroup.procs"
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
exec systemd-nspawn --quiet --machine="$0" --keep-unit --register=no \
  --capability=all --private-network --console=pipe "$@" --boot -- --unit=basic.target
"""
CLEAR = """
mount -t cgroup2 cgroup2 /sys/fs/cgroup && find "/sys/fs/cgroup/$0" -depth -type d -exec rmdir {} ';'
"""


class NoMachine(Exception):
    """The reason why no machine can be booted here."""


def missing() -> str:
    """Why no machine can be booted here; empty if one can."""
    if os.geteuid() != 0:
        return "booting systemd needs root"
    if not INIT.exists() or not all(shutil.which(tool) for tool in ("systemd-nspawn", "unshare", "nsenter")):
        return "booting systemd needs the Debian packages systemd and systemd-container"
    return ""


class Machine:
    """A booted machine. `sh` runs a command inside; `end` shuts it down."""

    def __init__(self, folder: Path, *, binds: Sequence[str] = (), root: Path | None = None) -> None:
        """Boot the machine. `folder` takes the console's log; `binds` are further nspawn arguments; `root` is
        a Debian that stays unchanged, by default one made of this machine's /usr. Raises NoMachine."""
        if why := missing():
            raise NoMachine(why)
        self.name = f"hotfolder-test-{os.getpid()}"
        self.console = folder / "console.log"
        shared = [
            f"--directory={root or '/'}",
            f"--volatile={'overlay' if root else 'yes'}",
            f"--bind-ro={REPOSITORY}:{SOURCE}",
            f"--bind-ro={sysconfig.get_path('purelib')}:{SITE}",
        ]
        if not root and not sys.base_prefix.startswith("/usr"):
            shared.append(f"--bind-ro={sys.base_prefix}")
        with self.console.open("wb") as log:
            self._process = subprocess.Popen(
                ["unshare", "-m", "--propagation", "private", "bash", "-c", BOOT, self.name, *shared, *binds],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.leader = 0
        try:
            self._await_boot()
            # The container has no network.
            self.sh("systemctl", "mask", "systemd-networkd-wait-online.service")
        except BaseException:
            self.end()
            raise

    def _await_boot(self) -> None:
        if not wait_for(self._up):
            last = self.console.read_text(errors="replace").strip().splitlines()[-1:]
            raise NoMachine(f"systemd did not boot here: {' '.join(last)}")

    def _up(self) -> bool:
        if self._process.poll() is not None:
            return False
        ours = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        with suppress(FileNotFoundError, ProcessLookupError):  # the steps before it end at any time
            for child in ours.read_text().split():
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    self.leader = int(child)
        if not self.leader:
            return False
        state = self.sh("systemctl", "is-system-running", check=False).strip()
        return state in ("running", "degraded")

    def sh(self, *command: str, check: bool = True, seconds: float = 60) -> str:
        """Run a command inside; its output. Raises AssertionError when it fails and `check` is set."""
        ended = subprocess.run(
            ["nsenter", "-t", str(self.leader), *NAMESPACES, "--", *command],
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert not check or ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def write(self, path: str, text: str) -> None:
        """Write a file inside."""
        ended = subprocess.run(
            ["nsenter", "-t", str(self.leader), *NAMESPACES, "--", "tee", path],
            input=text,
            text=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )
        assert ended.returncode == 0

    def show(self, unit: str, what: str) -> str:
        """One property of a unit."""
        return self.sh("systemctl", "show", "--value", "-p", what, unit).strip()

    def journal(self, unit: str) -> str:
        return self.sh("journalctl", "--no-pager", "-o", "cat", "-u", unit)

    def end(self) -> None:
        """Shut it down and remove its cgroup."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        wait_for(self._cleared)

    def _cleared(self) -> bool:
        clear = ["unshare", "-m", "--propagation", "private", "bash", "-c", CLEAR, self.name]
        return subprocess.run(clear, capture_output=True).returncode == 0


@contextmanager
def booted(folder: Path, *, binds: Sequence[str] = ()) -> Iterator[Machine]:
    """A machine until the block ends; skips the test where none can be booted."""
    try:
        made = Machine(folder, binds=binds)
    except NoMachine as why:
        pytest.skip(str(why))
    try:
        yield made
    finally:
        made.end()


def wait_for(condition: Callable[[], object]) -> bool:
    """Whether `condition` became true in time."""
    end = time.monotonic() + FILE_TIMEOUT_SECONDS
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False
