"""The mount that a path lies on, and the properties of its file system. Known on Linux only."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
NUMBERED = Path("/proc/self/mountinfo")

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "fuse.sshfs", "fuse.rclone", "9p", "afs", "ceph"}
)
"""Network shares: other machines write to them, and their locks are unreliable."""
WITHOUT_EVENTS = NETWORK | {
    "virtiofs",
    "vboxsf",
    "prl_fs",
    "fuse.vmhgfs-fuse",
    "fuse.grpcfuse",
    "fuse.osxfs",
    "fakeowner",
}
"""File systems without inotify events for changes made on the other side. Other FUSE file systems may or may
not send them."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount point, and the kernel's name of its file system type (`ext4`, `cifs`, `fuse.bindfs`)."""

    point: Path
    kind: str

    @property
    def network(self) -> bool:
        return self.kind in NETWORK

    @property
    def reports_changes(self) -> bool | None:
        """Whether inotify reports changes that others make; None where only a test can tell."""
        if self.kind in WITHOUT_EVENTS:
            return False
        return None if self.kind.startswith("fuse") else True


def mount_of(path: Path, mounts: Path = MOUNTS) -> Mount | None:
    """The mount that holds `path`, which need not exist yet; None where the system doesn't tell."""
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
        target = Path(os.path.realpath(path))  # `resolve` raises for a link to itself, until Python 3.13
    except OSError:
        return None
    found: Mount | None = None
    for line in lines:
        _, point, kind, *_ = line.split(" ")
        mounted = Path(unescaped(point))
        # Of two mounts at the same point the later one is visible.
        if target.is_relative_to(mounted) and (found is None or len(mounted.parts) >= len(found.point.parts)):
            found = Mount(mounted, kind)
    return found


def mounts_by_number() -> dict[str, Path]:
    """The mount points by the kernel's number of each mount, which is another one for each time that it is
    mounted; empty where the system doesn't tell. Asks no share."""
    with suppress(OSError):
        lines = NUMBERED.read_text(errors="surrogateescape").splitlines()
        return {line.split(" ")[0]: Path(unescaped(line.split(" ")[4])) for line in lines}
    return {}


def mount_number(path: Path) -> str:
    """The number of the mount at or above `path`; "" where the system doesn't tell. Follows no link, and so
    never waits for a share."""
    found, parts = "", 0
    for number, point in mounts_by_number().items():
        if path.is_relative_to(point) and len(point.parts) >= parts:
            found, parts = number, len(point.parts)
    return found


def unescaped(text: str) -> str:
    """Decode a field of these tables, in which blanks and backslashes are octal escapes."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)
